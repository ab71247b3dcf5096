/**
 * The dispatcher: from the reason why a hart left the core to what handles it (in the words of
 * Popek and Goldberg: dispatcher, allocator, interpreter). Exits are counted by reason.
 */
import * as abi from "../../bindings/abi.ts";
import type { Core } from "../../bindings/core.ts";
import { WasmvisorError } from "../base/errors.ts";
import { disassemble } from "../isa/disassemble.ts";
import type { GuestMemory } from "../machine/guest-memory.ts";
import type { AccessBytes, MmioBus } from "../machine/mmio.ts";
import type { Sbi } from "./sbi.ts";
import type { Vcpu } from "./vcpu.ts";

const TWO_32 = 2 ** 32;
const CAUSE_ILLEGAL = 2;
const MAILBOX = abi.MAILBOX_BASE >>> 2;
const A0 = 10;
const A6 = 16;
const A7 = 17;

/** Exits by reason since the vm was created. */
export interface ExitCounts {
  budget: number;
  mmioLoad: number;
  mmioStore: number;
  wfi: number;
  sbi: number;
  htif: number;
  missingPage: number;
  dirtyLimit: number;
  fatal: number;
}

/** What the slice of a hart does after an exit. */
export type AfterExit = "continue" | "yield" | "stop";

/** Why a guest cannot go on. */
export interface GuestFault {
  readonly reason: "trap" | "no-memory" | "missing-page" | "device";
  readonly hart: number;
  readonly pc: string;
  /** Exception code and trap value, for `trap`. */
  readonly cause?: number;
  readonly tval?: string;
  /** The instruction that trapped, as text, if it can be told. */
  readonly instruction?: string;
  /** What a device said, for `device`; why the page cannot be had, for `missing-page`. */
  readonly message?: string;
}

export interface DispatcherOptions {
  readonly core: Core;
  readonly bus: MmioBus;
  readonly sbi: Sbi | undefined;
  /** The guest's RAM, to show the instruction that a guest ended with. */
  readonly memory: GuestMemory;
  readonly onFault: (fault: GuestFault) => void;
  readonly onHtif: () => void;
  /**
   * Brings a page of RAM that has not arrived yet. False: it comes later, `vcpu` waits for it. Throws
   * if it cannot be had.
   */
  readonly onMissing: (index: number, vcpu: Vcpu) => boolean;
  /** `vcpu` has dirtied as many pages as it may for now. */
  readonly onDirtyLimit: (vcpu: Vcpu) => void;
}

export class Dispatcher {
  readonly counts: ExitCounts = {
    budget: 0,
    mmioLoad: 0,
    mmioStore: 0,
    wfi: 0,
    sbi: 0,
    htif: 0,
    missingPage: 0,
    dirtyLimit: 0,
    fatal: 0,
  };
  readonly #options: DispatcherOptions;
  /** a0 to a5 of the live hart, as halves. */
  readonly #arguments: Uint32Array;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    const a0 = (abi.HART_BASE + abi.HART_X + A0 * 8) >>> 2;
    this.#arguments = options.core.u32.subarray(a0, a0 + 12);
  }

  /** Handles the exit that `vcpu`, which is live, has just made. */
  handle(reason: number, vcpu: Vcpu): AfterExit {
    switch (reason) {
      case abi.EXIT_BUDGET:
        this.counts.budget++;
        return "yield";
      case abi.EXIT_MMIO_LOAD:
        this.counts.mmioLoad++;
        this.#load();
        return "continue";
      case abi.EXIT_MMIO_STORE:
        this.counts.mmioStore++;
        this.#store();
        return "continue";
      case abi.EXIT_WFI:
        this.counts.wfi++;
        return "yield";
      case abi.EXIT_SBI:
        this.counts.sbi++;
        return this.#sbi(vcpu);
      case abi.EXIT_HTIF:
        this.counts.htif++;
        this.#options.onHtif();
        return "continue";
      case abi.EXIT_MISSING_PAGE:
        this.counts.missingPage++;
        return this.#options.onMissing(this.#mailbox(abi.MAILBOX_GFN), vcpu) ? "continue" : "yield";
      case abi.EXIT_DIRTY_LIMIT:
        this.counts.dirtyLimit++;
        this.#options.onDirtyLimit(vcpu);
        return "yield";
      default:
        this.counts.fatal++;
        this.#options.onFault(this.#fault(reason, vcpu));
        return "stop";
    }
  }

  #mailbox(offset: number): number {
    return this.#options.core.u32[MAILBOX + (offset >>> 2)] as number;
  }

  #gpa(): number {
    return this.#mailbox(abi.MAILBOX_ADDR_LO) + this.#mailbox(abi.MAILBOX_ADDR_HI) * TWO_32;
  }

  #load(): void {
    const { bus, core } = this.#options;
    const gpa = this.#gpa();
    const bytes = this.#mailbox(abi.MAILBOX_BYTES);
    const mapping = bus.find(gpa, bytes);
    if (!mapping) {
      core.exports.failAccess(0);
      return;
    }
    const offset = gpa - mapping.base;
    const { device } = mapping;
    if (bytes === 8) core.exports.completeLoad(device.load(offset, 4), device.load(offset + 4, 4));
    else core.exports.completeLoad(device.load(offset, bytes as AccessBytes), 0);
  }

  #store(): void {
    const { bus, core } = this.#options;
    const gpa = this.#gpa();
    const bytes = this.#mailbox(abi.MAILBOX_BYTES);
    const mapping = bus.find(gpa, bytes);
    if (!mapping) {
      core.exports.failAccess(1);
      return;
    }
    const offset = gpa - mapping.base;
    const lo = this.#mailbox(abi.MAILBOX_DATA_LO);
    core.exports.completeStore(); // Before the device runs: it may save or stop the guest.
    if (bytes === 8) {
      mapping.device.store(offset, 4, lo);
      mapping.device.store(offset + 4, 4, this.#mailbox(abi.MAILBOX_DATA_HI));
    } else mapping.device.store(offset, bytes as AccessBytes, truncate(lo, bytes));
  }

  #sbi(vcpu: Vcpu): AfterExit {
    const { sbi } = this.#options;
    if (!sbi) return "stop";
    const result = sbi.call(vcpu.index, vcpu.x(A7).lo, vcpu.x(A6).lo, this.#arguments);
    if (!result.isReturning) return "yield";
    vcpu.setX(A0, result.error, result.error < 0 ? 0xffff_ffff : 0);
    vcpu.setX(A0 + 1, result.valueLo, result.valueHi);
    return "continue";
  }

  /** A device or a page could not be had (no memory, a damaged snapshot): the guest's end, not the host's. */
  fail(error: unknown, vcpu: Vcpu): void {
    this.counts.fatal++;
    const code = error instanceof WasmvisorError ? error.code : undefined;
    const reason =
      code === "WV_BAD_SNAPSHOT"
        ? "missing-page"
        : code === "WV_NO_MEMORY"
          ? "no-memory"
          : "device";
    const message = error instanceof Error ? error.message : String(error);
    const pc = `0x${vcpu.getBig(abi.HART_PC).toString(16)}`;
    this.#options.onFault({ reason, hart: vcpu.index, pc, message });
  }

  /** What stands at mepc: an illegal one is in mtval, others are in RAM if nothing is translated. */
  #instruction(vcpu: Vcpu): { readonly instruction?: string } {
    const pc = vcpu.getBig(abi.HART_MEPC);
    const word = new Uint8Array(4);
    const isIllegal = vcpu.getNumber(abi.HART_MCAUSE) === CAUSE_ILLEGAL;
    if (isIllegal) new DataView(word.buffer).setUint32(0, vcpu.getU32(abi.HART_MTVAL), true);
    else if (vcpu.getBig(abi.HART_SATP) !== 0n || !this.#options.memory.read(Number(pc), word))
      return {};
    return { instruction: disassemble(new DataView(word.buffer).getUint32(0, true), pc) };
  }

  #fault(reason: number, vcpu: Vcpu): GuestFault {
    const hex = (offset: number): string => `0x${vcpu.getBig(offset).toString(16)}`;
    const hart = vcpu.index;
    if (reason === abi.EXIT_FATAL_TRAP)
      return {
        reason: "trap",
        hart,
        pc: hex(abi.HART_MEPC),
        cause: vcpu.getNumber(abi.HART_MCAUSE),
        tval: hex(abi.HART_MTVAL),
        ...this.#instruction(vcpu),
      };
    const pc = hex(abi.HART_PC);
    return { reason: "no-memory", hart, pc };
  }
}

function truncate(value: number, bytes: number): number {
  return bytes === 1 ? value & 0xff : bytes === 2 ? value & 0xffff : value;
}
