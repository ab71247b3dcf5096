/**
 * How loops are written. A region that was entered in an inner loop has one header for all loops around
 * it: each way back becomes a loop of its own, the smallest innermost (*levels*, 0 is the innermost). What
 * lies behind a level is written behind it, not within, where V8 would keep registers for it.
 */
import { leads } from "./loops";
import { blockAtOrder } from "./order";
import {
  BLOCK_BEHIND,
  BLOCK_FLAGS,
  BLOCK_IDOM,
  BLOCK_LEVELS,
  BLOCK_ORDER,
  BLOCKS_MAX,
  IS_LOOP,
  Work,
} from "./work";

const LEVELS_MAX: i32 = 4;

/** Sets of blocks, one byte each: the levels, the loop of one way back, the ways back that are done. */
const SETS: usize = memory.data((LEVELS_MAX + 2) * BLOCKS_MAX);

function setOf(index: i32): usize {
  return SETS + <usize>(index * BLOCKS_MAX);
}
const NATURAL: i32 = LEVELS_MAX;
const DONE: i32 = LEVELS_MAX + 1;

function has(set: i32, id: i32): bool {
  return load<u8>(setOf(set) + id) != 0;
}
function put(set: i32, id: i32): void {
  store<u8>(setOf(set) + id, 1);
}

/** Is block `id` in the innermost level of the header that `findLevels` found last? */
export function isInner(id: i32): bool {
  return has(0, id);
}

/** Adds `id` to NATURAL, and all from which it is reached without passing what is there; their number. */
function reach(id: i32, count: i32): i32 {
  if (has(NATURAL, id)) return 0;
  put(NATURAL, id);
  let size = 1;
  for (let i = 0; i < count; i++) {
    const from = blockAtOrder(i);
    if (leads(from, id)) size += reach(from, count);
  }
  return size;
}

/** Makes NATURAL the loop of the way back from `latch` to `header`; its size. */
function findNatural(header: i32, latch: i32, count: i32): i32 {
  memory.fill(setOf(NATURAL), 0, BLOCKS_MAX);
  put(NATURAL, header);
  return reach(latch, count);
}

/** The block whose way back to `header` makes the smallest loop that is not done; -1: none. */
function nextLatch(header: i32, count: i32): i32 {
  let best = -1;
  let least = i32.MAX_VALUE;
  for (let i = Work.get(header, BLOCK_ORDER); i < count; i++) {
    const id = blockAtOrder(i);
    if (has(DONE, id) || !leads(id, header)) continue;
    const size = findNatural(header, id, count);
    if (size >= least) continue;
    least = size;
    best = id;
  }
  return best;
}

/** Finds the levels of the loop of `header`, each with all that the smaller ones have; their number. */
export function findLevels(header: i32, count: i32): i32 {
  let levels = 0;
  memory.fill(SETS, 0, (LEVELS_MAX + 2) * BLOCKS_MAX);
  for (let latch = nextLatch(header, count); latch >= 0; latch = nextLatch(header, count)) {
    put(DONE, latch);
    findNatural(header, latch, count);
    if (levels < LEVELS_MAX) {
      if (levels) memory.copy(setOf(levels), setOf(levels - 1), BLOCKS_MAX);
      levels++;
    }
    for (let id = 0; id < Work.blockCount; id++) if (has(NATURAL, id)) put(levels - 1, id);
  }
  return levels;
}

/** What BLOCK_BEHIND says of a block that is written behind level `index` of `header`. */
export function behind(header: i32, index: i32): i32 {
  return header * LEVELS_MAX + index;
}

/** Says of every block behind which level of a loop it is written, if any; of every header its levels. */
export function findNests(count: i32): void {
  for (let i = 0; i < count; i++) Work.set(blockAtOrder(i), BLOCK_BEHIND, -1);
  for (let i = 0; i < count; i++) {
    const header = blockAtOrder(i);
    if (!(Work.get(header, BLOCK_FLAGS) & <i32>IS_LOOP)) continue;
    const levels = findLevels(header, count);
    Work.set(header, BLOCK_LEVELS, levels);
    for (let index = levels - 1; index >= 0; index--) {
      for (let k = i + 1; k < count; k++) {
        const id = blockAtOrder(k);
        const isOut = !has(index, id) && has(index, Work.get(id, BLOCK_IDOM));
        if (isOut && Work.get(id, BLOCK_BEHIND) < 0)
          Work.set(id, BLOCK_BEHIND, behind(header, index));
      }
    }
  }
}
