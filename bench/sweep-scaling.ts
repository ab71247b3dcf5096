/**
 * What a second processor brings: the same sweep on the first alone, on the second alone, and on both. Processors of a
 * virtual machine differ, by a half and more where others load what they share with them, so what both do is held
 * against what they do on average. The peer is two processes of half the plan each, that share nothing. Programs'
 * starts and all: long enough that those hardly count.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BenchRow, rowOf } from "./harness.ts";

const SIZES = { fluid: 9_600_000, page: 320_000 } as const;
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
      downtimeLimit: { from: 50ms, to: 1s, steps: 400, scale: log }
      dirtyRate: { from: 5000, to: 15000, steps: ${scenarios / 800} }
`;

/** Which processors each of the processes may use; it has a thread for each. */
type Places = readonly (readonly number[])[];

/** Scenarios a second, until the last of the processes is done. */
async function rate(root: string, level: Level, places: Places): Promise<number> {
  const home = mkdtempSync(join(tmpdir(), "wasmvisor-bench-"));
  const plan = join(home, "plan.yaml");
  writeFileSync(plan, planOf(level, SIZES[level] / places.length));
  const cli = join(root, "dist/ts/cli/main.js");
  const began = performance.now();
  try {
    const ends = places.map((cpus, i) => {
      const files = ["--out", join(home, String(i)), "--format", "parquet", "--no-report"];
      const sweep = [cli, "sweep", plan, ...files, "--workers", String(cpus.length)];
      const args = ["--cpu-list", cpus.join(","), process.execPath, ...sweep];
      const child = spawn("taskset", args, { stdio: "ignore" });
      return new Promise<number | null>((resolve) => child.on("exit", resolve));
    });
    const statuses = await Promise.all(ends);
    if (statuses.some((status) => status !== 0)) throw new Error(`scaling: ended with ${statuses}`);
    return SIZES[level] / ((performance.now() - began) / 1000);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** How much faster two processors are than one of them, and, as the peer, with two processes. */
export async function benchScaling(root: string, runs: number): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const level of Object.keys(SIZES) as Level[]) {
    const [both, apart]: [number[], number[]] = [[], []];
    for (let run = 0; run < runs; run++) {
      const first = await rate(root, level, [[0]]);
      const together = await rate(root, level, [[0, 1]]);
      const second = await rate(root, level, [[1]]);
      const alone = (first + second) / 2;
      both.push(together / alone);
      apart.push((await rate(root, level, [[0], [1]])) / alone);
    }
    rows.push(
      rowOf({
        bench: `sweep-scaling/${level}, two processors against one`,
        unit: "times",
        better: "higher",
        ours: both,
        peer: { name: "two processes", values: apart },
      }),
    );
  }
  return rows;
}
