/** Results in each format: the same rows, whatever the engine, and readable by others. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { ByteWriter, parquetWrite } from "hyparquet-writer";
import { afterAll, describe, expect, test } from "vitest";
import { estimateSweep, formatEstimate } from "../../ts/sweep/estimate.ts";
import { makeExecutor } from "../../ts/sweep/executor.ts";
import { type Chunk, ChunkScenarios, chunksOf, scenarioAt } from "../../ts/sweep/expand.ts";
import { parsePlan } from "../../ts/sweep/plan.ts";
import { RESULT_FORMATS, type ResultFormat } from "../../ts/sweep/results/format.ts";
import { readRows } from "../../ts/sweep/results/read.ts";
import { ChunkRunner } from "../../ts/sweep/run-chunk.ts";
import { rebuildReport, runSweep } from "../../ts/sweep/run-sweep.ts";
import type { ResultRow } from "../../ts/sweep/scenario.ts";
import { packageVersion } from "../../ts/sweep/version.ts";

const plan = parsePlan(`apiVersion: wasmvisor.dev/v1
kind: Sweep
name: 'formats, "all" of them'
seed: 3
parts:
  - name: fluid
    fidelity: fluid
    axes:
      memory: 64MiB
      distribution: [uniform, hot-cold, zipf, sequential]
      bandwidth: [100Mbit, 1Gbit]
      strategy: [stop-and-copy, pre-copy, post-copy, hybrid]
      dirtyRate: { from: 10, to: 30000, steps: 20, scale: log }
    settings: { timeout: 5s }
  - name: auto
    fidelity: auto
    axes:
      memory: 64MiB
      bandwidth: 100Mbit
      downtimeLimit: 30ms
      dirtyRate: { from: 1000, to: 4000, step: 50 }
`);
const folders: string[] = [];

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

async function run(format: ResultFormat, report: "html" | "none" = "none") {
  const out = mkdtempSync(join(tmpdir(), "wasmvisor-results-"));
  folders.push(out);
  const summary = await runSweep(plan, { out, engine: "inline", format, report });
  const rows: ResultRow[] = [];
  for await (const row of readRows(summary.files.results, format)) rows.push(row);
  return { out, summary, rows, bytes: readFileSync(summary.files.results) };
}

describe("results", () => {
  test("say the same in Parquet, CSV and NDJSON", async () => {
    const [parquet, csv, ndjson] = await Promise.all(RESULT_FORMATS.map((format) => run(format)));
    expect(ndjson?.rows).toHaveLength(4 * 2 * 4 * 20 + 61);
    expect(parquet?.rows).toEqual(ndjson?.rows);
    expect(csv?.rows).toEqual(ndjson?.rows);
    const again = await run("parquet");
    expect(again.bytes.equals(parquet?.bytes as Buffer)).toBe(true);
  });

  test("in Parquet carry plan, seed and version, and one row group for each chunk", async () => {
    const { summary } = await run("parquet");
    const metadata = await parquetMetadataAsync(await asyncBufferFromFile(summary.files.results));
    const facts = new Map(metadata.key_value_metadata?.map(({ key, value }) => [key, value]));
    expect(JSON.parse(facts.get("wasmvisor.plan") as string)).toEqual(
      JSON.parse(JSON.stringify(plan)),
    );
    expect(facts.get("wasmvisor.seed")).toBe("3");
    expect(metadata.num_rows).toBe(701n);
    expect(metadata.row_groups.length).toBe(4);
  });

  test("as text say in their first row what they are results of, and the seed that it was run with", async () => {
    const out = mkdtempSync(join(tmpdir(), "wasmvisor-results-"));
    folders.push(out);
    const ran = { out, engine: "inline", report: "none", seed: 77 } as const;
    const lines = readFileSync(
      (await runSweep(plan, { ...ran, format: "ndjson" })).files.results,
      "utf8",
    );
    const [first, second] = lines.split("\n").map((line) => line && JSON.parse(line));
    expect(first.sweep).toMatchObject({ name: plan.name, seed: 77, version: packageVersion() });
    expect(first.sweep.plan).toEqual(JSON.parse(JSON.stringify(plan)));
    expect(Object.keys(second)).not.toContain("sweep");
    const csv = readFileSync(
      (await runSweep(plan, { ...ran, format: "csv" })).files.results,
      "utf8",
    );
    const [header, row, next] = csv.split("\n") as [string, string, string];
    expect(header.endsWith(",mbps,sweep")).toBe(true);
    const [, cell = ""] = /,"((?:[^"]|"")*)"$/.exec(row) ?? [];
    expect(JSON.parse(cell.replaceAll('""', '"'))).toEqual(first.sweep);
    expect(next).toMatch(/,[\d.]+,$/);
  });

  test("make the same report, now or later, in each format", async () => {
    const reports = await Promise.all(
      RESULT_FORMATS.map(async (format) => {
        const { out, summary } = await run(format, "html");
        const now = readFileSync(summary.files.report, "utf8");
        const later = await rebuildReport(out);
        expect(readFileSync(later.files.report, "utf8") === now).toBe(true);
        expect([later.scenarios, later.rerun]).toEqual([summary.scenarios, summary.rerun]);
        return now;
      }),
    );
    expect(new Set(reports).size).toBe(1);
  });
});

test("scenarios of a chunk are those of the plan, one by one", () => {
  const zipped = parsePlan(`apiVersion: wasmvisor.dev/v1
kind: Sweep
name: zipped
repetitions: 3
parts:
  - name: first
    fidelity: fluid
    axes: { memory: [64MiB, 128MiB], bandwidth: 1Gbit, latency: [1ms, 2ms, 3ms], dirtyRate: [1, 2, 3] }
    zip: [[latency, dirtyRate]]
  - name: second
    fidelity: page
    axes: { memory: 64MiB, bandwidth: [1Gbit, 2Gbit], strategy: [pre-copy, hybrid], dirtyRate: { from: 1, to: 40, steps: 7 } }
    where: [dirtyRate <= 30]
`);
  for (const each of [plan, zipped])
    for (const chunk of [...chunksOf(each), { number: 0, from: 2, count: 9 }]) {
      const scenarios = new ChunkScenarios(each, chunk, 5);
      for (let i = chunk.from; i < chunk.from + chunk.count; i++)
        expect(scenarios.next()).toEqual(scenarioAt(each, i, 5));
    }
});

test("numbers in Parquet are written as a writer of their own would write them", async () => {
  const { rows, summary } = await run("parquet");
  const file = await asyncBufferFromFile(summary.files.results);
  const metadata = await parquetMetadataAsync(file);
  // The least and largest index of each chunk, which readers skip row groups by.
  let from = 0;
  for (const group of metadata.row_groups) {
    const statistics = group.columns[0]?.meta_data?.statistics;
    const until = from + Number(group.num_rows);
    expect([statistics?.min_value, statistics?.max_value]).toEqual([from, until - 1]);
    from = until;
  }
  const writer = new ByteWriter();
  const data = Float64Array.from(rows, (row) => row.total_time_ms);
  const columnData = [{ name: "total_time_ms", data, encoding: "PLAIN", type: "DOUBLE" } as const];
  parquetWrite({ writer, columnData, codec: "UNCOMPRESSED", rowGroupSize: data.length });
  const theirs = await parquetReadObjects({ file: writer.getBuffer() });
  expect(theirs.map((row) => row["total_time_ms"])).toEqual(rows.map((row) => row.total_time_ms));
});

describe("the fidelity auto", () => {
  test("runs what is near a threshold at page level, and says so", async () => {
    const { rows, summary } = await run("ndjson", "html");
    const auto = rows.filter((row) => row.part === "auto");
    const near = auto.filter((row) => row.near !== "");
    expect(near.map((row) => row.fidelity)).toEqual(near.map(() => "page"));
    expect(near.length).toBe(summary.rerun);
    expect(near.length).toBeGreaterThan(0);
    expect(near.length).toBeLessThan(auto.length);
    for (const row of auto) if (row.near === "") expect(row.fidelity).toBe("fluid");
    // A part that is fluid by name stays so, and only says what was near.
    const fluid = rows.filter((row) => row.part === "fluid");
    expect(new Set(fluid.map((row) => row.fidelity))).toEqual(new Set(["fluid"]));
    expect(fluid.some((row) => row.near !== "")).toBe(true);
  });
});

test("an estimate says how many scenarios there are and about how long they take", async () => {
  const estimate = await estimateSweep(plan, { engine: "inline" });
  expect([estimate.scenarios, estimate.workers]).toEqual([701, 1]);
  expect(estimate.parts.map((one) => one.fidelity)).toEqual(["fluid", "auto"]);
  for (const { microseconds } of estimate.parts) expect(microseconds).toBeGreaterThan(0);
  expect(estimate.seconds).toBeLessThan(60);
  expect(formatEstimate(estimate)).toMatch(/701 scenarios, about .* with 1 workers\n$/);
});

describe("memory of a chunk's rows", () => {
  const chunks = chunksOf(plan);
  const [first, second] = [chunks[0], chunks[1]] as [Chunk, Chunk];

  test("is what it is given, or more if that is too little", async () => {
    const runner = new ChunkRunner({ plan, seed: 3, format: "parquet" });
    const fresh = Buffer.from(await runner.run(first));
    const room = new ArrayBuffer(fresh.length * 2);
    new Uint8Array(room).fill(0xff);
    const there = await runner.run(first, undefined, room);
    expect(there.buffer).toBe(room);
    expect(fresh.equals(there)).toBe(true);
    const small = await runner.run(first, undefined, new ArrayBuffer(100));
    expect(small.buffer.byteLength).toBeGreaterThan(fresh.length);
    expect(fresh.equals(small)).toBe(true);
  });

  test.each(["inline", "threads"] as const)("is used again: %s", async (engine) => {
    const job = { plan, seed: 3, format: "parquet" } as const;
    const executor = await makeExecutor(job, { engine, workers: 1 });
    try {
      const rows = await executor.submit(first);
      const bytes = Buffer.from(rows);
      executor.reuse?.(rows);
      const others = await executor.submit(second);
      // Another thread has taken it, or this one has written into it.
      expect(rows.length === 0 || !bytes.equals(rows)).toBe(true);
      executor.reuse?.(others);
      expect(bytes.equals(await executor.submit(first))).toBe(true);
    } finally {
      await executor.close();
    }
  });

  test("never holds lists of so many rows that V8 maps memory for each", () => {
    const wide = parsePlan(`apiVersion: wasmvisor.dev/v1
kind: Sweep
name: wide
repetitions: 20
parts:
  - { name: all, fidelity: fluid, axes: { bandwidth: 1Gbit, memory: 1GiB, dirtyRate: { from: 1, to: 90000, steps: 90000 } } }
`);
    const counts = chunksOf(wide).map(({ count }) => count);
    expect(Math.max(...counts)).toBe(16_000);
    expect(Math.max(...counts)).toBeLessThan(2 ** 17 / 8 - 2);
  });
});
