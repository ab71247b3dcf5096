/**
 * The CSRs that bodies touch, and which bits they may set. Bits are left out where implementations
 * may differ (WARL fields of extensions one side lacks) or where the harness would lose control.
 */

import type { Prng } from "./prng.ts";
import { integerValue } from "./values.ts";

export interface CsrRule {
  readonly name: string;
  readonly number: number;
  /** Bits that csrrs may set and csrrw may write as 1. */
  readonly mask: bigint;
  /** Bits that are always written as 1 and never cleared. */
  readonly fixed: bigint;
  /** The lowest privilege that may access it: 0 U, 1 S, 3 M. */
  readonly level: 0 | 1 | 3;
  readonly weight: number;
  /** It is written, never read: see `SIDES_OWN`. */
  readonly isHidden: boolean;
  /** When only certain values make sense; such a CSR is written by csrrw alone. */
  readonly values?: ((prng: Prng) => bigint) | undefined;
}

const ALL = (1n << 64n) - 1n;
const CAUSES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15].map(BigInt);
/** menvcfg and henvcfg: hardware sets A and D, as QEMU 7.2 always does. */
export const ADUE = 1n << 61n;
const INTERRUPTS = [1, 3, 5, 7, 9, 11].map((n) => (1n << 63n) | BigInt(n));
const cause = (prng: Prng): bigint => prng.pick([...CAUSES, ...INTERRUPTS]);

// QEMU 7.2 keeps bit 0 of sepc and mepc, which is always zero by the manual: it is not written.
const SIE = 1n << 1n;
export const MIE = 1n << 3n;
const SPIE = 1n << 5n;
const MPIE = 1n << 7n;
const SPP = 1n << 8n;
const FS = 3n << 13n;
const SUM = 1n << 18n;
const MXR = 1n << 19n;
const TVM = 1n << 20n;
const TW = 1n << 21n;
const TSR = 1n << 22n;
export const SSTATUS_MASK = SIE | SPIE | SPP | FS | SUM | MXR;
export const MSTATUS_MASK = SSTATUS_MASK | MIE | MPIE | TVM | TW;
/** Exceptions that exist with S-mode and may be delegated. */
export const DELEGABLE = 0xb3ffn;
/** What the H extension adds, but ecalls from VS: they are how VS-mode's handler reaches M-mode. */
export const GUEST_DELEGABLE = 0xf00000n;
/** Not 2 and 6: QEMU 7.2 gives VS-mode their causes less one, as if they were interrupts. */
export const HEDELEG_MASK = 0xb1bbn;
/** VTSR VTW HU SPVP SPV. */
export const HSTATUS_MASK = 0x600380n;
/** Only VSSI: QEMU 7.2 does not show the others in vsip. */
export const HVIP_MASK = 4n;

export interface CsrLimits {
  /** The cause that must reach M-mode. */
  readonly escape: number;
  /** Programs whose S handler returns with sret must not trap it. */
  readonly directSret: boolean;
  /** May PMP entries be locked? Only in the last program of an ELF. */
  readonly mayLock: boolean;
  /** satp values that keep code and harness mapped as they are. */
  readonly satps: readonly bigint[];
  /** Likewise for hgatp. */
  readonly hgatps: readonly bigint[];
  /** Interrupts stay delegated: QEMU 7.2 hides the guest's from it if the host's are not. */
  readonly hasGuest: boolean;
}

/** A pmpcfg byte: no reserved W-without-R; locked ones only where the ELF ends. */
function pmpByte(prng: Prng, mayLock: boolean): number {
  const rwx = prng.pick([0, 1, 3, 4, 5, 7, 7]);
  const mode = prng.below(4) << 3;
  return rwx | mode | (mayLock && prng.chance(20) ? 0x80 : 0);
}

/** Eight bytes; byte `fixed` opens memory to the harness and stays as it is. */
export function pmpConfig(prng: Prng, fixed: number, mayLock: boolean): bigint {
  let value = 0n;
  for (let n = 0; n < 8; n += 1) {
    const byte = n === fixed ? 0x1f : prng.chance(60) ? 0 : pmpByte(prng, mayLock);
    value |= BigInt(byte) << BigInt(8 * n);
  }
  return value;
}

/** A pmpaddr that matters: around scratch and the exposed tables. */
export function pmpAddress(prng: Prng, scratch: number): bigint {
  const base = BigInt(scratch + prng.below(0x1000) * 8) >> 2n;
  const ones = (1n << BigInt(prng.below(12))) - 1n;
  return prng.weighted([
    [4, base],
    [4, base | ones],
    [2, (BigInt(scratch) >> 2n) | ((1n << BigInt(prng.between(7, 12))) - 1n)],
    // QEMU 7.2 keeps bits 63..54, which are zero by the manual.
    [1, prng.u64() >> 10n],
    [1, ALL >> 10n],
  ]);
}

/**
 * Bits in which both sides are right and differ. QEMU 7.2 has no ADUE: A and D are always set. Its GEILEN
 * is not 0, so SGEI is delegated; ours is. It ignores writes to htinst,
 * and vsstatus has no SD.
 */
export const SIDES_OWN: ReadonlyMap<string, bigint> = new Map([
  ["menvcfg", ADUE],
  ["henvcfg", ADUE],
  ["mideleg", 1n << 12n],
  ["htinst", ALL],
  ["vsstatus", 1n << 63n],
]);

const rule = (name: string, number: number, options: Partial<CsrRule>): CsrRule => ({
  name,
  number,
  mask: ALL,
  fixed: 0n,
  level: 3,
  weight: 2,
  isHidden: SIDES_OWN.has(name),
  ...options,
});

/** The rules for one program. */
export function csrRules(limits: CsrLimits): CsrRule[] {
  const tsr = limits.directSret ? 0n : TSR;
  const delegable = DELEGABLE & ~(1n << BigInt(limits.escape));
  return [
    rule("fflags", 0x001, { level: 0, weight: 4 }),
    rule("frm", 0x002, { level: 0, weight: 4 }),
    rule("fcsr", 0x003, { level: 0, weight: 4, mask: 0xffffffffn }),
    rule("sstatus", 0x100, { level: 1, mask: SSTATUS_MASK, weight: 5 }),
    rule("sie", 0x104, { level: 1, mask: 0x222n, weight: 3 }),
    rule("sip", 0x144, { level: 1, mask: 0x222n, weight: 3 }),
    rule("scounteren", 0x106, { level: 1, mask: 7n }),
    rule("senvcfg", 0x10a, { level: 1, mask: 1n, weight: 1 }),
    rule("sscratch", 0x140, { level: 1 }),
    rule("sepc", 0x141, { level: 1, mask: ALL - 1n }),
    rule("scause", 0x142, { level: 1, values: cause }),
    rule("stval", 0x143, { level: 1 }),
    rule("satp", 0x180, { level: 1, values: (prng) => prng.pick(limits.satps) }),
    rule("mstatus", 0x300, { mask: MSTATUS_MASK | tsr, weight: 6 }),
    rule("medeleg", 0x302, { mask: delegable, weight: 3 }),
    rule("mideleg", 0x303, { mask: 0x222n, fixed: limits.hasGuest ? 0x222n : 0n, weight: 3 }),
    rule("mie", 0x304, { mask: 0xaaan, weight: 3 }),
    rule("mip", 0x344, { mask: 0x222n, weight: 3 }),
    rule("mcounteren", 0x306, { mask: 7n }),
    rule("misa", 0x301, { weight: 1 }),
    rule("menvcfg", 0x30a, { mask: 1n, fixed: ADUE, weight: 1 }),
    rule("mscratch", 0x340, {}),
    rule("mepc", 0x341, { mask: ALL - 1n }),
    rule("mcause", 0x342, { values: cause }),
    rule("mtval", 0x343, {}),
  ];
}

/** What programs touch beside when they use guests. hgatp and vsatp want fences, and have a gadget. */
export function guestRules(): CsrRule[] {
  const level = 1;
  return [
    rule("hstatus", 0x600, { level, mask: HSTATUS_MASK, weight: 3 }),
    rule("hedeleg", 0x602, { level, mask: HEDELEG_MASK }),
    rule("hideleg", 0x603, { level, mask: 0x444n }),
    rule("hie", 0x604, { level, mask: 0x444n }),
    rule("hcounteren", 0x606, { level, mask: 7n, weight: 1 }),
    rule("henvcfg", 0x60a, { level, mask: 1n, fixed: ADUE, weight: 1 }),
    rule("htval", 0x643, { level, weight: 1 }),
    rule("hip", 0x644, { level, mask: HVIP_MASK }),
    rule("hvip", 0x645, { level, mask: HVIP_MASK }),
    rule("vsstatus", 0x200, { level, mask: SSTATUS_MASK, weight: 3 }),
    rule("vsie", 0x204, { level, mask: 0x222n }),
    rule("vsip", 0x244, { level, mask: 0x222n }),
    rule("vsscratch", 0x240, { level, weight: 1 }),
    rule("vsepc", 0x241, { level, mask: ALL - 1n }),
    rule("vscause", 0x242, { level, values: cause }),
    rule("vstval", 0x243, { level, weight: 1 }),
    rule("mtval2", 0x34b, { weight: 1 }),
    rule("mtinst", 0x34a, { weight: 1 }),
  ];
}

/** Read-only CSRs, present in every machine. */
export const READ_ONLY: readonly number[] = [0xf14, 0x301, 0xf15];
/** Counters: their values never reach a dump. */
export const COUNTERS: readonly number[] = [0xc00, 0xc01, 0xc02, 0xb00, 0xb02];
/** Numbers that no extension of either side uses. */
export const MISSING: readonly number[] = [
  0x000,
  0x004,
  0x040,
  0x0ff,
  0x101,
  0x107,
  0x145,
  0x1ff,
  0x304 + 0x0b,
  0x3ff,
  0x4ff,
  0x5c0,
  0x7c0,
  0x8ff,
  0x9c0,
  0xbff,
  0xcff,
  0xd00,
  0xdff,
  0xf10,
  0xf1f,
  0xfff,
];

/** Access faults of loads and of stores and AMOs are delegated together: QEMU mixes them up. */
export const together = (medeleg: bigint): bigint =>
  (medeleg & (1n << 5n)) === 0n ? medeleg & ~(1n << 7n) : medeleg | (1n << 7n);

/** An operand for csrrw, csrrs or csrrc that keeps to the rule. */
export function csrOperand(
  prng: Prng,
  { name, number, mask, fixed, values }: CsrRule,
  op: string,
): bigint {
  if (values) return op === "csrrw" ? values(prng) : 0n;
  const some = prng.chance(30) ? prng.u64() & prng.u64() : integerValue(prng);
  // Small masks: single bits are more telling than noise.
  let wanted = mask < 1n << 24n && prng.chance(50) ? 1n << BigInt(prng.below(24)) : some;
  if (name === "medeleg") wanted = together(wanted);
  if (op === "csrrw") return (wanted & mask) | fixed;
  const bits = op === "csrrs" ? wanted & mask : (mask === ALL ? wanted : wanted & mask) & ~fixed;
  // A write that changes nothing may or may not make FS dirty.
  return bits === 0n && number <= 3 ? 1n : bits;
}
