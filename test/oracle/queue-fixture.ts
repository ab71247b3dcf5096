/** A Redis server, a coordinator and workers as processes that can be killed; a plan that is worth it. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { chunksOf } from "../../ts/sweep/expand.ts";
import { parsePlan } from "../../ts/sweep/plan.ts";
import { BINARY } from "../cli/binary.ts";
import { freePort } from "../free-port.ts";

/** Debian's name of it, old or new. */
export const SERVER = ["redis-server", "valkey-server"].find(
  (name) => spawnSync(name, ["--version"]).status === 0,
);

/** Many chunks, small ones: what is killed is in the middle of something. */
export const PLAN = `apiVersion: wasmvisor.dev/v1
kind: Sweep
name: killed
seed: 11
parts:
  - name: page
    fidelity: page
    axes:
      memory: 16MiB
      bandwidth: 1Gbit
      distribution: [uniform, zipf]
      strategy: [pre-copy, stop-and-copy]
      dirtyRate: { from: 100, to: 8000, steps: 500, scale: log }
    settings: { timeout: 2s }
`;
export const CHUNKS = chunksOf(parsePlan(PLAN)).length;
export const SCENARIOS = 2000;

/** Waits until `is` holds; throws after a minute with what was waited for. */
export async function until(what: string, is: () => boolean | Promise<boolean>): Promise<void> {
  for (const began = performance.now(); !(await is()); ) {
    if (performance.now() - began > 60_000) throw new Error(`waited for ${what} in vain`);
    await sleep(15);
  }
}

export class Server {
  readonly port: number;
  readonly url: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "wasmvisor-redis-"));
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(port: number, args: readonly string[]) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.#args = args;
  }

  /** With an append-only file, unless `args` say otherwise. */
  static async start(...args: string[]): Promise<Server> {
    const server = new Server(await freePort(), args);
    await server.start();
    return server;
  }

  async start(): Promise<void> {
    const where = ["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.#folder];
    const kept = ["--save", "", "--appendonly", "yes"];
    this.#child = spawn(SERVER as string, [...where, ...kept, ...this.#args], { stdio: "ignore" });
    const client = this.client();
    // One that wants a password answers, too.
    const answers = (): Promise<boolean> =>
      client.ping().then(
        () => true,
        (error: Error) => error.message.startsWith("NOAUTH"),
      );
    await until("the server", answers);
    client.disconnect();
  }

  client(): Redis {
    const client = new Redis(this.url, { maxRetriesPerRequest: 0, retryStrategy: () => 50 });
    client.on("error", () => undefined);
    return client;
  }

  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    if (this.#child?.exitCode === null && this.#child.signalCode === null)
      await once(this.#child, "exit");
  }

  /** Everything it knew is gone. */
  forget(): void {
    rmSync(this.#folder, { recursive: true, force: true });
    mkdirSync(this.#folder);
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A `wasmvisor ...` that runs, and what it says. */
export class Command {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  text = "";

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const options = { env: { ...process.env, ...env } };
    this.child = spawn(process.execPath, [BINARY, ...args], options);
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on("data", (bytes) => {
        this.text += bytes;
      });
    this.ended = once(this.child, "close").then(([status]) => status as number | null);
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<number | null> {
    this.child.kill(signal);
    return this.ended;
  }
}

/** Chunks that a sweep's folder has. */
export function chunksIn(out: string): number {
  const folder = join(out, "chunks");
  if (!existsSync(folder)) return existsSync(join(out, "manifest.json")) ? CHUNKS : 0;
  return readdirSync(folder).filter((name) => !name.endsWith(".tmp")).length;
}

export function stateOf(out: string): string {
  return JSON.parse(readFileSync(join(out, "manifest.json"), "utf8")).state;
}
