/** Which blocks lie in which loop: natural loops, from the edges that lead back to their headers. */
import { blockAtOrder, sidesOf, successor } from "./order";
import { BLOCK_DEPTH, BLOCK_FLAGS, BLOCK_LOOP, IS_LOOP, Work } from "./work";

/** Does `from` lead to `to`? */
export function leads(from: i32, to: i32): bool {
  for (let side = 0; side < sidesOf(from); side++) if (successor(from, side) == to) return true;
  return false;
}

/** Gives `id` to the loop of `header`, and all from which it is reached inside of that. */
function claim(id: i32, header: i32, count: i32): void {
  if (Work.get(id, BLOCK_LOOP) == header) return;
  Work.set(id, BLOCK_LOOP, header);
  Work.set(id, BLOCK_DEPTH, Work.get(id, BLOCK_DEPTH) + 1);
  if (id == header) return;
  for (let i = 0; i < count; i++) {
    const from = blockAtOrder(i);
    if (leads(from, id)) claim(from, header, count);
  }
}

/** Writes BLOCK_LOOP (header of the innermost loop around it, -1: none) and BLOCK_DEPTH of all `count` blocks. */
export function findLoops(count: i32): void {
  for (let i = 0; i < count; i++) {
    Work.set(blockAtOrder(i), BLOCK_LOOP, -1);
    Work.set(blockAtOrder(i), BLOCK_DEPTH, 0);
  }
  for (let i = 0; i < count; i++) {
    const header = blockAtOrder(i);
    if (!(Work.get(header, BLOCK_FLAGS) & <i32>IS_LOOP)) continue;
    claim(header, header, count);
    for (let k = i; k < count; k++) {
      const from = blockAtOrder(k);
      if (leads(from, header)) claim(from, header, count);
    }
  }
}
