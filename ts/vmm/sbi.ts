import type { GuestMemory } from "../machine/guest-memory.ts";

/** HSM hart states (SBI 2.0, section 9); 2 to 6 are transitions and suspension. */
export const HART_STARTED = 0;
export const HART_STOPPED = 1;

/** A 64-bit register as two unsigned 32-bit halves. */
export interface RegisterPair {
  readonly lo: number;
  readonly hi: number;
}

/** Where a hart goes on, and what it finds in a1 there (a0 is its id, satp and SIE are 0). */
export interface HartEntry {
  readonly entry: RegisterPair;
  readonly opaque: RegisterPair;
}

export type SbiShutdown = "poweroff" | "cold-reboot" | "warm-reboot";

/** What the firmware needs of the machine it runs on. Hart masks have bit `n` for hart `n`. */
export interface SbiMachine {
  readonly hartCount: number;
  readonly memory: GuestMemory;
  /** Makes the supervisor software interrupt of a hart pending. */
  raiseSoftware(hart: number): void;
  /** Clears the supervisor timer interrupt and sets it when `time` reaches the deadline (Infinity: never). */
  setTimer(hart: number, deadlineTicks: number): void;
  flushTlb(hartMask: number): void;
  fenceI(hartMask: number): void;
  /** An HSM hart state, such as {@link HART_STARTED}. */
  hartState(hart: number): number;
  /** False when the machine refuses (for instance an unplugged hart). */
  startHart(hart: number, at: HartEntry): boolean;
  stopHart(hart: number): void;
  /** Waits for an interrupt. With `resume` the hart then goes on there (non-retentive suspend). */
  suspendHart(hart: number, resume: HartEntry | undefined): void;
  shutdown(type: SbiShutdown, reason: number): void;
  consoleWrite(bytes: Uint8Array): void;
  /** At most `bytesMax` bytes of input; an empty array when there is none. */
  consoleRead(bytesMax: number): Uint8Array;
}

/** What a call left: a0 and a1, unless the hart does not return from it. */
export interface SbiResult {
  /** False after hart_stop, system_reset and non-retentive suspend: leave the registers alone. */
  readonly isReturning: boolean;
  /** For a0, sign-extended to 64 bits. */
  readonly error: number;
  readonly valueLo: number;
  readonly valueHi: number;
}

/** The six argument registers a0 to a5: low and high half of each in turn. */
export type SbiArguments = Uint32Array;

export interface SbiMetrics {
  /** Calls by extension name; those of unknown extensions under "unknown". */
  readonly calls: Readonly<Record<string, number>>;
}

const SUCCESS = 0;
const FAILED = -1;
const NOT_SUPPORTED = -2;
const INVALID_PARAM = -3;
const INVALID_ADDRESS = -5;
const ALREADY_AVAILABLE = -6;

const EID_BASE = 0x10;
const EID_TIME = 0x54494d45;
const EID_IPI = 0x735049;
const EID_RFENCE = 0x52464e43;
const EID_HSM = 0x48534d;
const EID_SRST = 0x53525354;
const EID_DBCN = 0x4442434e;
const EXTENSIONS = new Map([
  [EID_BASE, "base"],
  [EID_TIME, "time"],
  [EID_IPI, "ipi"],
  [EID_RFENCE, "rfence"],
  [EID_HSM, "hsm"],
  [EID_SRST, "srst"],
  [EID_DBCN, "dbcn"],
]);

/** Specification 2.0: major version in bits 30:24. */
const SPEC_VERSION = 0x0200_0000;
/** "WV"; no registered implementation has it. */
const IMPLEMENTATION_ID = 0x5756;
const IMPLEMENTATION_VERSION = 1;

const SUSPEND_RETENTIVE = 0;
const SUSPEND_NON_RETENTIVE = 0x8000_0000;
const SHUTDOWN_TYPES: readonly SbiShutdown[] = ["poweroff", "cold-reboot", "warm-reboot"];
/** Bytes that one console call moves at most; the guest calls again for the rest. */
const CONSOLE_BYTES_MAX = 4096;
const TWO_32 = 0x1_0000_0000;
const TWO_53_HI = 0x20_0000;
const ALL = 0xffff_ffff;

/**
 * The supervisor binary interface, version 2.0, as the firmware under an S-mode guest offers it.
 * Each hart calls it through `call` when it executes `ecall` in S-mode.
 */
export class Sbi {
  readonly #machine: SbiMachine;
  readonly #calls = new Map<string, number>();
  readonly #result = { isReturning: true, error: 0, valueLo: 0, valueHi: 0 };

  constructor(machine: SbiMachine) {
    this.#machine = machine;
  }

  /**
   * Does a call of `hart` with extension (low word of a7) and function (low word of a6). The result
   * is valid until the next call. Never throws, whatever the arguments are.
   */
  call(hart: number, eid: number, fid: number, args: SbiArguments): SbiResult {
    const name = EXTENSIONS.get(eid) ?? "unknown";
    this.#calls.set(name, (this.#calls.get(name) ?? 0) + 1);
    this.#return(SUCCESS);
    switch (eid) {
      case EID_TIME:
        return this.#time(hart, fid, args);
      case EID_IPI:
        return this.#ipi(fid, args);
      case EID_RFENCE:
        return this.#rfence(fid, args);
      case EID_BASE:
        return this.#base(fid, args);
      case EID_HSM:
        return this.#hsm(hart, fid, args);
      case EID_SRST:
        return this.#systemReset(fid, args);
      case EID_DBCN:
        return this.#console(fid, args);
      default:
        return this.#return(NOT_SUPPORTED);
    }
  }

  metrics(): SbiMetrics {
    return { calls: Object.fromEntries(this.#calls) };
  }

  #return(error: number, valueLo = 0, valueHi = 0): SbiResult {
    this.#result.isReturning = true;
    this.#result.error = error;
    this.#result.valueLo = valueLo >>> 0;
    this.#result.valueHi = valueHi;
    return this.#result;
  }

  #leave(): SbiResult {
    this.#result.isReturning = false;
    return this.#result;
  }

  /** Section 4. */
  #base(fid: number, args: SbiArguments): SbiResult {
    switch (fid) {
      case 0:
        return this.#return(SUCCESS, SPEC_VERSION);
      case 1:
        return this.#return(SUCCESS, IMPLEMENTATION_ID);
      case 2:
        return this.#return(SUCCESS, IMPLEMENTATION_VERSION);
      case 3:
        return this.#return(SUCCESS, EXTENSIONS.has(low(args, 0)) ? 1 : 0);
      case 4: // mvendorid, marchid and mimpid: not a commercial implementation.
      case 5:
      case 6:
        return this.#return(SUCCESS, 0);
      default:
        return this.#return(NOT_SUPPORTED);
    }
  }

  /** Section 6. */
  #time(hart: number, fid: number, args: SbiArguments): SbiResult {
    if (fid !== 0) return this.#return(NOT_SUPPORTED);
    const hi = high(args, 0);
    const isFar = hi >= TWO_53_HI;
    this.#machine.setTimer(hart, isFar ? Number.POSITIVE_INFINITY : hi * TWO_32 + low(args, 0));
    return this.#result;
  }

  /** Section 7. */
  #ipi(fid: number, args: SbiArguments): SbiResult {
    if (fid !== 0) return this.#return(NOT_SUPPORTED);
    const mask = this.#hartMask(args);
    if (mask < 0) return this.#return(INVALID_PARAM);
    for (let hart = 0; hart < this.#machine.hartCount; hart++)
      if ((mask >> hart) & 1) this.#machine.raiseSoftware(hart);
    return this.#result;
  }

  /**
   * Section 8, with HFENCEs from function 3 on: ranges, ASIDs and VMIDs are ignored, since fencing more
   * than asked for is allowed.
   */
  #rfence(fid: number, args: SbiArguments): SbiResult {
    if (fid < 0 || fid > 6) return this.#return(NOT_SUPPORTED);
    const mask = this.#hartMask(args);
    if (mask < 0) return this.#return(INVALID_PARAM);
    if (fid === 0) this.#machine.fenceI(mask);
    else this.#machine.flushTlb(mask);
    return this.#result;
  }

  /** Section 3.1: a0 is a mask of harts from a1 on; a1 = -1 means all. -1 if a hart does not exist. */
  #hartMask(args: SbiArguments): number {
    const { hartCount } = this.#machine;
    const all = 2 ** hartCount - 1;
    const [baseLo, baseHi] = [low(args, 1), high(args, 1)];
    if (baseLo === ALL && baseHi === ALL) return all;
    if (baseHi !== 0 || baseLo >= hartCount || high(args, 0) !== 0) return -1;
    const mask = low(args, 0) * 2 ** baseLo;
    return mask <= all ? mask : -1;
  }

  /** Section 9. */
  #hsm(hart: number, fid: number, args: SbiArguments): SbiResult {
    switch (fid) {
      case 0:
        return this.#hartStart(args);
      case 1:
        this.#machine.stopHart(hart);
        return this.#leave();
      case 2: {
        const target = this.#hartId(args);
        if (target < 0) return this.#return(INVALID_PARAM);
        return this.#return(SUCCESS, this.#machine.hartState(target));
      }
      case 3:
        return this.#hartSuspend(hart, args);
      default:
        return this.#return(NOT_SUPPORTED);
    }
  }

  #hartId(args: SbiArguments): number {
    const isHart = high(args, 0) === 0 && low(args, 0) < this.#machine.hartCount;
    return isHart ? low(args, 0) : -1;
  }

  #hartStart(args: SbiArguments): SbiResult {
    const target = this.#hartId(args);
    if (target < 0) return this.#return(INVALID_PARAM);
    if (!this.#isInRam(pair(args, 1), 2)) return this.#return(INVALID_ADDRESS);
    if (this.#machine.hartState(target) !== HART_STOPPED) return this.#return(ALREADY_AVAILABLE);
    const isStarted = this.#machine.startHart(target, {
      entry: pair(args, 1),
      opaque: pair(args, 2),
    });
    return this.#return(isStarted ? SUCCESS : FAILED);
  }

  #hartSuspend(hart: number, args: SbiArguments): SbiResult {
    const type = low(args, 0);
    if (type === SUSPEND_RETENTIVE) {
      this.#machine.suspendHart(hart, undefined);
      return this.#result;
    }
    if (type === SUSPEND_NON_RETENTIVE) {
      if (!this.#isInRam(pair(args, 1), 2)) return this.#return(INVALID_ADDRESS);
      this.#machine.suspendHart(hart, { entry: pair(args, 1), opaque: pair(args, 2) });
      return this.#leave();
    }
    // Table 9: platform-specific kinds, of which there are none here; the others are reserved.
    const isPlatformKind = (type & 0x7fff_ffff) >= 0x1000_0000;
    return this.#return(isPlatformKind ? NOT_SUPPORTED : INVALID_PARAM);
  }

  /** Section 10. */
  #systemReset(fid: number, args: SbiArguments): SbiResult {
    if (fid !== 0) return this.#return(NOT_SUPPORTED);
    const [type, reason] = [low(args, 0), low(args, 1)];
    if (type >= 0xf000_0000) return this.#return(NOT_SUPPORTED); // Vendor-specific types.
    const name = SHUTDOWN_TYPES[type];
    if (!name || (reason > 1 && reason < 0xe000_0000)) return this.#return(INVALID_PARAM);
    this.#machine.shutdown(name, reason);
    return this.#leave();
  }

  /** Section 12. */
  #console(fid: number, args: SbiArguments): SbiResult {
    if (fid === 2) {
      this.#machine.consoleWrite(Uint8Array.of(low(args, 0) & 0xff));
      return this.#result;
    }
    if (fid !== 0 && fid !== 1) return this.#return(NOT_SUPPORTED);
    const bytes = high(args, 0) * TWO_32 + low(args, 0);
    const at = pair(args, 1);
    const isAbove64Bits = low(args, 2) !== 0 || high(args, 2) !== 0;
    if (isAbove64Bits || !this.#isInRam(at, bytes)) return this.#return(INVALID_PARAM);
    const count = Math.min(bytes, CONSOLE_BYTES_MAX);
    const gpa = at.hi * TWO_32 + at.lo;
    return fid === 0 ? this.#consoleWrite(gpa, count) : this.#consoleRead(gpa, count);
  }

  #consoleWrite(gpa: number, count: number): SbiResult {
    // Nothing was written: the guest tries again.
    if (!this.#machine.memory.isHere(gpa, count)) return this.#return(SUCCESS, 0);
    const bytes = new Uint8Array(count);
    if (!this.#machine.memory.read(gpa, bytes)) return this.#return(INVALID_PARAM);
    if (count > 0) this.#machine.consoleWrite(bytes);
    return this.#return(SUCCESS, count);
  }

  #consoleRead(gpa: number, count: number): SbiResult {
    if (!this.#machine.memory.isHere(gpa, count)) return this.#return(SUCCESS, 0);
    const bytes = this.#machine.consoleRead(count).subarray(0, count);
    if (!this.#machine.memory.write(gpa, bytes)) return this.#return(FAILED);
    return this.#return(SUCCESS, bytes.length);
  }

  #isInRam(at: RegisterPair, bytes: number): boolean {
    const { ramBase, ramBytes } = this.#machine.memory;
    const gpa = at.hi * TWO_32 + at.lo;
    return gpa >= ramBase && gpa + bytes <= ramBase + ramBytes;
  }
}

function low(args: SbiArguments, register: number): number {
  return args[2 * register] ?? 0;
}

function high(args: SbiArguments, register: number): number {
  return args[2 * register + 1] ?? 0;
}

function pair(args: SbiArguments, register: number): RegisterPair {
  return { lo: low(args, register), hi: high(args, register) };
}
