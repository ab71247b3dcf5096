/** What SBI calls do to a vm: the VMM is the guest's firmware. */
import { HART_STIMECMP, IRQ_SSI } from "../../bindings/abi.ts";
import type { Core } from "../../bindings/core.ts";
import type { GuestMemory } from "../machine/guest-memory.ts";
import {
  HART_STARTED,
  HART_STOPPED,
  type HartEntry,
  type SbiMachine,
  type SbiShutdown,
} from "./sbi.ts";
import type { Vcpu } from "./vcpu.ts";

const NEVER = 0xffff_ffff;

export interface FirmwareOptions {
  readonly core: Core;
  readonly vcpus: readonly Vcpu[];
  readonly memory: GuestMemory;
  readonly onShutdown: (type: SbiShutdown, reason: number) => void;
  readonly onConsole: (bytes: Uint8Array) => void;
}

export class Firmware implements SbiMachine {
  readonly hartCount: number;
  readonly memory: GuestMemory;
  readonly #options: FirmwareOptions;

  constructor(options: FirmwareOptions) {
    this.#options = options;
    this.hartCount = options.vcpus.length;
    this.memory = options.memory;
  }

  #vcpu(hart: number): Vcpu {
    return this.#options.vcpus[hart] as Vcpu;
  }

  raiseSoftware(hart: number): void {
    this.#vcpu(hart).setPending(IRQ_SSI, true);
  }

  setTimer(hart: number, deadlineTicks: number): void {
    if (Number.isFinite(deadlineTicks)) this.#vcpu(hart).setNumber(HART_STIMECMP, deadlineTicks);
    else this.#vcpu(hart).setU64(HART_STIMECMP, NEVER, NEVER);
  }

  /** The pCPU's TLBs serve all harts: one flush is everybody's. */
  flushTlb(_hartMask: number): void {
    this.#options.core.exports.flushAll();
  }

  /** Stores drop the decoded code that they hit, and every slice looks its first block up anew. */
  fenceI(_hartMask: number): void {}

  hartState(hart: number): number {
    return this.#vcpu(hart).status;
  }

  startHart(hart: number, at: HartEntry): boolean {
    this.#vcpu(hart).startSupervisor(at);
    return true;
  }

  stopHart(hart: number): void {
    this.#vcpu(hart).status = HART_STOPPED;
  }

  suspendHart(hart: number, resume: HartEntry | undefined): void {
    const vcpu = this.#vcpu(hart);
    if (resume) vcpu.startSupervisor(resume);
    vcpu.status = HART_STARTED;
    vcpu.setWaiting();
  }

  shutdown(type: SbiShutdown, reason: number): void {
    this.#options.onShutdown(type, reason);
  }

  consoleWrite(bytes: Uint8Array): void {
    this.#options.onConsole(bytes);
  }

  /** Input goes to the console device; the debug console has none of its own. */
  consoleRead(_bytesMax: number): Uint8Array {
    return new Uint8Array(0);
  }
}
