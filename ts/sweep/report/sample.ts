/** An even sample: which points are in it depends on nothing but the points. */

/** At most `most` of them, spread over all. */
export function sampleOf<T>(all: readonly T[], most: number): readonly T[] {
  if (all.length <= most) return all;
  // A step that shares no factor with an axis of the plan: every value of each axis is met.
  const step = all.length / most;
  const chosen = new Set<number>();
  for (let i = 0; i < most; i++) {
    const jitter = ((i * 0.6180339887498949) % 1) * step;
    chosen.add(Math.min(all.length - 1, Math.floor(i * step + jitter)));
  }
  return [...chosen].sort((a, b) => a - b).map((i) => all[i] as T);
}
