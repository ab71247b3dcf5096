// npm run soak:sweep [-- --scenarios N] [--rss MIB] [--report] [--keep DIR]
//
// Ten million fluid scenarios from the plan to one file of Parquet, by the built command in a process of its own.
// Asserted: each row is there once and in order, the footer has plan and seed, and the process never had more than
// --rss (1024) MiB resident (VmHWM, so Linux alone). --report writes the report, too. 10 million take 4 GB of disk
// and a minute or two of two cores. Ends with 1 if anything does not hold.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";

const BINARY = new URL("../dist/ts/cli/main.js", import.meta.url).pathname;
const RATES = 1000;

const { values } = parseArgs({
  options: {
    scenarios: { type: "string", default: "10000000" },
    rss: { type: "string", default: "1024" },
    report: { type: "boolean", default: false },
    keep: { type: "string" },
  },
});

const whole = (name) => {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value > 0) return value;
  console.error(`--${name}: expected a whole number above zero, got "${values[name]}"`);
  process.exit(2);
};

/** No two scenarios are alike. */
const planOf = (scenarios) => `apiVersion: wasmvisor.dev/v1
kind: Sweep
name: soak
seed: 12
parts:
  - name: fluid
    fidelity: fluid
    axes:
      memory: 1GiB
      workingSet: 256MiB
      distribution: [uniform, hot-cold]
      bandwidth: 1Gbit
      downtimeLimit: { from: 10ms, to: 10s, steps: ${Math.ceil(scenarios / RATES / 2)}, scale: log }
      dirtyRate: { from: 1000, to: 20000, steps: ${RATES} }
`;

/** The most that was resident so far. */
function peakMib(pid) {
  try {
    const [, kib] = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return Number(kib ?? 0) / 1024;
  } catch {
    return 0;
  }
}

async function run(out, plan) {
  const args = ["sweep", plan, "--out", out, "--format", "parquet"];
  if (!values.report) args.push("--no-report");
  const began = performance.now();
  const child = spawn(process.execPath, [BINARY, ...args], { stdio: ["ignore", "ignore", "pipe"] });
  let words = "";
  child.stderr.on("data", (bytes) => {
    words += bytes;
  });
  let status;
  child.on("close", (code) => {
    status = code;
  });
  let peak = 0;
  while (status === undefined) {
    peak = Math.max(peak, peakMib(child.pid));
    await sleep(100);
  }
  if (status !== 0) throw new Error(`the sweep ended with ${status}: ${words.slice(-2000)}`);
  return { peak, seconds: (performance.now() - began) / 1000 };
}

/** Throws if rows are missing, doubled or out of order; rows of three groups are read whole. */
async function check(path, scenarios) {
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  const facts = new Map(metadata.key_value_metadata?.map(({ key, value }) => [key, value]));
  if (facts.get("wasmvisor.seed") !== "12") throw new Error("the seed is not in the footer");
  if (JSON.parse(facts.get("wasmvisor.plan")).name !== "soak")
    throw new Error("the plan is not in the footer");
  let rows = 0;
  for (const [i, group] of metadata.row_groups.entries()) {
    const index = group.columns[0].meta_data.statistics;
    const count = Number(group.num_rows);
    if (Number(index.min_value) !== rows || Number(index.max_value) !== rows + count - 1)
      throw new Error(`row group ${i}: scenarios ${index.min_value} to ${index.max_value}`);
    if (i === 0 || i === metadata.row_groups.length - 1 || i === 17) {
      const range = { rowStart: rows, rowEnd: rows + count };
      const read = await parquetReadObjects({ file, metadata, ...range });
      const bad = read.findIndex((row, at) => row.index !== rows + at || row.state === "error");
      if (bad >= 0) throw new Error(`row ${rows + bad}: ${read[bad].error || "out of order"}`);
    }
    rows += count;
  }
  if (rows !== scenarios) throw new Error(`${rows} rows of ${scenarios}`);
}

const scenarios = Math.ceil(whole("scenarios") / RATES / 2) * RATES * 2;
const limit = whole("rss");
const home = mkdtempSync(join(tmpdir(), "wasmvisor-soak-"));
try {
  const plan = join(home, "plan.yaml");
  writeFileSync(plan, planOf(scenarios));
  const out = values.keep ?? join(home, "out");
  const { peak, seconds } = await run(out, plan);
  const results = join(out, "results.parquet");
  await check(results, scenarios);
  const count = scenarios.toLocaleString("en");
  const mib = (statSync(results).size / 2 ** 20).toFixed(0);
  console.log(
    `${count} scenarios in ${seconds.toFixed(1)} s (${Math.round(scenarios / seconds).toLocaleString("en")}/s), ` +
      `${mib} MiB, peak ${peak.toFixed(0)} MiB of ${limit}`,
  );
  if (peak > limit) throw new Error(`${peak.toFixed(0)} MiB were resident, ${limit} are allowed`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(home, { recursive: true, force: true });
}
