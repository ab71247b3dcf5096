/** Instructions as text, by the instruction table. */
import { FIELDS, type Field } from "./fields.ts";
import { format, INSTRUCTIONS, type Instruction } from "./isa.ts";

interface Shape {
  readonly entry: Instruction;
  /** Bits that no operand fills. */
  readonly mask: number;
}

/** Bits of a value of `field`. */
function widthOf({ min, max }: Field): number {
  return 32 - Math.clz32(max) + (min < 0 ? 1 : 0);
}

/** All bits that `field` can set. */
function bitsOf(field: Field): number {
  let bits = 0;
  if (field.short) return 7 << trailing(field);
  for (let bit = 0; bit < widthOf(field); bit++) bits |= field.put(1 << bit);
  return bits;
}

/** The lowest bit of a field of three bits that names x8 to x15. */
const trailing = (field: Field): number => 31 - Math.clz32(field.put(9));

function shapeOf(entry: Instruction): Shape {
  const free = entry.fields.reduce((bits, [, field]) => bits | bitsOf(field), 0);
  return { entry, mask: ~free & (entry.bytes === 2 ? 0xffff : -1) };
}

/** Those with the most fixed bits first: `c.jr` before `c.mv`. */
const SHAPES: readonly Shape[] = INSTRUCTIONS.map(shapeOf).sort(
  (a, b) => ones(b.mask) - ones(a.mask),
);

function ones(word: number): number {
  let count = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** The value of `field` in `word`: put together from the bits that each bit of a value goes to. */
function operandOf(field: Field, word: number): number {
  if (field.short) return ((word >>> trailing(field)) & 7) + 8;
  let value = 0;
  for (let bit = 0; bit < widthOf(field); bit++) {
    const at = field.put(1 << bit);
    if (at !== 0 && (word & at) === at) value |= 1 << bit;
  }
  if (field.min >= 0) return value;
  const above = 32 - widthOf(field);
  return (value << above) >> above;
}

/** The instruction `word` as text; `?` if the table does not have it. */
export function disassemble(word: number): string {
  const bytes = (word & 3) === 3 ? 4 : 2;
  const raw = bytes === 2 ? word & 0xffff : word | 0;
  const shape = SHAPES.find(
    ({ entry, mask }) => entry.bytes === bytes && (raw & mask) === ((entry.base | 0) & mask),
  );
  if (!shape) return "?";
  const { entry } = shape;
  return format(
    entry,
    entry.fields.map(([name]) => operandOf(FIELDS[name] as Field, raw)),
  );
}
