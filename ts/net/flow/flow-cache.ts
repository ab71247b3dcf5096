/** What became of frames like this one: an exact match over all bits that any rule looks at, in a table without chains. */
import { KEY_WORDS } from "./fields.ts";

const SLOTS = 4096;

export class FlowCache<Value> {
  readonly #keys = new Uint32Array(SLOTS * KEY_WORDS);
  readonly #values: (Value | undefined)[] = new Array<Value | undefined>(SLOTS).fill(undefined);
  /** Words of a key in which anything counts, and which bits of them: most rules look at few. */
  #words: readonly number[] = [];
  #masks: readonly number[] = [];
  #slot = 0;

  /** Forgets all; from now on these bits count. */
  reset(masks: Uint32Array): void {
    this.#words = [...masks.keys()].filter((word) => masks[word] !== 0);
    this.#masks = this.#words.map((word) => masks[word] as number);
    this.#values.fill(undefined);
  }

  /** What was kept for `key`. A `put` that follows is for the same key. */
  find(key: Uint32Array): Value | undefined {
    const words = this.#words;
    const masks = this.#masks;
    let sum = 0;
    for (let i = 0; i < words.length; i++) {
      const word = (key[words[i] as number] as number) & (masks[i] as number);
      sum = Math.imul(sum ^ word, 0x9e3779b1) ^ (sum >>> 15);
    }
    const slot = (sum ^ (sum >>> 16)) & (SLOTS - 1);
    this.#slot = slot;
    const value = this.#values[slot];
    if (value === undefined) return undefined;
    let at = slot * KEY_WORDS;
    for (let i = 0; i < words.length; i++) {
      const differs = (key[words[i] as number] as number) ^ (this.#keys[at++] as number);
      if ((differs & (masks[i] as number)) !== 0) return undefined;
    }
    return value;
  }

  /** Keeps `value` for the key of the last `find`. */
  put(key: Uint32Array, value: Value): void {
    const at = this.#slot * KEY_WORDS;
    for (const [i, word] of this.#words.entries()) this.#keys[at + i] = key[word] as number;
    this.#values[this.#slot] = value;
  }
}
