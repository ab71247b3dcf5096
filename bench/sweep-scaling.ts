/**
 * What a second thread brings, beside what a second processor of this machine brings at all: two processes of half the
 * plan each, that share nothing. Scenarios a second, programs' starts and all: long enough that those do not count.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BenchRow, median, rowOf } from "./harness.ts";

const SIZES = { fluid: 6_000_000, page: 80_000 } as const;
type Level = keyof typeof SIZES;

const planOf = (level: Level, scenarios: number): string => `apiVersion: wasmvisor.dev/v1
kind: Sweep
name: scaling
parts:
  - name: all
    fidelity: ${level}
    axes:
      memory: 1GiB
      workingSet: 256MiB
      distribution: [uniform, hot-cold]
      bandwidth: 1Gbit
      downtimeLimit: { from: 50ms, to: 1s, steps: 200, scale: log }
      dirtyRate: { from: 5000, to: 15000, steps: ${scenarios / 400} }
`;

interface Run {
  readonly level: Level;
  readonly processes: number;
  readonly workers: number;
}

/** Seconds until the last of the processes is done. */
async function seconds(root: string, { level, processes, workers }: Run): Promise<number> {
  const home = mkdtempSync(join(tmpdir(), "wasmvisor-bench-"));
  const plan = join(home, "plan.yaml");
  writeFileSync(plan, planOf(level, SIZES[level] / processes));
  const cli = join(root, "dist/ts/cli/main.js");
  const began = performance.now();
  try {
    const ends = Array.from({ length: processes }, (_, i) => {
      const files = ["--out", join(home, String(i)), "--format", "parquet", "--no-report"];
      const args = [cli, "sweep", plan, ...files, "--workers", String(workers)];
      const child = spawn(process.execPath, args, { stdio: "ignore" });
      return new Promise<number | null>((resolve) => child.on("exit", resolve));
    });
    const statuses = await Promise.all(ends);
    if (statuses.some((status) => status !== 0)) throw new Error(`scaling: ended with ${statuses}`);
    return (performance.now() - began) / 1000;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** How much faster two threads are than one, and, as the peer, two processes. */
export async function benchScaling(root: string, runs: number): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const level of Object.keys(SIZES) as Level[]) {
    const [one, threads, apart]: [number[], number[], number[]] = [[], [], []];
    for (let run = 0; run < runs; run++) {
      one.push(await seconds(root, { level, processes: 1, workers: 1 }));
      threads.push(await seconds(root, { level, processes: 1, workers: 2 }));
      apart.push(await seconds(root, { level, processes: 2, workers: 1 }));
    }
    const alone = median(one);
    rows.push(
      rowOf({
        bench: `sweep-scaling/${level}, two threads against one`,
        unit: "times",
        better: "higher",
        ours: threads.map((sec) => alone / sec),
        peer: { name: "two processes", values: apart.map((sec) => alone / sec) },
      }),
    );
  }
  return rows;
}
