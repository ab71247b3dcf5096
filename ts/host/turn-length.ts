/** How long the turns of a vm are: in budget units, so that each takes a few milliseconds, whatever the guest does. */

/** Budget units of one turn at most, over all vCPUs. */
const TURN_CYCLES = 1_000_000;
/** Turns are multiples of this; the first one is as short: code that is cold takes ten times as long. */
const ROUND_CYCLES = 10_000;
/** Who waits for something else in this thread waits no longer than this. */
const TURN_NS = 4e6;
/** While the vm moves: what sends its memory has this thread between two turns, for as long or so. */
const TURN_MOVING_NS = 2e6;
/** How much of the next estimate the last turn is. */
const WEIGHT = 1 / 4;

export class TurnLength {
  readonly #cyclesMax: number;
  /** What a budget unit of all vCPUs takes: some hundred picoseconds, or 40 ns where they ask the host for the time. */
  #nsPerCycle = 0;

  constructor(vcpus: number) {
    this.#cyclesMax = inRounds(TURN_CYCLES / vcpus);
  }

  /** Budget units of the next turn. */
  cycles(isMoving: boolean): number {
    const ns = isMoving ? TURN_MOVING_NS : TURN_NS;
    if (this.#nsPerCycle === 0) return ROUND_CYCLES;
    return Math.min(this.#cyclesMax, inRounds(ns / this.#nsPerCycle));
  }

  /** A turn that used up its `cycles` has taken this. */
  note(cycles: number, ns: number): void {
    const last = ns / cycles;
    const weight = this.#nsPerCycle === 0 ? 1 : WEIGHT;
    this.#nsPerCycle += (last - this.#nsPerCycle) * weight;
  }
}

function inRounds(cycles: number): number {
  return Math.max(1, Math.floor(cycles / ROUND_CYCLES)) * ROUND_CYCLES;
}
