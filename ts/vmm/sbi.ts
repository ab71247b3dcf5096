import type { GuestMemory } from "../machine/guest-memory.ts";

/** HSM hart states (SBI 2.0, section 9). */
export const HART_STARTED = 0;
export const HART_STOPPED = 1;
export const HART_START_PENDING = 2;
export const HART_SUSPENDED = 4;

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
  /** One of `HART_*`. */
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
