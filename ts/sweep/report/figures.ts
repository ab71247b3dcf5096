/** The figures of a report as Vega-Lite specs: plain data, without the points themselves. */
import { formatRate, formatSize, formatTime } from "../../base/units.ts";
import type { Point } from "../summary.ts";

/** A figure: `spec` reads the data set `points`. */
export interface Figure {
  /** File name and element id. */
  readonly id: string;
  readonly part: string;
  readonly title: string;
  /** One or two sentences on how to read it. */
  readonly caption: string;
  readonly spec: { readonly [key: string]: unknown };
}

/** Okabe and Ito's colours: to be told apart by everybody. */
const STRATEGY_COLOURS: readonly (readonly [string, string])[] = [
  ["stop-and-copy", "#d55e00"],
  ["pre-copy", "#0072b2"],
  ["post-copy", "#009e73"],
  ["hybrid", "#cc79a7"],
];

interface Choice {
  readonly name: string;
  readonly field: keyof Point;
  readonly label: string;
  readonly format: (value: number) => string;
}

/** Axes that get a menu above the figure where there is more than one value. */
const CHOICES: readonly Choice[] = [
  { name: "memory", field: "memory_bytes", label: "Memory ", format: formatSize },
  { name: "workingSet", field: "working_set_bytes", label: "Working set ", format: formatSize },
  {
    name: "downtimeLimit",
    field: "downtime_limit_ms",
    label: "Downtime limit ",
    format: (ms) => formatTime(ms * 1e6),
  },
];

const distinct = <T>(values: readonly T[]): T[] => [...new Set(values)];

/** What figures show of a point: the numbers, and the labels of facets. */
export function plotRow(point: Point) {
  return {
    ...point,
    link: formatRate(point.bandwidth_bytes_per_s),
    share: point.runs > 0 ? point.completed / point.runs : 0,
  };
}

function params(points: readonly Point[]) {
  return CHOICES.flatMap(({ name, field, label, format }) => {
    const values = distinct(points.map((p) => p[field] as number)).sort((a, b) => a - b);
    // Where one axis follows from another (a share of memory), one menu is enough.
    if (values.length < 2 || (name === "workingSet" && followsMemory(points))) return [];
    const labels = values.map(format);
    const value = values.at(-1);
    return [
      {
        field,
        param: { name, value, bind: { input: "select", options: values, labels, name: label } },
      },
    ];
  });
}

function followsMemory(points: readonly Point[]): boolean {
  const byMemory = new Map<number, number>();
  return points.every((point) => {
    const seen = byMemory.get(point.memory_bytes) ?? point.working_set_bytes;
    byMemory.set(point.memory_bytes, seen);
    return seen === point.working_set_bytes;
  });
}

const rateAxis = {
  field: "dirty_rate_pages_per_s",
  type: "quantitative",
  title: "page writes per second",
};

/** A log scale where the values span more than a decade and none is zero. */
function scaleOf(values: readonly number[]) {
  const positive = values.filter((value) => value > 0);
  const spread = Math.max(...positive) / Math.min(...positive);
  return positive.length === values.length && spread > 10
    ? { type: "log", nice: false }
    : { type: "linear", zero: true };
}

/**
 * Ticks that a reader can use: whole decades on a log scale, with 2 and 5 between them where there
 * are few; not a line for every tenth.
 */
function axisOf(values: readonly number[]) {
  const axis = { format: ".3~s", labelOverlap: true };
  if (scaleOf(values).type !== "log") return { ...axis, tickCount: 5 };
  const [low, high] = [Math.log10(Math.min(...values)), Math.log10(Math.max(...values))];
  const steps = high - low > 2 ? [1] : [1, 2, 5];
  const ticks: number[] = [];
  for (let decade = Math.floor(low); decade <= high; decade++)
    for (const step of steps) ticks.push(step * 10 ** decade);
  const shown = ticks.filter((tick) => Math.log10(tick) >= low && Math.log10(tick) <= high);
  return { ...axis, values: shown };
}

function facets(points: readonly Point[], height: number) {
  const rows = distinct(points.map((p) => p.bandwidth_bytes_per_s)).sort((a, b) => a - b);
  const columns = distinct(points.map((p) => p.distribution));
  const width = columns.length > 3 ? 205 : columns.length > 2 ? 270 : 380;
  return {
    width,
    height,
    facet: {
      row: { field: "link", type: "nominal", sort: rows.map((rate) => formatRate(rate)) },
      column: { field: "distribution", type: "nominal", sort: columns },
    },
  };
}

function strategyColour(points: readonly Point[]) {
  const used = distinct(points.map((p) => p.strategy));
  const known = STRATEGY_COLOURS.filter(([name]) => used.includes(name));
  return {
    field: "strategy",
    type: "nominal",
    title: "strategy",
    scale: { domain: known.map(([name]) => name), range: known.map(([, colour]) => colour) },
    legend: { orient: "top", symbolType: "stroke", symbolStrokeWidth: 3, symbolOpacity: 1 },
  };
}

type Measure = "total_time_ms" | "downtime_ms";

/** Mean over repetitions as a line, smallest to largest as a band. */
function curves(points: readonly Point[], measure: Measure, title: string) {
  const chosen = params(points);
  const { width, height, facet } = facets(points, 170);
  const completed = points.filter((p) => p[measure] !== null);
  const x = {
    ...rateAxis,
    scale: scaleOf(points.map((p) => p.dirty_rate_pages_per_s)),
    axis: axisOf(points.map((p) => p.dirty_rate_pages_per_s)),
  };
  const values = completed.map((p) => p[measure] as number);
  const y = { type: "quantitative", title, scale: scaleOf(values), axis: axisOf(values) };
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    data: { name: "points" },
    params: chosen.map(({ param }) => param),
    transform: [
      ...chosen.map(({ field, param }) => ({ filter: `datum.${field} == ${param.name}` })),
      { filter: `isValid(datum.${measure})` },
    ],
    facet,
    spec: {
      width,
      height,
      encoding: { x, color: strategyColour(points) },
      layer: [
        {
          mark: { type: "area", opacity: 0.18 },
          encoding: { y: { ...y, field: `${measure}_min` }, y2: { field: `${measure}_max` } },
        },
        {
          mark: { type: "line", strokeWidth: 2, point: { size: 22 } },
          encoding: {
            y: { ...y, field: measure },
            tooltip: tooltip(measure),
          },
        },
      ],
    },
    spacing: { row: 14, column: 14 },
  };
}

function tooltip(measure: Measure | "share") {
  const names = {
    total_time_ms: "mean total time, ms",
    downtime_ms: "mean downtime, ms",
    share: "share that converged",
  };
  return [
    { field: "strategy", title: "strategy" },
    { field: "distribution", title: "distribution" },
    { field: "link", title: "link" },
    { field: "dirty_rate_pages_per_s", title: "writes per second", format: ",.0f" },
    { field: measure, title: names[measure], format: measure === "share" ? ".0%" : ",.1f" },
    { field: "runs", title: "runs" },
  ];
}

/** Which points converge: a heat map of strategy and link against dirty rate. */
function convergenceMap(points: readonly Point[]) {
  const columns = distinct(points.map((p) => p.distribution));
  const links = distinct(points.map((p) => p.bandwidth_bytes_per_s)).sort((a, b) => b - a);
  const rates = distinct(points.map((p) => p.dirty_rate_pages_per_s)).sort((a, b) => a - b);
  const chosen = params(points);
  const shown = Math.max(1, Math.ceil(rates.length / 6));
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    data: { name: "points" },
    params: chosen.map(({ param }) => param),
    transform: chosen.map(({ field, param }) => ({ filter: `datum.${field} == ${param.name}` })),
    facet: { column: { field: "distribution", type: "nominal", sort: columns } },
    spec: {
      width: columns.length > 3 ? 205 : 270,
      height: Math.max(60, 34 * links.length),
      mark: { type: "rect", stroke: "#ffffff", strokeWidth: 1 },
      encoding: {
        x: {
          field: "dirty_rate_pages_per_s",
          type: "ordinal",
          title: "page writes per second",
          axis: {
            format: ".2~s",
            values: rates.filter((_, i) => i % shown === 0),
            labelAngle: 0,
            labelOverlap: true,
            grid: false,
          },
        },
        y: {
          field: "link",
          type: "nominal",
          title: "link",
          sort: links.map((rate) => formatRate(rate)),
        },
        color: {
          field: "share",
          type: "quantitative",
          title: "converged",
          scale: { scheme: "viridis", domain: [0, 1] },
          legend: { orient: "top", format: ".0%", gradientLength: 160, tickCount: 3 },
        },
        tooltip: tooltip("share"),
      },
    },
    spacing: { column: 14 },
  };
}

/** The figures of one part; none without points. */
export function figuresOf(part: string, points: readonly Point[]): Figure[] {
  if (points.length === 0) return [];
  const figures: Figure[] = [
    {
      id: `${part}-downtime`,
      part,
      title: "Downtime",
      caption:
        "How long the guest stood still, against how fast it writes. Lines are means, bands " +
        "reach from the shortest to the longest run; where a line ends, nothing converged.",
      spec: curves(points, "downtime_ms", "downtime, ms"),
    },
    {
      id: `${part}-total-time`,
      part,
      title: "Total time",
      caption: "From the start of the migration until the guest runs on the target.",
      spec: curves(points, "total_time_ms", "total time, ms"),
    },
  ];
  for (const strategy of distinct(points.map((p) => p.strategy))) {
    if (strategy === "stop-and-copy") continue; // It has nothing to converge.
    figures.push({
      id: `${part}-convergence-${strategy}`,
      part,
      title: `Convergence of ${strategy}`,
      caption: "The share of runs that ended before the time limit.",
      spec: convergenceMap(points.filter((p) => p.strategy === strategy)),
    });
  }
  return figures;
}

/** The points that a figure shows. */
export function figurePoints(figure: Figure, points: readonly Point[]): Point[] {
  const strategy = figure.id.split("-convergence-")[1];
  return points.filter((p) => p.part === figure.part && (!strategy || p.strategy === strategy));
}
