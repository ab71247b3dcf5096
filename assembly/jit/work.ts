/**
 * The translator's own memory, and the tables that describe the function at hand (a *region*: the
 * control-flow graph that is reachable from one entry by direct branches).
 *
 *   UOPS     decoded instructions, 8 bytes each, block by block
 *   RELS     where each stands: offset from the start of the entry's page (i32)
 *   HINTS    for each access the number of its hint + 1, or 0 (see `hints.ts`)
 *   GROUPS   for each access the number of its group + 1, or 0 (see `affine.ts`)
 *   OFFSETS  for each access of a group where it is from the base on (i16)
 *   BLOCKS   basic blocks, BLOCK_BYTES each (fields below)
 *   PAGES    for each page that the region may reach: frame, table of decoded blocks (0: not mapped)
 *   MARKS    for each halfword of those pages: LEADER, SEEN
 *   IDS      for each halfword of those pages: number of the block that begins there + 1
 *   STACK    work list, or the labels around the code that is being written
 */
import { PAGE_BYTES } from "../../bindings/abi";

/** Pages before and from the entry's on that a region may reach. */
export const PAGES_BEFORE: i32 = 4;
const PAGES: i32 = 8;
const HALFWORDS: i32 = (PAGES * PAGE_BYTES) >> 1;

export const INSTRUCTIONS_MAX: i32 = 1200;
export const BLOCKS_MAX: i32 = 120;

export const LEADER: u8 = 1;
export const SEEN: u8 = 2;

// Fields of a block.
/** First instruction: its index, and how many. */
export const BLOCK_FIRST: usize = 0;
export const BLOCK_COUNT: usize = 4;
/** Offset of the first instruction, and of what stands behind the last one, from the entry's page. */
export const BLOCK_REL: usize = 8;
export const BLOCK_END: usize = 12;
/** How it ends: one of ENDS_*. */
export const BLOCK_ENDS: usize = 16;
/** Successors (block numbers; -1: leaves the region for the offset beside it). */
export const BLOCK_TAKEN: usize = 20;
export const BLOCK_TAKEN_REL: usize = 24;
export const BLOCK_NEXT: usize = 28;
/** Reverse postorder number, -1: not reached. */
export const BLOCK_ORDER: usize = 32;
/** Immediate dominator. */
export const BLOCK_IDOM: usize = 36;
/** Bits: IS_LOOP, IS_MERGE. */
export const BLOCK_FLAGS: usize = 40;
/** Index of the function that a call leads to, -1: leaves the region. */
export const BLOCK_CALLEE: usize = 44;
/** Header of the innermost loop around it (-1: none), and how many loops are around it. */
export const BLOCK_LOOP: usize = 48;
export const BLOCK_DEPTH: usize = 52;
/** Of a loop header: how many loops it is the header of (`nests.ts`). */
export const BLOCK_LEVELS: usize = 56;
/** Behind which loop it is written, -1: where it is reached. */
export const BLOCK_BEHIND: usize = 60;
/** f registers whose single is at hand where it begins (see `boxed.ts`). */
export const BLOCK_BOXED: usize = 64;
const BLOCK_BYTES: usize = 72;

export const IS_LOOP: u32 = 1;
export const IS_MERGE: u32 = 2;

/** Goes on with the next block. */
export const ENDS_FALL: i32 = 0;
/** Jumps to `taken`. */
export const ENDS_JUMP: i32 = 1;
/** Branches to `taken` or goes on; the last instruction says when. */
export const ENDS_BRANCH: i32 = 2;
/** Calls `taken` (JAL or AUIPC + JALR), comes back to `next`. */
export const ENDS_CALL: i32 = 3;
/** JR or JALR: leaves for wherever the register says. */
export const ENDS_INDIRECT: i32 = 4;
/** Calls wherever the register of a JALR says, comes back to `next`. */
export const ENDS_CALL_REGISTER: i32 = 7;
/** JR through a table: to one of `Targets`, or leaves. */
export const ENDS_TABLE: i32 = 6;
/** Behind the last instruction stands one for the interpreter. */
export const ENDS_INTERPRET: i32 = 5;

export abstract class Work {
  static uops: usize = 0;
  static rels: usize = 0;
  static hints: usize = 0;
  static groups: usize = 0;
  static offsets: usize = 0;
  static blocks: usize = 0;
  static pages: usize = 0;
  static marks: usize = 0;
  static ids: usize = 0;
  static stack: usize = 0;
  static order: usize = 0;

  // The region at hand.
  /** gva of the entry's page. */
  static base: u64 = 0;
  static entryRel: i32 = 0;
  static blockCount: i32 = 0;
  static instructionCount: i32 = 0;

  @inline static uop(index: i32): usize {
    return Work.uops + ((<usize>index) << 3);
  }
  @inline static rel(index: i32): i32 {
    return load<i32>(Work.rels + ((<usize>index) << 2));
  }
  @inline static block(id: i32): usize {
    return Work.blocks + <usize>id * BLOCK_BYTES;
  }
  @inline static get(id: i32, field: usize): i32 {
    return load<i32>(Work.block(id) + field);
  }
  @inline static set(id: i32, field: usize, value: i32): void {
    store<i32>(Work.block(id) + field, value);
  }
  /** Is `rel` inside of the pages that the region may reach? */
  @inline static isNear(rel: i32): bool {
    return <u32>(rel + (PAGES_BEFORE << 12)) < <u32>(PAGES << 12);
  }
  @inline static halfword(rel: i32): usize {
    return <usize>((rel + (PAGES_BEFORE << 12)) >> 1);
  }
  @inline static pageOf(rel: i32): usize {
    return Work.pages + ((<usize>((rel >> 12) + PAGES_BEFORE)) << 3);
  }
  /** Frame that `rel` lies in, 0 if the page is not mapped. */
  @inline static frame(rel: i32): usize {
    return load<u32>(Work.pageOf(rel));
  }
  /** Its table of decoded blocks. */
  @inline static table(rel: i32): usize {
    return load<u32>(Work.pageOf(rel), 4);
  }
  @inline static idAt(rel: i32): i32 {
    return <i32>load<u16>(Work.ids + (Work.halfword(rel) << 1)) - 1;
  }
  @inline static mark(rel: i32): u8 {
    return load<u8>(Work.marks + Work.halfword(rel));
  }
  @inline static addMark(rel: i32, mark: u8): void {
    store<u8>(Work.marks + Work.halfword(rel), Work.mark(rel) | mark);
  }
}

function take(at: usize, bytes: usize): usize {
  return (at + bytes + 7) & ~7;
}

/** Bytes that `initWork` takes. */
export const WORK_BYTES: u32 = 160 * 1024;

/** Takes WORK_BYTES from `base` on. */
export function initWork(base: usize): void {
  Work.uops = base;
  Work.rels = take(Work.uops, (INSTRUCTIONS_MAX + 2) << 3);
  Work.hints = take(Work.rels, (INSTRUCTIONS_MAX + 2) << 2);
  Work.groups = take(Work.hints, INSTRUCTIONS_MAX + 2);
  Work.offsets = take(Work.groups, INSTRUCTIONS_MAX + 2);
  Work.blocks = take(Work.offsets, (INSTRUCTIONS_MAX + 2) << 1);
  Work.pages = take(Work.blocks, <usize>BLOCKS_MAX * BLOCK_BYTES);
  Work.marks = take(Work.pages, PAGES << 3);
  Work.ids = take(Work.marks, HALFWORDS);
  Work.stack = take(Work.ids, HALFWORDS << 1);
  Work.order = take(Work.stack, BLOCKS_MAX << 6);
}

/** Forgets the region before. */
export function clearWork(): void {
  memory.fill(Work.marks, 0, HALFWORDS);
  memory.fill(Work.ids, 0, HALFWORDS << 1);
  Work.blockCount = 0;
  Work.instructionCount = 0;
}

/** First and last page that a region may reach, relative to the entry's. */
export const FIRST_PAGE: i32 = -PAGES_BEFORE;
export const LAST_PAGE: i32 = PAGES - PAGES_BEFORE - 1;
