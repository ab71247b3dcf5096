/** Daemons in processes of their own, as users start them. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { HostClient } from "../../ts/host/daemon/client.ts";

const BINARY = join(import.meta.dirname, "../../dist/ts/cli/main.js");

export interface DaemonProcess {
  readonly address: string;
  readonly client: HostClient;
  /** Resolves when the process is gone. */
  kill(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts `wasmvisor host` on a free port and waits until it listens. */
export async function startDaemon(memory: string): Promise<DaemonProcess> {
  const args = [BINARY, "host", "--listen", "tcp://127.0.0.1:0", "--memory", memory, "--json"];
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
    client: new HostClient(address),
    kill: (signal) => {
      child.kill(signal);
      return gone;
    },
  };
}

/** What a console prints until it fits `pattern`; rejects after `timeoutMs`. */
export async function printed(
  client: HostClient,
  name: string,
  { pattern, input, timeoutMs = 120_000 }: { pattern: RegExp; input?: string; timeoutMs?: number },
): Promise<string> {
  const { head, socket } = await client.console(name);
  const decoder = new TextDecoder();
  let text = decoder.decode(head, { stream: true });
  if (input !== undefined) socket.write(input);
  try {
    return await new Promise<string>((resolve, reject) => {
      const look = (): void => {
        if (pattern.test(text)) resolve(text);
      };
      const fail = (why: string) => () =>
        reject(new Error(`${name}: ${why} before ${pattern}: ${JSON.stringify(text.slice(-300))}`));
      const timer = setTimeout(fail("timeout"), timeoutMs);
      socket.on("data", (bytes: Buffer) => {
        text += decoder.decode(bytes, { stream: true });
        look();
      });
      socket.on("close", () => {
        clearTimeout(timer);
        fail("end")();
      });
      look();
    });
  } finally {
    socket.destroy();
  }
}
