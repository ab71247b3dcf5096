/** Lines that are worse than they might be, as people ask for them: `1%`, `20ms`, `10Mbit`. */
import { WasmvisorError } from "../../base/errors.ts";
import { formatRate, formatTime, parseRate, parseTime } from "../../base/units.ts";
import type { StateFields } from "../../machine/state-fields.ts";
import type { Impairment } from "../../net/impairment.ts";

const LATE_NS_MAX = 60e9;
const RATE_MIN = 125;
const NUMBER_MAX = 2 ** 52;

/** How a line is worse; nothing: it is a good one. */
export interface LineOptions {
  /** Frames that are lost: `"1%"`, or 0 to 1. */
  readonly loss?: number | string | undefined;
  /** How much later frames come: `"20ms"`, or nanoseconds. */
  readonly latency?: number | string | undefined;
  /** Up to this much later still. */
  readonly jitter?: number | string | undefined;
  /** No more than this: `"10Mbit"`, or bytes a second. */
  readonly rate?: number | string | undefined;
}

export type LineConfig = Pick<Impairment, "lossRatio" | "latencyNs" | "jitterNs" | "rate">;

/** Undefined: a good line. Throws `WV_CONFIG`; `what` names it there. */
export function lineOf(options: LineOptions, what = "line"): LineConfig | undefined {
  const { jitter, latency, loss, rate } = options;
  const line = {
    ...set("lossRatio", loss, (text) => parseLoss(text, `${what}: loss`)),
    ...set("latencyNs", latency, (text) => parseTime(text, `${what}: latency`)),
    ...set("jitterNs", jitter, (text) => parseTime(text, `${what}: jitter`)),
    ...set("rate", rate, (text) => parseRate(text, `${what}: rate`)),
  };
  checkImpairment(line, what);
  return Object.keys(line).length === 0 ? undefined : line;
}

function set<K extends string>(
  key: K,
  value: number | string | undefined,
  parse: (text: string) => number,
): { [P in K]?: number } {
  if (value === undefined) return {};
  return { [key]: typeof value === "number" ? value : parse(value) } as { [P in K]?: number };
}

function parseLoss(loss: string, what: string): number {
  const [, percent] = /^(\d{1,3}(?:\.\d{1,9})?)%$/.exec(loss) ?? [];
  if (percent !== undefined) return Number(percent) / 100;
  throw new WasmvisorError("WV_CONFIG", `${what}: expected a share like 1%, got "${loss}"`);
}

/** Throws `WV_CONFIG`. */
export function checkImpairment(its: Impairment, what = "line"): void {
  const { jitterNs, latencyNs, lossRatio, rate } = its;
  const isGood =
    (lossRatio === undefined || (lossRatio >= 0 && lossRatio <= 1)) &&
    [latencyNs, jitterNs].every((ns) => ns === undefined || (ns >= 0 && ns <= LATE_NS_MAX)) &&
    (rate === undefined || (rate >= RATE_MIN && rate <= NUMBER_MAX));
  if (!isGood)
    throw new WasmvisorError(
      "WV_CONFIG",
      `${what}: expected a loss of 0 to 100%, times up to a minute, and a rate from 1kbit on`,
    );
}

/** The line of a card in a saved config, if it has one. */
export function decodeLine(fields: StateFields): LineConfig | undefined {
  const keys = ["lossRatio", "latencyNs", "jitterNs", "rate"] as const;
  const given = keys.filter((key) => fields.raw(key) !== undefined);
  const line = Object.fromEntries(given.map((key) => [key, fields.finite(key)]));
  checkImpairment(line, "networks.line");
  return given.length === 0 ? undefined : line;
}

/** As people read it: `1% lost, 20ms late, up to 5ms more, 10Mbit`. */
export function describeLine({ jitterNs, latencyNs, lossRatio, rate }: LineConfig): string {
  return [
    lossRatio !== undefined && `${Number((100 * lossRatio).toFixed(4))}% lost`,
    latencyNs !== undefined && `${formatTime(latencyNs)} late`,
    jitterNs !== undefined && `up to ${formatTime(jitterNs)} more`,
    rate !== undefined && formatRate(rate),
  ]
    .filter(Boolean)
    .join(", ");
}
