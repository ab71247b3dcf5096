/**
 * Decoded code. Blocks of micro-operations lie one behind the other in the arena; beside each, in
 * the side array, a u16 with the offset in its page of the instruction it came from. A frame that
 * holds code has a table (2048 u32: for each halfword the block that starts there, or 0), which also
 * lies in the arena. Everything is keyed by frame, so forks and clones share it. When the arena is
 * full it is emptied as a whole.
 */
import { Cpu } from "../hart/state";
import { OP_GOTO, OP_LINK } from "../isa/ops";
import { Uop } from "../isa/uop";
import { Frames } from "../memory/frames";
import { dropStoresTo, emptyFetches, Tlb } from "../mmu/tlb";
import { buildBlock, MAX_BLOCK_BYTES } from "./block";
import { initPairs } from "./fuse";
import { Side, sideOf } from "./side";

const TABLE_BYTES: usize = 8192;

export abstract class Arena {
  static base: usize = 0;
  static end: usize = 0;
  static next: usize = 0;
  /** Counts resets: who kept an address from before must not use it. */
  static generation: u32 = 0;

  /** Is the page of `pc` not in the fetch TLB? */
  @inline static misses(pc: u64): bool {
    return load<u64>(Tlb.fetch(pc)) != ((pc & ~0xfff) | Tlb.fetchTag);
  }
  /** The block for `pc`, whose page is in the fetch TLB, or 0. */
  @inline static block(pc: u64): usize {
    return load<u32>(<usize>load<u32>(Tlb.fetch(pc), 8) + ((<usize>pc & 0xffe) << 1));
  }

  /** The block for `pc`, if its page is in the fetch TLB and the block is decoded; else 0. Sets `Cpu.page`. */
  @inline static find(pc: u64): usize {
    if (Arena.misses(pc)) return 0;
    Cpu.page = pc & ~0xfff;
    return Arena.block(pc);
  }
}

/** Takes the memory from `base` on: two thirds micro-operations and tables, one third side array. */
export function initArena(base: usize, bytes: usize): void {
  Arena.base = base;
  Arena.next = base;
  Arena.end = base + (((bytes / 5) << 2) & ~7);
  Side.arena = base;
  Side.base = Arena.end;
  initPairs();
}

function touch(from: usize, to: usize): void {
  for (let at = from; at < to; at += 4096) store<u8>(at, 0);
}

/** Writes to each page of the memory that the next `bytes` of decoded code will lie in, and what is beside them. */
export function touchArena(bytes: u32): void {
  const until = min(Arena.end, Arena.next + <usize>bytes);
  touch(Arena.next, until);
  touch(sideOf(Arena.next), sideOf(until));
}

/** Page offset (up to 4098) of the instruction behind the one at `u`. */
export function pageOffsetBehind(u: usize): u64 {
  return load<u16>(sideOf(u + 8));
}

/** pc of the instruction that the micro-operation at `u` stands for, or that it leads to. */
export function pcOf(u: usize): u64 {
  const op = Uop.op(u);
  if (op == OP_GOTO || op == OP_LINK) return Cpu.page + <u64>(<i64>Uop.imm(u));
  return Cpu.page + <u64>load<u16>(sideOf(u));
}

/** Drops everything that was decoded. */
export function resetArena(): void {
  Arena.next = Arena.base;
  Arena.generation++;
  memory.fill(Frames.code, 0, (<usize>Frames.end) << 2);
  emptyFetches();
}

/** The table of blocks of `frame`; made if need be. */
export function tableOf(frame: usize): usize {
  let table: usize = load<u32>(Frames.codeOf(frame));
  if (table) return table;
  if (Arena.next + TABLE_BYTES + MAX_BLOCK_BYTES > Arena.end) resetArena();
  table = Arena.next;
  Arena.next += TABLE_BYTES;
  memory.fill(table, 0, TABLE_BYTES);
  store<u32>(Frames.codeOf(frame), <u32>table);
  dropStoresTo(frame); // From now on a store to this frame must be noticed.
  return table;
}

/** The block that starts at `offset` of `frame`; decoded if need be. */
export function blockAt(frame: usize, offset: u32): usize {
  let table = tableOf(frame);
  const known: usize = load<u32>(table + ((<usize>offset & 0xffe) << 1));
  if (known) return known;
  if (Arena.next + MAX_BLOCK_BYTES > Arena.end) {
    resetArena();
    table = tableOf(frame);
  }
  const start = Arena.next;
  Arena.next = buildBlock(frame, offset, 255, start);
  store<u32>(table + ((<usize>offset & 0xffe) << 1), <u32>start);
  return start;
}
