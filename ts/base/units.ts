/**
 * Sizes, times and rates as people write them: `512MiB`, `30ms`, `1Gbit`, `125MiB/s`.
 * A unit is always written; a bare number, an unknown unit or a sign is a `WV_CONFIG` error that
 * names the value and what was expected.
 */
import { WasmvisorError } from "./errors.ts";

interface Quantity {
  readonly kind: string;
  readonly example: string;
  /** Unit and what one of it is, smallest first. */
  readonly units: readonly (readonly [string, number])[];
}

const SIZE: Quantity = {
  kind: "size",
  example: "512MiB",
  units: [
    ["B", 1],
    ["KiB", 2 ** 10],
    ["MiB", 2 ** 20],
    ["GiB", 2 ** 30],
    ["TiB", 2 ** 40],
  ],
};

const TIME: Quantity = {
  kind: "time",
  example: "30ms",
  units: [
    ["ns", 1],
    ["us", 1e3],
    ["ms", 1e6],
    ["s", 1e9],
    ["min", 60e9],
    ["h", 3600e9],
  ],
};

const BIT_RATE: Quantity = {
  kind: "rate",
  example: "1Gbit",
  units: [
    ["bit", 1 / 8],
    ["kbit", 1e3 / 8],
    ["Mbit", 1e6 / 8],
    ["Gbit", 1e9 / 8],
    ["Tbit", 1e12 / 8],
  ],
};

const BYTE_RATE: Quantity = {
  kind: "rate",
  example: "125MiB/s",
  units: SIZE.units.map(([unit, scale]) => [`${unit}/s`, scale] as const),
};

const RATE: Quantity = {
  kind: "rate",
  example: "1Gbit or 125MiB/s",
  units: [...BIT_RATE.units, ...BYTE_RATE.units],
};

function fail(quantity: Quantity, text: unknown, what: string): never {
  const shown = typeof text === "string" ? JSON.stringify(text) : String(text);
  const units = quantity.units.map(([unit]) => unit).join(", ");
  throw new WasmvisorError(
    "WV_CONFIG",
    `${what}: expected a ${quantity.kind} like ${quantity.example} (a number and one of ${units}), got ${shown}`,
  );
}

function parse(quantity: Quantity, text: string, what: string): number {
  const match = /^(\d{1,15}(?:\.\d{1,12})?)([A-Za-z/]+)$/.exec(
    typeof text === "string" ? text : "",
  );
  const scale = quantity.units.find(([unit]) => unit === match?.[2])?.[1];
  if (!match || scale === undefined) return fail(quantity, text, what);
  return Number(match[1]) * scale;
}

/** Bytes of `512MiB`, rounded to a whole one. Throws `WV_CONFIG` (naming `what`) from 2^53 on. */
export function parseSize(text: string, what = "size"): number {
  const bytes = Math.round(parse(SIZE, text, what));
  return Number.isSafeInteger(bytes) ? bytes : fail(SIZE, text, what);
}

/** Nanoseconds of `30ms`, rounded to a whole one. Throws `WV_CONFIG` above 2^53 ns (104 days). */
export function parseTime(text: string, what = "time"): number {
  const ns = Math.round(parse(TIME, text, what));
  return Number.isSafeInteger(ns) ? ns : fail(TIME, text, what);
}

/** Bytes a second of `1Gbit` (decimal) or `125MiB/s` (binary). */
export function parseRate(text: string, what = "rate"): number {
  return parse(RATE, text, what);
}

/** The largest unit of which there is at least one, at most `digits` decimals, no trailing zeros. */
function format(quantity: Quantity, value: number, digits: number): string {
  if (!Number.isFinite(value) || value < 0) return fail(quantity, value, "format");
  let chosen = quantity.units[0];
  for (const unit of quantity.units) if (value >= unit[1]) chosen = unit;
  if (!chosen) return fail(quantity, value, "format");
  return `${Number((value / chosen[1]).toFixed(digits))}${chosen[0]}`;
}

/** `536870912` -> `512MiB`; at most `digits` decimals, so it may round. */
export function formatSize(bytes: number, digits = 2): string {
  return format(SIZE, bytes, digits);
}

/** `30000000` -> `30ms`. */
export function formatTime(ns: number, digits = 2): string {
  return format(TIME, ns, digits);
}

/** `125000000` -> `1Gbit`. */
export function formatRate(bytesPerSec: number, digits = 2): string {
  return format(BIT_RATE, bytesPerSec, digits);
}

/** `131072000` -> `125MiB/s`. */
export function formatByteRate(bytesPerSec: number, digits = 2): string {
  return format(BYTE_RATE, bytesPerSec, digits);
}
