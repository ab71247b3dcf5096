/** A guest's heartbeat: numbers on the consoles of the hosts that it is on, each with the moment at which it was heard. */

/** One sign of life: its number, and when it was seen. */
export interface Beat {
  readonly number: number;
  readonly atMs: number;
}

/** Beats in what came, and what is left of a line. */
export function beatsIn(text: string): { readonly numbers: number[]; readonly rest: string } {
  const lines = text.split("\n");
  const rest = lines.pop() ?? "";
  const numbers = lines.flatMap((line) => {
    const number = /^(?:hb (?=\d+ \d)|beat |kv ok )(\d+)/.exec(line)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
  return { numbers, rest };
}

const TAIL_CHARS = 200;

/** The beats of one guest, of all consoles that it comes by. */
export class BeatLog {
  readonly beats: Beat[] = [];
  readonly #lines = new Map<number, string>();
  /** The last of what was heard, whatever it was. */
  tail = "";

  /** Console `source` printed `text`, which somebody heard at `atMs`. */
  add(source: number, text: string, atMs: number): void {
    this.tail = (this.tail + text).slice(-TAIL_CHARS);
    const { numbers, rest } = beatsIn((this.#lines.get(source) ?? "") + text);
    this.#lines.set(source, rest);
    // A number that was seen before is what a console repeats to newcomers.
    for (const number of numbers)
      if (number > (this.beats.at(-1)?.number ?? -1)) this.beats.push({ number, atMs });
  }
}

export interface Silence {
  readonly ms: number;
  /** When it began. */
  readonly atMs: number;
}

/** The times between two beats that follow each other within a span, the longest first. */
export function silencesIn(beats: readonly Beat[], fromMs: number, untilMs: number): Silence[] {
  const silences: Silence[] = [];
  for (const [i, { atMs }] of beats.entries()) {
    const before = beats[i - 1];
    if (before && atMs > fromMs && before.atMs < untilMs)
      silences.push({ ms: atMs - before.atMs, atMs: before.atMs });
  }
  return silences.sort((a, b) => b.ms - a.ms);
}

/** A guest is left alone for so long before it moves: what is silent then is the machine's doing. */
export const SETTLE_MS = 2000;
/** The order to move is no part of that. */
const ORDER_MS = 20;

/** The longest silence before a migration that begins at `fromMs`: what this machine does to a guest that stays. */
export const silenceBefore = (beats: readonly Beat[], fromMs: number): number =>
  silencesIn(beats, fromMs - SETTLE_MS, fromMs - ORDER_MS)[0]?.ms ?? 0;
