/** A measure over two axes: a map for each strategy. What never converged is grey. */
import type { Point } from "../summary.ts";
import { type Axis, type AxisKey, formatValue, type Kind } from "./axes.ts";
import { type Collect, collectValues, spreadOf } from "./curves.ts";
import { type Bins, binsOf, isLog, labelExpression, orderedLabels, quantile } from "./scales.ts";
import { type Measure, measureOf, panels, SCHEMA, type Spec, strategiesOf } from "./series.ts";

export type HeatMeasure = Measure | "converged";

export interface HeatView {
  readonly x: Axis;
  readonly y: Axis;
  readonly measure: HeatMeasure;
  readonly width: number;
}

export interface Cell {
  readonly x: string;
  readonly y: string;
  readonly strategy: string;
  readonly value: number | null;
  readonly text: string;
  readonly converged: number;
  readonly points: number;
}

const BINS = 24;

function labelOf(axis: Axis, bins: Bins | undefined, point: Point): string {
  const value = point[axis.key];
  return formatValue(axis.kind, bins ? bins.of(value as number) : value);
}

interface Gathered {
  readonly at: Pick<Cell, "x" | "y" | "strategy">;
  readonly values: ReturnType<Collect>;
  points: number;
  runs: number;
  completed: number;
}

type CellView = Pick<HeatView, "x" | "y" | "measure">;

const binsOfView = ({ x, y }: CellView): readonly (Bins | undefined)[] =>
  [x, y].map((axis) => (axis.kind === "word" ? undefined : binsOf(axis, BINS)));

/** What a map shows of points that come one after the other. */
export class HeatCells {
  readonly #view: CellView;
  readonly #bins: readonly (Bins | undefined)[];
  readonly #collect: Collect;
  readonly #groups = new Map<string, Gathered>();

  constructor(view: CellView, collect = collectValues) {
    this.#view = view;
    this.#bins = binsOfView(view);
    this.#collect = collect;
  }

  add(point: Point): void {
    const { measure } = this.#view;
    const group = this.#group(point);
    group.points++;
    group.runs += point.runs;
    group.completed += point.completed;
    const spread = measure === "converged" ? null : spreadOf(point, measure);
    if (spread) group.values.add(spread[1]);
  }

  #group(point: Point): Gathered {
    const x = labelOf(this.#view.x, this.#bins[0], point);
    const y = labelOf(this.#view.y, this.#bins[1], point);
    const key = `${x}\n${y}\n${point.strategy}`;
    let group = this.#groups.get(key);
    if (!group) {
      const at = { x, y, strategy: point.strategy };
      group = { at, values: this.#collect(), points: 0, runs: 0, completed: 0 };
      this.#groups.set(key, group);
    }
    return group;
  }

  cells(): readonly Cell[] {
    const { measure } = this.#view;
    return [...this.#groups.values()].map(({ at, completed, points, runs, values }) => {
      const converged = completed / runs;
      const value = measure === "converged" ? converged : values.at(0.5);
      return { ...at, value, text: cellText(kindOf(measure), value), converged, points };
    });
  }
}

function cells(points: readonly Point[], view: HeatView): readonly Cell[] {
  const all = new HeatCells(view);
  for (const point of points) all.add(point);
  return all.cells();
}

const kindOf = (measure: HeatMeasure): Kind =>
  measure === "converged" ? "share" : measureOf(measure).kind;

function cellText(kind: Kind, value: number | null): string {
  if (value === null) return "never";
  if (kind === "share") return `${Math.round(100 * value)} %`;
  return formatValue(kind, value);
}

/** Cells this wide have room for their number. */
const TEXT_PX = 50;
const ROW_PX = { min: 15, max: 40 };

/** Undefined: there is nothing to see. `rows`: of more than these points. */
export function heatFigure(
  points: readonly Point[],
  view: HeatView,
  rows = cells(points, view),
): Spec | undefined {
  if (rows.length === 0) return undefined;
  const { measure, width, x, y } = view;
  const bins = binsOfView(view);
  const strategies = strategiesOf(rows);
  const { columns, width: each } = panels(strategies.length, width);
  const across = orderedLabels(x, bins[0]);
  const up = [...orderedLabels(y, bins[1])].reverse();
  const rowPx = Math.min(ROW_PX.max, Math.max(ROW_PX.min, Math.floor(260 / up.length)));
  const hasText = each / across.length >= TEXT_PX && rowPx >= 18;
  const spec = {
    width: each,
    height: rowPx * up.length,
    encoding: { x: ordinal("x", x.label, across, each), y: ordinal("y", y.label, up) },
    layer: [
      {
        transform: [{ filter: "!isValid(datum.value)" }],
        mark: { type: "rect", fill: "#d0d4da", strokeWidth: 0 },
        encoding: { tooltip: tooltip(measure) },
      },
      {
        transform: [{ filter: "isValid(datum.value)" }],
        mark: { type: "rect", strokeWidth: 0 },
        encoding: { color: colour(measure, rows, width), tooltip: tooltip(measure) },
      },
      ...(hasText ? [numbers(rows)] : []),
    ],
  };
  return {
    $schema: SCHEMA,
    data: { values: rows },
    columns,
    facet: { field: "strategy", type: "nominal", sort: strategies, header: { title: null } },
    spec,
    spacing: 22,
    ...(columns === 1 ? { resolve: { axis: { x: "independent", y: "independent" } } } : {}),
  };
}

function ordinal(field: string, title: string, sort: readonly string[], width?: number): Spec {
  const most = width === undefined ? 14 : Math.max(2, Math.floor(width / 46));
  const step = Math.ceil(sort.length / most);
  return {
    field,
    type: "ordinal",
    title,
    sort,
    axis: {
      labelAngle: 0,
      grid: false,
      ticks: false,
      domain: false,
      values: sort.filter((_, i) => i % step === 0),
    },
  };
}

function colour(measure: HeatMeasure, rows: readonly Cell[], width: number): Spec {
  const values = rows.flatMap((row) => (row.value === null ? [] : [row.value]));
  const gradientLength = Math.min(240, width - 60);
  const legend = { orient: "top", gradientLength, titleOrient: "top", titleLimit: 400 };
  if (measure === "converged")
    return {
      ...{ field: "value", type: "quantitative" },
      scale: { scheme: "viridis", domain: [0, 1] },
      legend: { ...legend, title: "share that converged", format: ".0%", tickCount: 3 },
    };
  const { kind, label } = measureOf(measure);
  // Few is good: it is the bright end.
  return {
    ...{ field: "value", type: "quantitative" },
    scale: { type: isLog(values) ? "log" : "linear", scheme: "viridis", reverse: true },
    legend: {
      ...legend,
      title: `${label} (grey: never)`,
      labelExpr: labelExpression(kind),
      values: endsOf(values),
    },
  };
}

/** The smallest, one in the middle, and the largest. */
function endsOf(values: readonly number[]): readonly number[] {
  if (values.length === 0) return [];
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  const middle = isLog(values) ? Math.sqrt(low * high) : (low + high) / 2;
  return low === high ? [low] : [low, Number(middle.toPrecision(1)), high];
}

/** Written in what stands out from the cell. */
function numbers(rows: readonly Cell[]): Spec {
  const values = rows.flatMap((row) => (row.value === null ? [] : [row.value]));
  const sorted = values.sort((a, b) => a - b);
  const middle = sorted.length > 0 ? quantile(sorted, 0.5) : 0;
  return {
    mark: { type: "text", fontSize: 10 },
    encoding: {
      text: { field: "text" },
      color: {
        condition: { test: `isValid(datum.value) && datum.value > ${middle}`, value: "#fffffe" },
        value: "#101418",
      },
    },
  };
}

function tooltip(measure: HeatMeasure): readonly Spec[] {
  const title = measure === "converged" ? "share that converged" : measureOf(measure).label;
  return [
    { field: "strategy" },
    { field: "x", title: "x" },
    { field: "y", title: "y" },
    { field: "text", title },
    { field: "converged", title: "converged", format: ".0%" },
    { field: "points", title: "points" },
  ];
}

export const heatAxes = ({ x, y }: HeatView): readonly AxisKey[] => [x.key, y.key];
