/** Ticks of the guest's `time` counter in a second (the QEMU `virt` machine's timebase). */
export const TIMEBASE_HZ = 10_000_000;

/** Time as a guest and its devices see it: it stands still while the guest is paused. */
export interface GuestClock {
  /** The `time` counter, in ticks of 1 / {@link TIMEBASE_HZ} seconds; an integer below 2^53. */
  ticks(): number;
  /** Time of day, in nanoseconds since 1970 (an integer; exact to about 1 us). */
  realTimeNs(): number;
}
