/** What became of frames like this one: an exact match over all bits that any rule looks at, in a table without chains. */
import { KEY_WORDS } from "./fields.ts";

const SLOTS = 4096;

export class FlowCache<Value> {
  readonly #keys = new Uint32Array(SLOTS * KEY_WORDS);
  readonly #values: (Value | undefined)[] = new Array<Value | undefined>(SLOTS).fill(undefined);
  #slot = 0;

  /** What was kept for `key`. A `put` that follows is for the same key. */
  find(key: Uint32Array): Value | undefined {
    let sum = 0;
    for (let i = 0; i < KEY_WORDS; i++)
      sum = Math.imul(sum ^ (key[i] as number), 0x9e3779b1) ^ (sum >>> 15);
    const slot = (sum ^ (sum >>> 16)) & (SLOTS - 1);
    this.#slot = slot;
    const value = this.#values[slot];
    if (value === undefined) return undefined;
    const from = slot * KEY_WORDS;
    for (let i = 0; i < KEY_WORDS; i++) if (this.#keys[from + i] !== key[i]) return undefined;
    return value;
  }

  /** Keeps `value` for the key of the last `find`. */
  put(key: Uint32Array, value: Value): void {
    this.#keys.set(key, this.#slot * KEY_WORDS);
    this.#values[this.#slot] = value;
  }

  clear(): void {
    this.#values.fill(undefined);
  }
}
