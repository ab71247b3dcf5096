/** Commands that are about sweeps. */
import type { AddCommand } from "./context.ts";

export function addSweepCommands(add: AddCommand): void {
  const load = () => import("./commands/sweep.ts");
  add("sweep <plan>", "run every scenario of a plan and report", () => load().then((m) => m.sweep))
    .option("--out <dir>", "where results go (default: the plan's name)")
    .option("--engine <name>", "inline or threads")
    .option("--workers <n>", "worker threads")
    .option("--seed <n>", "another seed than the plan's")
    .option("--format <name>", "parquet, csv or ndjson (default: parquet above 100,000 rows)")
    .option("--no-report", "leave results only")
    .option("--dry-run", "say how many scenarios there are, and how long they will take")
    .option("--resume", "go on with results that are there already");
  add("report <dir>", "rebuild the report of a sweep", () => load().then((m) => m.report));
}
