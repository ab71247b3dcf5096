/**
 * The instruction table: one line an instruction, `name base-word fields`. Fields are those of
 * `fields.ts`; a base word of four digits is a compressed instruction.
 */
import { FIELDS, type Field } from "./fields.ts";

export interface Instruction {
  readonly name: string;
  readonly base: number;
  readonly bytes: 2 | 4;
  readonly group: string;
  readonly fields: readonly (readonly [name: string, field: Field])[];
}

const SHIFTS = `
slli 00001013 rd rs1 shamt6 | srli 00005013 rd rs1 shamt6 | srai 40005013 rd rs1 shamt6
slliw 0000101b rd rs1 shamt5 | srliw 0000501b rd rs1 shamt5 | sraiw 4000501b rd rs1 shamt5`;

const INTEGER = `
lui 00000037 rd imm20 | auipc 00000017 rd imm20
addi 00000013 rd rs1 imm12 | slti 00002013 rd rs1 imm12 | sltiu 00003013 rd rs1 imm12
xori 00004013 rd rs1 imm12 | ori 00006013 rd rs1 imm12 | andi 00007013 rd rs1 imm12
addiw 0000001b rd rs1 imm12 ${SHIFTS.replaceAll("\n", " | ").replace(/^ \| /, "| ")}
add 00000033 rd rs1 rs2 | sub 40000033 rd rs1 rs2 | sll 00001033 rd rs1 rs2
slt 00002033 rd rs1 rs2 | sltu 00003033 rd rs1 rs2 | xor 00004033 rd rs1 rs2
srl 00005033 rd rs1 rs2 | sra 40005033 rd rs1 rs2 | or 00006033 rd rs1 rs2
and 00007033 rd rs1 rs2 | addw 0000003b rd rs1 rs2 | subw 4000003b rd rs1 rs2
sllw 0000103b rd rs1 rs2 | srlw 0000503b rd rs1 rs2 | sraw 4000503b rd rs1 rs2`;

const MULTIPLY = `
mul 02000033 rd rs1 rs2 | mulh 02001033 rd rs1 rs2 | mulhsu 02002033 rd rs1 rs2
mulhu 02003033 rd rs1 rs2 | div 02004033 rd rs1 rs2 | divu 02005033 rd rs1 rs2
rem 02006033 rd rs1 rs2 | remu 02007033 rd rs1 rs2 | mulw 0200003b rd rs1 rs2
divw 0200403b rd rs1 rs2 | divuw 0200503b rd rs1 rs2 | remw 0200603b rd rs1 rs2
remuw 0200703b rd rs1 rs2`;

const BITMANIP = `
add.uw 0800003b rd rs1 rs2 | sh1add 20002033 rd rs1 rs2 | sh2add 20004033 rd rs1 rs2
sh3add 20006033 rd rs1 rs2 | sh1add.uw 2000203b rd rs1 rs2 | sh2add.uw 2000403b rd rs1 rs2
sh3add.uw 2000603b rd rs1 rs2 | slli.uw 0800101b rd rs1 shamt6
andn 40007033 rd rs1 rs2 | orn 40006033 rd rs1 rs2 | xnor 40004033 rd rs1 rs2
clz 60001013 rd rs1 | ctz 60101013 rd rs1 | cpop 60201013 rd rs1
clzw 6000101b rd rs1 | ctzw 6010101b rd rs1 | cpopw 6020101b rd rs1
max 0a006033 rd rs1 rs2 | maxu 0a007033 rd rs1 rs2 | min 0a004033 rd rs1 rs2
minu 0a005033 rd rs1 rs2 | sext.b 60401013 rd rs1 | sext.h 60501013 rd rs1
zext.h 0800403b rd rs1 | rol 60001033 rd rs1 rs2 | ror 60005033 rd rs1 rs2
rori 60005013 rd rs1 shamt6 | rolw 6000103b rd rs1 rs2 | rorw 6000503b rd rs1 rs2
roriw 6000501b rd rs1 shamt5 | orc.b 28705013 rd rs1 | rev8 6b805013 rd rs1
bclr 48001033 rd rs1 rs2 | bclri 48001013 rd rs1 shamt6 | bext 48005033 rd rs1 rs2
bexti 48005013 rd rs1 shamt6 | binv 68001033 rd rs1 rs2 | binvi 68001013 rd rs1 shamt6
bset 28001033 rd rs1 rs2 | bseti 28001013 rd rs1 shamt6`;

const LOAD = `
lb 00000003 rd rs1 imm12 | lh 00001003 rd rs1 imm12 | lw 00002003 rd rs1 imm12
ld 00003003 rd rs1 imm12 | lbu 00004003 rd rs1 imm12 | lhu 00005003 rd rs1 imm12
lwu 00006003 rd rs1 imm12 | flw 00002007 fd rs1 imm12 | fld 00003007 fd rs1 imm12`;

const STORE = `
sb 00000023 rs2 rs1 simm12 | sh 00001023 rs2 rs1 simm12 | sw 00002023 rs2 rs1 simm12
sd 00003023 rs2 rs1 simm12 | fsw 00002027 fs2 rs1 simm12 | fsd 00003027 fs2 rs1 simm12`;

const RESERVE = `
lr.w 1000202f rd rs1 aqrl | sc.w 1800202f rd rs1 rs2 aqrl
lr.d 1000302f rd rs1 aqrl | sc.d 1800302f rd rs1 rs2 aqrl`;

const AMO = ["swap:08", "add:00", "xor:20", "and:60", "or:40", "min:80", "max:a0", "minu:c0"]
  .concat("maxu:e0")
  .map((op) => op.split(":"))
  .map(
    ([name, top]) =>
      `amo${name}.w ${top}00202f rd rs1 rs2 aqrl | amo${name}.d ${top}00302f rd rs1 rs2 aqrl`,
  )
  .join("\n");

const BRANCH = `
beq 00000063 rs1 rs2 branch | bne 00001063 rs1 rs2 branch | blt 00004063 rs1 rs2 branch
bge 00005063 rs1 rs2 branch | bltu 00006063 rs1 rs2 branch | bgeu 00007063 rs1 rs2 branch
jal 0000006f rd jal | jalr 00000067 rd rs1 imm12`;

const SYSTEM = `
ecall 00000073 | ebreak 00100073 | sret 10200073 | mret 30200073 | wfi 10500073
sfence.vma 12000073 rs1 rs2 | fence 0000000f rd rs1 imm12 | fence.i 0000100f rd rs1 imm12
csrrw 00001073 rd csr rs1 | csrrs 00002073 rd csr rs1 | csrrc 00003073 rd csr rs1
hfence.vvma 22000073 rs1 rs2 | hfence.gvma 62000073 rs1 rs2
sinval.vma 16000073 rs1 rs2 | hinval.vvma 26000073 rs1 rs2 | hinval.gvma 66000073 rs1 rs2
sfence.w.inval 18000073 | sfence.inval.ir 18100073
csrrwi 00005073 rd csr zimm | csrrsi 00006073 rd csr zimm | csrrci 00007073 rd csr zimm`;

/** Zawrs and CMO, which QEMU 7.2 does not have: no program draws them. */
const UNDRAWN = `
wrs.nto 00d00073 | wrs.sto 01d00073
cbo.inval 0000200f rs1 | cbo.clean 0010200f rs1 | cbo.flush 0020200f rs1 | cbo.zero 0040200f rs1`;

const GUEST_MEMORY = `
hlv.b 60004073 rd rs1 | hlv.bu 60104073 rd rs1 | hlv.h 64004073 rd rs1 | hlv.hu 64104073 rd rs1
hlv.w 68004073 rd rs1 | hlv.wu 68104073 rd rs1 | hlv.d 6c004073 rd rs1
hlvx.hu 64304073 rd rs1 | hlvx.wu 68304073 rd rs1
hsv.b 62004073 rs1 rs2 | hsv.h 66004073 rs1 rs2 | hsv.w 6a004073 rs1 rs2 | hsv.d 6e004073 rs1 rs2`;

/** F and D differ by bit 25 (fmt). */
const floatLines = (s: string, fmt: number): string => {
  const hex = (top: number, rest: string) => (top + fmt).toString(16).padStart(2, "0") + rest;
  const arithmetic = [0x00, 0x08, 0x10, 0x18].map(
    (top, n) => `${["fadd", "fsub", "fmul", "fdiv"][n]}.${s} ${hex(top, "000053")} fd fs1 fs2 rm`,
  );
  const signs = ["fsgnj:20000053", "fsgnjn:20001053", "fsgnjx:20002053", "fmin:28000053"]
    .concat("fmax:28001053")
    .map((op) => op.split(":") as [string, string])
    .map(
      ([name, w]) =>
        `${name}.${s} ${hex(Number.parseInt(w.slice(0, 2), 16), w.slice(2))} fd fs1 fs2`,
    );
  const compares = ["fle", "flt", "feq"].map(
    (name, n) => `${name}.${s} ${hex(0xa0, `00${n}053`)} rd fs1 fs2`,
  );
  const converts = ["w", "wu", "l", "lu"].flatMap((x, n) => [
    `fcvt.${x}.${s} ${hex(0xc0, `${n}00053`)} rd fs1 rm`,
    `fcvt.${s}.${x} ${hex(0xd0, `${n}00053`)} fd rs1 rm`,
  ]);
  const fused = ["fmadd:43", "fmsub:47", "fnmsub:4b", "fnmadd:4f"]
    .map((op) => op.split(":"))
    .map(([name, low]) => `${name}.${s} ${hex(0, `0000${low}`)} fd fs1 fs2 fs3 rm`);
  const x = s === "s" ? "w" : "d";
  const rest = [
    `fsqrt.${s} ${hex(0x58, "000053")} fd fs1 rm | fclass.${s} ${hex(0xe0, "001053")} rd fs1`,
    `fmv.x.${x} ${hex(0xe0, "000053")} rd fs1 | fmv.${x}.x ${hex(0xf0, "000053")} fd rs1`,
  ];
  return [arithmetic, signs, compares, converts, fused, rest].flat().join("\n");
};

const FLOAT = `${floatLines("s", 0)}
${floatLines("d", 2)}
fcvt.s.d 40100053 fd fs1 rm | fcvt.d.s 42000053 fd fs1 rm`;

const COMPRESSED = `
c.addi4spn 0000 qd addi4spn | c.nop 0001 | c.addi 0001 cds cinz | c.addiw 2001 cds ci
c.li 4001 cd ci | c.lui 6001 cd cinz | c.srli 8001 qds cshamt
c.srai 8401 qds cshamt | c.andi 8801 qds ci | c.sub 8c01 qds qs2 | c.xor 8c21 qds qs2
c.or 8c41 qds qs2 | c.and 8c61 qds qs2 | c.subw 9c01 qds qs2 | c.addw 9c21 qds qs2
c.slli 0002 cds cshamt | c.mv 8002 cd cs2 | c.add 9002 cds cs2`;

const COMPRESSED_OTHER = `
c.addi16sp 6101 addi16sp | c.fld 2000 qfd qs1 cdw | c.lw 4000 qd qs1 cw | c.ld 6000 qd qs1 cdw
c.fsd a000 qfs2 qs1 cdw | c.sw c000 qs2 qs1 cw | c.sd e000 qs2 qs1 cdw
c.fldsp 2002 cfd ldsp | c.lwsp 4002 cd lwsp | c.ldsp 6002 cd ldsp
c.fsdsp a002 cfs2 sdsp | c.swsp c002 cs2z swsp | c.sdsp e002 cs2z sdsp
c.j a001 cj | c.beqz c001 qs1 cb | c.bnez e001 qs1 cb | c.jr 8002 cs1 | c.jalr 9002 cs1
c.ebreak 9002`;

function parse(text: string, group: string): Instruction[] {
  return text
    .split(/[|\n]/)
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .map((line) => {
      const [name = "", word = "", ...names] = line.split(" ");
      const fields = names.map((n): [string, Field] => {
        const found = FIELDS[n];
        if (!found) throw new RangeError(`${name}: no field "${n}"`);
        return [n, found];
      });
      const bytes = word.length === 4 ? 2 : 4;
      return { name, base: Number.parseInt(word, 16), bytes, group, fields };
    });
}

export const INSTRUCTIONS: readonly Instruction[] = [
  ...parse(INTEGER, "integer"),
  ...parse(MULTIPLY, "multiply"),
  ...parse(BITMANIP, "bitmanip"),
  ...parse(LOAD, "load"),
  ...parse(STORE, "store"),
  ...parse(RESERVE, "reserve"),
  ...parse(AMO, "amo"),
  ...parse(BRANCH, "branch"),
  ...parse(SYSTEM, "system"),
  ...parse(GUEST_MEMORY, "guest-memory"),
  ...parse(FLOAT, "float"),
  ...parse(COMPRESSED, "compressed"),
  ...parse(COMPRESSED_OTHER, "compressed-other"),
];

const byName = new Map(
  [...INSTRUCTIONS, ...parse(UNDRAWN, "undrawn")].map((entry) => [entry.name, entry]),
);

export function instruction(name: string): Instruction {
  const found = byName.get(name);
  if (!found) throw new RangeError(`no instruction "${name}"`);
  return found;
}

/** All instructions of a group of the table. */
export const instructionsOf = (group: string): readonly Instruction[] =>
  INSTRUCTIONS.filter((entry) => entry.group === group);

/** The bits of one instruction; operand values in the order of its fields. */
export function encode(entry: Instruction, operands: readonly number[]): number {
  if (operands.length !== entry.fields.length) {
    throw new RangeError(`${entry.name} takes ${entry.fields.length} operands`);
  }
  return entry.fields.reduce((word, [name, { put, min, max }], n) => {
    const value = operands[n] ?? 0;
    if (value < min || value > max) throw new RangeError(`${entry.name}: ${name} = ${value}`);
    return (word | put(value)) >>> 0;
  }, entry.base);
}

/** One line of a listing. */
export function format(entry: Instruction, operands: readonly number[]): string {
  const shown = entry.fields.map(([name, { kind }], n) => {
    const value = operands[n] ?? 0;
    if (kind === "x" || kind === "f") return `${kind}${value}`;
    if (kind === "csr") return `csr:0x${value.toString(16)}`;
    if (kind === "label") return `.${value < 0 ? "" : "+"}${value}`;
    return kind === "rm" || name === "aqrl" ? `${name}=${value}` : `${value}`;
  });
  return `${entry.name} ${shown.join(", ")}`.trim();
}
