import * as abi from "../../bindings/abi.ts";
import type { Core } from "../../bindings/core.ts";
import { WasmvisorError } from "../base/errors.ts";
import { badState } from "../machine/state-fields.ts";
import { HART_STARTED, HART_STOPPED, type HartEntry } from "./sbi.ts";

const TWO_32 = 2 ** 32;
/** What a VMM that is the firmware delegates to HS-mode: all but ecalls from there. */
const DELEGATED_EXCEPTIONS = 0xf0b5ff;
const GUEST_INTERRUPTS = abi.IRQ_VSSI | abi.IRQ_VSTI | abi.IRQ_VSEI;
const DELEGATED_INTERRUPTS = abi.IRQ_SSI | abi.IRQ_STI | abi.IRQ_SEI | GUEST_INTERRUPTS;
/** menvcfg: FIOM, and all cache-block operations; in the upper word ADUE, PBMTE, STCE. */
const ENVCFG_LO = 0xf1;
const ENVCFG_HI = 0xe000_0000;
/** What the programmable counters count, from mhpmcounter3 on: TLB misses, traps, interrupts. */
const HPM_EVENTS = [abi.HPM_WALKS, abi.HPM_TRAPS, abi.HPM_INTERRUPTS];
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
  /** Page of RAM that it waits for: it does not run until the page is there. */
  awaitedPage: number | undefined;
  readonly #core: Core;

  /** Throws `WV_NO_MEMORY`. */
  constructor(core: Core, index: number) {
    this.#core = core;
    this.index = index;
    this.address = core.exports.createHart() >>> 0;
    if (this.address === 0)
      throw new WasmvisorError("WV_NO_MEMORY", `no frame for the registers of vCPU ${index}`);
    this.setU32(abi.HART_ID, index);
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

  /** Tick until which it does not run, because it has dirtied what it may. */
  stalledUntilTicks = 0;
  /** It could run, if it had something to do. */
  get isRunnable(): boolean {
    return this.status === HART_STARTED && this.awaitedPage === undefined;
  }
  /** It waits for an interrupt. */
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
    const isOn = this.getU32(abi.HART_MENVCFG + 4) >>> 31 !== 0;
    if (!isOn) return machine;
    const own = enabled & abi.IRQ_STI ? this.getNumber(abi.HART_STIMECMP) : 2 ** 53;
    const first = Math.min(own, enabled & abi.IRQ_VSTI ? this.#guestTimerTicks : 2 ** 53);
    return Math.min(machine, first < 2 ** 53 ? first : Number.POSITIVE_INFINITY);
  }

  /** Tick of our clock at which the timer of the hart's guest is due; 2^53 or more if it has none. */
  get #guestTimerTicks(): number {
    const isOn = this.getU32(abi.HART_HENVCFG + 4) >>> 31 !== 0;
    const deadline = this.getBig(abi.HART_VSTIMECMP);
    // A guest that wants no interrupt names the end of time: the difference must not wrap around to now.
    if (!isOn || deadline >> 62n !== 0n) return 2 ** 53;
    return Number(BigInt.asUintN(64, deadline - this.getBig(abi.HART_HTIMEDELTA)));
  }

  /** Registers as after reset, M-mode, at `entry`: a0 hart id, a1 device tree, a2 for firmware. */
  startBare(at: {
    readonly entry: number;
    readonly deviceTreeGpa: number;
    readonly firmwareInfoGpa: number;
  }): void {
    this.setU32(abi.HART_FIRMWARE, abi.FIRMWARE_NONE);
    this.setU32(abi.HART_PRIV, abi.PRIV_M);
    this.setNumber(abi.HART_PC, at.entry);
    this.setX(10, this.index, 0);
    this.setX(11, at.deviceTreeGpa, 0);
    this.setX(12, at.firmwareInfoGpa, 0);
    this.status = HART_STARTED;
  }

  /** Starts in S-mode as SBI firmware would hand over. */
  startSupervisor(at: HartEntry): void {
    this.setU32(abi.HART_FIRMWARE, abi.FIRMWARE_VMM);
    this.setU32(abi.HART_PRIV, abi.PRIV_S);
    this.setU64(abi.HART_MEDELEG, DELEGATED_EXCEPTIONS, 0);
    this.setU64(abi.HART_MIDELEG, DELEGATED_INTERRUPTS, 0);
    this.setU64(abi.HART_MENVCFG, ENVCFG_LO, ENVCFG_HI);
    this.setU32(abi.HART_MCOUNTEREN, 0xffff_ffff);
    // As OpenSBI does it: Linux leaves it so, and its vDSO reads the time in user mode.
    this.setU32(abi.HART_SCOUNTEREN, 7);
    HPM_EVENTS.forEach((event, i) => {
      this.setU64(abi.HART_HPM_EVENT + i * 8, event, 0);
    });
    this.setU32(abi.HART_VIRT, 0);
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
