/** Every bench suite runs from end to end, on a small part of its work; no timing is asserted. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BenchRow } from "../../bench/harness.ts";

const root = join(import.meta.dirname, "../..");
const runs = (tool: string, ...args: string[]): boolean => spawnSync(tool, args).status === 0;
const hasQemu = runs("qemu-system-riscv64", "--version");
const hasApt = runs("apt-get", "--version");

const WAIT_MS = 280_000;
const KERNELS =
  "crc sieve quicksort matmul chase bytecode recursion nbody mandelbrot touch dirty".split(" ");
const PROGRAMS = (
  "sieve matmul crc32 quicksort mix recursion indirect touch pages stream copy chase " +
  "getppid fork mmap nbody mandelbrot"
).split(" ");

describe.skipIf(!hasQemu)("benches (skipped unless qemu-system-riscv64 is installed)", () => {
  const scratch = mkdtempSync(join(tmpdir(), "wasmvisor-bench-test-"));
  beforeAll(() => {
    execFileSync(process.execPath, ["node_modules/.bin/tsc", "-p", "tsconfig.bench.json"], {
      cwd: root,
    });
  });
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  /** The rows of a suite, all sound. */
  function bench(suite: string): BenchRow[] {
    const json = join(scratch, `${suite}.json`);
    const options = ["--size", "quick", "--runs", "1", "--json", json];
    const script = join(root, "build/bench/bench/main.js");
    const args = [script, suite, ...options];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", cwd: root });
    expect(status, stderr).toBe(0);
    const rows = JSON.parse(readFileSync(json, "utf8")) as BenchRow[];
    for (const { bench: name, ours, peer } of rows) {
      for (const spread of [ours, peer ?? ours]) {
        expect(spread.median, name).toBeGreaterThan(0);
        expect(spread.min, name).toBeLessThanOrEqual(spread.max);
      }
    }
    return rows;
  }
  const named = (rows: readonly BenchRow[], prefix: string): string[] =>
    rows.flatMap(({ bench: name, ratio }) =>
      name.startsWith(prefix) && ratio !== undefined && ratio > 0 ? name.slice(prefix.length) : [],
    );

  test("kernels", { timeout: WAIT_MS }, () => {
    const means = ["geomean5", "dirty+bytecode", "nbody+mandelbrot"];
    expect(named(bench("kernels"), "kernels/")).toEqual([...KERNELS, ...means]);
  });

  test("micro and sweep", { timeout: WAIT_MS }, () => {
    expect(named(bench("micro"), "micro/")).toEqual(["crc32 of a page"]);
    expect(bench("sweep").map((row) => row.bench)).toEqual([
      "sweep/page-level uniform",
      "sweep/page-level hot-cold",
      "sweep/page-level zipf",
      "sweep/page-level post-copy",
      "sweep/page-level stop-and-copy",
      "sweep/fluid uniform",
      "sweep/fluid hot-cold",
      "sweep/fluid zipf",
      "sweep/fluid to Parquet",
      "sweep/guest of 64 MiB, forked",
    ]);
  });

  // Whatever the two count differently would show here: what a flow has of a link, who dirties what while he shares a core.
  test.skipIf(!existsSync("/usr/include/simgrid/plugins/live_migration.h"))(
    "centre: SimGrid simulates the same (skipped unless libsimgrid-dev is installed)",
    { timeout: WAIT_MS },
    () => {
      const rows = bench("centre");
      const makespans = rows.filter(({ bench: name }) => name.endsWith("makespan"));
      expect(makespans.length).toBeGreaterThan(0);
      for (const { bench: name, ratio } of makespans)
        expect(Math.abs((ratio ?? 0) - 1), name).toBeLessThan(0.001);
    },
  );

  describe.skipIf(!hasApt)("with Debian's packages (skipped unless apt is installed)", () => {
    test("linux-boot", { timeout: WAIT_MS }, () => {
      expect(named(bench("linux-boot"), "linux-boot/")).toEqual(["image", "default"]);
    });

    test("linux-programs; v86 where npm and the archive have it", { timeout: WAIT_MS }, () => {
      const rows = bench("linux-programs");
      const all = [...PROGRAMS, "geomean"];
      expect(named(rows, "linux-programs/qemu/")).toEqual(all);
      if (rows.length > all.length) expect(named(rows, "linux-programs/v86/")).toEqual(all);
    });

    test("userland", { timeout: WAIT_MS }, () => {
      const programs = ["python", "sqlite", "gzip", "sha256sum", "geomean"];
      expect(named(bench("userland"), "userland/")).toEqual(programs);
    });
  });
});
