/**
 * One table of rules. Rules with the same masks lie in one hash table (a tuple space), those with the highest
 * priority are looked at first, so that a look-up costs as many probes as there are kinds of masks, not rules.
 */
import { KEY_WORDS } from "./fields.ts";
import type { FlowEntry } from "./flow-entry.ts";
import { FlowError } from "./flow-error.ts";
import { isSameMatch, type MatchWords } from "./match.ts";

export const TABLE_RULES_MAX = 16_384;
/** Kinds of masks: each costs every frame that is new a probe. */
export const TABLE_MASKS_MAX = 256;

interface Tuple {
  readonly masks: Uint32Array;
  /** Words in which anything counts. */
  readonly used: readonly number[];
  readonly buckets: Map<number, FlowEntry[]>;
  size: number;
  maxPriority: number;
}

function hash(words: Uint32Array, tuple: Tuple): number {
  let sum = 0x811c9dc5;
  for (const i of tuple.used)
    sum = Math.imul(sum ^ ((words[i] as number) & (tuple.masks[i] as number)), 0x01000193);
  return sum ^ (sum >>> 15);
}

function isFor(words: MatchWords, key: Uint32Array, used: readonly number[]): boolean {
  for (const i of used)
    if (((key[i] as number) & (words.masks[i] as number)) >>> 0 !== words.values[i]) return false;
  return true;
}

export class FlowTable {
  readonly number: number;
  readonly #tuples = new Map<string, Tuple>();
  /** Those that may have the best rule first. */
  #order: Tuple[] = [];
  #size = 0;
  lookups = 0;
  matched = 0;

  constructor(number: number) {
    this.number = number;
  }

  get size(): number {
    return this.#size;
  }

  *entries(): Generator<FlowEntry> {
    for (const tuple of this.#tuples.values())
      for (const bucket of tuple.buckets.values()) yield* bucket;
  }

  /** The rule with the highest priority that is for `key`. */
  find(key: Uint32Array): FlowEntry | undefined {
    let best: FlowEntry | undefined;
    for (const tuple of this.#order) {
      if (best && best.rule.priority >= tuple.maxPriority) break;
      const bucket = tuple.buckets.get(hash(key, tuple));
      const found = bucket?.find((entry) => isFor(entry.words, key, tuple.used));
      if (found && (!best || found.rule.priority > best.rule.priority)) best = found;
    }
    return best;
  }

  /** The rule with just this match and priority. */
  same(words: MatchWords, priority: number): FlowEntry | undefined {
    const tuple = this.#tuples.get(words.masks.join());
    const bucket = tuple?.buckets.get(hash(words.values, tuple));
    return bucket?.find((one) => one.rule.priority === priority && isSameMatch(one.words, words));
  }

  /** Takes the place of `same`. Throws {@link FlowError} if there is no room. */
  add(entry: FlowEntry): void {
    const old = this.same(entry.words, entry.rule.priority);
    if (old) this.remove(old);
    const name = entry.words.masks.join();
    const tuple = this.#tuples.get(name) ?? newTuple(entry.words.masks);
    const isNew = !this.#tuples.has(name);
    if (this.#size >= TABLE_RULES_MAX || (isNew && this.#tuples.size >= TABLE_MASKS_MAX))
      throw new FlowError(
        "table-full",
        `table ${this.number}: at most ${TABLE_RULES_MAX} rules and ${TABLE_MASKS_MAX} kinds of masks`,
      );
    this.#tuples.set(name, tuple);
    const at = hash(entry.words.values, tuple);
    const bucket = tuple.buckets.get(at) ?? [];
    bucket.push(entry);
    bucket.sort((a, b) => b.rule.priority - a.rule.priority);
    tuple.buckets.set(at, bucket);
    tuple.size++;
    this.#size++;
    if (!isNew && entry.rule.priority <= tuple.maxPriority) return;
    tuple.maxPriority = Math.max(tuple.maxPriority, entry.rule.priority);
    this.#sort();
  }

  remove(entry: FlowEntry): void {
    const name = entry.words.masks.join();
    const tuple = this.#tuples.get(name);
    if (!tuple) return;
    const at = hash(entry.words.values, tuple);
    const bucket = tuple.buckets.get(at);
    const index = bucket?.indexOf(entry) ?? -1;
    if (!bucket || index < 0) return;
    bucket.splice(index, 1);
    if (bucket.length === 0) tuple.buckets.delete(at);
    tuple.size--;
    this.#size--;
    if (tuple.size > 0) return; // Its priority stays an upper bound, which is all that the order needs.
    this.#tuples.delete(name);
    this.#sort();
  }

  /** Adds the bits that any rule looks at. */
  addMasks(into: Uint32Array): void {
    for (const { masks } of this.#tuples.values())
      for (let i = 0; i < KEY_WORDS; i++) into[i] = (into[i] as number) | (masks[i] as number);
  }

  #sort(): void {
    this.#order = [...this.#tuples.values()].sort((a, b) => b.maxPriority - a.maxPriority);
  }
}

function newTuple(masks: Uint32Array): Tuple {
  const used = [...masks.keys()].filter((i) => masks[i] !== 0);
  return { masks, used, buckets: new Map(), size: 0, maxPriority: -1 };
}
