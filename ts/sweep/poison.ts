/**
 * Scenarios that kill whoever computes them (memory that is not there, a guest runner that exits). What such a
 * scenario is called is a rule of all engines that outlive it: a row with the state `error`.
 */
import type { Chunk } from "./expand.ts";

/** So often must a worker have died before what it had in hand is blamed. */
export const DEATHS = 3;
/** In place of a measurement; the same wherever and whenever it was found out. */
export const POISONED = "WV_GUEST: it killed every worker that computed it";

/**
 * The scenarios of a chunk that kill, by halves. `survives` computes a part of it and says whether that went
 * well. Empty: every half goes well on its own.
 */
export async function findPoison(
  chunk: Chunk,
  survives: (part: Chunk) => Promise<boolean>,
): Promise<number[]> {
  const { count, from, number } = chunk;
  if (count === 1) return [from];
  const half = Math.ceil(count / 2);
  const found: number[] = [];
  for (const part of [
    { number, from, count: half },
    { number, from: from + half, count: count - half },
  ])
    if (!(await survives(part))) found.push(...(await findPoison(part, survives)));
  return found;
}
