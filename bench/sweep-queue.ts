/**
 * What a queue costs, by processor time: a page-level sweep over Debian's server, its coordinator and a worker as
 * processes of their own. Work is what the worker's threads did; all else (coordinator, server, the worker's own
 * thread) is what the queue takes, from chunk FROM to chunk TO, so without any start. The main thread of the same
 * sweep with a thread and no queue, over the same chunks, says what of that is no queue's: files, and giving to threads.
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
const FROM = 4;
const TO = 28;
/** 1,200,000 scenarios, of which the first are enough: 16,000 to a chunk, as in every plan that is worth a queue. */
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
      bandwidth: [900Mbit, 950Mbit, 1Gbit, 1050Mbit]
      dirtyRate: { from: 5000, to: 15000, steps: 100000 }
`;

/** Seconds of processor time of each thread of a process, by thread: of short turns `stat`, in ticks, misses half. */
function threadsOf(pid: number): ReadonlyMap<string, number> {
  const folder = `/proc/${pid}/task`;
  const seconds = readdirSync(folder).map((thread): [string, number] => {
    const [ns] = readFileSync(join(folder, thread, "schedstat"), "utf8").split(" ");
    return [thread, Number(ns) / 1e9];
  });
  return new Map(seconds);
}

const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);

interface Spent {
  /** By threads that compute. */
  readonly work: number;
  readonly rest: number;
}

/** `worker` computes, in all of its threads but its first; `others` do not. */
function spentBy(worker: number, others: readonly number[]): Spent {
  const threads = threadsOf(worker);
  const own = threads.get(String(worker)) ?? 0;
  const rest = own + sum(others.map((pid) => sum(threadsOf(pid).values())));
  return { work: sum(threads.values()) - own, rest };
}

/** What is spent from chunk FROM to chunk TO of a sweep into `out`. */
async function spentOver(sweep: ChildProcess, out: string, spent: () => Spent): Promise<Spent> {
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
  const before = spent();
  let after = before;
  while (chunks() < TO && !isOver) {
    after = spent();
    await sleep(20);
  }
  const work = after.work - before.work;
  if (!(work > 1)) throw new Error(`queue: ${work} s of work are too little to say anything`);
  return { work, rest: after.rest - before.rest };
}

/** All but the work in percent of it: with a queue, and with a thread alone. */
async function overheads(root: string): Promise<{ queue: number; thread: number }> {
  const home = mkdtempSync(join(tmpdir(), "wasmvisor-bench-"));
  const port = await freePort();
  const children: ChildProcess[] = [];
  const start = (command: string, ...args: string[]): ChildProcess => {
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
    children.push(child);
    return child;
  };
  const plan = join(home, "plan.yaml");
  const cli = join(root, "dist/ts/cli/main.js");
  const startSweep = (out: string, ...how: string[]): ChildProcess =>
    start(process.execPath, cli, "sweep", plan, "--out", out, "--no-report", ...how);
  const percent = ({ rest, work }: Spent): number => (100 * rest) / work;
  try {
    const where = ["--port", String(port), "--bind", "127.0.0.1", "--dir", home];
    const server = start(SERVER as string, ...where, "--save", "", "--appendonly", "yes");
    await sleep(500);
    writeFileSync(plan, PLAN);
    const redis = ["--redis", `redis://127.0.0.1:${port}`];
    const worker = start(process.execPath, cli, "worker", ...redis, "--workers", "1");
    const far = startSweep(join(home, "far"), ...redis);
    const [pid, ...others] = [worker.pid, server.pid, far.pid] as [number, number, number];
    const queue = await spentOver(far, join(home, "far"), () => spentBy(pid, others));
    for (const child of children) child.kill("SIGKILL");
    const near = startSweep(join(home, "near"), "--engine", "threads", "--workers", "1");
    const thread = await spentOver(near, join(home, "near"), () => spentBy(near.pid as number, []));
    return { queue: percent(queue), thread: percent(thread) };
  } finally {
    for (const child of children) child.kill("SIGKILL");
    rmSync(home, { recursive: true, force: true });
  }
}

/** No row without a server. */
export async function benchQueue(root: string, runs: number): Promise<BenchRow[]> {
  if (!SERVER) return [];
  const all: { queue: number; thread: number }[] = [];
  for (let run = 0; run < runs; run++) all.push(await overheads(root));
  const row = (bench: string, ours: readonly number[]): BenchRow =>
    rowOf({ bench, unit: "%", better: "lower", ours });
  return [
    row(
      "sweep-queue/all but the work",
      all.map(({ queue }) => queue),
    ),
    row(
      "sweep-queue/the same with a thread and no queue",
      all.map(({ thread }) => thread),
    ),
    row(
      "sweep-queue/share of the work",
      all.map(({ queue, thread }) => queue - thread),
    ),
  ];
}
