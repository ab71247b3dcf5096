/**
 * What a queue costs, by processor time: a page-level sweep over Debian's server, its coordinator and a worker as
 * processes of their own. Work is what the worker's threads did; all else that was spent (coordinator, server, the
 * worker's own thread) since the first chunk came is the queue's, but for what the inline engine spends on files, too.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../test/free-port.ts";
import { type BenchRow, rowOf } from "./harness.ts";

const SERVER = ["redis-server", "valkey-server"].find(
  (name) => spawnSync(name, ["--version"]).status === 0,
);
/** Chunks between which time is taken. */
const FROM = 8;
const TO = 24;
/** Ticks of `/proc/PID/stat` in a second, as Linux has them everywhere. */
const TICKS = 100;

/** 200,000 scenarios, of which the first are enough: 2,000 to a chunk, as in every plan that is worth a queue. */
const PLAN = `apiVersion: wasmvisor.dev/v1
kind: Sweep
name: queue
parts:
  - name: page
    fidelity: page
    axes:
      memory: 1GiB
      workingSet: 256MiB
      distribution: [uniform, hot-cold, zipf]
      bandwidth: 1Gbit
      dirtyRate: { from: 5000, to: 15000, steps: 66667 }
`;

/** Seconds of processor time of each thread of a process, by thread. */
function threadsOf(pid: number): ReadonlyMap<string, number> {
  const folder = `/proc/${pid}/task`;
  const seconds = readdirSync(folder).map((thread): [string, number] => {
    const stat = readFileSync(join(folder, thread, "stat"), "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return [thread, (Number(fields[11]) + Number(fields[12])) / TICKS];
  });
  return new Map(seconds);
}

const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);

interface Spent {
  readonly server: number;
  readonly worker: number;
  readonly own: number;
  readonly coordinator: number;
}

function spentBy(server: number, worker: number, coordinator: number): Spent {
  const threads = threadsOf(worker);
  const own = threads.get(String(worker)) ?? 0;
  return {
    server: sum(threadsOf(server).values()),
    worker: sum(threads.values()),
    own,
    coordinator: sum(threadsOf(coordinator).values()),
  };
}

/** Share of the work that the queue took, in percent. */
async function overhead(root: string): Promise<number> {
  const home = mkdtempSync(join(tmpdir(), "wasmvisor-bench-"));
  const port = await freePort();
  const children: ChildProcess[] = [];
  const start = (command: string, ...args: string[]): ChildProcess => {
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
    children.push(child);
    return child;
  };
  try {
    const where = ["--port", String(port), "--bind", "127.0.0.1", "--dir", home];
    const server = start(SERVER as string, ...where, "--save", "", "--appendonly", "yes");
    await sleep(500);
    const plan = join(home, "plan.yaml");
    writeFileSync(plan, PLAN);
    const cli = join(root, "dist/ts/cli/main.js");
    const redis = ["--redis", `redis://127.0.0.1:${port}`];
    const worker = start(process.execPath, cli, "worker", ...redis, "--workers", "1");
    const out = join(home, "out");
    const options = ["--out", out, "--no-report", ...redis];
    const sweep = start(process.execPath, cli, "sweep", plan, ...options);
    const pids = [server.pid, worker.pid, sweep.pid] as [number, number, number];
    let isOver = false;
    sweep.on("exit", () => {
      isOver = true;
    });
    const chunks = (): number => {
      try {
        return readdirSync(join(out, "chunks")).filter((name) => !name.endsWith(".tmp")).length;
      } catch {
        return 0;
      }
    };
    // Programs are loaded, what is hot is compiled.
    while (chunks() < FROM && !isOver) await sleep(10);
    const before = spentBy(...pids);
    let after = before;
    while (chunks() < TO && !isOver) {
      after = spentBy(...pids);
      await sleep(20);
    }
    const [queue, work] = [
      after.server -
        before.server +
        after.own -
        before.own +
        after.coordinator -
        before.coordinator,
      after.worker - before.worker - (after.own - before.own),
    ];
    if (!(work > 1)) throw new Error(`queue: ${work} s of work are too little to say anything`);
    return (100 * queue) / work;
  } finally {
    for (const child of children) child.kill("SIGKILL");
    rmSync(home, { recursive: true, force: true });
  }
}

/** No row without a server. */
export async function benchQueue(root: string, runs: number): Promise<BenchRow[]> {
  if (!SERVER) return [];
  const ours: number[] = [];
  for (let run = 0; run < runs; run++) ours.push(await overhead(root));
  const bench = "sweep/queue, share of the work";
  return [rowOf({ bench, unit: "%", better: "lower", ours })];
}
