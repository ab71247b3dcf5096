/** Runs the built command as its users do. */
import { spawn } from "node:child_process";
import { join, normalize } from "node:path";

export const ROOT = normalize(join(import.meta.dirname, "..", ".."));
export const BINARY = join(ROOT, "dist/ts/cli/main.js");
/** A prebuilt guest program. */
export const guest = (name: string): string => join(ROOT, "guests/bin", name);

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** What is piped to stdin; nothing is /dev/null. */
  readonly input?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Sent once this was printed. */
  readonly kill?: { readonly on: RegExp; readonly with: NodeJS.Signals } | undefined;
}

/** `wasmvisor ...args`, to its end. */
export function wasmvisor(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const { env, input, kill, signal } = options;
  const child = spawn(process.execPath, [BINARY, ...args], {
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1", ...env },
    ...(signal ? { signal } : {}),
  });
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    if (kill?.on.test(stdout)) child.kill(kill.with);
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.stdin?.end(input);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => resolve({ status, stdout, stderr }));
  });
}
