import * as abi from "../../bindings/abi.ts";
import type { Core } from "../../bindings/core.ts";
import { WasmvisorError } from "../base/errors.ts";
import { badState } from "../machine/state-fields.ts";
import { HART_STARTED, HART_STOPPED, type HartEntry } from "./sbi.ts";

const TWO_32 = 2 ** 32;
/** What a VMM that is the firmware delegates to S-mode: all but ecalls from S-mode. */
const DELEGATED_EXCEPTIONS = 0xb1ff;
const DELEGATED_INTERRUPTS = abi.IRQ_SSI | abi.IRQ_STI | abi.IRQ_SEI;
/** Fields that say where a hart lives, not what it is: never taken from a saved state. */
const LOCAL_FIELDS = [abi.HART_SPACE, abi.HART_CLOCK, abi.HART_CYCLES_PER_TICK] as const;

export interface VcpuState {
  /** HSM state: one of `HART_*` of `sbi.ts`. */
  readonly status: number;
  /** HART_BYTES bytes, laid out as `bindings/abi.ts` says. */
  readonly registers: Uint8Array;
}

/** One virtual CPU: a hart of the core and its HSM state. */
export class Vcpu {
  readonly index: number;
  /** Address of the hart in the core's memory. */
  readonly address: number;
  /** HSM state: one of `HART_*` of `sbi.ts`. */
  status: number = HART_STOPPED;
  /** Tick at which the ACLINT's timer interrupt becomes pending. */
  machineTimerTicks = Number.POSITIVE_INFINITY;
  readonly #core: Core;

  /** Throws `WV_NO_MEMORY`. */
  constructor(core: Core, index: number) {
    this.#core = core;
    this.index = index;
    this.address = core.exports.createHart() >>> 0;
    if (this.address === 0)
      throw new WasmvisorError("WV_NO_MEMORY", `no frame for the registers of vCPU ${index}`);
    this.setU32(abi.HART_ID, index);
    this.setU64(abi.HART_STIMECMP, 0xffff_ffff, 0xffff_ffff);
  }

  destroy(): void {
    this.#core.exports.destroyHart(this.address);
  }

  #at(offset: number): number {
    return ((this.#core.exports.hartAt(this.address) >>> 0) + offset) >>> 2;
  }

  getU32(offset: number): number {
    return this.#core.u32[this.#at(offset)] as number;
  }
  setU32(offset: number, value: number): void {
    this.#core.u32[this.#at(offset)] = value;
  }
  setU64(offset: number, lo: number, hi: number): void {
    const at = this.#at(offset);
    this.#core.u32[at] = lo;
    this.#core.u32[at + 1] = hi;
  }
  /** A 64-bit field as a number: exact below 2^53. */
  getNumber(offset: number): number {
    const at = this.#at(offset);
    return (this.#core.u32[at] as number) + (this.#core.u32[at + 1] as number) * TWO_32;
  }
  setNumber(offset: number, value: number): void {
    this.setU64(offset, value % TWO_32, Math.floor(value / TWO_32));
  }
  /** A 64-bit field, for humans and tests. */
  getBig(offset: number): bigint {
    const at = this.#at(offset);
    return (BigInt(this.#core.u32[at + 1] as number) << 32n) | BigInt(this.#core.u32[at] as number);
  }

  /** x register `index` as halves. */
  x(index: number): { readonly lo: number; readonly hi: number } {
    const at = this.#at(abi.HART_X + index * 8);
    return { lo: this.#core.u32[at] as number, hi: this.#core.u32[at + 1] as number };
  }
  setX(index: number, lo: number, hi: number): void {
    this.setU64(abi.HART_X + index * 8, lo, hi);
  }

  /** Asserts or releases interrupt lines into this hart (bits of mip). */
  setLines(mask: number, level: boolean): void {
    this.#core.exports.setLines(this.address, mask, level ? 1 : 0);
  }
  /** Sets or clears pending bits that software owns (SSIP). */
  setPending(mask: number, level: boolean): void {
    const now = this.getU32(abi.HART_MIP);
    this.setU32(abi.HART_MIP, level ? now | mask : now & ~mask);
  }

  get isWaiting(): boolean {
    return this.getU32(abi.HART_WAITING) !== 0;
  }
  /** Waits for an interrupt, as after WFI. */
  setWaiting(): void {
    this.setU32(abi.HART_WAITING, 1);
  }
  /** An enabled interrupt is pending: WFI would not wait. */
  get hasPending(): boolean {
    const pending = this.getU32(abi.HART_MIP) | this.getU32(abi.HART_LINES);
    return (pending & this.getU32(abi.HART_MIE)) !== 0;
  }
  /** Tick at which a timer interrupt that is enabled comes next; Infinity if none can come. */
  get timerTicks(): number {
    const enabled = this.getU32(abi.HART_MIE);
    const machine = enabled & abi.IRQ_MTI ? this.machineTimerTicks : Number.POSITIVE_INFINITY;
    const isOn = this.getU32(abi.HART_MENVCFG + 4) >>> 31 !== 0 && (enabled & abi.IRQ_STI) !== 0;
    const ticks = this.getNumber(abi.HART_STIMECMP);
    return Math.min(machine, isOn && ticks < 2 ** 53 ? ticks : Number.POSITIVE_INFINITY);
  }

  /** Registers as after reset, M-mode, at `entry`. */
  startBare(entry: number): void {
    this.setU32(abi.HART_FIRMWARE, abi.FIRMWARE_NONE);
    this.setU32(abi.HART_PRIV, abi.PRIV_M);
    this.setNumber(abi.HART_PC, entry);
    this.setX(10, this.index, 0);
    this.status = HART_STARTED;
  }

  /** Starts in S-mode as SBI firmware would hand over. */
  startSupervisor(at: HartEntry): void {
    this.setU32(abi.HART_FIRMWARE, abi.FIRMWARE_VMM);
    this.setU32(abi.HART_PRIV, abi.PRIV_S);
    this.setU64(abi.HART_MEDELEG, DELEGATED_EXCEPTIONS, 0);
    this.setU64(abi.HART_MIDELEG, DELEGATED_INTERRUPTS, 0);
    this.setU64(abi.HART_MENVCFG, 1, 0x8000_0000); // FIOM, STCE
    this.setU32(abi.HART_MCOUNTEREN, 7);
    // As OpenSBI does it: Linux leaves it so, and its vDSO reads the time in user mode.
    this.setU32(abi.HART_SCOUNTEREN, 7);
    this.setU64(abi.HART_SATP, 0, 0);
    this.setU64(abi.HART_MSTATUS, this.getU32(abi.HART_MSTATUS) & ~2, 0);
    this.setU64(abi.HART_PC, at.entry.lo, at.entry.hi);
    this.setX(10, this.index, 0);
    this.setX(11, at.opaque.lo, at.opaque.hi);
    this.setU32(abi.HART_WAITING, 0);
    this.status = HART_STARTED;
  }

  save(): VcpuState {
    this.#core.exports.unloadHart();
    const { address } = this;
    return {
      status: this.status,
      registers: this.#core.u8.slice(address, address + abi.HART_BYTES),
    };
  }

  restore(state: VcpuState): void {
    const { registers, status } = state;
    if (!(registers instanceof Uint8Array) || registers.length !== abi.HART_BYTES)
      throw badState(`vcpu ${this.index}.registers`, `${abi.HART_BYTES} bytes`, registers);
    if (!Number.isInteger(status))
      throw badState(`vcpu ${this.index}.status`, "an integer", status);
    const kept = LOCAL_FIELDS.map((offset) => this.getU32(offset));
    this.#core.exports.unloadHart();
    this.#core.u8.set(registers, this.address);
    LOCAL_FIELDS.forEach((offset, i) => {
      this.setU32(offset, kept[i] as number);
    });
    this.status = status;
  }
}
