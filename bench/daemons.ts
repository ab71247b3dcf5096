/** Daemons in processes of their own, as users start them, and what their consoles print. */
import { type ChildProcess, spawn } from "node:child_process";
import { HostClient } from "../ts/host/daemon/client.ts";
import { cliOf } from "./machines.ts";

export interface DaemonProcess {
  readonly child: ChildProcess;
  readonly client: HostClient;
}

export interface DaemonOptions {
  readonly root: string;
  /** Machine memory of the host. */
  readonly memory: string;
  /** Directory of certificates; without one it is plain TCP. */
  readonly tls?: string | undefined;
  /** Further options of `wasmvisor host`. */
  readonly more?: readonly string[] | undefined;
}

/** Starts `wasmvisor host` on a free port of loopback and waits until it listens. */
export async function startDaemon({
  memory,
  more = [],
  root,
  tls,
}: DaemonOptions): Promise<DaemonProcess> {
  const listen = tls === undefined ? "tcp://127.0.0.1:0" : "tls://127.0.0.1:0";
  const args = ["host", "--listen", listen, "--memory", memory, "--json"];
  const secure = tls === undefined ? [] : ["--tls", tls];
  const child = spawn(process.execPath, [cliOf(root), ...args, ...secure, ...more], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding("utf8").once("data", resolve);
    child.once("close", () => reject(new Error("the daemon did not start; npm run build")));
  });
  const { address } = JSON.parse(line) as { readonly address: string };
  return { child, client: new HostClient(address, { tls }) };
}

/** The host and its guests are gone at once. */
export function killDaemon({ child }: DaemonProcess): Promise<void> {
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
  child.kill("SIGKILL");
  return gone;
}
