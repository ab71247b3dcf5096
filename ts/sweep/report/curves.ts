/** A measure against an axis: the median of the points as a line, nine tenths of them as a band. */
import type { Point } from "../summary.ts";
import { type Axis, type AxisKey, type AxisValue, valueLabel } from "./axes.ts";
import { axisStyle, type Bins, binsOf, horizontal, quantile, scaleOf } from "./scales.ts";
import {
  type Measure,
  measureOf,
  panels,
  SCHEMA,
  type Spec,
  strategiesOf,
  strategyColour,
} from "./series.ts";

export interface CurveView {
  readonly x: Axis;
  readonly measure: Measure;
  /** A panel for each value. */
  readonly split: Axis | null;
  readonly width: number;
}

export interface CurveRow {
  readonly x: number | string;
  readonly panel: string;
  readonly strategy: string;
  readonly mid: number;
  readonly low: number;
  readonly high: number;
  readonly points: number;
  readonly converged: number;
  readonly at: string;
}

/** An axis with more values is cut into bins. */
const BINS = 40;
const SPREAD = 0.05;

/** Values, and where a share of them lies below. */
interface Collected {
  readonly count: number;
  add(value: number): void;
  at(quantile: number): number | null;
}

/** All of them: exact. */
export class Values implements Collected {
  readonly #values: number[] = [];
  #isSorted = true;

  get count(): number {
    return this.#values.length;
  }

  add(value: number): void {
    this.#values.push(value);
    this.#isSorted = false;
  }

  at(share: number): number | null {
    if (this.#values.length === 0) return null;
    if (!this.#isSorted) this.#values.sort((a, b) => a - b);
    this.#isSorted = true;
    return quantile(this.#values, share);
  }
}

/** What values of a cell are collected in: all of them, or a histogram where they are too many. */
export type Collect = () => Collected;
export const collectValues: Collect = () => new Values();

interface Gathered {
  readonly mid: Collected;
  readonly low: Collected;
  readonly high: Collected;
  points: number;
  runs: number;
  completed: number;
  readonly x: AxisValue;
  readonly panel: string;
  readonly strategy: string;
}

/** Smallest, mean and largest of a point's runs. */
export function spreadOf(point: Point, measure: Measure): readonly [number, number, number] | null {
  const mid = point[measure];
  if (mid === null || point.completed === 0) return null;
  if (measure === "transferred_bytes") return [mid, mid, mid];
  return [point[`${measure}_min`] as number, mid, point[`${measure}_max`] as number];
}

/** What a figure shows of points that come one after the other. */
export class CurveRows {
  readonly #view: Pick<CurveView, "x" | "split" | "measure">;
  readonly #bins: Bins | undefined;
  readonly #collect: Collect;
  readonly #groups = new Map<string, Gathered>();

  constructor(view: Pick<CurveView, "x" | "split" | "measure">, collect = collectValues) {
    this.#view = view;
    this.#bins = view.x.kind === "word" ? undefined : binsOf(view.x, BINS);
    this.#collect = collect;
  }

  add(point: Point): void {
    const { measure, split, x } = this.#view;
    const at = this.#bins ? this.#bins.of(point[x.key] as number) : point[x.key];
    const panel = split ? valueLabel(split, point[split.key]) : "";
    const group = this.#group(at, panel, point.strategy);
    group.points++;
    group.runs += point.runs;
    group.completed += point.completed;
    const spread = spreadOf(point, measure);
    if (!spread) return;
    group.low.add(spread[0]);
    group.mid.add(spread[1]);
    group.high.add(spread[2]);
  }

  #group(x: AxisValue, panel: string, strategy: string): Gathered {
    const key = `${x}\n${panel}\n${strategy}`;
    let group = this.#groups.get(key);
    if (!group) {
      const [mid, low, high] = [this.#collect(), this.#collect(), this.#collect()];
      const counts = { points: 0, runs: 0, completed: 0 };
      group = { mid, low, high, ...counts, x, panel, strategy };
      this.#groups.set(key, group);
    }
    return group;
  }

  rows(): readonly CurveRow[] {
    return [...this.#groups.values()]
      .filter((group) => group.mid.count > 0)
      .map(({ completed, panel, points, runs, strategy, x, ...values }) => ({
        ...{ x, at: valueLabel(this.#view.x, x), panel, strategy },
        mid: values.mid.at(0.5) as number,
        low: values.low.at(SPREAD) as number,
        high: values.high.at(1 - SPREAD) as number,
        ...{ points, converged: completed / runs },
      }));
  }
}

function curveRows(points: readonly Point[], view: CurveView): readonly CurveRow[] {
  const rows = new CurveRows(view);
  for (const point of points) rows.add(point);
  return rows.rows();
}

/** The panels that a figure is split into, in order. */
export function panelLabels(split: Axis | null): readonly string[] {
  return split ? split.values.map((value) => valueLabel(split, value)) : [];
}

/** Facets of a figure, or the figure alone. */
export function inPanels(spec: Spec, split: Axis | null, columns: number): Spec {
  if (!split) return spec;
  const own = columns === 1 ? { resolve: { axis: { x: "independent", y: "independent" } } } : {};
  return {
    columns,
    facet: {
      field: "panel",
      type: "nominal",
      sort: panelLabels(split),
      header: { title: split.label, titleFontWeight: 400, labelFontWeight: 600 },
    },
    spec,
    spacing: columns === 1 ? 18 : 22,
    ...own,
  };
}

/** Undefined: there is nothing to see. `rows`: of more than these points. */
export function curveFigure(
  points: readonly Point[],
  view: CurveView,
  rows = curveRows(points, view),
): Spec | undefined {
  const { measure, split, width, x } = view;
  if (rows.length === 0) return undefined;
  const info = measureOf(measure);
  const { columns, width: each } = panels(split ? split.values.length : 1, width);
  const values = rows.flatMap((row) => [row.low, row.high]);
  const height = columns > 1 && split ? 190 : Math.min(300, Math.max(200, Math.round(each * 0.55)));
  const y = {
    type: "quantitative",
    title: info.label,
    scale: scaleOf(values),
    axis: axisStyle(info.kind, values, 5),
  };
  const one = {
    width: each,
    height,
    encoding: {
      x: horizontal(x, rows, { width: each, scaleOf }),
      color: strategyColour(strategiesOf(rows), width),
      ...(x.kind === "word" ? { xOffset: { field: "strategy", type: "nominal" } } : {}),
    },
    layer: x.kind === "word" ? bars(y, info.label) : lines(y, info.label),
  };
  return { $schema: SCHEMA, data: { values: rows }, ...inPanels(one, split, columns) };
}

function tooltip(label: string): readonly Spec[] {
  return [
    { field: "strategy" },
    { field: "at", title: "at" },
    { field: "mid", title: `median ${label}`, format: ",.1f" },
    { field: "low", title: "from", format: ",.1f" },
    { field: "high", title: "to", format: ",.1f" },
    { field: "converged", title: "converged", format: ".0%" },
    { field: "points", title: "points" },
  ];
}

function lines(y: Spec, label: string): readonly Spec[] {
  return [
    {
      mark: { type: "area", opacity: 0.16 },
      encoding: { y: { ...y, field: "low" }, y2: { field: "high" } },
    },
    {
      mark: { type: "line", strokeWidth: 2, point: { size: 26, filled: true } },
      encoding: { y: { ...y, field: "mid" }, tooltip: tooltip(label) },
    },
  ];
}

function bars(y: Spec, label: string): readonly Spec[] {
  return [
    {
      mark: { type: "rule", strokeWidth: 5, opacity: 0.3 },
      encoding: { y: { ...y, field: "low" }, y2: { field: "high" } },
    },
    {
      mark: { type: "point", size: 60, filled: true, opacity: 1 },
      encoding: { y: { ...y, field: "mid" }, tooltip: tooltip(label) },
    },
  ];
}

/** What a figure is about, beside its strategies: not held by filters. */
export const curveAxes = ({ split, x }: CurveView): readonly AxisKey[] =>
  split ? [x.key, split.key] : [x.key];
