/** A sweep's summary as a table for terminals. */
import Table from "cli-table3";
import { formatTime } from "../base/units.ts";
import type { SweepSummary } from "./run-sweep.ts";
import type { StrategySummary } from "./summary.ts";

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
  const lines = [table.toString()];
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
