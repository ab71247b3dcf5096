/** What tests wait for on consoles of other processes, however its bytes are cut. */
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import type { HostClient } from "../../ts/host/daemon/client.ts";
import { printed } from "./daemon-process.ts";

const PROMPT = "Enter 'help' for a list of built-in commands.\r\n\r\n/ # ";
const ASKS = "\u001b[6n";

/** A host whose console has printed `head`, and goes on with `pieces`. */
function hostThatPrints(head: string, pieces: readonly string[]): HostClient {
  const socket = new PassThrough();
  for (const piece of pieces) socket.write(piece);
  const console = async () => ({ head: Buffer.from(head), headers: {}, socket });
  return { console } as unknown as HostClient;
}

test.each([
  ["in the same piece", "", [PROMPT + ASKS]],
  ["in the next piece", "", [PROMPT, ASKS]],
  ["before anybody listened", PROMPT + ASKS, []],
  ["in two pieces", "boots\r\n", [PROMPT + ASKS.slice(0, 1), ASKS.slice(1)]],
] as const)("a prompt is seen when the shell asks its terminal %s", async (_, head, pieces) => {
  const seen = printed(hostThatPrints(head, pieces), "web", { pattern: /\/ # $/, timeoutMs: 2000 });
  expect(await seen).toMatch(/commands\.\r\n\r\n\/ # $/);
});
