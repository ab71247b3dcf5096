/** A sweep's summary as a table for terminals. */
import Table from "cli-table3";
import { formatTime } from "../base/units.ts";
import type { Cell } from "./cells.ts";
import type { SweepSummary } from "./run-sweep.ts";
import type { Statistics } from "./statistics.ts";
import type { StrategySummary } from "./summary.ts";

/** More cells than these are for a file. */
const CELLS_MAX = 24;

const ms = (value: number | null): string => (value === null ? "-" : formatTime(value * 1e6, 1));

function line(one: StrategySummary): string[] {
  const share = one.runs > 0 ? `${((100 * one.completed) / one.runs).toFixed(1)} %` : "-";
  return [
    one.part,
    one.fidelity,
    one.strategy,
    String(one.runs),
    share,
    ms(one.total_time_ms.p50),
    ms(one.total_time_ms.p95),
    ms(one.downtime_ms.p50),
    ms(one.downtime_ms.p95),
    String(one.errors),
  ];
}

/** `1.2s ± 3ms` */
function mean(one: Statistics | null): string {
  if (!one) return "-";
  return one.ci95 === null ? ms(one.mean) : `${ms(one.mean)} ± ${ms(one.ci95)}`;
}

/** Mean with its 95 % interval, and percentiles, of the repetitions of each cell. */
function cellTable(summary: SweepSummary): readonly string[] {
  const { cellCount, cells } = summary;
  if (!cells.some(({ runs }) => runs > 1)) return [];
  if (cellCount > CELLS_MAX)
    return [`${cellCount.toLocaleString("en-US")} cells, each with its statistics, in cells.csv`];
  const axes = Object.keys(cells[0]?.axes ?? {});
  const measures = ["total", "downtime"].flatMap((name) => [`${name} mean`, "p50", "p95"]);
  const table = new Table({
    head: ["part", ...axes, "runs", ...measures],
    style: { head: [], border: [], compact: true },
  });
  const values = (one: Statistics | null): string[] => [
    mean(one),
    ms(one?.p50 ?? null),
    ms(one?.p95 ?? null),
  ];
  const row = ({ axes: its, downtime_ms, part, runs, total_time_ms }: Cell): string[] => [
    part,
    ...axes.map((name) => String(its[name])),
    String(runs),
    ...values(total_time_ms),
    ...values(downtime_ms),
  ];
  for (const cell of cells) table.push(row(cell));
  return [table.toString(), "mean ± half of its 95 % confidence interval, over completed runs"];
}

/** Plain text without colours; ends with a newline. */
export function formatSummaryTable(summary: SweepSummary): string {
  const table = new Table({
    head: [
      "part",
      "fidelity",
      "strategy",
      "runs",
      "converged",
      "total p50",
      "total p95",
      "downtime p50",
      "downtime p95",
      "errors",
    ],
    colAligns: ["left", "left", "left", ...Array<"right">(7).fill("right")],
    style: { head: [], border: [], compact: true },
  });
  for (const one of summary.strategies) table.push(line(one));
  const count = (value: number): string => Math.round(value).toLocaleString("en-US");
  const lines = [table.toString(), ...cellTable(summary)];
  const all = `${count(summary.scenarios)} scenarios, seed ${summary.seed}`;
  if (summary.computed === 0) lines.push(`${all}, none computed now`);
  else {
    const now =
      summary.computed < summary.scenarios ? `${count(summary.computed)} of them in ` : "";
    const time = formatTime(summary.elapsedMs * 1e6, 1);
    lines.push(`${all}, ${now}${time}, ${count(summary.scenariosPerSec)} scenarios/s`);
  }
  return `${lines.join("\n")}\n`;
}
