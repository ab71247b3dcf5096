/**
 * The guest code around the programs: starts them, handles their traps in M and S, dumps what
 * they left behind through the UART. Programs never touch the register `reserved`, so handlers
 * need no scratch CSR; `control` is written by control-flow gadgets only.
 *
 * A trap is logged as {slot, cause, epc, tval, status, mtval2 or htval, mtinst or htinst, hstatus} and
 * the instruction skipped. An ecall with
 * a CALL_* number in the control register changes mode or ends the program. The S handler
 * reaches M by an instruction whose cause the program's medeleg leaves alone ("escape").
 */
import { Assembler, type Line } from "./asm.ts";
import { emitDump } from "./harness-dump.ts";
import { emitLoader } from "./harness-load.ts";
import * as at from "./layout.ts";

export interface Registers {
  readonly reserved: number;
  readonly control: number;
}

/** An assembler that knows which registers the harness may use once the program's are saved. */
export class HarnessAssembler extends Assembler {
  readonly r: number;
  readonly control: number;
  readonly t: readonly number[];

  constructor(registers: Registers) {
    super(at.RAM);
    this.r = registers.reserved;
    this.control = registers.control;
    this.t = [5, 6, 7, 28, 29, 30, 31, 18, 19, 20, 21].filter((n) => n !== registers.reserved);
  }

  /** The n-th free register. */
  temp(n: number): number {
    return this.t[n] as number;
  }

  /** One instruction for each register that programs own, from x`first`. */
  each(first: number, line: (register: number) => Line): void {
    for (let n = first; n < 32; n += 1) if (n !== this.r) this.emit(line(n));
  }
}

const M_CSRS = { epc: 0x341, cause: 0x342, tval: 0x343, status: 0x300, tval2: 0x34b, tinst: 0x34a };
const S_CSRS = { epc: 0x141, cause: 0x142, tval: 0x143, status: 0x100, tval2: 0x643, tinst: 0x64a };
const VS_CSRS = { cause: 0x242, tval: 0x243 };
/** Where interrupts are switched off that were taken: mie, or sie and hie and what a guest has. */
const ENABLES = { m: [0x304], s: [0x104, 0x604], vs: [0x204] } as const;
const HSTATUS = 0x600;
const HSTATUS_GVA = 0x40;
const CALLS = [8, 9, 10, 11];
/** Causes after which pc itself is no place to go on at. */
const FETCH_FAULTS = [1, 12, 20];
type Handler = keyof typeof ENABLES;

/** Vector tables and their stubs: save x1, say in x1 which slot it was. */
function emitStubs(a: HarnessAssembler): void {
  a.org(at.VECTORS_M);
  for (let slot = 0; slot < 16; slot += 1) a.emit(["jal", 0, `stub_m${slot}`]);
  a.org(at.VECTORS_S);
  for (let slot = 0; slot < 16; slot += 1) a.emit(["jal", 0, `stub_s${slot}`]);
  a.org(at.VECTORS_VS);
  for (let slot = 0; slot < 16; slot += 1) a.emit(["ecall"]);
  a.org(at.CODE_START);
  for (let slot = 0; slot < 16; slot += 1) {
    a.label(`stub_m${slot}`);
    a.emit(["csrrs", a.r, M_CSRS.status, 0], ["slli", a.r, a.r, 63 - 17]);
    a.emit(["blt", a.r, 0, `stub_mprv${slot}`]);
    a.la(a.r, at.CELLS);
    a.emit(["sd", 1, a.r, at.CELL_SAVE_M + 8], ["addi", 1, 0, slot], ["jal", 0, "trap_m"]);
    a.label(`stub_mprv${slot}`);
    a.emit(["lui", a.r, at.MSTATUS_MPRV >> 12], ["csrrc", 0, M_CSRS.status, a.r]);
    a.la(a.r, at.CELLS);
    a.emit(["sd", 1, a.r, at.CELL_SAVE_M + 8], ["addi", 1, 0, slot | at.SLOT_MPRV]);
    a.emit(["jal", 0, "trap_m"]);
    a.label(`stub_s${slot}`);
    a.la(a.r, at.CELLS);
    a.emit(["sd", 1, a.r, at.CELL_SAVE_S + 8], ["addi", 1, 0, slot | at.SLOT_S]);
    a.emit(["jal", 0, "trap_s"]);
  }
}

/**
 * Reads the CSRs of the trap and appends a log entry; goes to `end` when the log is full. Leaves:
 * t0 slot, t1 epc, t2 cause, t4 status.
 */
function emitLog(a: HarnessAssembler, mode: "m" | "s"): void {
  const csrs = mode === "m" ? M_CSRS : S_CSRS;
  const [cause, tval, status] = [2, 3, 4].map((n) => a.temp(n)) as [number, number, number];
  const [tval2, tinst] = [a.temp(7), a.temp(8)];
  a.emit(["csrrs", cause, csrs.cause, 0], ["csrrs", tval, csrs.tval, 0]);
  a.emit(["csrrs", status, csrs.status, 0]);
  a.emit(["csrrs", a.temp(9), HSTATUS, 0]);
  emitForget(a, mode);
  a.emit(["csrrw", tval2, csrs.tval2, 0], ["csrrw", tinst, csrs.tinst, 0]);
  emitAppend(a, mode);
}

/** Appends {slot, cause, epc, tval, status, tval2, tinst, hstatus}, in the first temporaries. */
function emitAppend(a: HarnessAssembler, mode: Handler): void {
  const [slot, epc, cause, tval, status] = [0, 1, 2, 3, 4].map((n) => a.temp(n)) as number[];
  const [p, q, tval2, tinst, hstatus] = [5, 6, 7, 8, 9].map((n) => a.temp(n)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  a.emit(["ld", p, a.r, at.CELL_LOG_COUNT], ["addi", q, 0, at.MAX_TRAPS]);
  a.emit(["bltu", p, q, `log_${mode}`], ["jal", 0, mode === "s" ? "end_s" : "end_m"]);
  a.label(`log_${mode}`);
  a.emit(["addi", q, p, 1], ["sd", q, a.r, at.CELL_LOG_COUNT], ["slli", p, p, 6]);
  a.la(q, at.LOG);
  a.emit(["add", p, p, q]);
  [slot, cause, epc, tval, status, tval2, tinst, hstatus].forEach((register, n) => {
    a.emit(["sd", register as number, p, n * 8]);
  });
}

/** Causes whose tval each side has its own of: breakpoints (0 or pc) and access faults. */
const OWN_TVAL = [3, 5, 7];
/** Illegal and virtual instructions: for some QEMU 7.2 leaves an earlier instruction in tval. */
const STALE_TVAL = [2, 22];

/**
 * What the log takes from either side must not live on in CSRs: tval of breakpoints (0 or pc) and
 * of access faults, where QEMU calls an AMO a load and rounds addresses down; and of instructions that
 * are not allowed. All become 0.
 */
function emitForget(a: HarnessAssembler, mode: "m" | "s"): void {
  const csrs = mode === "m" ? M_CSRS : S_CSRS;
  const [p, q] = [a.temp(5), a.temp(6)];
  if (mode === "m") {
    // Nor GVA, which QEMU 7.2 sets at every trap from V = 1 whose tval is not 0.
    a.emit(["addi", p, 0, 1], ["slli", p, p, 38], ["csrrc", 0, csrs.status, p]);
  }
  // And hstatus.GVA, which it clears at traps that VS-mode takes.
  else a.emit(["addi", p, 0, HSTATUS_GVA], ["csrrc", 0, HSTATUS, p]);
  const [forget, done] = [`forget_${mode}_${a.pc}`, `forgotten_${mode}_${a.pc}`];
  a.emit(["csrrs", p, csrs.cause, 0]);
  emitForgetTval(a, [p, q], csrs, [forget, done]);
}

/** Clears the tval of one mode if its cause, which is in the register `p`, says so; `q` is free. */
function emitForgetTval(
  a: HarnessAssembler,
  [p, q]: readonly [number, number],
  csrs: { readonly cause: number; readonly tval: number },
  [forget, done]: readonly [string, string],
): void {
  for (const cause of OWN_TVAL) a.emit(["addi", q, 0, cause], ["beq", p, q, forget]);
  for (const cause of STALE_TVAL) a.emit(["addi", q, 0, cause], ["beq", p, q, `${forget}_tval`]);
  a.emit(["jal", 0, done]);
  a.label(forget);
  a.emit(["csrrwi", 0, csrs.cause, 3]);
  a.label(`${forget}_tval`);
  a.emit(["csrrw", 0, csrs.tval, 0]);
  a.label(done);
}

/**
 * Decides where to go on. In: t1 epc, t2 cause, t3 the mode trapped from. Out: t1 the resume pc,
 * t3 the mode to resume in. Interrupts: the enable bit is cleared, nothing skipped.
 */
function emitResume(a: HarnessAssembler, mode: Handler): void {
  const save = mode === "s" ? at.CELL_SAVE_S : at.CELL_SAVE_M;
  const back = mode === "s" ? "return_s" : "return_m";
  const end = mode === "s" ? "end_s" : "end_m";
  const [epc, cause, to, p, q, off] = [1, 2, 3, 5, 6, 7].map((n) => a.temp(n)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  a.emit(["bge", cause, 0, `exception_${mode}`]);
  a.emit(["addi", p, 0, 1], ["sll", p, p, cause]);
  for (const enable of ENABLES[mode]) a.emit(["csrrc", 0, enable, p]);
  a.emit(["jal", 0, back]);
  a.label(`exception_${mode}`);
  a.emit(["slli", q, to, 3], ["add", q, q, a.r], ["ld", q, q, at.CELL_BASES]);
  a.emit(["ld", p, a.r, save + 8 * a.control]);
  for (const fault of FETCH_FAULTS)
    a.emit(["addi", off, 0, fault], ["beq", cause, off, `fetch_${mode}`]);
  a.emit(["sd", 0, a.r, at.CELL_FETCH_FAULTS]);
  // Length of the trapped instruction, read through the M view of the code.
  a.emit(["slli", off, epc, 51], ["srli", off, off, 51], ["ld", epc, a.r, at.CELL_BASES + 24]);
  a.emit(["add", epc, epc, off], ["lhu", epc, epc, 0], ["andi", epc, epc, 3]);
  a.emit(["sltiu", epc, epc, 3], ["slli", epc, epc, 1], ["sub", off, off, epc]);
  a.emit(["addi", off, off, 4], ["add", epc, q, off]);
  // Calls.
  for (const call of CALLS) a.emit(["addi", q, 0, call], ["beq", cause, q, `call_${mode}`]);
  a.emit(["jal", 0, back]);
  a.label(`call_${mode}`);
  a.emit(["addi", q, 0, at.CALL_END], ["bne", p, q, `not_end_${mode}`]);
  a.emit(["jal", 0, end]);
  a.label(`not_end_${mode}`);
  a.emit(["addi", q, 0, at.CALL_S], ["bne", p, q, `not_s_${mode}`]);
  a.emit(["addi", to, 0, 1], ["ld", q, a.r, at.CELL_BASES + 8], ["add", epc, q, off]);
  a.emit(["jal", 0, back]);
  a.label(`not_s_${mode}`);
  a.emit(["addi", q, 0, at.CALL_M], ["bne", p, q, back]);
  a.emit(["addi", to, 0, 3], ["ld", q, a.r, at.CELL_BASES + 24], ["add", epc, q, off]);
  a.emit(["jal", 0, back]);
  // A fetch fault goes on where the control register says, if that is in the code.
  a.label(`fetch_${mode}`);
  a.emit(["ld", off, a.r, at.CELL_FETCH_FAULTS], ["addi", off, off, 1]);
  a.emit(["sd", off, a.r, at.CELL_FETCH_FAULTS], ["sltiu", off, off, 12]);
  a.emit(["beq", off, 0, `lost_${mode}`], ["sub", off, p, q], ["srli", off, off, 13]);
  a.emit(["andi", epc, p, -2], ["beq", off, 0, back]);
  a.label(`lost_${mode}`);
  a.emit(["jal", 0, end]);
}

function emitTrapM(a: HarnessAssembler): void {
  const [slot, epc, to, status, p, q] = [0, 1, 3, 4, 5, 6].map((n) => a.temp(n)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  a.label("trap_m");
  a.each(2, (n) => ["sd", n, a.r, at.CELL_SAVE_M + 8 * n]);
  a.emit(["addi", slot, 1, 0], ["csrrs", epc, M_CSRS.epc, 0]);
  a.la(p, a.addressOf("escape_begin"));
  a.la(q, a.addressOf("escape_end"));
  a.emit(["bltu", epc, p, "program_m"], ["bltu", epc, q, "service"]);
  a.label("program_m");
  a.la(p, at.VECTORS_VS);
  a.emit(["sub", p, epc, p], ["addi", q, 0, 64], ["bltu", p, q, "trap_vs"]);
  emitLog(a, "m");
  a.emit(["slli", to, status, 51], ["srli", to, to, 62]);
  emitResume(a, "m");
  // return_m: mepc = t1, MPP = t3; MPRV comes back only from M and to M.
  a.label("return_m");
  a.emit(["csrrw", 0, M_CSRS.epc, epc]);
  a.li(p, 0x1800);
  a.emit(["csrrc", 0, M_CSRS.status, p], ["slli", q, to, 11], ["csrrs", 0, M_CSRS.status, q]);
  // Not to M with MPV, which QEMU 7.2 takes for an M-mode with V = 1.
  a.emit(["srli", q, to, 1], ["slli", q, q, 39], ["csrrc", 0, M_CSRS.status, q]);
  a.emit(["andi", q, slot, at.SLOT_MPRV], ["beq", q, 0, "restore_m"], ["addi", q, 0, 3]);
  a.emit(["slli", status, status, 51], ["srli", status, status, 62]);
  a.emit(
    ["bne", status, q, "restore_m"],
    ["bne", to, q, "restore_m"],
    ["lui", p, at.MSTATUS_MPRV >> 12],
  );
  a.emit(["csrrs", 0, M_CSRS.status, p]);
  a.label("restore_m");
  a.each(1, (n) => ["ld", n, a.r, at.CELL_SAVE_M + 8 * n]);
  a.emit(["mret"]);
  emitTrapVs(a);
  emitService(a);
}

/**
 * A trap that VS-mode took: its vector made an ecall, so that M-mode sees to it, with t5 the distance in
 * the vectors. What the guest's registers say is logged, and the program goes on where they say.
 */
function emitTrapVs(a: HarnessAssembler): void {
  const [slot, epc, cause, to, status, p] = [0, 1, 2, 3, 4, 5].map((n) => a.temp(n)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  a.label("trap_vs");
  emitForget(a, "m");
  for (const csr of [M_CSRS.tval2, M_CSRS.tinst]) a.emit(["csrrw", 0, csr, 0]);
  a.emit(["csrrs", slot, M_CSRS.epc, 0], ["andi", slot, slot, 0x3c], ["srli", slot, slot, 2]);
  a.emit(["addi", slot, slot, at.SLOT_VS], ["csrrs", epc, 0x241, 0], ["csrrs", cause, 0x242, 0]);
  a.emit(["csrrs", to, 0x243, 0], ["csrrs", status, 0x200, 0]);
  emitForgetTval(a, [cause, p], VS_CSRS, ["forget_vs", "forgotten_vs"]);
  a.emit(["addi", a.temp(7), 0, 0], ["addi", a.temp(8), 0, 0]);
  a.emit(["csrrs", a.temp(9), HSTATUS, 0]);
  emitAppend(a, "vs");
  a.emit(["srli", to, status, 8], ["andi", to, to, 1]);
  emitResume(a, "vs");
}

/** What the S handler asked for; the program's registers are in its save area. */
function emitService(a: HarnessAssembler): void {
  const [slot, epc, to, status, p, q] = [0, 1, 3, 4, 5, 6].map((n) => a.temp(n)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  a.label("service");
  emitForget(a, "m");
  // QEMU 7.2 leaves an earlier fault's at every trap.
  for (const csr of [M_CSRS.tval2, M_CSRS.tinst]) a.emit(["csrrw", 0, csr, 0]);
  a.each(1, (n) => ["ld", n, a.r, at.CELL_SAVE_S + 8 * n]);
  a.each(1, (n) => ["sd", n, a.r, at.CELL_SAVE_M + 8 * n]);
  a.emit(["addi", slot, 0, 0], ["ld", p, a.r, at.CELL_SERVICE], ["addi", q, 0, at.SERVICE_END]);
  a.emit(["bne", p, q, "service_go_on"], ["jal", 0, "end_m"]);
  a.label("service_go_on");
  a.emit(["ld", epc, a.r, at.CELL_RESUME], ["addi", to, 0, 3]);
  a.emit(["addi", q, 0, at.SERVICE_CALL_M], ["beq", p, q, "return_m"]);
  // SERVICE_RETURN is an sret by hand: mode = SPP, SIE = SPIE, SPIE = 1, SPP = 0.
  a.emit(["csrrs", status, S_CSRS.status, 0]);
  a.emit(["srli", to, status, 8], ["andi", to, to, 1]);
  a.emit(["csrrs", p, HSTATUS, 0], ["srli", p, p, 7], ["andi", p, p, 1], ["slli", p, p, 39]);
  a.emit(["csrrs", 0, M_CSRS.status, p], ["addi", p, 0, 0x80], ["csrrc", 0, HSTATUS, p]);
  a.emit(["csrrci", 0, S_CSRS.status, 2], ["srli", p, status, 4], ["andi", p, p, 2]);
  a.emit(["csrrs", 0, S_CSRS.status, p], ["addi", p, 0, 0x100]);
  a.emit(["csrrc", 0, S_CSRS.status, p], ["addi", p, 0, 0x20]);
  a.emit(["csrrs", 0, S_CSRS.status, p], ["jal", 0, "return_m"]);
}

function emitTrapS(a: HarnessAssembler): void {
  const [slot, epc, to, status, p, q] = [0, 1, 3, 4, 5, 6].map((n) => a.temp(n)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  a.label("trap_s");
  a.each(2, (n) => ["sd", n, a.r, at.CELL_SAVE_S + 8 * n]);
  a.emit(["addi", slot, 1, 0], ["csrrs", epc, S_CSRS.epc, 0]);
  emitLog(a, "s");
  a.emit(["srli", to, status, 8], ["andi", to, to, 1]);
  emitResume(a, "s");
  a.label("return_s");
  a.emit(["sd", epc, a.r, at.CELL_RESUME], ["addi", p, 0, at.SERVICE_CALL_M]);
  a.emit(["addi", q, 0, 3], ["beq", to, q, "escape"], ["csrrw", 0, S_CSRS.epc, epc]);
  a.emit(["addi", q, 0, 0x100], ["csrrc", 0, S_CSRS.status, q], ["slli", q, to, 8]);
  a.emit(["csrrs", 0, S_CSRS.status, q], ["addi", p, 0, at.SERVICE_RETURN]);
  a.emit(["ld", q, a.r, at.CELL_DIRECT_SRET], ["beq", q, 0, "escape"]);
  a.each(1, (n) => ["ld", n, a.r, at.CELL_SAVE_S + 8 * n]);
  a.emit(["sret"]);
  a.label("end_s");
  a.emit(["addi", p, 0, at.SERVICE_END]);
  a.label("escape");
  a.emit(["sd", p, a.r, at.CELL_SERVICE], ["ld", q, a.r, at.CELL_ESCAPE]);
  a.emit(["addi", p, 0, 9], ["beq", p, q, "escape_ecall"], ["addi", p, 0, 3]);
  a.emit(["beq", p, q, "escape_ebreak"]);
  a.label("escape_begin");
  a.emit(["csrrs", 0, 0xc00 + 0xff, 0]); // No such CSR: illegal.
  a.label("escape_ecall");
  a.emit(["ecall"]);
  a.label("escape_ebreak");
  a.emit(["ebreak"]);
  a.label("escape_end");
}

/** The harness as bytes from RAM up. */
export function buildHarness(registers: Registers): Uint8Array {
  const a = new HarnessAssembler(registers);
  a.emit(["jal", 0, "start"]);
  emitStubs(a);
  emitTrapS(a);
  emitTrapM(a);
  emitDump(a);
  emitLoader(a);
  if (a.pc > at.CELLS) throw new RangeError("the harness has grown over its cells");
  return a.finish();
}
