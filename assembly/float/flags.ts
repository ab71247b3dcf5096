/** The accrued IEEE exceptions of the running hart (unprivileged manual, 20.2: `fflags`). */

/** Inexact. */
export const NX: u32 = 1;
/** Underflow: tiny after rounding, and inexact. */
export const UF: u32 = 2;
/** Overflow. */
export const OF: u32 = 4;
/** Division of a finite number by zero. */
export const DZ: u32 = 8;
/** Invalid operation. */
export const NV: u32 = 16;

/** Sticky: arithmetic only ever sets bits, whoever keeps `fflags` reads and clears them. */
export abstract class FpFlags {
  static bits: u32 = 0;

  @inline static raise(flags: u32): void {
    FpFlags.bits |= flags;
  }
}
