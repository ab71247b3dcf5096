/** `wasmvisor migrations`, `wasmvisor migrate-cancel`: those that run or wait. */
import { formatByteRate, formatSize, formatTime } from "../../base/units.ts";
import type { MigrationProgress } from "../../host/migrations/jobs.ts";
import { hostClient } from "../client.ts";
import type { CommandContext } from "../context.ts";
import { EXIT_DONE } from "../exit.ts";
import { columns } from "../output.ts";

const HEAD = ["NAME", "STATE", "PRIORITY", "TARGET", "FOR", "SENT", "RATE", "ROUND"];

function row(one: MigrationProgress): string[] {
  const state = one.position === undefined ? one.state : `${one.state} (${one.position + 1})`;
  return [
    one.name,
    state,
    String(one.priority),
    one.target,
    formatTime(one.elapsedNs, 0),
    formatSize(one.sentBytes, 1),
    formatByteRate(one.bytesPerSec, 1),
    one.round === undefined ? "-" : String(one.round),
  ];
}

export async function migrations({ options, out }: CommandContext): Promise<number> {
  const all = await hostClient(options).migrations();
  out.result(all, () => columns(HEAD, all.map(row)));
  return EXIT_DONE;
}

export async function cancel({ args, options, out }: CommandContext): Promise<number> {
  const name = args[0] as string;
  await hostClient(options).cancelMigration(name);
  out.result({ name, status: "cancelled" }, () => `${name}: its migration was cancelled`);
  return EXIT_DONE;
}
