/**
 * A writer whose page of rank r gets a share of r^-exponent of the writes. Pages are in order of rank: which
 * pages are hot does not matter to a count. Single writes are drawn from an alias table; of many at once it is drawn
 * how many go to each of some groups of ranks that are about alike. There most go to all pages of the group
 * alike, as a crowd, and the rest makes up for the difference.
 */
import { binomial } from "./binomial";
import { markPage } from "./bitset";
import { hitsAll, isFull, setRange } from "./crowd";
import { Random, randomWords } from "./random";
import { writeUniform } from "./uniform";

/** Fewer writes than this are drawn one by one. */
const WRITES_MIN: u32 = 8192;
/** A group's last rank is at most so much larger than its first: some 90 groups of the largest guest. */
const GROWTH: f64 = 1.25;
/** Bytes a rank: of the alias table, of the excesses behind it, and of what making both needs. */
const ALIAS_BYTES: u32 = 8;
const TABLE_BYTES: u32 = 12;
export const ZIPF_BYTES: u32 = 24;

/** Ranks that are about alike. */
@unmanaged
class Group {
  from: u32;
  to: u32;
  /** Of the writes that go to no earlier group, the share that goes to this one. */
  share: f64;
  /** Of these, the share that goes to all of its ranks alike. */
  alike: f64;
  /** Of these, the share of the rank that has the least. */
  least: f64;
}

export abstract class Zipf {
  /** {u32 share in 2^-32, u32 alias} per rank. */
  static alias: usize = 0;
  /**
   * What a rank has more than the least of its group, over the chance that it is the lower of two, both as a part of
   * the first rank's, in 2^-32: at most 1, as what ranks have falls ever more slowly.
   */
  static excess: usize = 0;
  static groups: usize = memory.data(128 * 32, 8);
  static groupCount: u32 = 0;

  @inline static group(index: u32): Group {
    return changetype<Group>(Zipf.groups + index * offsetof<Group>());
  }
}

/** `count` writes to the pages from `base` on. */
export function writeRanks(log: usize, base: u32, pages: u32, count: u32): void {
  if (count < WRITES_MIN) {
    writeSingly(log, base, pages, count);
    return;
  }
  for (let i: u32 = 0; i < Zipf.groupCount && count > 0; i++) {
    const writes = binomial(count, Zipf.group(i).share);
    count -= writes;
    writeGroup(log, base, Zipf.group(i), writes);
  }
}

function writeGroup(log: usize, base: u32, group: Group, count: u32): void {
  const ranks = group.to - group.from;
  if (hitsAll(ranks, <f64>count, group.least)) {
    setRange(log, base + group.from, base + group.to);
    return;
  }
  const alike = binomial(count, group.alike);
  writeUniform(log, base + group.from, ranks, alike);
  if (count > alike && !isFull(log, base + group.from, ranks))
    writeExcess(log, base, group, count - alike);
}

/** The lower of two ranks is low about as often as a low rank has more than others: few have to be drawn again. */
function writeExcess(log: usize, base: u32, group: Group, count: u32): void {
  const from = group.from;
  const ranks = group.to - from;
  while (count > 0) {
    const at = randomWords(3);
    const one = Random.scale(load<u32>(at), ranks);
    const other = Random.scale(load<u32>(at, 4), ranks);
    const rank = from + min(one, other);
    if (load<u32>(at, 8) >= load<u32>(Zipf.excess + (rank << 2))) continue;
    markPage(log, base + rank);
    count--;
  }
}

/** The rank of one write. */
export function drawRank(at: usize, ranks: u32): u32 {
  const rank = Random.scale(load<u32>(at), ranks);
  const entry = Zipf.alias + (rank << 3);
  const isOwn = load<u32>(at, 4) < load<u32>(entry);
  return select<u32>(rank, load<u32>(entry, 4), isOwn);
}

function writeSingly(log: usize, base: u32, pages: u32, count: u32): void {
  while (count > 0) {
    const writes = min<u32>(count, 256);
    const from = randomWords(writes << 1);
    for (let at = from; at < from + (writes << 3); at += 8)
      markPage(log, base + drawRank(at, pages));
    count -= writes;
  }
}

/** Makes the tables of so many ranks at `at`, where {@link ZIPF_BYTES} a rank have room. */
export function buildZipf(at: usize, ranks: u32, exponent: f64): void {
  Zipf.alias = at;
  Zipf.excess = at + <usize>ranks * ALIAS_BYTES;
  const weights = at + <usize>ranks * TABLE_BYTES;
  let sum: f64 = 0;
  for (let rank: u32 = 0; rank < ranks; rank++) {
    const position = <f64>(rank + 1);
    const weight = position ** -exponent;
    store<f64>(weights + (rank << 3), weight);
    sum += weight;
  }
  buildGroups(weights, ranks, sum);
  buildAlias(weights, ranks, sum);
}

function buildGroups(weights: usize, ranks: u32, sum: f64): void {
  let left = sum;
  let count: u32 = 0;
  for (let from: u32 = 0; from < ranks; ) {
    const to = min(ranks, <u32>Math.floor(<f64>(from + 1) * GROWTH));
    const group = Zipf.group(count);
    count++;
    group.from = from;
    group.to = max(to, from + 1);
    left = shareOut(group, weights, left);
    from = group.to;
  }
  Zipf.groupCount = count;
  // Rounding errors are the last one's: nobody comes after it.
  Zipf.group(count - 1).share = 1;
}

/** Works out the shares of a group; `left` is the weight from it on, which it returns without its own. */
function shareOut(group: Group, weights: usize, left: f64): f64 {
  const from = group.from;
  const to = group.to;
  const most = load<f64>(weights + (from << 3));
  const least = load<f64>(weights + ((to - 1) << 3));
  let sum: f64 = 0;
  for (let rank = from; rank < to; rank++) {
    const weight = load<f64>(weights + (rank << 3));
    const excess = most > least ? (weight - least) / (most - least) : 0;
    const lower = (<f64>(to - rank) - 0.5) / (<f64>(to - from) - 0.5);
    store<u32>(Zipf.excess + (rank << 2), <u32>min(4294967295.0, (excess / lower) * 4294967296.0));
    sum += weight;
  }
  group.share = min(1.0, sum / left);
  group.alike = most > least ? min(1.0, (least * <f64>(to - from)) / sum) : 1;
  group.least = least / sum;
  return left - sum;
}

/**
 * Vose's alias table. Behind the f64 weights, which it scales, is a u32 stack that small ranks fill from below and
 * large ones from above.
 */
function buildAlias(weights: usize, ranks: u32, sum: f64): void {
  const stack = weights + ((<usize>ranks) << 3);
  let small: u32 = 0;
  let large: u32 = ranks;
  for (let rank: u32 = 0; rank < ranks; rank++) {
    const scaled = (load<f64>(weights + (rank << 3)) * <f64>ranks) / sum;
    store<f64>(weights + (rank << 3), scaled);
    if (scaled < 1) store<u32>(stack + (small++ << 2), rank);
    else store<u32>(stack + (--large << 2), rank);
  }
  while (small > 0 && large < ranks) {
    const low = load<u32>(stack + (--small << 2));
    const high = load<u32>(stack + (large << 2));
    const share = load<f64>(weights + (low << 3));
    setAlias(low, share, high);
    const rest = load<f64>(weights + (high << 3)) + share - 1;
    store<f64>(weights + (high << 3), rest);
    if (rest < 1) {
      large++;
      store<u32>(stack + (small++ << 2), high);
    }
  }
  while (small > 0) setAlias(load<u32>(stack + (--small << 2)), 1, 0);
  while (large < ranks) setAlias(load<u32>(stack + (large++ << 2)), 1, 0);
}

function setAlias(rank: u32, share: f64, alias: u32): void {
  const entry = Zipf.alias + (rank << 3);
  const isWhole = share >= 1;
  store<u32>(entry, isWhole ? 0xffffffff : <u32>(share * 4294967296.0));
  store<u32>(entry, isWhole ? rank : alias, 4);
}
