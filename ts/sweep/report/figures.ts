/** The figures of a part as files for papers: those that the page begins with, and each measure against each axis. */
import { scenarioAt } from "../expand.ts";
import type { Plan } from "../plan-schema.ts";
import type { Point } from "../summary.ts";
import { anatomyFigure, anatomyOf, isFluid } from "./anatomy.ts";
import { type AxisKey, axesOf, filtered, filterText, firstFilters } from "./axes.ts";
import { curveFigure } from "./curves.ts";
import { frontierFigure } from "./frontier.ts";
import { type HeatMeasure, heatFigure } from "./heat-map.ts";
import { paretoFigure } from "./pareto.ts";
import { MEASURES, type Spec } from "./series.ts";
import { curveViews, frontierStart, heatStart, scenarioStart } from "./views.ts";
import { curveKey, type WholeFigures } from "./whole.ts";

/** A figure as it goes into a file of its own. */
export interface Figure {
  /** File name without its end. */
  readonly id: string;
  readonly spec: Spec;
}

/** Two columns of a paper, or one of a page. */
const WIDTH = 720;

const nameOf = (key: AxisKey): string =>
  key.replace(/_(bytes_per_s|pages_per_s|bytes|ms)$/, "").replaceAll("_", "-");

/** All that can be drawn of a part; of all its points, if `points` are a sample and `whole` is there. */
export function figuresOf(
  part: string,
  points: readonly Point[],
  sweep: { readonly plan: Plan; readonly seed: number },
  whole?: WholeFigures,
): readonly Figure[] {
  const axes = axesOf(points);
  const filters = firstFilters(points, axes);
  const figures: Figure[] = [];
  const add = (
    name: string,
    title: string,
    draw: (points: readonly Point[]) => Spec | undefined,
    own: readonly (AxisKey | null)[] = [],
  ): void => {
    const spec = draw(filtered(points, filters, own));
    const subtitle = filterText(axes, filters, own);
    if (spec)
      figures.push({ id: `${part}-${name}`, spec: { ...spec, title: { text: title, subtitle } } });
  };
  for (const { x, split } of curveViews(points, axes))
    for (const { key: measure, label } of MEASURES)
      add(
        `${label.replaceAll(" ", "-")}-against-${nameOf(x.key)}`,
        `${capital(label)} against ${x.label}`,
        (some) => {
          const rows = whole?.curves[curveKey(measure, { x, split })];
          return curveFigure(some, { x, split, measure, width: WIDTH }, rows);
        },
        [x.key, split?.key ?? null],
      );
  const heat = heatStart(points, axes);
  const maps: readonly (readonly [HeatMeasure, string])[] = [
    ["converged", "Share that converged"],
    ["total_time_ms", "Total time"],
    ["downtime_ms", "Downtime"],
  ];
  if (heat)
    for (const [measure, title] of maps)
      add(
        `map-of-${nameOf(measure as AxisKey)}`,
        `${title} over ${heat.x.label} and ${heat.y.label}`,
        (some) => heatFigure(some, { ...heat, measure, width: WIDTH }, whole?.heat[measure]),
        [heat.x.key, heat.y.key],
      );
  add("pareto", "Downtime against data sent", (some) =>
    paretoFigure(withFront(some, whole), axes, WIDTH),
  );
  const x = frontierStart(axes);
  if (x)
    add(
      "frontier",
      "Convergence frontier",
      (some) => frontierFigure(some, x, WIDTH, whole?.frontier ?? undefined),
      [x.key, "dirty_rate_pages_per_s"],
    );
  add("anatomy", "A migration, round by round", (some) => {
    const point = scenarioStart(some) ?? some[0];
    if (!point) return undefined;
    const scenario = scenarioAt(sweep.plan, point.index, sweep.seed);
    return isFluid(scenario) ? anatomyFigure(anatomyOf(scenario), WIDTH) : undefined;
  });
  return figures;
}

/** A sample of points, and what nothing beats of all of them. */
function withFront(points: readonly Point[], whole: WholeFigures | undefined): readonly Point[] {
  if (!whole) return points;
  const known = new Set(points.map(({ index }) => index));
  return [...points, ...whole.front.filter(({ index }) => !known.has(index))];
}

const capital = (text: string): string => `${text[0]?.toUpperCase()}${text.slice(1)}`;
