import { HART_BASE, HART_CLOCK_SKEW, HART_CYCLES } from "../../bindings/abi.ts";
import type { Core } from "../../bindings/core.ts";
import { type Clock, realTimeNs } from "../base/clock.ts";
import { type GuestClock, TIMEBASE_HZ } from "../machine/guest-clock.ts";

const NS_PER_TICK = 1e9 / TIMEBASE_HZ;
const TWO_32 = 2 ** 32;
/** The time of day at which every virtual clock starts: 2026-01-01T00:00:00Z. */
const VIRTUAL_EPOCH_NS = 1_767_225_600_000_000_000;

/** How a guest's time passes. */
export type ClockMode = "virtual" | "wall";

export interface VmClockState {
  readonly ticks: number;
}

/**
 * A guest's time. Virtual: cycles of its harts divided by a fixed speed, so it is a function of what
 * the guest did. Wall: the host's clock. In both it stands still while the guest is paused.
 */
export class VmClock implements GuestClock {
  readonly mode: ClockMode;
  /** Virtual mode: budget units in one tick. */
  readonly cyclesPerTick: number;
  readonly #core: Core;
  readonly #wall: Clock;
  /** Virtual mode: cycles at which the round began. */
  #cycles = 0;
  /** Set while a hart runs: then the time is that hart's. */
  #isInside = false;
  /** Wall mode: `nowNs` at tick 0, moved on by every pause; undefined while paused. */
  #originNs: number | undefined;
  #pausedTicks = 0;

  constructor(options: {
    readonly core: Core;
    readonly mode: ClockMode;
    readonly mips: number;
    readonly wall: Clock;
  }) {
    this.#core = options.core;
    this.mode = options.mode;
    this.#wall = options.wall;
    this.cyclesPerTick = Math.max(1, Math.round((options.mips * 1e6) / TIMEBASE_HZ));
  }

  ticks(): number {
    if (this.mode === "wall") {
      if (this.#originNs === undefined) return this.#pausedTicks;
      return Math.floor((this.#wall.nowNs() - this.#originNs) / NS_PER_TICK);
    }
    return Math.floor(this.cycles() / this.cyclesPerTick);
  }

  realTimeNs(): number {
    if (this.mode === "wall") return realTimeNs();
    return VIRTUAL_EPOCH_NS + this.ticks() * NS_PER_TICK;
  }

  /** Virtual time in cycles. */
  cycles(): number {
    if (!this.#isInside) return this.#cycles;
    return this.#u64(HART_BASE + HART_CYCLES) + this.#u64(HART_BASE + HART_CLOCK_SKEW);
  }

  /** A hart's slice begins (true) or ends: in between, time is what that hart says. */
  enter(isInside: boolean): void {
    this.#isInside = isInside;
  }

  /** Moves virtual time on to `cycles`. */
  advanceTo(cycles: number): void {
    this.#cycles = Math.max(this.#cycles, cycles);
  }

  pause(): void {
    this.#pausedTicks = this.ticks();
    this.#originNs = undefined;
  }

  resume(): void {
    this.#originNs ??= this.#wall.nowNs() - this.#pausedTicks * NS_PER_TICK;
  }

  save(): VmClockState {
    return { ticks: this.mode === "virtual" ? this.#cycles : this.ticks() };
  }

  /** The clock must be paused. */
  restore(state: VmClockState): void {
    if (this.mode === "virtual") this.#cycles = state.ticks;
    else this.#pausedTicks = state.ticks;
  }

  #u64(at: number): number {
    const { u32 } = this.#core;
    return (u32[at >>> 2] as number) + (u32[(at >>> 2) + 1] as number) * TWO_32;
  }
}
