/** Which frames a rule is for: fields with their values and masks, and the same as words of a flow key. */
import { FIELDS, type Field, fullMask, KEY_WORDS, VID_PRESENT } from "./fields.ts";
import { FlowError } from "./flow-error.ts";

export interface MatchField {
  readonly field: Field;
  readonly value: bigint;
  /** Bits that count; undefined: all. */
  readonly mask?: bigint | undefined;
}

export type Match = readonly MatchField[];

/** A match as words of a key: `(key & masks) === values`. */
export interface MatchWords {
  readonly values: Uint32Array;
  readonly masks: Uint32Array;
}

/** Writes `value` into the words of `into`. */
export function putField(into: Uint32Array, field: Field, value: bigint): void {
  let left = field.bits;
  for (const { bits, shift, word } of field.parts) {
    left -= bits;
    const piece = Number((value >> BigInt(left)) & ((1n << BigInt(bits)) - 1n));
    const hole = bits === 32 ? 0 : ~(((1 << bits) - 1) << shift);
    into[word] = ((((into[word] as number) & hole) | (piece << shift)) >>> 0) as number;
  }
}

/** Throws {@link FlowError} for what cannot be: fields twice, without what they need, or with bits that do not fit. */
export function compileMatch(match: Match): MatchWords {
  const values = new Uint32Array(KEY_WORDS);
  const masks = new Uint32Array(KEY_WORDS);
  const seen = new Set<Field>();
  for (const { field, mask, value } of match) {
    const all = fullMask(field);
    if (seen.has(field)) throw new FlowError("duplicate-field", `${field.name}: given twice`);
    seen.add(field);
    if (value < 0n || value > all || (mask !== undefined && (mask < 0n || mask > all)))
      throw new FlowError("bad-value", `${field.name}: expected ${field.bits} bits, got ${value}`);
    if (mask !== undefined && mask !== all && !field.isMaskable)
      throw new FlowError("bad-mask", `${field.name}: it has no mask`);
    if (mask !== undefined && (value & ~mask) !== 0n)
      throw new FlowError("bad-mask", `${field.name}: its value has bits that its mask has not`);
    for (const need of field.needs) checkNeed(field, need, match);
    putField(values, field, value);
    putField(masks, field, mask ?? all);
  }
  return { values, masks };
}

function checkNeed(field: Field, need: Field["needs"][number], match: Match): void {
  const other = match.find((one) => one.field.name === need.field);
  const isExact = other?.mask === undefined || other.mask === fullMask(other.field);
  const isMet =
    need.values.length === 0
      ? other !== undefined && (other.value & BigInt(VID_PRESENT)) !== 0n
      : other !== undefined && isExact && need.values.includes(Number(other.value));
  if (!isMet) {
    const wanted = need.values.map((value) => `0x${value.toString(16)}`).join(" or ");
    throw new FlowError(
      "bad-prerequisite",
      `${field.name}: needs ${need.field}${wanted ? ` ${wanted}` : " with a tag"}`,
    );
  }
}

/** Are all frames of `narrow` frames of `wide`, too? */
export function covers(wide: MatchWords, narrow: MatchWords): boolean {
  for (let i = 0; i < KEY_WORDS; i++) {
    const mask = wide.masks[i] as number;
    if (((narrow.masks[i] as number) & mask) >>> 0 !== mask) return false;
    if (((narrow.values[i] as number) & mask) >>> 0 !== wide.values[i]) return false;
  }
  return true;
}

export function isSameMatch(a: MatchWords, b: MatchWords): boolean {
  for (let i = 0; i < KEY_WORDS; i++)
    if (a.masks[i] !== b.masks[i] || a.values[i] !== b.values[i]) return false;
  return true;
}

/** Is there a frame of both? */
export function overlaps(a: MatchWords, b: MatchWords): boolean {
  for (let i = 0; i < KEY_WORDS; i++) {
    const both = (a.masks[i] as number) & (b.masks[i] as number);
    if ((((a.values[i] as number) ^ (b.values[i] as number)) & both) !== 0) return false;
  }
  return true;
}

/** The fields of a match in the order of their numbers. */
export const sorted = (match: Match): Match =>
  [...match].sort((a, b) => FIELDS.indexOf(a.field) - FIELDS.indexOf(b.field));
