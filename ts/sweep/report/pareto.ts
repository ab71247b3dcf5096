/** Downtime against bytes: each point one way to move one guest, and the front of those that none beats in both. */
import type { Point } from "../summary.ts";
import { type Axis, valueLabel } from "./axes.ts";
import { axisStyle, isLog, scaleOf } from "./scales.ts";
import { SCHEMA, type Spec, strategiesOf, strategyColour } from "./series.ts";

/** More marks make a page slow; the front is that of all. */
const SHOWN_MAX = 1500;

/** The points that no other one beats in downtime and bytes, with the least bytes first. */
export function paretoFront(points: readonly Point[]): readonly Point[] {
  const sorted = points
    .filter((point) => point.downtime_ms !== null)
    .sort(
      (a, b) =>
        a.transferred_bytes - b.transferred_bytes ||
        (a.downtime_ms as number) - (b.downtime_ms as number),
    );
  const front: Point[] = [];
  let best = Number.POSITIVE_INFINITY;
  for (const point of sorted) {
    if ((point.downtime_ms as number) >= best) continue;
    best = point.downtime_ms as number;
    front.push(point);
  }
  return front;
}

export function paretoFigure(
  points: readonly Point[],
  axes: readonly Axis[],
  width: number,
): Spec | undefined {
  const done = points.filter((point) => point.downtime_ms !== null);
  if (done.length === 0) return undefined;
  const front = new Set(paretoFront(done));
  const step = Math.ceil(done.length / SHOWN_MAX);
  const shown = done.filter((point, i) => i % step === 0 || front.has(point));
  const rows = shown.map((point) => ({
    index: point.index,
    bytes: point.transferred_bytes,
    downtime: point.downtime_ms,
    strategy: point.strategy,
    isFront: front.has(point),
    what: axes.map((axis) => `${axis.label}: ${valueLabel(axis, point[axis.key])}`).join(", "),
  }));
  const bytes = rows.map((row) => row.bytes);
  const times = rows.map((row) => row.downtime as number);
  const each = Math.max(160, width - 90);
  const y = {
    field: "downtime",
    type: "quantitative",
    title: "downtime",
    scale: scaleOf(times),
    axis: axisStyle("time", times, 5),
  };
  const x = {
    field: "bytes",
    type: "quantitative",
    title: "data sent",
    scale: isLog(bytes) ? scaleOf(bytes) : { type: "linear", zero: false },
    axis: axisStyle("size", bytes, Math.max(3, Math.floor(each / 80))),
  };
  return {
    $schema: SCHEMA,
    width: each,
    height: Math.min(380, Math.max(240, Math.round(each * 0.5))),
    data: { values: rows },
    encoding: { x, y },
    layer: [
      {
        transform: [{ filter: "datum.isFront" }],
        mark: { type: "line", interpolate: "step-after", strokeWidth: 1.5, color: "#1f2733" },
        encoding: { order: { field: "bytes" } },
      },
      {
        mark: { type: "point", filled: true, opacity: 0.55, size: 26, cursor: "pointer" },
        encoding: {
          color: strategyColour(strategiesOf(points), width, "circle"),
          tooltip: tooltip(),
        },
      },
      {
        transform: [{ filter: "datum.isFront" }],
        mark: { type: "point", filled: false, size: 90, strokeWidth: 1.5, color: "#1f2733" },
        encoding: { tooltip: tooltip() },
      },
    ],
  };
}

function tooltip(): readonly Spec[] {
  return [
    { field: "strategy" },
    { field: "downtime", title: "downtime, ms", format: ",.1f" },
    { field: "bytes", title: "bytes", format: ".4s" },
    { field: "what", title: "of" },
  ];
}
