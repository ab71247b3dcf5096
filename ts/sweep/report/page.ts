/** The page of a report, in the reader's browser: menus, figures, the table; everything from the data in the page. */
import { scenarioAt } from "../expand.ts";
import type { Plan } from "../plan-schema.ts";
import type { Point } from "../summary.ts";
import { anatomyFigure, anatomyOf, isFluid } from "./anatomy.ts";
import {
  type Axis,
  type AxisKey,
  type AxisValue,
  axesOf,
  type Filters,
  filtered,
  firstFilters,
  formatValue,
  valueLabel,
} from "./axes.ts";
import { type Columns, decodeColumns } from "./columns.ts";
import { curveAxes, curveFigure } from "./curves.ts";
import { frontierFigure } from "./frontier.ts";
import { type HeatMeasure, heatAxes, heatFigure } from "./heat-map.ts";
import { type Choice, element, menu } from "./menus.ts";
import { paretoFigure } from "./pareto.ts";
import { MEASURES, type Measure, type Spec } from "./series.ts";
import { curveStart, frontierStart, heatStart, scenarioStart } from "./views.ts";
import { curveKey, isStart, type WholeFigures } from "./whole.ts";

export interface PageData {
  readonly plan: Plan;
  readonly seed: number;
  readonly points: Columns;
  /** Of parts of which `points` are a sample: what figures begin with, over all points. */
  readonly whole: Readonly<
    Record<string, Omit<WholeFigures, "front"> & { readonly front: Columns }>
  >;
}

interface Drawn {
  readonly view: {
    addEventListener(
      type: string,
      handler: (event: unknown, item?: { readonly datum?: unknown }) => void,
    ): unknown;
  };
}

/** Draws a Vega-Lite spec into an element. */
export type Draw = (element: Element, spec: Spec) => Promise<Drawn>;

const TABLE_ROWS = 100;

/** One part of a plan: its menus and figures. */
class PartPage {
  readonly #points: readonly Point[];
  readonly #axes: readonly Axis[];
  readonly #data: PageData;
  readonly #draw: Draw;
  readonly #root: HTMLElement;
  readonly #part: string;
  #filters: Filters;
  readonly #startFilters: Filters;
  readonly #whole;
  readonly #front: readonly Point[];
  readonly #curve;
  readonly #heat;
  readonly #heatStart;
  #frontierX;
  #scenario: number | undefined;

  constructor(data: PageData, points: readonly Point[], draw: Draw, root: HTMLElement) {
    this.#data = data;
    this.#points = points;
    this.#draw = draw;
    this.#root = root;
    this.#part = root.dataset["part"] ?? "";
    this.#axes = axesOf(points);
    this.#filters = firstFilters(points, this.#axes);
    this.#startFilters = this.#filters;
    this.#whole = data.whole[this.#part];
    this.#front = this.#whole ? decodeColumns(this.#whole.front) : [];
    this.#curve = { ...curveStart(points, this.#axes), measure: "downtime_ms" as Measure };
    this.#heat = heatStart(points, this.#axes);
    this.#heatStart = this.#heat && { ...this.#heat };
    this.#frontierX = frontierStart(this.#axes);
  }

  start(): void {
    this.#showFilters();
    this.redraw();
  }

  redraw(): void {
    this.#showCurves();
    this.#showHeat();
    this.#showPareto();
    this.#showFrontier();
    this.#showAnatomy();
    this.#showTable();
  }

  #at(name: string): HTMLElement {
    return this.#root.querySelector(`[data-role="${name}"]`) as HTMLElement;
  }

  #id(name: string): string {
    return `${this.#part}-${name}`;
  }

  #showFilters(): void {
    const menus = this.#axes.map((axis) => {
      const choices: Choice<AxisValue | undefined>[] = [
        { label: "all", value: undefined },
        ...axis.values.slice(0, 500).map((value) => ({ label: valueLabel(axis, value), value })),
      ];
      return menu(this.#id(`filter-${axis.key}`), axis.label, {
        choices,
        chosen: this.#filters[axis.key],
        onChange: (value) => {
          const { [axis.key]: _, ...others } = this.#filters;
          this.#filters = value === undefined ? others : { ...others, [axis.key]: value };
          this.redraw();
        },
      });
    });
    this.#at("filters").replaceChildren(...menus);
  }

  /** What filters leave, but for those on the axes of the figure itself. */
  #left(except: readonly (AxisKey | null)[] = []): readonly Point[] {
    return filtered(this.#points, this.#filters, except);
  }

  #figure(name: string, spec: Spec | undefined, why: string): Promise<Drawn> | undefined {
    const node = this.#at(name);
    if (!spec) {
      node.replaceChildren(element("p", { className: "none", textContent: why }));
      return undefined;
    }
    const drawn = this.#draw(node, spec);
    drawn.catch((error: unknown) => {
      node.textContent = String(error);
    });
    return drawn;
  }

  /**
   * What is known of all points, where the figure shows what it began with; else undefined, and it shows the sample.
   * The figure says which.
   */
  #ofAll<T>(
    role: string,
    known: T | null | undefined,
    own: readonly (AxisKey | null)[],
    points: readonly Point[],
  ): T | undefined {
    const whole = this.#whole;
    const isAll = whole && known && isStart(this.#filters, this.#startFilters, own);
    const text = this.#at(`${role}-text`);
    text.hidden = !whole;
    const count = (value: number): string => value.toLocaleString("en-US");
    text.textContent = isAll
      ? `Of all points of this part that the filters leave (it has ${count(whole.points)}).`
      : `Of a sample: ${count(points.length)} of the ${count(this.#points.length)} points in this page.`;
    return isAll ? known : undefined;
  }

  get #width(): number {
    return Math.max(280, Math.min(1064, this.#at("curves").clientWidth));
  }

  #axisMenu(
    name: string,
    label: string,
    chosen: Axis,
    onChange: (axis: Axis) => void,
  ): HTMLElement {
    const choices = this.#axes.map((axis) => ({ label: axis.label, value: axis }));
    const own = choices.find(({ value }) => value.key === chosen.key)?.value ?? chosen;
    return menu(this.#id(name), label, { choices, chosen: own, onChange });
  }

  #showCurves(): void {
    const view = this.#curve;
    const again = (): void => this.#showCurves();
    const panels = this.#axes.filter((one) => one.values.length <= 12 && one.key !== "strategy");
    this.#at("curve-menus").replaceChildren(
      menu(this.#id("curve-measure"), "show", {
        choices: MEASURES.map(({ key, label }) => ({ label, value: key })),
        chosen: view.measure,
        onChange: (measure) => {
          view.measure = measure;
          again();
        },
      }),
      this.#axisMenu("curve-x", "against", view.x, (x) => {
        view.x = x;
        again();
      }),
      menu<Axis | null>(this.#id("curve-split"), "a panel for each", {
        choices: [
          { label: "(one panel)", value: null },
          ...panels.map((value) => ({ label: value.label, value })),
        ],
        chosen: panels.find(({ key }) => key === view.split?.key) ?? null,
        onChange: (split) => {
          view.split = split;
          again();
        },
      }),
    );
    const split = view.split?.key === view.x.key ? null : view.split;
    const shown = { ...view, split, width: this.#width };
    const own = curveAxes(shown);
    const points = this.#left(own);
    const rows = this.#ofAll(
      "curves",
      this.#whole?.curves[curveKey(shown.measure, shown)],
      own,
      points,
    );
    this.#figure("curves", curveFigure(points, shown, rows), "Nothing converged here.");
  }

  #showHeat(): void {
    const view = this.#heat;
    if (!view) {
      this.#figure("heat", undefined, "It takes two axes that vary.");
      return;
    }
    const again = (): void => this.#showHeat();
    this.#at("heat-menus").replaceChildren(
      menu<HeatMeasure>(this.#id("heat-measure"), "show", {
        choices: [
          { label: "share that converged", value: "converged" },
          ...MEASURES.map(({ key, label }) => ({ label, value: key })),
        ],
        chosen: view.measure,
        onChange: (measure) => {
          view.measure = measure;
          again();
        },
      }),
      this.#axisMenu("heat-x", "across", view.x, (x) => {
        view.x = x;
        again();
      }),
      this.#axisMenu("heat-y", "up", view.y, (y) => {
        view.y = y;
        again();
      }),
    );
    const shown = { ...view, width: this.#width };
    const isSame = view.x.key === view.y.key;
    const own = heatAxes(shown);
    const points = this.#left(own);
    const isStarted = view.x.key === this.#heatStart?.x.key && view.y.key === this.#heatStart.y.key;
    const known = isStarted ? this.#whole?.heat[view.measure] : undefined;
    const rows = this.#ofAll("heat", known, own, points);
    const spec = isSame ? undefined : heatFigure(points, shown, rows);
    this.#figure("heat", spec, isSame ? "Two different axes, please." : "No points are left.");
  }

  #showPareto(): void {
    const left = this.#left();
    const isWhole = this.#ofAll("pareto", this.#whole?.front, [], left) !== undefined;
    const more = isWhole
      ? this.#front.filter((one) => !left.some((o) => o.index === one.index))
      : [];
    if (isWhole)
      this.#at("pareto-text").textContent =
        "The front is that of all points; the dots are those of the sample.";
    const spec = paretoFigure([...left, ...more], this.#axes, this.#width);
    const drawn = this.#figure("pareto", spec, "Nothing converged here.");
    drawn?.then(({ view }) =>
      view.addEventListener("click", (_event, item) => {
        const { index } = (item?.datum ?? {}) as { readonly index?: unknown };
        if (typeof index === "number") this.#choose(index);
      }),
    );
  }

  #showFrontier(): void {
    const x = this.#frontierX;
    if (!x) {
      const why = "It takes writers of different speed, and another axis that varies.";
      this.#figure("frontier", undefined, why);
      return;
    }
    const others = this.#axes.filter(
      (one) => one.key !== "dirty_rate_pages_per_s" && one.key !== "strategy",
    );
    this.#at("frontier-menus").replaceChildren(
      menu(this.#id("frontier-x"), "against", {
        choices: others.map((value) => ({ label: value.label, value })),
        chosen: others.find(({ key }) => key === x.key) as Axis,
        onChange: (value) => {
          this.#frontierX = value;
          this.#showFrontier();
        },
      }),
    );
    const own = [x.key, "dirty_rate_pages_per_s"] as const;
    const points = this.#left(own);
    const isStarted = x.key === frontierStart(this.#axes)?.key;
    const rows = this.#ofAll("frontier", isStarted ? this.#whole?.frontier : null, own, points);
    const why = "Nothing that might fail to converge converged here.";
    this.#figure("frontier", frontierFigure(points, x, this.#width, rows), why);
  }

  #choose(index: number): void {
    this.#scenario = index;
    this.#showAnatomy();
    this.#at("anatomy").closest("section")?.scrollIntoView({ behavior: "smooth", block: "start" });
  }

  #showAnatomy(): void {
    const left = this.#left();
    const point =
      [...this.#points, ...this.#front].find((one) => one.index === this.#scenario) ??
      scenarioStart(left) ??
      left[0];
    if (!point) {
      this.#figure("anatomy", undefined, "No points are left.");
      return;
    }
    const { plan, seed } = this.#data;
    const scenario = scenarioAt(plan, point.index, seed);
    if (!isFluid(scenario)) {
      const why = "A recorded trace is replayed page by page; its rounds cannot be shown here.";
      this.#figure("anatomy", undefined, why);
      return;
    }
    const anatomy = anatomyOf(scenario);
    const time = (ms: number): string => formatValue("time", ms);
    const what = this.#axes
      .map((axis) => `${axis.label} ${valueLabel(axis, point[axis.key])}`)
      .join(", ");
    const measured =
      point.total_time_ms === null
        ? `none of ${point.runs} runs converged`
        : `${time(point.total_time_ms)}, downtime ${time(point.downtime_ms as number)} (mean of ${point.completed} runs at fidelity ${point.fidelity})`;
    const model = anatomy.isCompleted
      ? `${time(anatomy.totalMs)}, downtime ${time(anatomy.downtimeMs)}, ${formatValue("size", anatomy.sentBytes)} in ${anatomy.rounds} rounds`
      : `${anatomy.error} after ${time(anatomy.totalMs)} and ${anatomy.rounds} rounds`;
    this.#at("anatomy-text").replaceChildren(
      element("b", {}, `Scenario ${point.index}: `),
      `${what}. `,
      element("br"),
      `In the results: ${measured}. `,
      element("br"),
      `The figure (fluid model, computed in this page): ${model}.`,
    );
    this.#figure("anatomy", anatomyFigure(anatomy, this.#width), "It has no rounds.");
  }

  #showTable(): void {
    const points = this.#left();
    const head = [
      ...this.#axes.map(({ label }) => label),
      "converged",
      "total time",
      "downtime",
      "sent",
    ];
    const body = element("tbody");
    for (const point of points.slice(0, TABLE_ROWS)) {
      const cells = [
        ...this.#axes.map((axis) => valueLabel(axis, point[axis.key])),
        `${point.completed}/${point.runs}`,
        point.total_time_ms === null ? "–" : formatValue("time", point.total_time_ms),
        point.downtime_ms === null ? "–" : formatValue("time", point.downtime_ms),
        formatValue("size", point.transferred_bytes),
      ];
      const row = element("tr", { tabIndex: 0, title: `Scenario ${point.index}: show its rounds` });
      row.append(...cells.map((text) => element("td", { textContent: text })));
      row.addEventListener("click", () => this.#choose(point.index));
      row.addEventListener("keydown", (event) => {
        if (event.key === "Enter") this.#choose(point.index);
      });
      body.append(row);
    }
    const top = element("tr");
    top.append(...head.map((text) => element("th", { textContent: text })));
    this.#at("table").replaceChildren(element("table", {}, element("thead", {}, top), body));
    const count = points.length.toLocaleString("en-US");
    const shown = points.length > TABLE_ROWS ? `the first ${TABLE_ROWS} of ${count}` : count;
    this.#at("table-text").textContent =
      `${shown} points, one for all repetitions of the same. A click shows the rounds of one.`;
  }
}

/** Everything on the page; again whenever its width changes. */
export function startPage(data: PageData, draw: Draw): void {
  const points = decodeColumns(data.points);
  const parts = [...document.querySelectorAll<HTMLElement>("[data-part]")].map((root) => {
    const own = points.filter((point) => point.part === root.dataset["part"]);
    const part = new PartPage(data, own, draw, root);
    part.start();
    return part;
  });
  let width = window.innerWidth;
  let timer: ReturnType<typeof setTimeout> | undefined;
  window.addEventListener("resize", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (window.innerWidth === width) return;
      width = window.innerWidth;
      for (const part of parts) part.redraw();
    }, 150);
  });
}
