/** Makes a failing program smaller: groups become nops as long as the machines still disagree. */
import { layOut } from "./body.ts";
import { compareDumps, type Mismatch, runAll } from "./compare.ts";
import * as at from "./layout.ts";
import type { Machine } from "./machine.ts";
import type { Program } from "./program.ts";

function without(program: Program, dropped: ReadonlySet<number>): Program {
  const { groups, start } = program;
  return { ...program, laidOut: layOut(groups, { start, bytes: at.CODE_BYTES }, dropped) };
}

async function tryOut(program: Program, left: Machine, right: Machine): Promise<Mismatch> {
  const [a] = await runAll(left, [program]);
  const [b] = await runAll(right, [program]);
  return { program, differences: compareDumps(a, b), dumps: [a, b] };
}

/** The smallest mismatch found; undefined if the program alone does not fail. */
export async function shrink(
  program: Program,
  left: Machine,
  right: Machine,
): Promise<Mismatch | undefined> {
  let best = await tryOut(program, left, right);
  if (best.differences.length === 0) return undefined;
  let dropped = new Set<number>();
  const last = program.groups.length - 1; // The end of the program stays.
  for (let size = Math.ceil(last / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < last; from += size) {
      const more = new Set(dropped);
      for (let n = from; n < Math.min(from + size, last); n += 1) more.add(n);
      if (more.size === dropped.size) continue;
      const next = await tryOut(without(program, more), left, right);
      if (next.differences.length === 0) continue;
      dropped = more;
      best = next;
    }
  }
  return best;
}
