/**
 * Where jumps through a table (a `switch`) may lead inside of the region: what lies near the jump in its
 * page and was reached. All such jumps of a region share the targets. A map, one byte a halfword, says
 * which target an address is.
 */
import { BLOCK_REL, Work } from "./work";

/** Targets of a region, and how far from the jump they may be. */
const TARGETS_MAX: i32 = 48;
const REACH: i32 = 1024;
const IDS: usize = memory.data(TARGETS_MAX * 4);
export const NO_TARGET: u8 = 0xff;

export abstract class Targets {
  static count: i32 = 0;
  /** Offset of the jump that asked for them; none yet if there is none. */
  static jump: i32 = 0;
  /** First and last offset of a target. */
  static first: i32 = 0;
  static last: i32 = 0;
  /** The map at hand, and the memory for maps: all, and what is left of the part in use. */
  static map: usize = 0;
  static base: usize = 0;
  static next: usize = 0;
  static end: usize = 0;
}

/** Bytes that `initTargets` takes. */
export const TARGETS_BYTES: u32 = 256 * 1024;
const NONE: i32 = -1 << 30;

export function initTargets(base: usize): void {
  Targets.base = base;
}

/** From now on maps go to part `part` of `parts`; those that were there are forgotten. */
export function openMaps(part: u32, parts: u32): void {
  const bytes = TARGETS_BYTES / parts;
  Targets.next = Targets.base + <usize>(part * bytes);
  Targets.end = Targets.next + bytes;
}

/** A new region begins. */
export function clearTargets(): void {
  Targets.count = 0;
  Targets.jump = NONE;
}

/** Block number of target `index`. */
export function targetAt(index: i32): i32 {
  return load<i32>(IDS + ((<usize>index) << 2));
}

export function dropTarget(index: i32): void {
  store<i32>(IDS + ((<usize>index) << 2), -1);
}

export function hasJump(): bool {
  return Targets.jump != NONE;
}

/** First and last offset that may be targets. */
export function firstReachable(): i32 {
  return max(Targets.jump & ~0xfff, Targets.jump - REACH + 2);
}
export function lastReachable(): i32 {
  return min(Targets.jump | 0xffe, Targets.jump + REACH - 2);
}

/** Notes a jump through a register at `rel`: the first one says what is near. */
export function noteJump(rel: i32): void {
  if (!hasJump()) Targets.jump = rel;
}

/** Adds block `id`, which stands at `rel`; false if there are too many. */
export function addTarget(id: i32, rel: i32): bool {
  if (Targets.count == TARGETS_MAX) return false;
  if (Targets.count == 0) Targets.first = rel;
  Targets.last = rel;
  store<i32>(IDS + ((<usize>Targets.count) << 2), id);
  Targets.count++;
  return true;
}

/** Writes the map. False if there is no room for it. */
export function writeMap(): bool {
  const bytes = <usize>((Targets.last - Targets.first) >> 1) + 1;
  if (!Targets.count || Targets.next + bytes > Targets.end) return false;
  Targets.map = Targets.next;
  Targets.next += bytes;
  memory.fill(Targets.map, NO_TARGET, bytes);
  for (let i = 0; i < Targets.count; i++) {
    if (targetAt(i) < 0) continue;
    const rel = Work.get(targetAt(i), BLOCK_REL);
    store<u8>(Targets.map + <usize>((rel - Targets.first) >> 1), <u8>i);
  }
  return true;
}
