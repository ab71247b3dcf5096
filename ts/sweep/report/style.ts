/** The style sheet of a report: light and dark, for a phone, a desk, and paper. Figures take their colours from it, too. */

const LIGHT = `
  color-scheme: light; --ink: #1f2733; --soft: #5b6472; --line: #d5dae1; --tint: #f5f7fa; --paper: #ffffff;
  --grid: #e6e9ee; --never: #d0d4da; --link: #0b5cad;
  --stop: #d55e00; --pre: #0072b2; --post: #009e73; --hybrid: #b8548e;`;

const DARK = `
  color-scheme: dark; --ink: #e8ebf0; --soft: #a3adbb; --line: #39414d; --tint: #1d232c; --paper: #13171d;
  --grid: #2a313b; --never: #39414d; --link: #7cb8f5;
  --stop: #ff8a3d; --pre: #5ab4f0; --post: #3ccf9f; --hybrid: #f0a3cd;`;

/** Colours in figures, by what they are in files. */
const FIGURE_COLOURS: readonly (readonly [string, string])[] = [
  ["#d55e00", "--stop"],
  ["#0072b2", "--pre"],
  ["#009e73", "--post"],
  ["#cc79a7", "--hybrid"],
  ["#1f2733", "--ink"],
  ["#d0d4da", "--never"],
  ["#d5dae1", "--line"],
];

const figureRules = FIGURE_COLOURS.flatMap(([colour, name]) => [
  `.plot svg [fill="${colour}"] { fill: var(${name}); }`,
  `.plot svg [stroke="${colour}"] { stroke: var(${name}); }`,
]).join("\n");

export const STYLE = `
:root {${LIGHT}
}
@media (prefers-color-scheme: dark) { :root {${DARK}
} }
@media print { :root {${LIGHT}
} }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; color: var(--ink); background: var(--paper);
  font: 15px/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 32px 28px 64px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { font-size: 21px; margin: 44px 0 4px; padding-top: 18px; border-top: 1px solid var(--line); }
h3 { font-size: 17px; margin: 32px 0 2px; }
p { margin: 4px 0 12px; max-width: 78ch; }
a { color: var(--link); }
.soft, figcaption { color: var(--soft); }
figcaption { font-size: 14px; max-width: 84ch; margin-bottom: 8px; }
.facts { display: flex; flex-wrap: wrap; gap: 10px; margin: 18px 0 8px; padding: 0; list-style: none; }
.facts li { background: var(--tint); border: 1px solid var(--line); border-radius: 8px;
  padding: 8px 14px; min-width: 104px; }
.facts b { display: block; font-size: 18px; font-variant-numeric: tabular-nums; }
.facts span { color: var(--soft); font-size: 13px; }
.note { border-left: 3px solid var(--stop); padding-left: 12px; }
.scroll { overflow: auto; border: 1px solid var(--line); border-radius: 8px; max-height: 460px; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; }
th { position: sticky; top: 0; background: var(--tint); text-align: left; font-weight: 600; color: var(--soft); }
th, td { padding: 6px 10px; white-space: nowrap; border-bottom: 1px solid var(--line); }
th.n, td.n { text-align: right; }
tr[tabindex] { cursor: pointer; }
tr[tabindex]:hover, tr[tabindex]:focus { background: var(--tint); }
.menus { display: flex; flex-wrap: wrap; gap: 8px 14px; margin: 6px 0 10px; }
.menu span { display: block; font-size: 12px; color: var(--soft); line-height: 1.3; }
select { font: inherit; font-size: 14px; padding: 4px 6px; border: 1px solid var(--line); border-radius: 6px;
  background: var(--paper); color: var(--ink); max-width: 100%; }
.filters { position: sticky; top: 0; z-index: 3; background: var(--tint); border: 1px solid var(--line);
  border-radius: 8px; padding: 8px 14px 4px; margin: 12px 0; }
figure { margin: 0 0 8px; }
.plot { min-height: 120px; overflow-x: auto; }
.plot svg.marks { max-width: 100%; height: auto; }
.plot .none { color: var(--soft); font-style: italic; padding: 30px 0; }
.plot.vega-embed { display: block; padding-right: 0; position: relative; }
.plot.vega-embed details { position: absolute; top: 0; right: 0; opacity: 0.5; }
.plot.vega-embed details[open], .plot.vega-embed details:hover { opacity: 1; }
.plot.vega-embed .vega-actions a { color: #1f2733; }
.plot svg text { fill: var(--ink); }
.plot svg .role-axis-label text, .plot svg .role-axis-title text, .plot svg .role-legend-title text,
.plot svg .role-legend-label text, .plot svg .role-title-subtitle text { fill: var(--soft); }
.plot svg .mark-text.role-mark text[fill="#fffffe"] { fill: #fffffe; }
.plot svg .mark-text.role-mark text[fill="#101418"] { fill: #101418; }
.plot svg .role-axis-grid line { stroke: var(--grid); }
.plot svg .role-axis-domain line, .plot svg .role-axis-tick line { stroke: var(--soft); }
${figureRules}
details summary { cursor: pointer; color: var(--soft); margin: 8px 0; }
pre { background: var(--tint); border: 1px solid var(--line); border-radius: 8px; padding: 12px;
  overflow: auto; font-size: 12.5px; }
@media (max-width: 600px) {
  main { padding: 18px 14px 48px; }
  h1 { font-size: 23px; }
  .facts li { flex: 1 1 40%; min-width: 0; }
  .filters { position: static; }
  .menus { display: grid; grid-template-columns: 1fr 1fr; gap: 8px; }
  select { width: 100%; padding: 8px 6px; }
}
@media print {
  @page { margin: 14mm; }
  main { max-width: none; padding: 0; }
  body { font-size: 10.5pt; }
  .filters { position: static; }
  .plan, .figure-menus, .points, .plot.vega-embed details { display: none !important; }
  section, figure, .facts { break-inside: avoid; }
  h2, h3, figcaption { break-after: avoid; }
  .scroll { max-height: none; overflow: visible; border: 0; }
  table { font-size: 9pt; }
  th, td { padding: 3px 6px; }
}
`;
