/** The page of a report. It carries its data, its style and its script, and may load nothing. */
import { createHash } from "node:crypto";
import { formatTime } from "../../base/units.ts";
import type { Plan } from "../plan-schema.ts";
import type { Point, StrategySummary } from "../summary.ts";
import { type Figure, figurePoints, plotRow } from "./figures.ts";

export interface ReportPage {
  readonly plan: Plan;
  readonly seed: number;
  /** JavaScript that defines `WasmvisorReport`. */
  readonly script: string;
  readonly figures: readonly Figure[];
  readonly plotted: readonly Point[];
  /** All points, shown or not. */
  readonly points: number;
  readonly scenarios: number;
  readonly strategies: readonly StrategySummary[];
}

/** Rows of the table of points; the CSV file has all. */
const TABLE_ROWS_MAX = 1_000;

const STYLE = `
:root { color-scheme: light; --ink: #1f2733; --soft: #5b6472; --line: #d5dae1; --tint: #f5f7fa; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #fff;
  font: 15px/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 32px 28px 64px; }
h1 { font-size: 28px; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 20px; margin: 44px 0 4px; padding-top: 18px; border-top: 1px solid var(--line); }
h3 { font-size: 16px; margin: 28px 0 2px; }
p { margin: 4px 0 12px; max-width: 76ch; }
.soft { color: var(--soft); }
.facts { display: flex; flex-wrap: wrap; gap: 10px; margin: 18px 0 8px; padding: 0; list-style: none; }
.facts li { background: var(--tint); border: 1px solid var(--line); border-radius: 8px;
  padding: 8px 14px; min-width: 110px; }
.facts b { display: block; font-size: 18px; font-variant-numeric: tabular-nums; }
.facts span { color: var(--soft); font-size: 13px; }
table { border-collapse: collapse; margin: 14px 0 6px; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 2px solid var(--line); }
td { border-bottom: 1px solid #e9ecf1; }
th, td { padding: 6px 10px; white-space: nowrap; }
th.n, td.n { text-align: right; }
figure { margin: 0 0 8px; overflow-x: auto; }
figcaption { color: var(--soft); font-size: 14px; max-width: 90ch; margin-bottom: 8px; }
.vega-bindings { display: flex; flex-wrap: wrap; gap: 18px; font-size: 13px; color: var(--soft);
  margin: 4px 0 8px; }
.vega-embed { padding-right: 36px; }
.vega-embed .chart-wrapper { display: flex; flex-direction: column-reverse; align-items: flex-start; }
.vega-bind-name { margin-right: 4px; }
select { font: inherit; padding: 2px 6px; border: 1px solid var(--line); border-radius: 6px;
  background: #fff; color: var(--ink); }
.scroll { max-height: 480px; overflow: auto; border: 1px solid var(--line); border-radius: 8px; }
.scroll th { position: sticky; top: 0; background: var(--tint); }
details summary { cursor: pointer; color: var(--soft); margin: 8px 0; }
pre { background: var(--tint); border: 1px solid var(--line); border-radius: 8px; padding: 12px;
  overflow: auto; font-size: 12.5px; }
@media print { .vega-bindings, details { display: none; } }
`;

/** Draws every figure; a figure that fails says so in its place. */
const START = `
for (const node of document.querySelectorAll("[data-figure]")) {
  const figure = JSON.parse(document.getElementById(node.dataset.figure + "-spec").textContent);
  WasmvisorReport.draw(node, figure).catch((error) => { node.textContent = String(error); });
}
`;

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
/** JSON that cannot end the element it stands in. */
const embedJson = (value: unknown): string => JSON.stringify(value).replaceAll("<", "\\u003c");
const embedScript = (text: string): string => text.replaceAll("</script", "<\\/script");
const hashOf = (text: string): string =>
  `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const count = (value: number): string => value.toLocaleString("en-US");
const ms = (value: number | null): string => (value === null ? "–" : formatTime(value * 1e6, 1));
const percent = (part: number, whole: number): string =>
  whole > 0 ? `${((100 * part) / whole).toFixed(1)} %` : "–";

function facts(page: ReportPage): string {
  const sum = (key: "completed" | "failed" | "errors"): number =>
    page.strategies.reduce((n, one) => n + one[key], 0);
  const items: (readonly [string, string])[] = [
    [count(page.scenarios), "migrations"],
    [count(page.points), "points"],
    [percent(sum("completed"), page.scenarios), "converged"],
    [String(page.seed), "seed"],
  ];
  if (sum("errors") > 0) items.push([count(sum("errors")), "errors"]);
  const list = items.map(([value, name]) => `<li><b>${value}</b><span>${name}</span></li>`);
  return `<ul class="facts">${list.join("")}</ul>`;
}

function table(head: readonly string[], numeric: number, rows: readonly (readonly string[])[]) {
  const cell = (tag: string) => (text: string, i: number) =>
    `<${tag}${i >= numeric ? ' class="n"' : ""}>${escapeHtml(text)}</${tag}>`;
  const body = rows.map((row) => `<tr>${row.map(cell("td")).join("")}</tr>`).join("\n");
  return `<table><thead><tr>${head.map(cell("th")).join("")}</tr></thead>\n<tbody>${body}</tbody></table>`;
}

function strategyTable(strategies: readonly StrategySummary[]): string {
  const head = ["part", "fidelity", "strategy", "runs", "converged"];
  head.push("total p50", "total p95", "downtime p50", "downtime p95");
  const rows = strategies.map((one) => [
    one.part,
    one.fidelity,
    one.strategy,
    count(one.runs),
    percent(one.completed, one.runs),
    ms(one.total_time_ms.p50),
    ms(one.total_time_ms.p95),
    ms(one.downtime_ms.p50),
    ms(one.downtime_ms.p95),
  ]);
  return table(head, 3, rows);
}

function pointsTable(points: readonly Point[]): string {
  const head = ["part", "strategy", "distribution", "memory", "link", "limit", "writes/s"];
  head.push("converged", "total", "downtime", "sent");
  const rows = points.slice(0, TABLE_ROWS_MAX).map((point) => {
    const { link } = plotRow(point);
    const mib = (bytes: number): string => `${count(Math.round(bytes / 2 ** 20))} MiB`;
    return [
      point.part,
      point.strategy,
      point.distribution,
      mib(point.memory_bytes),
      link,
      ms(point.downtime_limit_ms),
      count(Math.round(point.dirty_rate_pages_per_s)),
      `${point.completed}/${point.runs}`,
      ms(point.total_time_ms),
      ms(point.downtime_ms),
      mib(point.transferred_bytes),
    ];
  });
  return `<div class="scroll">${table(head, 3, rows)}</div>`;
}

function figureHtml(figure: Figure, plotted: readonly Point[]): string {
  const values = figurePoints(figure, plotted).map(plotRow);
  const spec = { ...figure.spec, data: { name: "points", values } };
  return `<h3>${escapeHtml(figure.title)}</h3>
<figure><figcaption>${escapeHtml(figure.caption)}</figcaption>
<div data-figure="${figure.id}"></div></figure>
<script type="application/json" id="${figure.id}-spec">${embedJson(spec)}</script>`;
}

function partHtml(page: ReportPage, part: string): string {
  const figures = page.figures.filter((figure) => figure.part === part);
  const fidelity = page.plan.parts.find((one) => one.name === part)?.fidelity;
  const what =
    fidelity === "page"
      ? "Page-level guests, moved by the migration engine over a simulated link."
      : "Real RV64 guests in virtual time, moved by the migration engine over a simulated link.";
  return `<h2>Part: ${escapeHtml(part)}</h2>
<p class="soft">${what}</p>
${figures.map((figure) => figureHtml(figure, page.plotted)).join("\n")}`;
}

/** The whole page; the same bytes for the same results. */
export function reportHtml(page: ReportPage): string {
  const { plan } = page;
  const script = embedScript(`${page.script}\n${START}`);
  const csp =
    `default-src 'none'; script-src ${hashOf(script)}; style-src 'unsafe-inline'; ` +
    "img-src data: blob:; base-uri 'none'; form-action 'none'";
  const note =
    page.plotted.length < page.points
      ? `<p class="soft">Figures and table show the first ${count(page.plotted.length)} of ` +
        `${count(page.points)} points; <a href="points.csv">points.csv</a> has more.</p>`
      : "";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${csp}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(plan.name)} – wasmvisor sweep</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(plan.name)}</h1>
<p class="soft">${escapeHtml(plan.description)}</p>
${facts(page)}
${strategyTable(page.strategies)}
<p class="soft">Quantiles are over the migrations that converged.</p>
${note}
${plan.parts.map((part) => partHtml(page, part.name)).join("\n")}
<h2>Points</h2>
<p class="soft">One line for each combination, means over its repetitions. The first
${count(Math.min(TABLE_ROWS_MAX, page.plotted.length))} of ${count(page.points)};
all of them are in <a href="points.csv">points.csv</a>, every migration in
<a href="results.ndjson">results.ndjson</a>.</p>
${pointsTable(page.plotted)}
<details><summary>The plan, with everything filled in</summary>
<pre>${escapeHtml(JSON.stringify(plan, null, 2))}</pre></details>
</main>
<script>${script}</script>
</body>
</html>
`;
}
