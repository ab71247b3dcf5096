/** Makes a failing program smaller: groups become nops as long as the machines still disagree. */
import { compareWithout, type Mismatch, type Sides } from "./compare.ts";
import type { Program } from "./program.ts";

/** The smallest mismatch found that nobody explains; undefined if the program alone does not fail. */
export async function shrink(program: Program, sides: Sides): Promise<Mismatch | undefined> {
  let dropped = new Set<number>();
  let best = await compareWithout(program, dropped, sides);
  if (!best) return undefined;
  const last = program.groups.length - 1; // The end of the program stays.
  for (let size = Math.ceil(last / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < last; from += size) {
      const more = new Set(dropped);
      for (let n = from; n < Math.min(from + size, last); n += 1) more.add(n);
      if (more.size === dropped.size) continue;
      const next = await compareWithout(program, more, sides);
      if (!next) continue;
      dropped = more;
      best = next;
    }
  }
  return best;
}
