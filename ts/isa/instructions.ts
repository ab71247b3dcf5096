/** The instruction table of `bindings/isa.ts` as objects; parsed when it is first asked for. */
import { ISA_FIELDS, ISA_TABLE } from "../../bindings/isa.ts";
import { type Field, getField, parseField, putField } from "./fields.ts";

export interface Instruction {
  readonly name: string;
  readonly bytes: 2 | 4;
  /** The fixed bits: which they are, what they are. */
  readonly mask: number;
  readonly base: number;
  /** Class of the section: "integer", "load", ..., "alias". */
  readonly group: string;
  readonly extension: string;
  readonly fields: readonly Field[];
  /** A compressed one stands for this: a name, then for each field of that a field's name or a number. */
  readonly expansion: readonly string[] | undefined;
}

interface Table {
  readonly all: readonly Instruction[];
  readonly byName: ReadonlyMap<string, Instruction>;
  /** By the lower 7 bits, or for compressed ones by quadrant and funct3; more fixed bits first. */
  readonly buckets: ReadonlyMap<number, readonly Instruction[]>;
}

let table: Table | undefined;

function parseRow(
  text: string,
  section: readonly string[],
  fields: ReadonlyMap<string, Field>,
): Instruction {
  const [, head = "", expansion] = text.match(/^([^=>]+)(?:= ([^>]+))?/) ?? [];
  const [name = "", word = "", ...names] = head.trim().split(/\s+/);
  const own = names.map((field) => fields.get(field) as Field);
  const all = word.length === 4 ? 0xffff : 0xffff_ffff;
  return {
    name,
    bytes: word.length === 4 ? 2 : 4,
    mask: own.reduce((mask, field) => (mask & ~field.mask) >>> 0, all),
    base: Number.parseInt(word, 16),
    group: section[0] ?? "",
    extension: section[1] ?? "",
    fields: own,
    expansion: expansion?.trim().split(/\s+/),
  };
}

function parseTable(): Instruction[] {
  const fields = new Map(
    ISA_FIELDS.trim()
      .split("\n")
      .map(parseField)
      .map((field) => [field.name, field]),
  );
  let section: string[] = [];
  const found: Instruction[] = [];
  for (const line of ISA_TABLE.split("\n")) {
    if (line.startsWith("@")) section = line.split(" ").slice(1);
    else if (line !== "")
      found.push(...line.split("|").map((row) => parseRow(row.trim(), section, fields)));
  }
  return found;
}

const bucketOf = (word: number): number =>
  (word & 3) === 3 ? word & 0x7f : 0x80 | ((word & 3) << 3) | ((word >>> 13) & 7);

function fixedBits({ mask }: Instruction): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest = (rest & (rest - 1)) >>> 0) count += 1;
  return count;
}

/** An alias is meant before what it is an alias of, also when it only ties two fields together. */
const rank = (entry: Instruction): number =>
  2 * fixedBits(entry) + (entry.group === "alias" ? 1 : 0);

function theTable(): Table {
  if (table) return table;
  const all = parseTable();
  const buckets = new Map<number, Instruction[]>();
  for (const entry of all) {
    const bucket = buckets.get(bucketOf(entry.base)) ?? [];
    buckets.set(bucketOf(entry.base), bucket);
    bucket.push(entry);
  }
  for (const bucket of buckets.values()) bucket.sort((a, b) => rank(b) - rank(a));
  const real = all.filter(({ group }) => group !== "alias");
  table = { all, byName: new Map(real.map((entry) => [entry.name, entry])), buckets };
  return table;
}

/** All rows, aliases too. */
export const allInstructions = (): readonly Instruction[] => theTable().all;

/** The instruction of that name. Throws `RangeError` if there is none. */
export function instruction(name: string): Instruction {
  const found = theTable().byName.get(name);
  if (!found) throw new RangeError(`no instruction "${name}"`);
  return found;
}

function fits(entry: Instruction, raw: number): boolean {
  if ((raw & entry.mask) >>> 0 !== entry.base) return false;
  return entry.fields.every((field) => {
    if (field.isNonzero && (raw & field.mask) === 0) return false;
    return putField(field, getField(field, raw)) === (raw & field.mask) >>> 0;
  });
}

/** What `raw` is: with `aliases` by the name that people use, else by that of the manual. */
export function findInstruction(
  raw: number,
  { aliases }: { readonly aliases: boolean },
): Instruction | undefined {
  return theTable()
    .buckets.get(bucketOf(raw))
    ?.find((entry) => (aliases || entry.group !== "alias") && fits(entry, raw));
}

/** The bits of one instruction; operand values in the order of its fields. */
export function encode(entry: Instruction, operands: readonly number[]): number {
  if (operands.length !== entry.fields.length)
    throw new RangeError(`${entry.name} takes ${entry.fields.length} operands`);
  return entry.fields.reduce((word, field, n) => {
    const value = operands[n] ?? 0;
    if (value < field.min || value > field.max)
      throw new RangeError(`${entry.name}: ${field.name} = ${value}`);
    return (word | putField(field, value)) >>> 0;
  }, entry.base);
}

/** The 32-bit instruction that a 16-bit one stands for; undefined for what is none. */
export function expandCompressed(raw: number): number | undefined {
  const entry = findInstruction(raw & 0xffff, { aliases: false });
  const [name = "", ...operands] = entry?.expansion ?? [];
  if (!entry || name === "") return undefined;
  const own = new Map(entry.fields.map((field) => [field.name, getField(field, raw)]));
  const target = instruction(name);
  return target.fields.reduce((word, field, n) => {
    const operand = operands[n] ?? "";
    return (word | putField(field, own.get(operand) ?? Number(operand))) >>> 0;
  }, target.base);
}
