/**
 * What one migration does, round by round: the fluid model of the scenario, run right here. For rows of that fidelity
 * it is what the row says; for the others it is within the bounds of `docs/fidelity.md`.
 */
import { GUEST_PAGE_BYTES } from "../../machine/migratable.ts";
import { simulateFluid } from "../fluid/migration.ts";
import type { Scenario } from "../scenario.ts";
import { axisStyle } from "./scales.ts";
import { SCHEMA, type Spec } from "./series.ts";

/** Rounds drawn one by one; a migration that never ends has thousands. */
const ROUNDS_MAX = 60;

interface AnatomyRow {
  readonly round: number;
  readonly from: number;
  readonly to: number;
  readonly sent: number;
  readonly dirtied: number;
  readonly left: number;
  readonly phase: "the guest runs" | "the guest stands still" | "the guest runs at the target";
}

export interface Anatomy {
  readonly rows: readonly AnatomyRow[];
  readonly rounds: number;
  readonly isCompleted: boolean;
  readonly error: string;
  readonly totalMs: number;
  readonly downtimeMs: number;
  readonly sentBytes: number;
}

/** Can its rounds be drawn? A recorded trace is replayed page by page only, which a page cannot. */
export const isFluid = ({ distribution, phases }: Scenario): boolean =>
  distribution.kind !== "trace" || phases.length > 0;

/** Simulates a scenario, and keeps what each round was. */
export function anatomyOf(scenario: Scenario): Anatomy {
  const result = simulateFluid(scenario, undefined, "rounds");
  const rows: AnatomyRow[] = [];
  let at = result.setupNs;
  result.rounds.forEach((round, i) => {
    const isLast = result.isCompleted && i === result.rounds.length - 1;
    const sent = (round.normalPages + round.zeroPages) * GUEST_PAGE_BYTES;
    const bytes = { sent, dirtied: round.dirtiedPages * GUEST_PAGE_BYTES };
    const left = round.remainingPages * GUEST_PAGE_BYTES;
    const row = { round: i + 1, ...bytes, left };
    if (!isLast) {
      const to = at + round.durationNs;
      rows.push({ ...row, from: at / 1e6, to: to / 1e6, phase: "the guest runs" });
      at = to;
      return;
    }
    const moved = at + result.downtimeNs;
    const hasPush = result.totalNs - moved > 1e6;
    const still = { ...row, from: at / 1e6, to: moved / 1e6, sent: hasPush ? 0 : sent };
    rows.push({ ...still, phase: "the guest stands still" });
    if (hasPush)
      rows.push({
        ...row,
        ...{ from: moved / 1e6, to: result.totalNs / 1e6 },
        phase: "the guest runs at the target",
      });
  });
  return {
    rows,
    rounds: result.rounds.length,
    isCompleted: result.isCompleted,
    error: result.error,
    totalMs: result.totalNs / 1e6,
    downtimeMs: result.downtimeNs / 1e6,
    sentBytes: result.transferredBytes,
  };
}

const COLOURS = [
  ["the guest runs", "#0072b2"],
  ["the guest stands still", "#d55e00"],
  ["the guest runs at the target", "#009e73"],
] as const;

export function anatomyFigure(anatomy: Anatomy, width: number): Spec | undefined {
  const rows = anatomy.rows.slice(0, ROUNDS_MAX);
  if (rows.length === 0) return undefined;
  const each = Math.max(160, width - 90);
  const end = rows.at(-1)?.to ?? 0;
  // A round of a few kilobytes is to be seen, too.
  const heights = rows.map((row) => Math.max(row.sent, row.dirtied, GUEST_PAGE_BYTES));
  const top = heights.reduce((a, b) => Math.max(a, b), GUEST_PAGE_BYTES * 16);
  const used = COLOURS.filter(([phase]) => rows.some((row) => row.phase === phase));
  const y = {
    type: "quantitative",
    title: "data of the round",
    scale: { type: "log", domain: [GUEST_PAGE_BYTES / 2, top * 1.3], clamp: true },
    axis: { ...axisStyle("size", [GUEST_PAGE_BYTES, top], 6) },
  };
  const values = rows.map((row) => ({
    ...row,
    sent: Math.max(row.sent, GUEST_PAGE_BYTES / 2),
    base: GUEST_PAGE_BYTES / 2,
    dirtied: row.dirtied > 0 ? row.dirtied : null,
    // A moment still is a line.
    to: Math.max(row.to, row.from + end / 400),
  }));
  return {
    $schema: SCHEMA,
    width: each,
    height: 230,
    data: { values },
    encoding: {
      x: {
        field: "from",
        type: "quantitative",
        title: "since the migration began",
        scale: { domain: [0, end * 1.01], nice: false },
        axis: axisStyle("time", [0, end], Math.max(3, Math.floor(each / 80))),
      },
      x2: { field: "to" },
    },
    layer: [
      {
        mark: { type: "rect", opacity: 0.75, stroke: "#ffffff", strokeWidth: 0.5 },
        encoding: {
          y: { ...y, field: "base" },
          y2: { field: "sent" },
          color: {
            field: "phase",
            type: "nominal",
            title: null,
            scale: {
              domain: used.map(([phase]) => phase),
              range: used.map(([, colour]) => colour),
            },
            legend: { orient: "top", columns: width < 520 ? 1 : 3, symbolType: "square" },
          },
          tooltip: tooltip(),
        },
      },
      {
        transform: [{ filter: "isValid(datum.dirtied)" }],
        mark: { type: "rule", strokeWidth: 2, strokeDash: [4, 2], color: "#1f2733" },
        encoding: { y: { ...y, field: "dirtied" }, tooltip: tooltip() },
      },
    ],
  };
}

function tooltip(): readonly Spec[] {
  const bytes = { type: "quantitative", format: ".3s" };
  const ms = { type: "quantitative", format: ",.1f" };
  return [
    { field: "round", title: "round" },
    { field: "phase", title: "meanwhile" },
    { ...ms, field: "from", title: "from, ms" },
    { ...ms, field: "to", title: "to, ms" },
    { ...bytes, field: "sent", title: "bytes sent" },
    { ...bytes, field: "dirtied", title: "bytes dirtied" },
    { ...bytes, field: "left", title: "bytes left" },
  ];
}
