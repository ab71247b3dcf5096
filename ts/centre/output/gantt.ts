/** A run as one page of HTML: its figures, and a Gantt chart of every migration. It loads nothing, and runs nothing. */
import { formatSize, formatTime } from "../../base/units.ts";
import type { CentreSummary } from "../measures.ts";
import type { MigrationRecord } from "../records.ts";
import type { CentreSimulation } from "../simulation.ts";

/** Rows of the chart; the list of migrations has all. */
const ROWS_MAX = 2_000;
const ROW = 18;
const LEFT = 210;
const WIDTH = 1120;
const TOP = 30;

const STYLE = `
:root { color-scheme: light dark; --ink: #1f2733; --soft: #5b6472; --line: #d5dae1; --tint: #f5f7fa; --page: #fff;
  --wait: #c9d1dc; --setup: #9fb0c6; --round: #4c78a8; --round2: #7ba3cf; --stop: #d64550; --follow: #59a14f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --soft: #9aa5b4; --line: #353d49; --tint: #1d232c;
  --page: #14181e; --wait: #3f4855; --setup: #5c6b80; } }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: var(--page); font: 15px/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
main { max-width: 1200px; margin: 0 auto; padding: 28px 20px 64px; }
h1 { font-size: 26px; margin: 0 0 4px; }
h2 { font-size: 19px; margin: 36px 0 6px; padding-top: 16px; border-top: 1px solid var(--line); }
p { margin: 4px 0 12px; max-width: 80ch; color: var(--soft); }
.facts { display: flex; flex-wrap: wrap; gap: 10px; margin: 18px 0 8px; padding: 0; list-style: none; }
.facts li { background: var(--tint); border: 1px solid var(--line); border-radius: 8px; padding: 8px 14px; min-width: 110px; }
.facts b { display: block; font-size: 18px; font-variant-numeric: tabular-nums; }
.facts span { color: var(--soft); font-size: 13px; }
.key { display: flex; flex-wrap: wrap; gap: 16px; font-size: 13px; color: var(--soft); margin: 6px 0 10px; }
.key i { display: inline-block; width: 14px; height: 10px; margin-right: 6px; border-radius: 2px; }
figure { margin: 0; overflow-x: auto; }
svg { display: block; min-width: 1000px; width: 100%; height: auto; }
svg text { fill: var(--ink); font-size: 11px; } svg .soft { fill: var(--soft); }
svg line { stroke: var(--line); }
.wait { fill: var(--wait); } .setup { fill: var(--setup); } .round { fill: var(--round); } .round2 { fill: var(--round2); }
.stop { fill: var(--stop); } .follow { fill: var(--follow); } .failed { stroke: var(--stop); stroke-width: 1.5; fill: none; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--soft); border-bottom: 2px solid var(--line); }
td { border-bottom: 1px solid var(--line); } th, td { padding: 5px 10px; } .n { text-align: right; }
`;

const KEY = [
  ["wait", "waits for its turn"],
  ["setup", "setup"],
  ["round", "rounds of pre-copy, in turn"],
  ["stop", "the guest is stopped"],
  ["follow", "pages follow"],
] as const;

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/** The page, a piece of text at a time. */
export function* ganttPage(
  simulation: CentreSimulation,
  summary: CentreSummary,
): Generator<string> {
  const title = escapeHtml(`${summary.centre}: ${summary.job}`);
  yield `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>${STYLE}</style></head><body><main>
<h1>${title}</h1>
<p>${escapeHtml(`${summary.kind} by ${summary.planner}, ${summary.hosts} hosts, ${summary.vms} vms, seed ${summary.seed}`)}</p>
${facts(summary)}
<h2>Every migration</h2>
<div class="key">${KEY.map(([kind, text]) => `<span><i style="background:var(--${kind})"></i>${text}</span>`).join("")}</div>
<figure>`;
  yield* chart(simulation);
  yield `</figure>\n${linkTable(summary)}\n</main></body></html>\n`;
}

function facts(s: CentreSummary): string {
  const items: (readonly [string, string])[] = [
    [`${s.completed} / ${s.migrations}`, "migrations completed"],
    [formatTime(s.makespan_s * 1e9, 1), "makespan"],
    [formatTime(s.total_downtime_ms * 1e6, 1), "downtime, all vms"],
    [formatTime(s.downtime_p95_ms * 1e6, 1), "downtime, p95"],
    [formatSize(s.transferred_bytes, 1), "sent"],
    [`${s.energy_kwh.toFixed(2)} kWh`, "energy"],
    [`${(100 * s.sla_violation).toFixed(3)} %`, "of CPU not given"],
  ];
  if (s.window_met !== null) items.push([s.window_met ? "yes" : "no", "within the window"]);
  return `<ul class="facts">${items.map(([value, name]) => `<li><b>${value}</b><span>${name}</span></li>`).join("")}</ul>`;
}

function linkTable({ links }: CentreSummary): string {
  const rows = links
    .slice(0, 50)
    .map(
      ({ bytes, name, share }) =>
        `<tr><td>${escapeHtml(name)}</td><td class="n">${formatSize(bytes, 1)}</td><td class="n">${(100 * share).toFixed(1)} %</td></tr>`,
    );
  const more =
    links.length > rows.length ? `<p>The ${rows.length} busiest of ${links.length}.</p>` : "";
  return `<h2>Links</h2>${more}<table><thead><tr><th>link</th><th class="n">sent</th><th class="n">of what it carries</th></tr></thead><tbody>
${rows.join("\n")}</tbody></table>`;
}

function* chart({ centre, records }: CentreSimulation): Generator<string> {
  const shown = records
    .slice(0, ROWS_MAX)
    .map((record, i) => ({ record, i }))
    .sort((a, b) => a.record.source - b.record.source || a.i - b.i);
  const startNs = shown.reduce(
    (least, { record }) => Math.min(least, record.requestedNs),
    Number.POSITIVE_INFINITY,
  );
  const endNs = shown.reduce((most, { record }) => Math.max(most, record.endNs), 0);
  const spanNs = Math.max(1, endNs - (shown.length > 0 ? startNs : 0));
  const x = (ns: number): number => LEFT + ((ns - startNs) / spanNs) * (WIDTH - LEFT - 20);
  const height = TOP + ROW * shown.length + 10;
  if (shown.length < records.length) yield `<p>The first ${shown.length} of ${records.length}.</p>`;
  yield `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Gantt chart of migrations">`;
  for (let tick = 0; tick <= 8; tick++) {
    const at = (spanNs * tick) / 8;
    const left = x(startNs + at).toFixed(1);
    yield `<line x1="${left}" x2="${left}" y1="${TOP - 8}" y2="${height}"/><text class="soft" x="${left}" y="14" text-anchor="middle">${tick === 0 ? "0" : formatTime(Math.round(at), 1)}</text>`;
  }
  let y = TOP;
  for (const { record } of shown) {
    const vm = centre.vms[record.vm]?.name ?? "";
    const [source, target] = [record.source, record.target].map((h) => centre.hosts[h]?.name ?? "");
    const label = `${vm}  ${source} → ${target}`;
    yield `<g><title>${escapeHtml(`${label}\n${describe(record)}`)}</title>`;
    yield `<text x="${LEFT - 8}" y="${y + 12}" text-anchor="end">${escapeHtml(label.length > 36 ? `${label.slice(0, 35)}…` : label)}</text>`;
    yield* bars(record, x, y + 3);
    yield "</g>\n";
    y += ROW;
  }
  yield "</svg>";
}

function describe({
  bytes,
  downtimeNs,
  endNs,
  error,
  rounds,
  startNs,
  state,
}: MigrationRecord): string {
  if (startNs < 0) return `${state}: ${error}`;
  const time = formatTime(endNs - startNs, 1);
  const rest = error || `downtime ${formatTime(downtimeNs, 1)}, ${rounds} looks at the dirty log`;
  return `${state} in ${time}, ${formatSize(bytes, 1)}, ${rest}`;
}

function* bars(record: MigrationRecord, x: (ns: number) => number, y: number): Generator<string> {
  const { endNs, marks, requestedNs, startNs, state } = record;
  const bar = (kind: string, from: number, to: number): string =>
    `<rect class="${kind}" x="${x(from).toFixed(2)}" y="${y}" width="${Math.max(0.6, x(to) - x(from)).toFixed(2)}" height="12"/>`;
  const begunNs = startNs < 0 ? endNs : startNs;
  if (begunNs > requestedNs) yield bar("wait", requestedNs, begunNs);
  let rounds = 0;
  for (const [i, mark] of marks.entries()) {
    const to = marks[i + 1]?.startNs ?? endNs - startNs;
    const kind = mark.kind === "round" && rounds++ % 2 === 1 ? "round2" : mark.kind;
    yield bar(kind, startNs + mark.startNs, startNs + to);
  }
  if (state === "failed") yield bar("failed", requestedNs, endNs);
}
