/** Which counters have come (RFC 6479): what is far behind the highest, or came before, is refused. */

const WORDS = 256;
const BITS = WORDS * 32;
/** How far behind the highest a counter may be: the word that is being filled does not count. */
export const WINDOW = BITS - 32;

export class ReplayWindow {
  /** A ring: counter n is bit n % BITS. */
  readonly #seen = new Uint32Array(WORDS);
  #highest = -1;

  /** True: it is the first with that counter, and not too old. Call it for what is authentic alone. */
  accept(counter: number): boolean {
    const word = Math.floor(counter / 32);
    if (counter > this.#highest) {
      this.#advance(word);
      this.#highest = counter;
    } else if (this.#highest - counter >= WINDOW) return false;
    const at = word % WORDS;
    const bit = 1 << (counter % 32);
    const seen = this.#seen[at] as number;
    this.#seen[at] = seen | bit;
    return (seen & bit) === 0;
  }

  /** Forgets the words between the highest so far and `word`, which are used again. */
  #advance(word: number): void {
    const last = Math.floor(this.#highest / 32);
    const count = Math.min(WORDS, word - last);
    for (let i = 1; i <= count; i++) this.#seen[(word - count + i) % WORDS] = 0;
  }
}
