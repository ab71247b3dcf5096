/**
 * The SiFive CLINT, of which ACLINT made MSWI and MTIMER: software interrupts and timers for M-mode.
 *
 *   0x0000  msip, 4 bytes a hart        0x4000  mtimecmp, 8 bytes a hart        0xbff8  mtime
 *
 * 64-bit registers are kept as two 32-bit halves, so that nothing is rounded.
 */
import type { GuestClock } from "../machine/guest-clock.ts";
import type { AccessBytes, MmioDevice } from "../machine/mmio.ts";
import type { Persist } from "../machine/persist.ts";
import { StateFields } from "../machine/state-fields.ts";

const HARTS_MAX = 8;
const MTIMECMP = 0x4000;
const MTIME = 0xbff8;
const TWO_32 = 0x1_0000_0000;

export interface AclintOptions {
  /** 1 to 8. */
  readonly hartCount: number;
  readonly clock: GuestClock;
  /** Machine software interrupt of a hart. */
  readonly onSoftware: (hart: number, level: boolean) => void;
  /**
   * The machine timer interrupt of a hart is pending from `deadlineTicks` of the clock on (which
   * may be over already), and not before. Infinity: not within 2^53 ticks.
   */
  readonly onTimer: (hart: number, deadlineTicks: number) => void;
}

export interface AclintState {
  readonly msip: readonly number[];
  /** Low and high half for each hart in turn. */
  readonly mtimecmp: readonly number[];
  readonly mtimeOffsetLo: number;
  readonly mtimeOffsetHi: number;
}

export interface AclintMetrics {
  readonly softwareInterrupts: number;
  readonly timerWrites: number;
}

export class Aclint implements MmioDevice, Persist<AclintState> {
  readonly name = "aclint";
  readonly windowBytes = 0x10000;
  readonly #options: AclintOptions;
  readonly #msip: Uint8Array;
  readonly #mtimecmp: Uint32Array;
  /** mtime = clock + offset, modulo 2^64. */
  #offsetLo = 0;
  #offsetHi = 0;
  #softwareInterrupts = 0;
  #timerWrites = 0;

  constructor(options: AclintOptions) {
    const { hartCount } = options;
    if (!Number.isInteger(hartCount) || hartCount < 1 || hartCount > HARTS_MAX)
      throw new RangeError(`aclint: "hartCount" expected 1 to ${HARTS_MAX}, got ${hartCount}`);
    this.#options = options;
    this.#msip = new Uint8Array(hartCount);
    this.#mtimecmp = new Uint32Array(2 * hartCount).fill(0xffff_ffff);
  }

  load(offset: number, bytes: AccessBytes): number {
    if (bytes !== 4 || offset % 4 !== 0) return 0;
    if (offset === MTIME) return this.#mtimeLo();
    if (offset === MTIME + 4) return this.#mtimeHi();
    if (offset >= MTIMECMP) return this.#mtimecmp[(offset - MTIMECMP) >> 2] ?? 0;
    return this.#msip[offset >> 2] ?? 0;
  }

  store(offset: number, bytes: AccessBytes, value: number): void {
    if (bytes !== 4 || offset % 4 !== 0) return;
    if (offset === MTIME) this.#setMtime(value, this.#mtimeHi());
    else if (offset === MTIME + 4) this.#setMtime(this.#mtimeLo(), value);
    else if (offset >= MTIMECMP) this.#storeTimer((offset - MTIMECMP) >> 2, value);
    else this.#storeSoftware(offset >> 2, value & 1);
  }

  metrics(): AclintMetrics {
    return { softwareInterrupts: this.#softwareInterrupts, timerWrites: this.#timerWrites };
  }

  save(): AclintState {
    return {
      msip: [...this.#msip],
      mtimecmp: [...this.#mtimecmp],
      mtimeOffsetLo: this.#offsetLo,
      mtimeOffsetHi: this.#offsetHi,
    };
  }

  /** Drives software interrupts and timers of all harts again. */
  restore(state: AclintState): void {
    const fields = new StateFields(this.name, state);
    const msip = fields.integers("msip", this.#msip.length, 1);
    const mtimecmp = fields.integers("mtimecmp", this.#mtimecmp.length);
    const offsetLo = fields.integer("mtimeOffsetLo");
    const offsetHi = fields.integer("mtimeOffsetHi");
    this.#msip.set(msip);
    this.#mtimecmp.set(mtimecmp);
    this.#offsetLo = offsetLo;
    this.#offsetHi = offsetHi;
    for (const [hart, level] of msip.entries()) {
      this.#options.onSoftware(hart, level === 1);
      this.#announce(hart);
    }
  }

  #storeSoftware(hart: number, level: number): void {
    if (hart >= this.#msip.length || this.#msip[hart] === level) return;
    this.#msip[hart] = level;
    this.#softwareInterrupts += level;
    this.#options.onSoftware(hart, level === 1);
  }

  #storeTimer(index: number, value: number): void {
    if (index >= this.#mtimecmp.length) return;
    this.#mtimecmp[index] = value;
    this.#timerWrites++;
    this.#announce(index >> 1);
  }

  #setMtime(lo: number, hi: number): void {
    const ticks = this.#options.clock.ticks();
    const clockLo = (ticks % TWO_32) >>> 0;
    const borrow = lo < clockLo ? 1 : 0;
    this.#offsetLo = (lo - clockLo) >>> 0;
    this.#offsetHi = (hi - Math.floor(ticks / TWO_32) - borrow) >>> 0;
    for (let hart = 0; hart < this.#msip.length; hart++) this.#announce(hart);
  }

  #mtimeLo(): number {
    return ((this.#options.clock.ticks() % TWO_32) + this.#offsetLo) >>> 0;
  }

  #mtimeHi(): number {
    const ticks = this.#options.clock.ticks();
    const carry = (ticks % TWO_32) + this.#offsetLo >= TWO_32 ? 1 : 0;
    return (Math.floor(ticks / TWO_32) + this.#offsetHi + carry) >>> 0;
  }

  /** Tells when the clock will have brought mtime to mtimecmp. */
  #announce(hart: number): void {
    const compareLo = this.#mtimecmp[2 * hart] ?? 0;
    const compareHi = this.#mtimecmp[2 * hart + 1] ?? 0;
    this.#options.onTimer(hart, this.#deadline(compareLo, compareHi));
  }

  #deadline(compareLo: number, compareHi: number): number {
    const now = this.#options.clock.ticks();
    const [mtimeLo, mtimeHi] = [this.#mtimeLo(), this.#mtimeHi()];
    if (compareHi < mtimeHi || (compareHi === mtimeHi && compareLo <= mtimeLo)) return now;
    const remainingHi = compareHi - mtimeHi - (compareLo < mtimeLo ? 1 : 0);
    const deadline = now + remainingHi * TWO_32 + ((compareLo - mtimeLo) >>> 0);
    return deadline < Number.MAX_SAFE_INTEGER ? deadline : Number.POSITIVE_INFINITY;
  }
}
