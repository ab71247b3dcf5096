/** The page of a report. It carries its data, its style and its script, and may load nothing. */
import { createHash } from "node:crypto";
import { formatTime } from "../../base/units.ts";
import type { Plan } from "../plan-schema.ts";
import type { Point, StrategySummary } from "../summary.ts";
import { encodeColumns } from "./columns.ts";
import { STYLE } from "./style.ts";
import type { WholeFigures } from "./whole.ts";

export interface ReportPage {
  readonly plan: Plan;
  readonly seed: number;
  /** JavaScript that defines `WasmvisorReport`. */
  readonly script: string;
  /** What the page carries: all points, or a sample of them. */
  readonly points: readonly Point[];
  readonly pointCount: number;
  /** Of parts of which the page has a sample. */
  readonly whole: ReadonlyMap<string, WholeFigures>;
  readonly scenarios: number;
  readonly strategies: readonly StrategySummary[];
}

const START = `
WasmvisorReport.start(JSON.parse(document.getElementById("data").textContent));
`;

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
/** JSON that cannot end the element it stands in. */
const embedJson = (value: unknown): string => JSON.stringify(value).replaceAll("<", "\\u003c");
const embedScript = (text: string): string => text.replaceAll("</script", "<\\/script");
const hashOf = (text: string): string =>
  `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const count = (value: number): string => value.toLocaleString("en-US");
const ms = (value: number | null): string =>
  value === null ? "–" : formatTime(Math.round(value * 1e6), 1);
const percent = (part: number, whole: number): string =>
  whole > 0 ? `${((100 * part) / whole).toFixed(1)} %` : "–";

function facts(page: ReportPage): string {
  const sum = (key: "completed" | "failed" | "errors"): number =>
    page.strategies.reduce((n, one) => n + one[key], 0);
  const items: (readonly [string, string])[] = [
    [count(page.scenarios), "migrations"],
    [count(page.pointCount), "points"],
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
  return `<div class="scroll"><table><thead><tr>${head.map(cell("th")).join("")}</tr></thead>
<tbody>${body}</tbody></table></div>`;
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

const FIDELITIES = {
  fluid: "Expected values of a migration (fluid), with the decisions of the migration engine.",
  page: "Page-level guests, moved by the migration engine over a simulated link.",
  guest: "Real RV64 guests in virtual time, moved by the migration engine over a simulated link.",
  auto: "Expected values (fluid); where another fate was near, page-level guests instead.",
} as const;

interface Section {
  readonly title: string;
  readonly caption: string;
  readonly role: string;
  readonly menus?: string;
}

const SECTIONS: readonly Section[] = [
  {
    title: "Against an axis",
    caption:
      "Lines are medians over the points that the filters leave; bands hold nine tenths of them, from the " +
      "shortest run to the longest. Where a line ends, nothing converged.",
    role: "curves",
    menus: "curve-menus",
  },
  {
    title: "Over two axes",
    caption: "Medians of the points in each cell; grey is what never converged.",
    role: "heat",
    menus: "heat-menus",
  },
  {
    title: "Downtime against data sent",
    caption:
      "Each dot is a point of the sweep. The line with rings is the Pareto front: nothing is better in one of " +
      "them without being worse in the other. A click on a dot shows its rounds below.",
    role: "pareto",
  },
  {
    title: "Convergence frontier",
    caption:
      "How fast a guest may write: below the band all runs converged, above it none, at the line half of " +
      "them. A triangle says that even the fastest writer of the plan converged.",
    role: "frontier",
    menus: "frontier-menus",
  },
  {
    title: "A migration, round by round",
    caption:
      "Width is time, height what was sent in the round (a log scale); a dashed line is what the guest dirtied " +
      "meanwhile, which the next round has to send.",
    role: "anatomy",
  },
];

function sectionHtml({ caption, menus, role, title }: Section, part: string): string {
  const text =
    role === "anatomy"
      ? `<p data-role="anatomy-text"></p>`
      : `<p class="soft" data-role="${role}-text" hidden></p>`;
  return `<section><h3>${title}</h3>
<figure><figcaption>${caption}</figcaption>
${menus ? `<div class="menus figure-menus" data-role="${menus}"></div>` : ""}${text}
<div class="plot" data-role="${role}" data-figure="${escapeHtml(part)}-${role}"></div></figure></section>`;
}

function partHtml(page: ReportPage, part: string): string {
  const fidelity = page.plan.parts.find((one) => one.name === part)?.fidelity ?? "page";
  const name = escapeHtml(part);
  if (!page.points.some((point) => point.part === part))
    return `<h2>Part: ${name}</h2><p class="soft">No points of it are in this page.</p>`;
  return `<div data-part="${name}"><h2>Part: ${name}</h2>
<p class="soft">${FIDELITIES[fidelity]}</p>
<div class="filters"><div class="menus" data-role="filters"></div></div>
${SECTIONS.map((section) => sectionHtml(section, part)).join("\n")}
<section class="points"><h3>Points</h3><p class="soft" data-role="table-text"></p>
<div class="scroll" data-role="table"></div></section></div>`;
}

/** The whole page; the same bytes for the same results. */
export function reportHtml(page: ReportPage): string {
  const { plan } = page;
  const script = embedScript(`${page.script}\n${START}`);
  const csp =
    `default-src 'none'; script-src ${hashOf(script)}; style-src 'unsafe-inline'; ` +
    "img-src data: blob:; base-uri 'none'; form-action 'none'";
  const isSample = page.points.length < page.pointCount;
  const note = isSample
    ? `<p class="note">This page carries ${count(page.points.length)} of ${count(page.pointCount)} points, a sample ` +
      `drawn from the seed. The table above and the figures as they open are of all points, with percentiles from ` +
      `histograms (within 0.5 %); other menus and filters show the sample. Each figure says which.</p>`
    : "";
  const whole = Object.fromEntries(
    [...page.whole].map(([part, { front, ...its }]) => [
      part,
      { ...its, front: encodeColumns(front) },
    ]),
  );
  const data = embedJson({ plan, seed: page.seed, points: encodeColumns(page.points), whole });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${csp}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(plan.name)} – wasmvisor sweep</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(plan.name)}</h1>
<p class="soft">${escapeHtml(plan.description)}</p>
${facts(page)}
${strategyTable(page.strategies)}
<p class="soft">Quantiles are over the migrations that converged. Points are in
<a href="points.csv">points.csv</a>, every migration is in the results beside this page.</p>
${note}
<noscript><p class="note">The figures of this page are drawn by its own script; the same ones are files in
<a href="figures/">figures/</a>.</p></noscript>
${plan.parts.map((part) => partHtml(page, part.name)).join("\n")}
<details class="plan"><summary>The plan, with everything filled in</summary>
<pre>${escapeHtml(JSON.stringify(plan, null, 2))}</pre></details>
</main>
<script type="application/json" id="data">${data}</script>
<script>${script}</script>
</body>
</html>
`;
}
