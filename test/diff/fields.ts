/**
 * Operand fields of RISC-V encodings: where a value goes, what it may be. An instruction is a
 * base word plus a list of these; nothing else knows about bit positions.
 */
type FieldKind = "x" | "f" | "imm" | "rm" | "csr" | "label";

export interface Field {
  readonly kind: FieldKind;
  /** Registers: does the instruction write, read, or do both? */
  readonly role: "write" | "read" | "both";
  /** Registers x8..x15 only. */
  readonly short: boolean;
  readonly isNonzero: boolean;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly put: (value: number) => number;
}

type FieldOptions = Partial<Omit<Field, "kind" | "put">>;

function field(kind: FieldKind, put: Field["put"], options: FieldOptions = {}): Field {
  return {
    kind,
    put,
    role: "read",
    short: false,
    isNonzero: false,
    min: 0,
    max: 31,
    step: 1,
    ...options,
  };
}

const reg = (kind: "x" | "f", shift: number, options: FieldOptions = {}): Field =>
  field(kind, (v) => v << shift, options);
const short = (kind: "x" | "f", shift: number, role: Field["role"]): Field =>
  field(kind, (v) => (v - 8) << shift, { role, short: true, min: 8, max: 15 });
const imm = (put: Field["put"], min: number, max: number, step = 1): Field =>
  field("imm", put, { min, max, step });

/** Moves bit `from` of `v` to bit `to`. */
const bit = (v: number, from: number, to: number): number => ((v >> from) & 1) << to;
/** Moves bits high..low of `v` down to start at bit `to`. */
const bits = (v: number, high: number, low: number, to: number): number =>
  ((v >> low) & ((1 << (high - low + 1)) - 1)) << to;

const branchBits = (v: number): number =>
  bit(v, 12, 31) | bits(v, 10, 5, 25) | bits(v, 4, 1, 8) | bit(v, 11, 7);
const jalBits = (v: number): number =>
  bit(v, 20, 31) | bits(v, 10, 1, 21) | bit(v, 11, 20) | bits(v, 19, 12, 12);
const cjBits = (v: number): number =>
  bit(v, 11, 12) |
  bit(v, 4, 11) |
  bits(v, 9, 8, 9) |
  bit(v, 10, 8) |
  bit(v, 6, 7) |
  bit(v, 7, 6) |
  bits(v, 3, 1, 3) |
  bit(v, 5, 2);
const cbBits = (v: number): number =>
  bit(v, 8, 12) | bits(v, 4, 3, 10) | bits(v, 7, 6, 5) | bits(v, 2, 1, 3) | bit(v, 5, 2);
const ci = (v: number): number => bit(v, 5, 12) | bits(v, 4, 0, 2);
const wordOffset = (v: number): number => bits(v, 5, 3, 10) | bit(v, 2, 6) | bit(v, 6, 5);
const doubleOffset = (v: number): number => bits(v, 5, 3, 10) | bits(v, 7, 6, 5);
const addi4spn = (v: number): number =>
  bits(v, 5, 4, 11) | bits(v, 9, 6, 7) | bit(v, 2, 6) | bit(v, 3, 5);
const addi16sp = (v: number): number =>
  bit(v, 9, 12) | bit(v, 4, 6) | bit(v, 6, 5) | bits(v, 8, 7, 3) | bit(v, 5, 2);

export const FIELDS: Readonly<Record<string, Field>> = {
  rd: reg("x", 7, { role: "write" }),
  rs1: reg("x", 15),
  rs2: reg("x", 20),
  fd: reg("f", 7, { role: "write" }),
  fs1: reg("f", 15),
  fs2: reg("f", 20),
  fs3: reg("f", 27),
  rm: field("rm", (v) => v << 12, { max: 7 }),
  csr: field("csr", (v) => v << 20, { max: 0xfff }),
  zimm: imm((v) => v << 15, 0, 31),
  imm12: imm((v) => v << 20, -2048, 2047),
  simm12: imm((v) => bits(v, 11, 5, 25) | bits(v, 4, 0, 7), -2048, 2047),
  imm20: imm((v) => v << 12, 0, 0xfffff),
  shamt6: imm((v) => v << 20, 0, 63),
  shamt5: imm((v) => v << 20, 0, 31),
  aqrl: imm((v) => v << 25, 0, 3),
  branch: field("label", branchBits, { min: -4096, max: 4094, step: 2 }),
  jal: field("label", jalBits, { min: -(1 << 20), max: (1 << 20) - 2, step: 2 }),
  // Compressed formats.
  cd: reg("x", 7, { role: "write", isNonzero: true, min: 1 }),
  cds: reg("x", 7, { role: "both", isNonzero: true, min: 1 }),
  cs1: reg("x", 7, { isNonzero: true, min: 1 }),
  cs2: reg("x", 2, { isNonzero: true, min: 1 }),
  cs2z: reg("x", 2),
  cfd: reg("f", 7, { role: "write" }),
  cfs2: reg("f", 2),
  qd: short("x", 2, "write"),
  qfd: short("f", 2, "write"),
  qfs2: short("f", 2, "read"),
  qs2: short("x", 2, "read"),
  qs1: short("x", 7, "read"),
  qds: short("x", 7, "both"),
  ci: imm(ci, -32, 31),
  cinz: field("imm", ci, { min: -32, max: 31, isNonzero: true }),
  cshamt: field("imm", ci, { min: 1, max: 63, isNonzero: true }),
  cw: imm(wordOffset, 0, 124, 4),
  cdw: imm(doubleOffset, 0, 248, 8),
  lwsp: imm((v) => bit(v, 5, 12) | bits(v, 4, 2, 4) | bits(v, 7, 6, 2), 0, 252, 4),
  ldsp: imm((v) => bit(v, 5, 12) | bits(v, 4, 3, 5) | bits(v, 8, 6, 2), 0, 504, 8),
  swsp: imm((v) => bits(v, 5, 2, 9) | bits(v, 7, 6, 7), 0, 252, 4),
  sdsp: imm((v) => bits(v, 5, 3, 10) | bits(v, 8, 6, 7), 0, 504, 8),
  addi4spn: imm(addi4spn, 4, 1020, 4),
  addi16sp: field("imm", addi16sp, { min: -512, max: 496, step: 16, isNonzero: true }),
  cj: field("label", cjBits, { min: -2048, max: 2046, step: 2 }),
  cb: field("label", cbBits, { min: -256, max: 254, step: 2 }),
};
