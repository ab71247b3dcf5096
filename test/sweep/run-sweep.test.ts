import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { Chunk } from "../../ts/sweep/expand.ts";
import { parsePlan } from "../../ts/sweep/plan.ts";
import { findPoison, POISONED } from "../../ts/sweep/poison.ts";
import type { ResultFormat } from "../../ts/sweep/results/format.ts";
import { holdsRows } from "../../ts/sweep/results/part.ts";
import { rebuildReport, runSweep, type SweepOptions } from "../../ts/sweep/run-sweep.ts";
import type { ResultRow } from "../../ts/sweep/scenario.ts";
import { formatSummaryTable } from "../../ts/sweep/table.ts";
import { buildWorker } from "./built-worker.ts";

const text = `apiVersion: wasmvisor.dev/v1
kind: Sweep
name: small
seed: 3
repetitions: 2
parts:
  - name: page
    fidelity: page
    axes:
      memory: 32MiB
      distribution: [uniform, hot-cold, zipf, sequential]
      bandwidth: [100Mbit, 1Gbit]
      strategy: [stop-and-copy, pre-copy]
      dirtyRate: { from: 100, to: 100000, steps: 8, scale: log }
    settings: { timeout: 5s }
  - name: guest
    fidelity: guest
    axes: { memory: 16MiB, workingSet: 2MiB, bandwidth: 1Gbit, dirtyRate: [1, 666] }
`;
const plan = parsePlan(text);
const guestRunnerModule = new URL("./guest-runner.mjs", import.meta.url).href;
const folders: string[] = [];
let workerFile: string;

beforeAll(() => {
  workerFile = buildWorker();
}, 300_000);
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const out = mkdtempSync(join(tmpdir(), "wasmvisor-sweep-"));
  folders.push(out);
  return out;
}

const rowsOf = (ndjson: string): ResultRow[] =>
  ndjson
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

async function results(options: Partial<SweepOptions>) {
  const out = folder();
  const summary = await runSweep(plan, { out, workerFile, guestRunnerModule, ...options });
  return { out, summary, text: readFileSync(summary.files.results, "utf8") };
}

describe("a sweep", () => {
  test("gives the same bytes inline, with one thread and with two", async () => {
    const inline = await results({ engine: "inline" });
    const one = await results({ engine: "threads", workers: 1 });
    const two = await results({ engine: "threads", workers: 2 });
    expect(one.text === inline.text).toBe(true);
    expect(two.text === inline.text).toBe(true);
    const report = (run: { out: string }) => readFileSync(join(run.out, "report.html"), "utf8");
    expect(report(two) === report(inline)).toBe(true);
    const other = await results({ engine: "inline", seed: 4 });
    expect(other.text === inline.text).toBe(false);
  }, 300_000);

  test("many chunks at once are no leak of listeners", async () => {
    const warned = vi.fn();
    process.on("warning", warned);
    await results({ engine: "threads", workers: 6 }); // Twelve chunks are under way.
    await new Promise(setImmediate);
    process.off("warning", warned);
    expect(warned).not.toHaveBeenCalled();
  });

  test("writes rows in order, keeps errors as rows, and sums up", async () => {
    const { summary, text } = await results({ engine: "inline" });
    const rows = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(rows.map((row) => row.index)).toEqual(rows.map((_, i) => i));
    expect(rows.length).toBe(4 * 2 * 2 * 8 * 2 + 4);
    expect(rows.filter((row) => row.state === "error").map((row) => row.error)).toEqual([
      "this guest does not boot",
      "this guest does not boot",
    ]);
    expect([summary.scenarios, summary.errors, summary.computed]).toEqual([260, 2, 260]);
    expect(summary.failed).toBeGreaterThan(0);
    const table = formatSummaryTable(summary);
    expect(table).toContain("│ guest │ guest    │ pre-copy");
    expect(table).toMatch(/260 scenarios, seed 3, .* scenarios\/s\n$/);
  });

  test("that was aborted is resumed to the same bytes, without doing anything twice", async () => {
    const whole = await results({ engine: "inline" });
    const out = folder();
    const abort = new AbortController();
    const options = { out, engine: "inline", guestRunnerModule } as const;
    await expect(
      runSweep(plan, {
        ...options,
        signal: abort.signal,
        onProgress: ({ done }) => {
          if (done > 0) abort.abort();
        },
      }),
    ).rejects.toMatchObject({ code: "WV_ABORTED" });
    expect(existsSync(join(out, "results.ndjson"))).toBe(false);
    const kept = readdirSync(join(out, "chunks")).length;
    expect(kept).toBeGreaterThan(0);
    const summary = await runSweep(plan, { ...options, resume: true });
    expect(summary.computed).toBeLessThan(260);
    expect(readFileSync(summary.files.results, "utf8") === whole.text).toBe(true);
    const again = await runSweep(plan, { ...options, resume: true });
    expect([again.computed, again.scenarios]).toEqual([0, 260]);
  });

  test("says that the disk is full, and goes on when it is not", async () => {
    const whole = await results({ engine: "inline" });
    const out = folder();
    const options = { out, engine: "inline", guestRunnerModule } as const;
    mkdirSync(join(out, "chunks"));
    // First where all chunks go, then where one does.
    for (const [file, kept] of [
      ["results.ndjson", 1],
      ["chunks/00000004.ndjson", 4],
    ] as const) {
      symlinkSync("/dev/full", join(out, `${file}.tmp`));
      const message = expect.stringMatching(
        new RegExp(`no room to write ".*${file}" \\(ENOSPC\\); .*--resume`),
      );
      const run = runSweep(plan, { ...options, resume: true });
      await expect(run).rejects.toMatchObject({ code: "WV_MISSING", message });
      expect(readdirSync(join(out, "chunks"))).toHaveLength(kept);
    }
    const summary = await runSweep(plan, { ...options, resume: true });
    expect(readFileSync(summary.files.results, "utf8") === whole.text).toBe(true);
  });

  test.each([0, 100])("computes again what is damaged: %i bytes are left", async (bytes) => {
    const whole = await results({ engine: "inline" });
    const out = folder();
    const abort = new AbortController();
    const options = { out, engine: "inline", guestRunnerModule } as const;
    const onProgress = ({ done }: { done: number }) => done > 0 && abort.abort();
    await expect(
      runSweep(plan, { ...options, signal: abort.signal, onProgress }),
    ).rejects.toMatchObject({ code: "WV_ABORTED" });
    const [first] = readdirSync(join(out, "chunks"));
    truncateSync(join(out, "chunks", first as string), bytes);
    const summary = await runSweep(plan, { ...options, resume: true });
    expect(readFileSync(summary.files.results, "utf8") === whole.text).toBe(true);
  });

  test("does not resume another sweep's results", async () => {
    const { out } = await results({ engine: "inline" });
    await expect(
      runSweep(plan, { out, engine: "inline", seed: 99, resume: true, guestRunnerModule }),
    ).rejects.toMatchObject({ code: "WV_STATE" });
  });

  test("moves real guests when no other guest runner is named", async () => {
    const { text: ndjson } = await results({ engine: "inline", guestRunnerModule: undefined });
    const rows = ndjson
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as ResultRow);
    const guests = rows.filter((row) => row.fidelity === "guest");
    expect(guests.length).toBeGreaterThan(0);
    for (const row of guests) {
      expect(row.error).toBe("");
      expect(row.state).toBe("completed");
      expect(row.normal_pages).toBeGreaterThan(1);
    }
  });

  test("has rows for guests that take their thread with them", async () => {
    const bad = new URL("./dying-runner.mjs", import.meta.url).href;
    const { summary, text } = await results({
      engine: "threads",
      workers: 1,
      guestRunnerModule: bad,
    });
    const rows = rowsOf(text);
    expect(rows).toHaveLength(260);
    for (const row of rows)
      expect(row.error === POISONED && row.state === "error", String(row.index)).toBe(
        row.fidelity === "guest",
      );
    expect(summary.errors).toBe(4);
  }, 300_000);

  test("refuses engines and worker counts that do not exist", async () => {
    await expect(results({ engine: "gpu" as never })).rejects.toMatchObject({ code: "WV_CONFIG" });
    await expect(results({ workers: 0 })).rejects.toMatchObject({ code: "WV_CONFIG" });
  });
});

describe("scenarios that kill their worker", () => {
  const poisoned = fileURLToPath(new URL("./poisoned-worker.mjs", import.meta.url));

  afterEach(() => vi.unstubAllEnvs());

  async function withPoison(death: string, indices: readonly number[], format: ResultFormat) {
    vi.stubEnv("WV_TEST_WORKER", workerFile);
    vi.stubEnv("WV_TEST_DEATH", death);
    vi.stubEnv("WV_TEST_POISON", indices.join(","));
    const out = folder();
    const { files } = await runSweep(plan, {
      ...{ out, format, guestRunnerModule, report: "none" },
      ...{ engine: "threads", workers: 2, workerFile: poisoned },
    });
    return readFileSync(files.results);
  }

  test.each(["exit", "throw"])(
    "are rows that say so, whether it ends by %s, and all others are as ever",
    async (death) => {
      const inline = rowsOf((await results({ engine: "inline" })).text);
      const text = (await withPoison(death, [0, 77, 255], "ndjson")).toString();
      const rows = rowsOf(text);
      expect(rows.length).toBe(inline.length);
      for (const [i, row] of rows.entries()) {
        const isPoison = [0, 77, 255].includes(i);
        const other = inline[i] as ResultRow;
        if (!isPoison) expect(row).toEqual(other);
        else
          expect(row).toMatchObject({
            ...{ index: i, seed: other.seed, memory_bytes: other.memory_bytes },
            ...{ state: "error", error: POISONED, total_time_ms: 0 },
          });
      }
    },
    120_000,
  );

  test("give the same bytes whenever and wherever they are found", async () => {
    const one = await withPoison("exit", [77, 78], "parquet");
    const two = await withPoison("throw", [77, 78], "parquet");
    expect(one.equals(two)).toBe(true);
    expect(holdsRows(one, "parquet", 260)).toBe(true);
  }, 120_000);

  test("are not made of a thread that cannot even start", async () => {
    await expect(withPoison("load", [], "ndjson")).rejects.toThrow("it does not load");
  }, 120_000);

  test("are found by halves, each once", async () => {
    const tried: string[] = [];
    const survives = async ({ count, from }: Chunk): Promise<boolean> => {
      tried.push(`${from}+${count}`);
      return ![3, 9].some((index) => index >= from && index < from + count);
    };
    expect(await findPoison({ number: 0, from: 0, count: 10 }, survives)).toEqual([3, 9]);
    expect(new Set(tried).size).toBe(tried.length);
    expect(await findPoison({ number: 0, from: 4, count: 5 }, survives)).toEqual([]);
    expect(await findPoison({ number: 0, from: 3, count: 1 }, survives)).toEqual([3]);
  });
});

describe("the report", () => {
  test("is made again from the results, byte for byte", async () => {
    const { out, summary } = await results({ engine: "inline" });
    const before = readFileSync(summary.files.report, "utf8");
    rmSync(summary.files.report);
    const again = await rebuildReport(out);
    expect(readFileSync(again.files.report, "utf8") === before).toBe(true);
    expect([again.scenarios, again.errors, again.computed]).toEqual([260, 2, 0]);
    await expect(rebuildReport(folder())).rejects.toMatchObject({ code: "WV_STATE" });
  });

  test("is one file that loads nothing and runs only its own script", async () => {
    const { out, summary } = await results({ engine: "inline" });
    const html = readFileSync(join(out, "report.html"), "utf8");
    expect(html.includes("default-src 'none'; script-src 'sha256-")).toBe(true);
    const [markup] = html.split("<script>");
    expect(/<(script|link|img|iframe)[^>]+(src|href)=/.test(markup as string)).toBe(false);
    expect(html.includes('data-figure="page-curves"')).toBe(true);
    expect(summary.files.figures.filter((file) => file.endsWith("-pareto.svg")).length).toBe(2);
    const svg = readFileSync(summary.files.figures[0] as string, "utf8");
    expect(svg.startsWith("<svg")).toBe(true);
    const csv = readFileSync(summary.files.points, "utf8").trimEnd().split("\n");
    expect(csv.length).toBe(1 + 130);
    expect(csv[0]).toContain("downtime_ms_min");
  });
});
