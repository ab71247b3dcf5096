/**
 * Small M-mode programs that try something, as the host or in a guest, and see which trap comes of it.
 * Page tables are written from outside.
 */
import type { Core } from "../bindings/core.ts";
import { VirtualClock } from "../ts/base/clock.ts";
import { Random } from "../ts/base/random.ts";
import { Vm } from "../ts/vmm/vm.ts";
import { Assembler, type Line } from "./diff/asm.ts";

export const RAM = 0x8000_0000;
/** Where a second stage may begin (16 KiB), and a first one. */
export const ROOT_G = RAM + 0x40_0000;
export const ROOT_S = RAM + 0x50_0000;
export const DATA = RAM + 0x20_0000;
/** In another entry of the TLB than what is tried. */
const RESULTS = RAM + 0x60_1000;
const RESULT_BYTES = 64;
const RAM_BYTES = 16 << 20;
const MSTATUS = 0x300;
const [A0, S4, RESUME] = [10, 20, 31];

export const INTERRUPT = 1000;
export const [V, R, W, X, U, A, D] = [1, 2, 4, 8, 16, 64, 128] as const;
export const ALL = V | R | W | X | A | D;

/**
 * What a trial came to; `cause` is -1 if nothing trapped, and `INTERRUPT` more than its number for an
 * interrupt. `a0` is what its code left there.
 */
export interface Trial {
  readonly cause: number;
  readonly tval: bigint;
  readonly tval2: bigint;
  readonly tinst: bigint;
  readonly status: bigint;
  readonly a0: bigint;
}

/** A program of trials. */
export class Trials {
  readonly #asm = new Assembler(RAM);
  readonly #words = new Map<number, bigint>();
  #count = 0;

  constructor() {
    const a = this.#asm;
    a.emit(["jal", 0, "start"]);
    a.org(RAM + 0x100);
    // mcause, mtval, mtval2, mtinst, mstatus to x20...; on in M-mode where x31 says.
    [0x342, 0x343, 0x34b, 0x34a, MSTATUS].forEach((csr, n) => {
      a.emit(["csrrs", S4 + n, csr, 0]);
    });
    a.emit(["csrrw", 0, 0x341, RESUME]);
    a.li(S4 + 5, 0x80_0002_1800n); // MPV MPRV MPP
    a.emit(["csrrc", 0, MSTATUS, S4 + 5]);
    a.li(S4 + 5, 0x1800);
    a.emit(["csrrs", 0, MSTATUS, S4 + 5], ["mret"]);
    a.label("start");
    a.la(5, RAM + 0x100);
    a.emit(["csrrw", 0, 0x305, 5]);
    a.li(5, (1n << 54n) - 1n); // PMP: everything for everybody
    a.emit(["csrrw", 0, 0x3b0, 5], ["csrrwi", 0, 0x3a0, 31]);
  }

  /** Writes a word of memory before the program starts. */
  word(address: number, value: bigint): void {
    this.#words.set(address, value);
  }

  /** A PTE for `target` in the table at `table`. */
  pte(table: number, index: number, target: number, flags: number | bigint): void {
    this.word(table + 8 * index, (BigInt(target / 4096) << 10n) | BigInt(flags));
  }

  emit(...lines: Line[]): void {
    this.#asm.emit(...lines);
  }
  li(register: number, value: number | bigint): void {
    this.#asm.li(register, value);
  }
  csr(number: number, value: number | bigint): void {
    this.#asm.li(5, value);
    this.#asm.emit(["csrrw", 0, number, 5]);
  }

  /** Runs `lines` in M-mode. Returns the number of the trial. */
  try(...lines: Line[]): number {
    const end = `end${this.#count}`;
    this.#begin(end);
    this.#asm.emit(...lines, ["jal", 0, end]);
    return this.#finish(end);
  }

  /** Runs `lines` and an ecall with this privilege: U or S, with V or without. */
  tryIn(mode: "U" | "S" | "VU" | "VS", ...lines: Line[]): number {
    const a = this.#asm;
    const end = `end${this.#count}`;
    this.#begin(end);
    const mpp = mode.endsWith("S") ? 0x800n : 0n;
    a.li(5, 0x80_0000_1800n);
    a.emit(["csrrc", 0, MSTATUS, 5]);
    a.li(5, mpp | (mode.startsWith("V") ? 1n << 39n : 0n));
    a.emit(["csrrs", 0, MSTATUS, 5], ["auipc", 5, 0], ["addi", 5, 5, 16]);
    a.emit(["csrrw", 0, 0x341, 5], ["mret"]);
    a.emit(...lines, ["ecall"]);
    return this.#finish(end);
  }

  #begin(end: string): void {
    const a = this.#asm;
    // Where a trap goes on is the instruction behind this jump.
    a.emit(["jal", 6, `skip_${end}`], ["jal", 0, end]);
    a.label(`skip_${end}`);
    a.emit(["addi", RESUME, 6, 0], ["addi", S4, 0, -1]);
  }

  #finish(end: string): number {
    const a = this.#asm;
    a.label(end);
    a.la(6, RESULTS + this.#count * RESULT_BYTES);
    for (let n = 0; n < 5; n += 1) a.emit(["sd", S4 + n, 6, 8 * n]);
    a.emit(["sd", A0, 6, 40]);
    this.#count += 1;
    return this.#count - 1;
  }

  /** Runs the program; the results in the order of the trials. */
  run(core: Core): Trial[] {
    const a = this.#asm;
    a.li(5, 0x5555);
    a.emit(["lui", 6, 0x100], ["sw", 5, 6, 0]);
    const vm = new Vm({
      core,
      memoryBytes: RAM_BYTES,
      vcpus: 1,
      clock: "virtual",
      mips: 100,
      wall: new VirtualClock(),
      random: new Random(1),
      disks: [],
      console: "uart",
      isBare: true,
      onConsole: () => undefined,
    });
    try {
      const writes = [{ gpa: RAM, bytes: a.finish() }];
      for (const [gpa, value] of this.#words)
        writes.push({ gpa, bytes: new Uint8Array(BigUint64Array.of(value).buffer) });
      vm.boot({ writes, entry: RAM, deviceTreeGpa: 0, firmwareInfoGpa: 0, elf: undefined });
      const outcome = vm.run(10_000_000);
      if (outcome.state !== "ended") throw new Error(`not over: ${outcome.state}`);
      return Array.from({ length: this.#count }, (_, n) => resultOf(vm, n));
    } finally {
      vm.destroy();
    }
  }
}

function resultOf(vm: Vm, index: number): Trial {
  const bytes = new Uint8Array(48);
  vm.ram.read(RESULTS + index * RESULT_BYTES, bytes);
  const word = (n: number) => new DataView(bytes.buffer).getBigUint64(8 * n, true);
  const isInterrupt = word(0) >> 63n === 1n && word(0) !== (1n << 64n) - 1n;
  return {
    cause: isInterrupt ? INTERRUPT + Number(word(0) & 63n) : Number(BigInt.asIntN(64, word(0))),
    tval: word(1),
    tval2: word(2),
    tinst: word(3),
    status: word(4),
    a0: word(5),
  };
}
