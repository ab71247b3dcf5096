/** Operand fields of encodings: where a value goes, what it may be (`ISA_FIELDS` says it). */

export type FieldKind = "x" | "f" | "imm" | "rm" | "csr" | "label";

/** Bits high..low of the encoding hold bits at, at + 1, ... of the value. */
interface Range {
  readonly high: number;
  readonly low: number;
  readonly at: number;
}

export interface Field {
  readonly name: string;
  readonly kind: FieldKind;
  /** Registers: does the instruction write, read, or do both? */
  readonly role: "write" | "read" | "both";
  /** Registers x8..x15 only. */
  readonly short: boolean;
  /** With 0 it is another instruction, or none. */
  readonly isNonzero: boolean;
  /** With 0 it does nothing. */
  readonly isHint: boolean;
  readonly isSigned: boolean;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly ranges: readonly Range[];
  /** The bits of the encoding that the field takes. */
  readonly mask: number;
}

const ones = (count: number): number => 2 ** count - 1;

function parseRange(text: string): Range {
  const [encoded = "", value = "0"] = text.split("=");
  const [high = 0, low = high] = encoded.split(":").map(Number);
  const [top = 0, at = top] = value.split(":").map(Number);
  return { high, low, at };
}

/** One line of `ISA_FIELDS`. */
export function parseField(line: string): Field {
  const [name = "", kind = "", spec = "", ...flags] = line.split(/\s+/);
  const has = (flag: string) => flags.includes(flag);
  const ranges = spec.split(",").map(parseRange);
  const width = Math.max(...ranges.map(({ high, low, at }) => high - low + at + 1));
  const step = 2 ** Math.min(...ranges.map(({ at }) => at));
  const first = has("short") ? 8 : 0;
  const isSigned = has("signed");
  const isOneUp = !isSigned && (has("nonzero") || has("hint"));
  return {
    name,
    kind: kind as FieldKind,
    role: has("writes") ? "write" : has("both") ? "both" : "read",
    short: has("short"),
    isNonzero: has("nonzero"),
    isHint: has("hint"),
    isSigned,
    min: isSigned ? -(2 ** (width - 1)) : first + (isOneUp ? step : 0),
    max: first + (isSigned ? 2 ** (width - 1) : 2 ** width) - step,
    step,
    ranges,
    mask: ranges.reduce((sum, { high, low }) => sum + ones(high - low + 1) * 2 ** low, 0) >>> 0,
  };
}

/** The bits of the encoding for a value. */
export function putField(field: Field, value: number): number {
  const plain = field.short ? value - 8 : value;
  const put = (word: number, { high, low, at }: Range): number =>
    word | (((plain >> at) & ones(high - low + 1)) << low);
  return field.ranges.reduce(put, 0) >>> 0;
}

/** The value in an encoding. */
export function getField(field: Field, raw: number): number {
  const get = (sum: number, { high, low, at }: Range): number =>
    sum | (((raw >>> low) & ones(high - low + 1)) << at);
  const value = field.ranges.reduce(get, 0);
  if (field.short) return value + 8;
  return field.isSigned && value >= field.max + field.step ? value + 2 * field.min : value;
}
