/**
 * Rounding: from an exact number to the bits of a format, with the exceptions that this raises.
 *
 * A number to be rounded is `sign`, `exponent`, `sig`:
 *
 *     (-1)^sign * sig / 2^63 * 2^(exponent - bias)        sig: 1xxxxxxx ... xxxxxxxS
 *
 * The leading one of `sig` is bit 63. S is sticky: it is set when anything nonzero was cut off
 * below, which no rounding can tell from a one in that place, since both formats keep at most 53
 * bits of the 64. `exponent` is biased as in the target format, but not limited to its range.
 */
import { FpFlags, NX, OF, UF } from "./flags";

/** Rounding modes as in `frm` (unprivileged manual, 20.2). */
export const RNE: u32 = 0;
export const RTZ: u32 = 1;
export const RDN: u32 = 2;
export const RUP: u32 = 3;
export const RMM: u32 = 4;
/**
 * Added to a mode: an inexact result takes the neighbour with an odd significand, so that it can be
 * rounded once more to a format at least two bits shorter as if it had never been rounded.
 */
export const ODD: u32 = 8;

export const INF64: u64 = 0x7ff0000000000000;
export const INF32: u32 = 0x7f800000;
export const INF16: u32 = 0x7c00;
const HALF: u64 = 1 << 63;

/** Shifts right; what falls out leaves its trace in the last bit. */
export function shiftRightSticky(sig: u64, count: i32): u64 {
  if (count > 63) return u64(sig != 0);
  return (sig >> count) | u64(sig & ((1 << (<u64>count)) - 1) ? 1 : 0);
}

/**
 * Whether a magnitude rounds up (0 or 1). `odd` is the last bit that stays, `tail` what goes,
 * scaled so that half a unit in the last place is 1 << 63.
 */
function roundsUp(rm: u32, sign: u64, odd: u64, tail: u64): u64 {
  if (rm == RNE) return u64(tail > HALF - odd);
  if (!tail) return 0;
  if (rm & ODD) return odd ^ 1;
  if (rm == RMM) return tail >> 63;
  if (rm == RDN) return sign;
  return rm == RUP ? sign ^ 1 : 0;
}

/** Overflow: 0 to become infinite, 1 to stop at the largest finite number, just one below it. */
function overflow(rm: u32, sign: u64): u64 {
  FpFlags.raise(OF | NX);
  if (rm == RNE || rm == RMM) return 0;
  if (rm == RTZ) return 1;
  return u64(rm == RDN) ^ sign;
}

/** The number as binary64. */
export function pack64(sign: u64, exponent: i32, sig: u64, rm: u32): u64 {
  if (exponent < 1) return packSmall64(sign, exponent, sig, rm);
  const kept = sig >> 11;
  const tail = sig << 53;
  if (tail) FpFlags.raise(NX);
  // The hidden bit, and a carry out of the fraction, count the exponent up.
  const magnitude = ((<u64>(exponent - 1)) << 52) + kept + roundsUp(rm, sign, kept & 1, tail);
  return (sign << 63) | (magnitude < INF64 ? magnitude : INF64 - overflow(rm, sign));
}

/** Below 2^-1022: the unit in the last place stays 2^-1074. */
function packSmall64(sign: u64, exponent: i32, sig: u64, rm: u32): u64 {
  const small = shiftRightSticky(sig, 1 - exponent);
  const kept = small >> 11;
  const tail = small << 53;
  if (tail) {
    // Tiny after rounding: still below 2^-1022 when rounded with an unlimited exponent.
    const full = sig >> 11;
    const up = roundsUp(rm, sign, full & 1, sig << 53);
    FpFlags.raise(exponent < 0 || !((full + up) >> 53) ? NX | UF : NX);
  }
  return (sign << 63) | (kept + roundsUp(rm, sign, kept & 1, tail));
}

/** The number as binary32. */
export function pack32(sign: u64, exponent: i32, sig: u64, rm: u32): u32 {
  if (exponent < 1) return packSmall32(sign, exponent, sig, rm);
  const kept = sig >> 40;
  const tail = sig << 24;
  if (tail) FpFlags.raise(NX);
  const magnitude = ((<u64>(exponent - 1)) << 23) + kept + roundsUp(rm, sign, kept & 1, tail);
  return <u32>((sign << 31) | (magnitude < INF32 ? magnitude : INF32 - overflow(rm, sign)));
}

/** Below 2^-126: the unit in the last place stays 2^-149. */
function packSmall32(sign: u64, exponent: i32, sig: u64, rm: u32): u32 {
  const small = shiftRightSticky(sig, 1 - exponent);
  const kept = small >> 40;
  const tail = small << 24;
  if (tail) {
    const full = sig >> 40;
    const up = roundsUp(rm, sign, full & 1, sig << 24);
    FpFlags.raise(exponent < 0 || !((full + up) >> 24) ? NX | UF : NX);
  }
  return <u32>((sign << 31) | (kept + roundsUp(rm, sign, kept & 1, tail)));
}

/** The number as binary16. */
export function pack16(sign: u64, exponent: i32, sig: u64, rm: u32): u32 {
  if (exponent < 1) return packSmall16(sign, exponent, sig, rm);
  const kept = sig >> 53;
  const tail = sig << 11;
  if (tail) FpFlags.raise(NX);
  const magnitude = ((<u64>(exponent - 1)) << 10) + kept + roundsUp(rm, sign, kept & 1, tail);
  return <u32>((sign << 15) | (magnitude < INF16 ? magnitude : INF16 - overflow(rm, sign)));
}

/** Below 2^-14: the unit in the last place stays 2^-24. */
function packSmall16(sign: u64, exponent: i32, sig: u64, rm: u32): u32 {
  const small = shiftRightSticky(sig, 1 - exponent);
  const kept = small >> 53;
  const tail = small << 11;
  if (tail) {
    const full = sig >> 53;
    const up = roundsUp(rm, sign, full & 1, sig << 11);
    FpFlags.raise(exponent < 0 || !((full + up) >> 11) ? NX | UF : NX);
  }
  return <u32>((sign << 15) | (kept + roundsUp(rm, sign, kept & 1, tail)));
}
