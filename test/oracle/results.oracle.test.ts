/** Results as others read them: DuckDB all formats, pandas the text ones; and DuckDB's statistics against ours. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parsePlan } from "../../ts/sweep/plan.ts";
import { RESULT_FORMATS, type ResultFormat } from "../../ts/sweep/results/format.ts";
import { COLUMN_NAMES } from "../../ts/sweep/results/row-buffer.ts";
import { runSweep, type SweepSummary } from "../../ts/sweep/run-sweep.ts";

const plan = parsePlan(`apiVersion: wasmvisor.dev/v1
kind: Sweep
name: 'read "by" others'
seed: 9007199254740991
repetitions: 15
parts:
  - name: page
    fidelity: page
    axes:
      memory: 16MiB
      distribution: [uniform, { kind: hot-cold, hotPages: 0.1, hotWrites: 0.9 }]
      bandwidth: 100Mbit
      strategy: [pre-copy, stop-and-copy]
      dirtyRate: { from: 100, to: 9000, steps: 10, scale: log }
    settings: { timeout: 2s }
`);
const home = mkdtempSync(join(tmpdir(), "wasmvisor-read-"));
const runs = new Map<ResultFormat, SweepSummary>();
let duck: DuckDBConnection;

/** Rows as plain values; DuckDB's 64-bit integers as numbers. */
async function query(sql: string): Promise<Record<string, unknown>[]> {
  const rows = await (await duck.runAndReadAll(sql)).getRowObjectsJson();
  return rows as Record<string, unknown>[];
}

const file = (format: ResultFormat): string => runs.get(format)?.files.results as string;

beforeAll(async () => {
  for (const format of RESULT_FORMATS)
    runs.set(format, await runSweep(plan, { out: join(home, format), engine: "inline", format }));
  duck = await (await DuckDBInstance.create()).connect();
});
afterAll(() => {
  duck?.closeSync();
  rmSync(home, { recursive: true, force: true });
});

describe("DuckDB", () => {
  test.each(RESULT_FORMATS)(
    "reads %s without a word: all columns, all rows, the same values",
    async (format) => {
      const rows = await query(`SELECT * FROM '${file(format)}' ORDER BY index`);
      const more = format === "parquet" ? [] : ["sweep"];
      expect(Object.keys(rows[0] as object)).toEqual([...COLUMN_NAMES, ...more]);
      const ours = readFileSync(file("ndjson"), "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(rows).toHaveLength(ours.length);
      for (const [i, row] of rows.entries())
        for (const name of COLUMN_NAMES) {
          const value = ours[i][name];
          const theirs = typeof value === "number" ? Number(row[name]) : (row[name] ?? "");
          expect(theirs, `${name} of ${i}`).toBe(value);
        }
    },
  );

  test("finds plan, versions and seed in Parquet", async () => {
    const rows = await query(
      `SELECT decode(key) AS key, decode(value) AS value FROM parquet_kv_metadata('${file("parquet")}')`,
    );
    const facts = new Map(rows.map(({ key, value }) => [key, value as string]));
    expect(facts.get("wasmvisor.seed")).toBe("9007199254740991");
    expect(JSON.parse(facts.get("wasmvisor.plan") as string).name).toBe('read "by" others');
    expect(facts.get("wasmvisor.version")).toMatch(/^\d+\.\d+\.\d+/);
  });

  test.each([
    ["csv", "sweep"],
    ["ndjson", "to_json(sweep)"],
  ] as const)("finds them in %s, in the first row", async (format, column) => {
    const [first, ...rest] = await query(
      `SELECT ${column} AS sweep FROM '${file(format)}' ORDER BY index`,
    );
    const sweep = JSON.parse(first?.["sweep"] as string);
    // In NDJSON the plan is an object like any other there, and DuckDB's of these has all keys of all of them.
    expect(sweep).toMatchObject({ name: 'read "by" others', seed: 9007199254740991 });
    expect(sweep.version).toMatch(/^\d+\.\d+\.\d+/);
    expect(sweep.plan.parts[0]).toMatchObject({ name: "page", fidelity: "page" });
    expect(rest.every((row) => row["sweep"] === null)).toBe(true);
  });

  test("comes to the same statistics of each cell", async () => {
    const of = (name: string, column: string) =>
      `avg(${column}) AS ${name}_mean, stddev_samp(${column}) AS ${name}_sd, ` +
      [5, 50, 95, 99]
        .map((p) => `quantile_cont(${column}, ${p / 100}) AS ${name}_p${p}`)
        .join(", ");
    const theirs = await query(
      `SELECT min(index) AS first, count(*) AS runs, count(*) FILTER (state = 'completed') AS completed,
        ${of("total", "CASE WHEN state = 'completed' THEN total_time_ms END")},
        ${of("downtime", "CASE WHEN state = 'completed' THEN downtime_ms END")}
        FROM '${file("parquet")}' GROUP BY distribution, strategy, dirty_rate_pages_per_s ORDER BY first`,
    );
    const { cellCount, cells } = runs.get("parquet") as SweepSummary;
    expect([cellCount, cells.length, theirs.length]).toEqual([40, 40, 40]);
    expect(cells.some(({ completed, runs: all }) => completed < all)).toBe(true);
    for (const [i, cell] of cells.entries()) {
      const row = theirs[i] as Record<string, unknown>;
      expect([cell.runs, cell.completed]).toEqual([Number(row["runs"]), Number(row["completed"])]);
      for (const [name, ours] of [
        ["total", cell.total_time_ms],
        ["downtime", cell.downtime_ms],
      ] as const)
        for (const what of ["mean", "sd", "p5", "p50", "p95", "p99"] as const)
          if (ours && ours[what] !== null)
            expect(ours[what], `${name} ${what} of cell ${i}`).toBeCloseTo(
              Number(row[`${name}_${what}`]),
              2,
            );
    }
    const [count] = await query(
      `SELECT count(*) AS n, sum(runs) AS runs FROM '${join(home, "parquet", "cells.csv")}'`,
    );
    expect([Number(count?.["n"]), Number(count?.["runs"])]).toEqual([40, 600]);
  });
});

const PANDAS = spawnSync("/usr/bin/python3", ["-W", "ignore", "-c", "import pandas"]).status === 0;

describe.skipIf(!PANDAS)("pandas", () => {
  test.each([
    ["csv", "pandas.read_csv(f)"],
    ["ndjson", "pandas.read_json(f, lines=True)"],
  ] as const)("reads %s without a word", (format, read) => {
    const code = `import pandas, sys
f = sys.argv[1]
d = ${read}
s = d["sweep"][0]
import json
s = json.loads(s) if isinstance(s, str) else s
print(d.shape[0], d.shape[1], round(float(d["total_time_ms"].sum()), 3), s["seed"], s["plan"]["seed"], int(d["sweep"].notna().sum()))`;
    const { stderr, stdout } = spawnSync("/usr/bin/python3", ["-c", code, file(format)], {
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    const [rows, columns, total, ...facts] = stdout.trim().split(" ").map(Number);
    expect([rows, columns]).toEqual([600, COLUMN_NAMES.length + 1]);
    expect(facts).toEqual([9007199254740991, 9007199254740991, 1]);
    const lines = readFileSync(file("ndjson"), "utf8").trimEnd().split("\n");
    const sum = lines.reduce((n, line) => n + JSON.parse(line).total_time_ms, 0);
    expect(total).toBeCloseTo(sum, 2);
  });
});
