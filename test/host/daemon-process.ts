/** Daemons in processes of their own, as users start them. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Access } from "../../ts/host/access.ts";
import { HostClient } from "../../ts/host/daemon/client.ts";

/** The root of the package, from the sources and from what scripts compile them to. */
export const ROOT = ((): string => {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
})();
const BINARY = join(ROOT, "dist/ts/cli/main.js");
/** Where a control sequence begins. */
const CONTROL = new RegExp(`(?=${String.fromCharCode(27)})`);

export interface DaemonProcess {
  readonly address: string;
  readonly client: HostClient;
  /** Resolves when the process is gone. */
  kill(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts `wasmvisor host` on a free port and waits until it listens; over TLS if `access` says where. */
export async function startDaemon(
  memory: string,
  { access = {}, args: more = [] }: { access?: Access; args?: readonly string[] } = {},
): Promise<DaemonProcess> {
  const listen = access.tls === undefined ? "tcp://127.0.0.1:0" : "tls://127.0.0.1:0";
  const tls = access.tls === undefined ? [] : ["--tls", access.tls];
  const args = [BINARY, "host", "--listen", listen, "--memory", memory, "--json", ...tls, ...more];
  const child: ChildProcess = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const gone = new Promise<number | null>((resolve) => child.once("close", resolve));
  const address = await new Promise<string>((resolve, reject) => {
    let text = "";
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      const end = text.indexOf("\n");
      if (end >= 0) resolve((JSON.parse(text.slice(0, end)) as { address: string }).address);
    });
    child.once("error", reject);
    child.once("close", () => reject(new Error("the daemon did not start")));
  });
  return {
    address,
    client: new HostClient(address, access),
    kill: (signal) => {
      child.kill(signal);
      return gone;
    },
  };
}

/**
 * What a console prints until it fits `pattern`, or whatever else tests it; rejects after `timeoutMs`. It is looked at
 * wherever a control sequence begins, as `VmConsole.expect` does, however the bytes were cut on their way: a shell asks the
 * terminal something right behind its prompt, and a pattern like `/# $/` is about the prompt.
 */
export async function printed(
  client: HostClient,
  name: string,
  {
    pattern,
    input,
    timeoutMs = 120_000,
  }: { pattern: Pick<RegExp, "test">; input?: string; timeoutMs?: number },
): Promise<string> {
  const { head, socket } = await client.console(name);
  const decoder = new TextDecoder();
  let text = "";
  if (input !== undefined) socket.write(input);
  try {
    return await new Promise<string>((resolve, reject) => {
      const take = (bytes: Uint8Array): void => {
        for (const piece of decoder.decode(bytes, { stream: true }).split(CONTROL)) {
          text += piece;
          if (pattern.test(text)) resolve(text);
        }
      };
      const fail = (why: string) => () =>
        reject(new Error(`${name}: ${why} before ${pattern}: ${JSON.stringify(text.slice(-300))}`));
      const timer = setTimeout(fail("timeout"), timeoutMs);
      socket.on("data", take);
      socket.on("close", () => {
        clearTimeout(timer);
        fail("end")();
      });
      take(head);
    });
  } finally {
    socket.destroy();
  }
}
