/** From an encoding to text, in the syntax of GNU objdump. */
import { type Field, getField } from "./fields.ts";
import { expandCompressed, findInstruction, type Instruction } from "./instructions.ts";
import { csrName, F_NAMES, X_NAMES } from "./registers.ts";

const ROUNDING = ["rne", "rtz", "rdn", "rup", "rmm", "unknown", "unknown", "dyn"];
/** The rounding mode that goes without saying: frm's, or for conversions that never round, 0. */
const usualRounding = (name: string): number => (/^fcvt\.(d\.(wu?|[sh])|s\.h)$/.test(name) ? 0 : 7);
const ORDERING = ["", ".rl", ".aq", ".aqrl"];
const HEX_FIELDS: readonly string[] = ["imm20", "shamt6", "shamt5"];

/** Groups whose rs1 is an address. */
const ADDRESSED: readonly string[] = ["reserve", "amo"];

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

function operandText(field: Field, raw: number, pc: bigint): string {
  const value = getField(field, raw);
  switch (field.kind) {
    case "x":
      return X_NAMES[value] ?? "";
    case "f":
      return F_NAMES[value] ?? "";
    case "csr":
      return csrName(value);
    case "rm":
      return ROUNDING[value] ?? "";
    case "label":
      return hex(BigInt.asUintN(64, pc + BigInt(value)));
    default:
      return HEX_FIELDS.includes(field.name) ? hex(value) : String(value);
  }
}

/** Does rs1 stand in parentheses, and where: behind its offset, or at the end of all operands? */
function addressing({ name, group, base, fields }: Instruction): "offset" | "plain" | "none" {
  const hasOffset = fields.some((field) => /^[sp]?imm12$/.test(field.name));
  const isJump = (base & 0x7f) === 0x67;
  if (hasOffset && (isJump || group === "load" || group === "store" || /^prefetch/.test(name)))
    return "offset";
  return ADDRESSED.includes(group) || /^(h[ls]vx?|cbo)\./.test(name) ? "plain" : "none";
}

function operands(entry: Instruction, raw: number, pc: bigint): string[] {
  const style = addressing(entry);
  const base = X_NAMES[(raw >>> 15) & 31];
  const shown = entry.fields
    .filter(({ name }) => name !== "aqrl" && !(name === "rs1" && style !== "none"))
    .filter((field) => field.kind !== "rm" || getField(field, raw) !== usualRounding(entry.name))
    .map((field) => {
      const text = operandText(field, raw, pc);
      return style === "offset" && field.kind === "imm" ? `${text}(${base})` : text;
    });
  if (style === "plain") shown.push(`(${base})`);
  return shown;
}

function mnemonic({ name, fields }: Instruction, raw: number): string {
  const order = fields.find((field) => field.name === "aqrl");
  return order ? name + ORDERING[getField(order, raw)] : name;
}

/** "iorw" of four bits. */
function accesses(bits: number): string {
  const letters = [..."iorw"].filter((_, n) => bits & (8 >> n));
  return letters.join("") || "unknown";
}

/** FENCE has sets of accesses for operands, all of them if it says nothing. */
function fence(raw: number): string {
  const [before, behind] = [(raw >>> 24) & 15, (raw >>> 20) & 15];
  if (before === 15 && behind === 15) return "fence";
  return `fence\t${accesses(before)},${accesses(behind)}`;
}

function wide(raw: number, pc: bigint): string {
  const entry = findInstruction(raw, { aliases: true });
  if (!entry || entry.group === "reserved") return `.4byte\t${hex(raw)}`;
  if (entry.name === "fence") return fence(raw);
  if (entry.name === "fence.i") return "fence.i";
  const shown = operands(entry, raw, pc).join(",");
  return shown === "" ? mnemonic(entry, raw) : `${mnemonic(entry, raw)}\t${shown}`;
}

function compressed(raw: number, pc: bigint): string {
  if (raw === 0) return "unimp";
  const full = expandCompressed(raw);
  if (full === undefined) return `.2byte\t${hex(raw)}`;
  // ADD rd, x0, rs2 has no other name, C.MV has.
  if ((full & 0xfe0f_f07f) >>> 0 === 0x33)
    return `mv\t${X_NAMES[(full >>> 7) & 31]},${X_NAMES[(full >>> 20) & 31]}`;
  return wide(full, pc);
}

/**
 * The text of one instruction in GNU objdump's syntax, mnemonic and operands separated by a tab.
 * `raw` is its encoding (of a 16-bit instruction the upper half does not matter), `pc` its address,
 * from which the targets of branches follow. What is no instruction comes out as data
 * (`.4byte 0x...`).
 *
 * @example
 * disassemble(0xfe0818e3, 0x8000_0010n); // "bnez\ta6,0x80000000"
 */
export function disassemble(raw: number, pc: bigint = 0n): string {
  return (raw & 3) === 3 ? wide(raw >>> 0, pc) : compressed(raw & 0xffff, pc);
}
