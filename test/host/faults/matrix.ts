/** Runs of the fault matrix, seeded, in two lanes at the same time: plain TCP and TLS. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../../../ts/base/random.ts";
import type { Access } from "../../../ts/host/access.ts";
import { initCa } from "../../../ts/host/tls/certificates.ts";
import { Lane, type RunResult } from "./lane.ts";
import { drawByte, drawFeatured, drawPlan, leavesPages, type Plan } from "./plan.ts";
import type { Traffic } from "./proxy.ts";

export interface MatrixOptions {
  readonly runs: number;
  readonly seed: number;
  /** `plain`: one connection and pages as they are; `features`: many, and packed; default: both in turn. */
  readonly lanes?: "plain" | "features" | undefined;
  /** Only this run, to see it again. */
  readonly only?: number | undefined;
  readonly onRun?: ((run: MatrixRun) => void) | undefined;
}

export interface MatrixRun {
  readonly run: number;
  readonly transport: "tcp" | "tls";
  readonly plan: Plan;
  readonly result?: RunResult | undefined;
  /** What was wrong: two copies, none, damage, or a hang. */
  readonly failure?: string | undefined;
}

export async function runMatrix(options: MatrixOptions): Promise<MatrixRun[]> {
  const scratch = await mkdtemp(join(tmpdir(), "wasmvisor-faults-"));
  try {
    await initCa({ folder: join(scratch, "ca"), days: 1, hosts: [["localhost", "127.0.0.1"]] });
    const tls = join(scratch, "ca", "localhost");
    // TLS needs a turn more, for its handshake, and another one, which is not always seen, for its end.
    const turns = await countTurns(scratch);
    const lanes = await Promise.all([
      runLane({ ...options, transport: "tcp", access: {}, scratch, turns }),
      runLane({ ...options, transport: "tls", access: { tls }, scratch, turns: turns + 1 }),
    ]);
    return lanes.flat().sort((a, b) => a.run - b.run);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function countTurns(scratch: string): Promise<number> {
  const lane = new Lane("turns", {}, scratch);
  try {
    return (await lane.calibrate()).turns;
  } finally {
    await lane.close();
  }
}

type LaneOptions = MatrixOptions & {
  readonly transport: "tcp" | "tls";
  readonly access: Access;
  readonly scratch: string;
  readonly turns: number;
};

/** Even runs go over TCP, odd ones over TLS. */
async function runLane(options: LaneOptions): Promise<MatrixRun[]> {
  const { access, onRun, only, runs, scratch, seed, transport, turns } = options;
  const mine = Array.from({ length: runs }, (_, run) => run).filter(
    (run) => (run % 2 === 0) === (transport === "tcp") && (only === undefined || run === only),
  );
  if (mine.length === 0) return [];
  const lane = new Lane(transport, access, scratch);
  const done: MatrixRun[] = [];
  try {
    const { bytesToTarget } = await lane.calibrate();
    // Each page goes once.
    const { bytesToTarget: bytesFollowed } = await lane.calibrate("post-copy");
    const clean = { bytesToTarget, bytesToSource: 0, bytesFollowed, turns };
    const draw = planner(lane, options.lanes);
    for (const run of mine) {
      const random = new Random(seed).split(`run ${run}`);
      const plan = (await draw(run, random)) ?? drawPlan(random, transport, clean);
      const outcome = await lane.run(plan).then(
        (result) => ({ result }),
        (error: unknown) => ({ failure: error instanceof Error ? error.message : String(error) }),
      );
      const all = { run, transport, plan, ...outcome };
      done.push(all);
      onRun?.(all);
    }
  } finally {
    await lane.close();
  }
  return done;
}

/** Draws runs with features; undefined: the run is a plain one. */
function planner(lane: Lane, lanes: MatrixOptions["lanes"]) {
  const traffics = new Map<string, Traffic>();
  return async (run: number, random: Random): Promise<Plan | undefined> => {
    // Pairs, so that both transports have both.
    if (lanes === "plain" || (lanes === undefined && run % 4 < 2)) return undefined;
    const plan = drawFeatured(random);
    const key = `${plan.features} ${plan.strategy}`;
    const traffic = traffics.get(key) ?? (await lane.calibrate(plan.strategy, plan.features));
    traffics.set(key, traffic);
    return { ...plan, trigger: drawByte(random, traffic) };
  };
}

/** One run in a line. */
export function describeRun({ failure, plan, result, run, transport }: MatrixRun): string {
  const { afterTurn, atByte, direction } = plan.trigger;
  const where = `${direction} byte ${atByte} after turn ${afterTurn}`;
  const after =
    plan.fault === "cut"
      ? `, heals after ${plan.healMs} ms`
      : plan.fault === "kill-target" && plan.isRestarted
        ? ", restarted"
        : "";
  const how = plan.features === "plain" ? "" : ` with ${plan.features}`;
  const what = `${transport} ${plan.strategy}${how}, ${plan.fault} in ${plan.phase}, ${where}${after}`;
  const end = failure
    ? `FAILED: ${failure}`
    : `${result?.survivor} (${result?.hasFired ? "" : "no fault, "}${result?.outcome ?? "killed"})`;
  return `run ${run}: ${what}: ${end}`;
}

/** Who had the guest in the end, by fault and phase, as a Markdown table. */
export function tabulate(all: readonly MatrixRun[]): string {
  const cells = new Map<string, Map<string, number>>();
  for (const { failure, plan, result } of all) {
    const where = plan.features === "plain" ? plan.phase : plan.features;
    const row = `${leavesPages(plan.strategy) ? "post-copy, hybrid" : "pre-copy, stop-and-copy"} | ${plan.fault} | ${where}`;
    const column = failure ? "FAILED" : result?.hasFired ? (result?.survivor ?? "") : "no fault";
    const counts = cells.get(row) ?? new Map<string, number>();
    counts.set(column, (counts.get(column) ?? 0) + 1);
    cells.set(row, counts);
  }
  const columns = [
    "source",
    "target",
    "resumed",
    "lost",
    "source-died",
    "target-died",
    "no fault",
    "FAILED",
  ];
  const lines = [...cells]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(
      ([row, counts]) => `| ${row} | ${columns.map((name) => counts.get(name) ?? 0).join(" | ")} |`,
    );
  const head = `| strategies | fault | phase or features | ${columns.join(" | ")} |`;
  return [head, `|${"---|".repeat(columns.length + 3)}`, ...lines].join("\n");
}
