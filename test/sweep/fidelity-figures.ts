/** The figures of `docs/fidelity.md`: what the levels say of the same migrations, and what QEMU needed. */
import { SCHEMA, type Spec } from "../../ts/sweep/report/series.ts";

export const LEVELS = ["fluid", "page"] as const;
export type Level = (typeof LEVELS)[number];

export interface AgreementRow {
  readonly writer: string;
  readonly writesPerSec: number;
  /** By how much `fluid` differs from the mean of `page`, in percent of its time. */
  readonly percent: number;
  readonly near: string;
}

export interface QemuFigureRow {
  readonly rows: string;
  readonly level: Level;
  readonly measuredMs: number;
  readonly predictedMs: number;
}

/** Okabe and Ito's, as in all of our figures. */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#1f2733"];
const WIDTH = 780;

/** Lines that a bound is drawn with. */
const bounds = (percent: number): Spec => ({
  data: { values: [{ at: -percent }, { at: percent }] },
  mark: { type: "rule", strokeDash: [5, 4], color: "#5b6472" },
  encoding: { y: { field: "at", type: "quantitative" } },
});

const colours = (field: string, domain: readonly string[]): Spec => ({
  field,
  type: "nominal",
  title: null,
  scale: { domain, range: COLOURS.slice(0, domain.length) },
  legend: { orient: "top", columns: domain.length, symbolType: "circle", symbolOpacity: 1 },
});

const errors = (title: string, domain: number): Spec => ({
  type: "quantitative",
  title,
  scale: { domain: [-domain, domain] },
  axis: { labelExpr: "datum.label + ' %'" },
});

export function agreementFigure(rows: readonly AgreementRow[], subtitle: string): Spec {
  const writers = [...new Set(rows.map(({ writer }) => writer))];
  return {
    $schema: SCHEMA,
    title: { text: "Total time: fluid against the mean of page level", subtitle },
    width: WIDTH,
    height: 240,
    layer: [
      bounds(1),
      {
        data: { values: rows },
        mark: { type: "line", strokeWidth: 1.5, point: { size: 30, filled: true } },
        encoding: {
          x: {
            field: "writesPerSec",
            type: "quantitative",
            title: "page writes a second",
            scale: { type: "log", nice: false },
            axis: { values: [1000, 2000, 4000, 8000, 16000, 32000], format: ",d" },
          },
          y: { ...errors("fluid is longer by", 1.2), field: "percent" },
          color: colours("writer", writers),
        },
      },
    ],
  };
}

/** What the model says against what was measured, and the same as an error. */
export function qemuFigure(rows: readonly QemuFigureRow[], subtitle: string): Spec {
  const values = rows.map((row) => ({
    ...row,
    percent: round(100 * (row.predictedMs / row.measuredMs - 1), 3),
  }));
  const x = {
    field: "measuredMs",
    type: "quantitative",
    title: "QEMU 7.2",
    scale: { type: "log", domain: [2500, 20_000], nice: false },
    axis: { values: [2500, 5000, 10_000, 20_000], labelExpr: "datum.value / 1000 + ' s'" },
  };
  const marks = {
    mark: { type: "point", strokeWidth: 1.5, aria: false },
    encoding: {
      color: colours("level", LEVELS),
      // They mostly say the same: one lies in the other.
      size: { field: "level", type: "nominal", scale: { range: [110, 30] }, legend: null },
      shape: { field: "rows", type: "nominal", title: null, legend: { orient: "top" } },
    },
  };
  const diagonal = {
    data: { values: [{ at: 2500 }, { at: 20_000 }] },
    mark: { type: "line", strokeDash: [5, 4], color: "#5b6472" },
    encoding: { x: { ...x, field: "at" }, y: { field: "at", type: "quantitative" } },
  };
  const y = { ...x, field: "predictedMs", title: "the model" };
  const each = { width: (WIDTH - 70) / 2, height: 250 };
  const data = { values };
  return {
    $schema: SCHEMA,
    title: { text: "Total time: the model against QEMU", subtitle },
    hconcat: [
      {
        ...each,
        layer: [diagonal, { data, ...marks, encoding: { ...marks.encoding, x, y } }],
      },
      {
        ...each,
        layer: [
          bounds(3),
          {
            data,
            ...marks,
            encoding: {
              ...marks.encoding,
              x,
              y: { ...errors("the model is longer by", 4), field: "percent" },
            },
          },
        ],
      },
    ],
  };
}

/** So that a figure does not depend on the last bit of a logarithm. */
export const round = (value: number, digits: number): number => Number(value.toFixed(digits));
