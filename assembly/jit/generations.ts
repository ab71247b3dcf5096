/**
 * The code cache: translated functions in generations. A new one begins when a quarter of the cache is
 * full; the oldest goes, as a whole, when there is no room for what is to come. What is hot comes back
 * by its heat. Functions call each other directly only within a generation (`calleeOf` of `module.ts`),
 * else by way of the decoded block: so nothing leads to a function that has gone, and the engine can take
 * its memory back.
 *
 * Sizes are of the modules as they are written: that is the same on each machine (what V8 makes of them:
 * docs/decisions.md).
 */

import * as host from "../host";
import { forgetCount } from "./counters";
import { dropEntry, ENTRIES_MAX } from "./entries";
import { openMaps } from "./targets";

const GENERATIONS: u32 = 4;
const SLOTS: u32 = ENTRIES_MAX / GENERATIONS;
/** Of each generation {u32 functions, u32 bytes}. */
const TABLE: usize = memory.data(<i32>GENERATIONS * 8);

abstract class Generations {
  /** The one that grows. */
  static now: u32 = 0;
  /** Bytes of all modules, and how many there may be. */
  static bytes: u32 = 0;
  static max: u32 = 0;

  @inline static at(generation: u32): usize {
    return TABLE + ((<usize>generation) << 3);
  }
  @inline static functions(generation: u32): u32 {
    return load<u32>(Generations.at(generation));
  }
  @inline static bytesOf(generation: u32): u32 {
    return load<u32>(Generations.at(generation), 4);
  }
}

/** Bytes of modules that are kept at most. */
export function setCodeCache(bytes: u32): void {
  Generations.max = bytes;
}

export function initGenerations(): void {
  begin(0);
}

function clear(generation: u32): void {
  const count = Generations.functions(generation);
  if (count) host.uninstall(generation * SLOTS, count);
  Generations.bytes -= Generations.bytesOf(generation);
  store<u64>(Generations.at(generation), 0);
}

/** All functions of a generation go. None of them may be running. */
function evict(generation: u32): void {
  const first = generation * SLOTS;
  for (let i: u32 = 0; i < Generations.functions(generation); i++)
    forgetCount(dropEntry(first + i));
  clear(generation);
}

function begin(generation: u32): void {
  Generations.now = generation;
  openMaps(generation, GENERATIONS);
}

/** The decoded blocks are gone, and with them all that was translated. */
export function forgetGenerations(): void {
  for (let generation: u32 = 0; generation < GENERATIONS; generation++) clear(generation);
  begin(Generations.now);
}

/** Begins a new generation if the one that grows is large enough, or has no room for `count` functions. */
export function openGeneration(count: u32): void {
  const now = Generations.now;
  const isYoung = Generations.bytesOf(now) < Generations.max / GENERATIONS;
  if (isYoung && Generations.functions(now) + count <= SLOTS) return;
  const next = (now + 1) % GENERATIONS;
  evict(next);
  begin(next);
}

/** Lets old generations go until a module of `bytes` fits. False: it never will. */
export function makeRoom(bytes: u32): bool {
  if (bytes > Generations.max >> 1) return false;
  for (let age = GENERATIONS - 1; age > 0 && Generations.bytes + bytes > Generations.max; age--)
    evict((Generations.now + GENERATIONS - age) % GENERATIONS);
  return true;
}

/** The slot for the next function of the generation that grows. */
export function nextSlot(): u32 {
  return Generations.now * SLOTS + Generations.functions(Generations.now);
}

/** May functions that are written now call the one in `slot`? */
export function isOfNow(slot: u32): bool {
  return slot / SLOTS == Generations.now;
}

/** A module of `count` functions and `bytes` bytes was added. */
export function noteModule(count: u32, bytes: u32): void {
  const at = Generations.at(Generations.now);
  store<u32>(at, load<u32>(at) + count);
  store<u32>(at, load<u32>(at, 4) + bytes, 4);
  Generations.bytes += bytes;
}
