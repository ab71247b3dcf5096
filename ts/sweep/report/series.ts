/** What all figures share: colours of strategies, measures, and the frame of a Vega-Lite spec. */
import type { Point } from "../summary.ts";
import type { Kind } from "./axes.ts";

/** Okabe and Ito's colours: to be told apart by everybody. The page has darker and lighter ones of the same hues. */
const STRATEGY_COLOURS: readonly (readonly [string, string])[] = [
  ["stop-and-copy", "#d55e00"],
  ["pre-copy", "#0072b2"],
  ["post-copy", "#009e73"],
  ["hybrid", "#cc79a7"],
];

export type Measure = "total_time_ms" | "downtime_ms" | "transferred_bytes";

export interface MeasureInfo {
  readonly key: Measure;
  readonly label: string;
  readonly kind: Kind;
}

export const MEASURES: readonly MeasureInfo[] = [
  { key: "downtime_ms", label: "downtime", kind: "time" },
  { key: "total_time_ms", label: "total time", kind: "time" },
  { key: "transferred_bytes", label: "data sent", kind: "size" },
];

export const measureOf = (key: Measure): MeasureInfo =>
  MEASURES.find((one) => one.key === key) as MeasureInfo;

export type Spec = { readonly [key: string]: unknown };

export const SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json";

/** Strategies in the order in which they are always shown. */
export function strategiesOf(points: readonly Pick<Point, "strategy">[]): readonly string[] {
  const used = new Set(points.map((point) => point.strategy));
  return STRATEGY_COLOURS.map(([name]) => name).filter((name) => used.has(name));
}

export function strategyColour(
  strategies: readonly string[],
  width: number,
  symbolType: "stroke" | "circle" = "stroke",
) {
  const known = STRATEGY_COLOURS.filter(([name]) => strategies.includes(name));
  return {
    field: "strategy",
    type: "nominal",
    title: null,
    scale: { domain: known.map(([name]) => name), range: known.map(([, colour]) => colour) },
    legend:
      known.length < 2
        ? null
        : {
            orient: "top",
            columns: width < 480 ? 2 : known.length,
            symbolType,
            symbolStrokeWidth: symbolType === "stroke" ? 3 : 1,
            symbolOpacity: 1,
          },
  };
}

/** Room of the axes left of a panel and between panels. */
const GUTTER = { left: 78, between: 22 };

/** Panels beside each other, each as wide as that leaves. */
export function panels(count: number, width: number) {
  const columns = Math.min(count, width < 560 ? 1 : width < 860 ? 2 : count === 4 ? 4 : 3);
  const free = width - GUTTER.left - GUTTER.between * (columns - 1);
  return { columns, width: Math.max(120, Math.floor(free / columns)) };
}
