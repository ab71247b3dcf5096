/** Options as text, turned into values. Each throws `WV_CONFIG` naming the option. */
import { readFileSync } from "node:fs";
import { WasmvisorError } from "../base/errors.ts";
import { parseTime } from "../base/units.ts";

/** An integer of at least `min`; undefined stays undefined. */
export function integer(text: unknown, what: string, min = 0): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,16}$/.test(String(text)) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw new WasmvisorError(
    "WV_CONFIG",
    `${what}: expected an integer from ${min} on, got "${text}"`,
  );
}

/** A whole number of either sign; undefined stays undefined. */
export function signed(text: unknown, what: string): number | undefined {
  if (text === undefined) return undefined;
  const value = /^-?\d{1,9}$/.test(String(text)) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new WasmvisorError("WV_CONFIG", `${what}: expected an integer, got "${text}"`);
}

/** Milliseconds of a time like `60s`. */
/** A share of something, `0.001` or `0.1%`; one half at most. */
export function ratio(text: unknown, what: string): number | undefined {
  if (text === undefined) return undefined;
  const [, digits = "", percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(String(text)) ?? [];
  const value = Number(digits) / (percent ? 100 : 1);
  if (digits !== "" && value <= 0.5) return value;
  throw new WasmvisorError(
    "WV_CONFIG",
    `${what}: expected a share like 0.001 or 0.1%, got "${text}"`,
  );
}

export function timeMs(text: unknown, what: string): number | undefined {
  return text === undefined ? undefined : parseTime(String(text), what) / 1e6;
}

export function text(value: unknown): string | undefined {
  return value === undefined ? undefined : String(value);
}

export function oneOf<T extends string>(
  value: unknown,
  allowed: readonly T[],
  what: string,
): T | undefined {
  if (value === undefined) return undefined;
  if (allowed.includes(value as T)) return value as T;
  throw new WasmvisorError(
    "WV_CONFIG",
    `${what}: expected ${allowed.join(" or ")}, got "${String(value)}"`,
  );
}

export interface DiskOption {
  readonly path: string;
  readonly format?: "raw" | "qcow2" | undefined;
  readonly readOnly: boolean;
  readonly overlay: boolean;
}

/** A disk from `FILE[,format=raw|qcow2][,ro][,overlay]`. */
export function disk(option: string): DiskOption {
  const flags = { ro: false, overlay: false };
  let format: string | undefined;
  let path = option;
  for (;;) {
    const match = /^(.*),(?:(ro|overlay)|format=(\w*))$/s.exec(path);
    if (!match) break;
    path = match[1] as string;
    if (match[2] === undefined) format ??= match[3];
    else flags[match[2] as keyof typeof flags] = true;
  }
  if (path === "")
    throw new WasmvisorError(
      "WV_CONFIG",
      `--disk: expected FILE[,format=raw|qcow2][,ro][,overlay], got "${option}"`,
    );
  return {
    path,
    format: oneOf(format, ["raw", "qcow2"], "--disk: format"),
    readOnly: flags.ro,
    overlay: flags.overlay,
  };
}

/** A shared directory from `DIR:TAG[,ro]`. */
export function share(option: string): { path: string; tag: string; readOnly: boolean } {
  const match = /^(.+):([\w.-]+)(,ro)?$/s.exec(option);
  if (match) return { path: match[1] ?? "", tag: match[2] ?? "", readOnly: match[3] !== undefined };
  throw new WasmvisorError("WV_CONFIG", `--share: expected DIR:TAG[,ro], got "${option}"`);
}

export function regex(source: unknown, what: string): RegExp | undefined {
  if (source === undefined) return undefined;
  try {
    return new RegExp(String(source), "m");
  } catch (cause) {
    const why = (cause as Error).message;
    throw new WasmvisorError("WV_CONFIG", `${what}: not a regular expression: ${why}`, { cause });
  }
}

/** The content of an input file. */
export function inputFile(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code;
    throw new WasmvisorError(
      "WV_CONFIG",
      `${what}: cannot read "${path}" (${why}); check the path`,
      {
        cause,
      },
    );
  }
}

export interface Named<T extends string> {
  readonly name: T;
  readonly settings: Readonly<Record<string, string>>;
}

/** A name, and what is said of it: `NAME[:key=value,...]`. */
export function named<T extends string>(
  option: unknown,
  allowed: readonly T[],
  what: string,
): Named<T> {
  const [, name, rest] = /^([^:]*)(?::(.*))?$/s.exec(String(option)) ?? [];
  const settings: Record<string, string> = {};
  for (const one of rest?.split(",") ?? []) {
    const [, key, value] = /^([\w-]+)=(.+)$/.exec(one) ?? [];
    if (key === undefined || value === undefined)
      throw new WasmvisorError(
        "WV_CONFIG",
        `${what}: expected ${name}:key=value,..., got "${one}"`,
      );
    settings[key] = value;
  }
  return { name: oneOf(name, allowed, what) as T, settings };
}

/** Throws if a setting is left that nobody knows. */
export function noMore(settings: Readonly<Record<string, string>>, what: string): void {
  const [key] = Object.keys(settings);
  if (key !== undefined) throw new WasmvisorError("WV_CONFIG", `${what}: ${key}: unknown`);
}

/** A number above 0, perhaps with decimals. */
export function decimal(text: string, what: string): number {
  const value = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
  if (value > 0) return value;
  throw new WasmvisorError("WV_CONFIG", `${what}: expected a number above 0, got "${text}"`);
}
