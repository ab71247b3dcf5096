/**
 * A bare program that is its own hypervisor: M-mode sets up a guest with two stages of translation, in which
 * nothing is mapped to itself, and enters it (V = 1). The guest's user mode computes; its kernel
 * counts its calls and the interrupts of its timer; at the end M-mode prints a sum of all of it.
 */
import { Assembler, type Line } from "../diff/asm.ts";
import { writeElf } from "../diff/elf.ts";

const RAM = 0x8000_0000;
/** Frames of the host's: second stage, the guest's data, the guest's tables. */
const ROOT_G = RAM + 0x20_0000;
const DATA = RAM + 0x40_0000;
const TABLES = RAM + 0x60_0000;
/** Guest physical addresses: code, data and tables, 2 MiB each. */
const GPA = 0x4000_0000;
const MEGA = 0x20_0000;
/** Guest virtual addresses: the kernel's view of the code, data, the user's view of the code. */
const VA = 0x20_0000_0000;
const DATA_PAGES = 64;
const CALL_EVERY = 256;
const DOT_EVERY = 64;
const PERIOD_TICKS = 5_000;

const [KERNEL, USER, KERNEL_AT, USER_AT] = ["kernel", "user", RAM + 0x1000, RAM + 0x2000];
const [V, R, W, X, U, A, D] = [1, 2, 4, 8, 16, 64, 128] as const;
const [MSTATUS, MTVEC, MEPC, MCAUSE] = [0x300, 0x305, 0x341, 0x342] as const;
const [T3, T4, T5] = [28, 29, 30] as const;
const [T0, T1, T2, S0, S1, A7] = [5, 6, 7, 8, 9, 17] as const;
const [HASH, LEFT, SCALE, MASK, MIX, CALLS, TICKS] = [18, 19, 20, 21, 22, 23, 24] as const;
const [CALL_END, CALL_DOT] = [1, 2] as const;
const SV39 = 8n << 60n;
const ADUE_STCE = (1n << 61n) | (1n << 63n);

const csrw = (csr: number, from: number): Line => ["csrrw", 0, csr, from];
const csrr = (to: number, csr: number): Line => ["csrrs", to, csr, 0];

function setUp(a: Assembler, iterations: number): void {
  const set = (csr: number, value: bigint | number) => {
    a.li(T3, value);
    a.emit(csrw(csr, T3));
  };
  set(MTVEC, RAM + 0x400);
  set(0x3b0, (1n << 54n) - 1n); // PMP: everything for everybody
  set(0x3a0, 0x1f);
  set(0x30a, ADUE_STCE);
  set(0x60a, ADUE_STCE);
  set(0x306, 7); // mcounteren, hcounteren, scounteren
  set(0x606, 7);
  set(0x106, 7);
  set(0x302, 1 << 8); // ecalls of user mode are the guest kernel's
  set(0x602, 1 << 8);
  set(0x603, 1 << 6); // so is its timer
  set(0x605, -123_456); // htimedelta
  set(0x680, SV39 | (7n << 44n) | BigInt(ROOT_G / 4096));
  set(0x280, SV39 | (5n << 44n) | BigInt((GPA + 2 * MEGA) / 4096));
  set(0x205, VA + 0x1000);
  set(0x200, 1 << 13); // vsstatus: FS Initial
  set(0x204, 1 << 5); // vsie: STIE
  a.emit(csrr(T3, 0xc01));
  a.li(T4, PERIOD_TICKS - 123_456);
  a.emit(["add", T3, T3, T4], csrw(0x24d, T3));
  const seeds: readonly (readonly [number, bigint | number])[] = [
    [S0, VA + MEGA],
    [S1, 0x1234_5678_9abc_def1n],
    [HASH, 1],
    [LEFT, iterations],
    [SCALE, 0x5851_f42d_4c95_7f2dn],
    [MASK, DATA_PAGES * 4096 - 8],
    [MIX, 0x9e37_79b9_7f4a_7c15n],
    [CALLS, 0],
    [TICKS, 0],
    [A7, 0],
  ];
  for (const [register, value] of seeds) a.li(register, value);
  set(MSTATUS, (1n << 39n) | (1n << 13n)); // MPV, MPP = U, FS
  a.li(T3, 0x3ff0_0000_1000_0000n);
  a.emit(["fmv.d.x", 10, T3], ["fmv.d.x", 11, T3], ["fmv.d.x", 12, T3]);
  a.li(T3, VA + 2 * MEGA + 0x2000);
  a.emit(csrw(MEPC, T3), ["mret"]);
}

/** M-mode: a dot, or the sum and the end. */
function machine(a: Assembler): void {
  a.org(RAM + 0x400);
  a.emit(csrr(T3, MCAUSE), ["addi", T3, T3, -10], ["bne", T3, 0, "lost"]);
  a.emit(["addi", T3, 0, CALL_END], ["beq", A7, T3, "end"]);
  a.emit(["lui", T4, 0x10000], ["addi", T3, 0, 46], ["sb", T3, T4, 0]);
  a.emit(csrr(T3, MEPC), ["addi", T3, T3, 4], csrw(MEPC, T3), ["mret"]);
  a.label("lost");
  a.emit(["lui", T4, 0x10000], ["addi", T3, 0, 33], ["sb", T3, T4, 0], ["jal", 0, "off"]);
  a.label("end");
  a.emit(["fmv.x.d", T3, 10], ["xor", HASH, HASH, T3], ["mul", T3, CALLS, MIX]);
  a.emit(["xor", HASH, HASH, T3], ["mul", T3, TICKS, SCALE], ["xor", HASH, HASH, T3]);
  a.emit(["lui", T4, 0x10000], ["addi", T5, 0, 16]);
  a.label("digit");
  a.emit(["srli", T3, HASH, 60], ["slli", HASH, HASH, 4], ["addi", T3, T3, 97]);
  a.emit(["sb", T3, T4, 0], ["addi", T5, T5, -1], ["bne", T5, 0, "digit"]);
  a.emit(["addi", T3, 0, 10], ["sb", T3, T4, 0]);
  a.label("off");
  a.li(T3, 0x5555);
  a.emit(["lui", T4, 0x100], ["sw", T3, T4, 0], ["jal", 0, "off"]);
}

/** The guest's kernel: counts, sets its timer again, calls its host now and then. */
function kernel(a: Assembler): void {
  a.org(KERNEL_AT);
  a.label(KERNEL);
  a.emit(csrr(T3, 0x142), ["blt", T3, 0, "timer"], ["addi", CALLS, CALLS, 1]);
  a.emit(csrr(T3, 0x141), ["addi", T3, T3, 4], csrw(0x141, T3));
  a.emit(["addi", T3, 0, CALL_END], ["beq", A7, T3, "call"], ["andi", T3, CALLS, DOT_EVERY - 1]);
  a.emit(["bne", T3, 0, "back"], ["addi", A7, 0, CALL_DOT]);
  a.label("call");
  a.emit(["ecall"], ["addi", A7, 0, 0], ["jal", 0, "back"]);
  a.label("timer");
  a.emit(["addi", TICKS, TICKS, 1], csrr(T3, 0x14d));
  a.li(T4, PERIOD_TICKS);
  a.emit(["add", T3, T3, T4], csrw(0x14d, T3));
  a.label("back");
  a.emit(["sret"]);
}

/** The guest's user mode: a walk over its pages with integers and floating point. */
function user(a: Assembler): void {
  a.org(USER_AT);
  a.label(USER);
  a.emit(["mul", S1, S1, SCALE], ["addi", S1, S1, 1021], ["srli", T0, S1, 20]);
  a.emit(["and", T0, T0, MASK], ["add", T0, T0, S0], ["ld", T1, T0, 0]);
  a.emit(["xor", HASH, HASH, T1], ["add", HASH, HASH, S1], ["sd", HASH, T0, 0]);
  a.emit(["mul", HASH, HASH, MIX], ["fmul.d", 10, 10, 11, 7], ["fadd.d", 10, 10, 12, 7]);
  a.emit(["addi", LEFT, LEFT, -1], ["andi", T2, LEFT, CALL_EVERY - 1]);
  a.emit(["bne", T2, 0, USER], ["bne", LEFT, 0, "more"], ["addi", A7, 0, CALL_END]);
  a.label("more");
  a.emit(["ecall"], ["jal", 0, USER]);
}

/** Tables as a segment: entries at addresses. */
class Tables {
  readonly #base: number;
  readonly #bytes: Uint8Array;

  constructor(base: number, pages: number) {
    this.#base = base;
    this.#bytes = new Uint8Array(pages * 4096);
  }

  put(page: number, index: number, target: number, flags: number): void {
    const value = (BigInt(target / 4096) << 10n) | BigInt(flags);
    new DataView(this.#bytes.buffer).setBigUint64(page * 4096 + 8 * index, value, true);
  }

  segment() {
    return { address: this.#base, bytes: this.#bytes };
  }
}

/** Four pages of root, then the gigabyte at GPA: code, data and tables. */
function secondStage(): Tables {
  const tables = new Tables(ROOT_G, 5);
  tables.put(0, GPA / 2 ** 30, ROOT_G + 4 * 4096, V);
  [RAM, DATA, TABLES].forEach((to, n) => {
    tables.put(4, n, to, V | R | W | X | U | (n === 1 ? 0 : A | D));
  });
  return tables;
}

/** The kernel's view of the code, data in pages out of order, the user's view of the code. */
function firstStage(): Tables {
  const tables = new Tables(TABLES, 3);
  const gpa = GPA + 2 * MEGA;
  tables.put(0, VA / 2 ** 30, gpa + 4096, V);
  tables.put(1, 0, GPA, V | R | X | A);
  tables.put(1, 1, gpa + 2 * 4096, V);
  tables.put(1, 2, GPA, V | R | X | U | A);
  for (let page = 0; page < DATA_PAGES; page += 1) {
    const to = GPA + MEGA + ((page * 5) % DATA_PAGES) * 4096;
    tables.put(2, page, to, V | R | W | U);
  }
  return tables;
}

/** The program as an ELF that owns M-mode: some sixteen instructions an iteration, a dot every 16,384. */
export function nestedGuest(iterations: number): Uint8Array {
  const a = new Assembler(RAM);
  setUp(a, iterations);
  machine(a);
  kernel(a);
  user(a);
  const code = { address: RAM, bytes: a.finish() };
  return writeElf(RAM, [code, secondStage().segment(), firstStage().segment()]);
}
