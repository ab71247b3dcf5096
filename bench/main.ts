/**
 * npm run bench -- [NAME...] [--json FILE] [--runs N] [--timeout SEC] [--run-options "..."]
 *
 * NAME is a suite (kernels, memory, micro, sweep) or one kernel (kernels/crc); without a name everything runs.
 * --run-options goes to `wasmvisor run`. The table goes to stdout, progress to stderr
 * (benny's own line to stdout).
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type BenchRow, tableOf } from "./harness.ts";
import { benchKernels } from "./kernels.ts";
import { benchMemory } from "./memory.ts";
import { benchMicro } from "./micro.ts";
import { benchSweep } from "./sweep.ts";

const root = join(import.meta.dirname, "../../..");
const suites = ["kernels", "memory", "micro", "sweep"];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "string" },
    runs: { type: "string", default: "5" },
    timeout: { type: "string", default: "300" },
    "run-options": { type: "string", default: "" },
  },
});

const positive = (name: string, text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`--${name}: got "${text}"`);
  return value;
};

const log = (line: string): void => console.error(line);

async function main(): Promise<void> {
  const names = positionals.length > 0 ? positionals : suites;
  const unknown = names.filter((name) => !suites.includes(name.split("/", 1)[0] ?? ""));
  if (unknown.length > 0) throw new RangeError(`no suite is called ${unknown.join(", ")}`);
  const runs = positive("runs", values.runs);
  const rows: BenchRow[] = [];

  const kernels = names.filter((name) => name.startsWith("kernels"));
  if (kernels.length > 0) {
    rows.push(
      ...(await benchKernels({
        root,
        runs,
        kernels: kernels.includes("kernels") ? [] : kernels.map((name) => name.slice(8)),
        runOptions: values["run-options"].split(" ").filter((word) => word !== ""),
        timeoutSec: positive("timeout", values.timeout),
        log,
      })),
    );
  }
  if (names.includes("memory")) rows.push(...(await benchMemory(root, runs, log)));
  if (names.includes("micro")) rows.push(...(await benchMicro(root, runs)));
  if (names.includes("sweep")) rows.push(...(await benchSweep(root, runs)));

  console.log(tableOf(rows));
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
}

try {
  await main();
} catch (error) {
  log(error instanceof Error ? error.message : String(error));
  process.exitCode = error instanceof RangeError ? 2 : 1;
}
