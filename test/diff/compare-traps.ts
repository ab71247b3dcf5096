/** Compares the traps that two machines took, as far as the manual decides; left is QEMU's. */
import { SLOT_MPRV, SLOT_VS } from "./layout.ts";
import type { Dump, TrapEntry } from "./record.ts";

export interface Difference {
  readonly field: string;
  readonly left: string;
  readonly right: string;
}

export const hex = (value: bigint | undefined): string =>
  value === undefined ? "-" : `0x${value.toString(16).padStart(16, "0")}`;

const FIELDS = ["slot", "cause", "epc", "tval", "status", "tval2", "tinst", "hstatus"] as const;
const BREAKPOINT = 3n;
const LOAD_ACCESS = 5n;
const STORE_ACCESS = 7n;

export function trapText(entry: TrapEntry | undefined): string {
  return entry ? FIELDS.map((name) => `${name}=${entry[name].toString(16)}`).join(" ") : "none";
}

/** Guest-page faults, and all exceptions of loads and stores. */
const GUEST_PAGE_FAULTS = [20n, 21n, 23n];
const DATA_FAULTS = [4n, 5n, 6n, 7n, 13n, 15n, 21n, 23n];
/** mstatus.GVA: QEMU 7.2 sets it whenever V was 1 and tval is not 0, be it an instruction. */
const GVA = 1n << 38n;
/** vsstatus.SD, which QEMU 7.2 does not show. */
const SD = 1n << 63n;
/** hstatus.GVA: QEMU 7.2 leaves it 0 at breakpoints, whose tval either side may choose. */
const HSTATUS_GVA = 1n << 6n;

/** mtval2 or htval, mtinst or htinst, hstatus: QEMU 7.2 leaves old values where nothing is to be said. */
function hasSameDetail(left: TrapEntry, right: TrapEntry): boolean {
  const { cause } = right;
  const own = cause === BREAKPOINT ? HSTATUS_GVA : 0n;
  if ((left.hstatus & ~own) !== (right.hstatus & ~own)) return false;
  const isOfGuest = GUEST_PAGE_FAULTS.includes(cause);
  if (isOfGuest ? left.tval2 !== right.tval2 : right.tval2 !== 0n) return false;
  if (!DATA_FAULTS.includes(cause)) return right.tinst === 0n;
  // Zero is always allowed, and QEMU 7.2 often says no more.
  return left.tinst === 0n || left.tinst === right.tinst;
}

/** Is `left` (QEMU's) `right` rounded down to the size of an access? */
const isRounded = (left: bigint, right: bigint): boolean =>
  [1n, 3n, 7n].some((mask) => left === (right & ~mask));

/** Slot of a trap on QEMU 7.2, where an mret to a lower mode leaves MPRV set (since 1.12 it must not). */
const slotOf = ({ slot, status }: TrapEntry): bigint =>
  ((status >> 11n) & 3n) === 3n ? slot : slot & ~BigInt(SLOT_MPRV);

/** funct7 of SINVAL.VMA, its brackets, HINVAL.VVMA, HINVAL.GVMA. */
const SVINVAL = [0x0bn, 0x0cn, 0x13n, 0x33n];

/** Is this an HLV, HSV or part of Svinval that may not be? QEMU 7.2 gives an earlier instruction as its tval. */
const isStale = ({ cause, tval }: TrapEntry): boolean =>
  (cause === 2n || cause === 22n) &&
  ((tval & 0x707fn) === 0x4073n || ((tval & 0x7fffn) === 0x73n && SVINVAL.includes(tval >> 25n)));

/**
 * The same trap, as far as the manual decides and QEMU 7.2 keeps to it. Breakpoints: tval is 0 or
 * pc. Misaligned loads outside of RAM: QEMU reports the address rounded down. AMOs outside of
 * RAM: QEMU reports cause 5 instead of 7.
 */
function isSameTrap(left: TrapEntry, right: TrapEntry): boolean {
  if (slotOf(right) !== right.slot) return false;
  if (trapText(left) === trapText(right)) return true;
  const own = right.slot & BigInt(SLOT_VS) ? SD : GVA;
  if (left.epc !== right.epc || (left.status & ~own) !== (right.status & ~own)) return false;
  if (!hasSameDetail(left, right)) return false;
  if (slotOf(left) !== right.slot) return false;
  const [a, b] = [left.tval, right.tval];
  if (left.cause === BREAKPOINT && right.cause === BREAKPOINT) {
    return (a === 0n || a === left.epc) && (b === 0n || b === right.epc);
  }
  if (left.cause === right.cause && (a === b || isStale(right))) return true;
  if (left.cause !== LOAD_ACCESS) return false;
  if (right.cause === STORE_ACCESS) return a === b;
  return right.cause === LOAD_ACCESS && isRounded(a, b);
}

export function compareTraps(left: Dump, right: Dump): Difference[] {
  const count = Math.max(left.traps.length, right.traps.length);
  for (let n = 0; n < count; n += 1) {
    const [a, b] = [left.traps[n], right.traps[n]];
    if (a && b && isSameTrap(a, b)) continue;
    // What follows the first difference is noise.
    return [{ field: `trap ${n}`, left: trapText(a), right: trapText(b) }];
  }
  return [];
}
