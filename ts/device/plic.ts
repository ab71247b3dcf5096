/**
 * SiFive's platform-level interrupt controller, as QEMU's `virt` machine has it (PLIC spec 1.0.0).
 *
 *   0x000000  priority of source n at 4n (0: never interrupts)
 *   0x001000  pending, one bit a source
 *   0x002000  enable, 0x80 bytes a context
 *   0x200000  threshold, claim/complete; 0x1000 bytes a context
 *
 * Contexts are hart 0 M, hart 0 S, hart 1 M, ... Every source has a level-triggered gateway: it
 * forwards one request, then none until that one is completed.
 */
import type { IrqLine } from "../machine/irq.ts";
import type { AccessBytes, MmioDevice } from "../machine/mmio.ts";
import type { Persist } from "../machine/persist.ts";
import { StateFields } from "../machine/state-fields.ts";

/** Sources, source 0 (which does not exist) included. */
const PLIC_SOURCES = 96;
const WORDS = PLIC_SOURCES / 32;
const HARTS_MAX = 8;
const PRIORITY_MASK = 7;

const PENDING = 0x1000;
const ENABLE = 0x2000;
const ENABLE_STRIDE = 0x80;
const CONTEXT = 0x200000;
const CONTEXT_STRIDE = 0x1000;

export interface PlicOptions {
  /** 1 to 8; each has two contexts. */
  readonly hartCount: number;
  /** The interrupt of a context (2 * hart for M, 2 * hart + 1 for S) rises or falls. */
  readonly onOutput: (context: number, level: boolean) => void;
}

export interface PlicState {
  readonly priorities: readonly number[];
  readonly levels: readonly number[];
  readonly pending: readonly number[];
  readonly claimed: readonly number[];
  readonly enables: readonly number[];
  readonly thresholds: readonly number[];
}

export interface PlicMetrics {
  /** Claims that returned a source. */
  readonly claims: number;
  /** Claims that found nothing. */
  readonly emptyClaims: number;
  readonly completions: number;
}

export class Plic implements MmioDevice, Persist<PlicState> {
  readonly name = "plic";
  readonly windowBytes = 0x600000;
  readonly #options: PlicOptions;
  readonly #contexts: number;
  readonly #priorities = new Uint8Array(PLIC_SOURCES);
  readonly #levels = new Uint32Array(WORDS);
  readonly #pending = new Uint32Array(WORDS);
  readonly #claimed = new Uint32Array(WORDS);
  readonly #enables: Uint32Array;
  readonly #thresholds: Uint8Array;
  readonly #outputs: Uint8Array;
  #claims = 0;
  #emptyClaims = 0;
  #completions = 0;

  constructor(options: PlicOptions) {
    const { hartCount } = options;
    if (!Number.isInteger(hartCount) || hartCount < 1 || hartCount > HARTS_MAX)
      throw new RangeError(`plic: "hartCount" expected 1 to ${HARTS_MAX}, got ${hartCount}`);
    this.#options = options;
    this.#contexts = 2 * hartCount;
    this.#enables = new Uint32Array(WORDS * this.#contexts);
    this.#thresholds = new Uint8Array(this.#contexts);
    this.#outputs = new Uint8Array(this.#contexts);
  }

  /** The line by which a device drives `source` (1 to 95). */
  line(source: number): IrqLine {
    if (!Number.isInteger(source) || source < 1 || source >= PLIC_SOURCES)
      throw new RangeError(`plic: "source" expected 1 to ${PLIC_SOURCES - 1}, got ${source}`);
    return (level) => this.#setLevel(source, level);
  }

  load(offset: number, bytes: AccessBytes): number {
    if (bytes !== 4 || offset % 4 !== 0) return 0;
    if (offset >= CONTEXT) return this.#loadContext(offset - CONTEXT);
    if (offset >= ENABLE) {
      const index = this.#enableIndex(offset - ENABLE);
      return index < 0 ? 0 : (this.#enables[index] ?? 0);
    }
    if (offset >= PENDING) return this.#pending[(offset - PENDING) >> 2] ?? 0;
    return this.#priorities[offset >> 2] ?? 0;
  }

  store(offset: number, bytes: AccessBytes, value: number): void {
    if (bytes !== 4 || offset % 4 !== 0) return;
    if (offset >= CONTEXT) this.#storeContext(offset - CONTEXT, value);
    else if (offset >= ENABLE) this.#storeEnable(offset - ENABLE, value);
    else if (offset >= 4 && offset < 4 * PLIC_SOURCES)
      this.#priorities[offset >> 2] = value & PRIORITY_MASK;
    else return;
    this.#update();
  }

  metrics(): PlicMetrics {
    return {
      claims: this.#claims,
      emptyClaims: this.#emptyClaims,
      completions: this.#completions,
    };
  }

  save(): PlicState {
    return {
      priorities: [...this.#priorities],
      levels: [...this.#levels],
      pending: [...this.#pending],
      claimed: [...this.#claimed],
      enables: [...this.#enables],
      thresholds: [...this.#thresholds],
    };
  }

  /** Drives every output again, whatever its level was before. */
  restore(state: PlicState): void {
    const fields = new StateFields(this.name, state);
    const priorities = fields.integers("priorities", PLIC_SOURCES, PRIORITY_MASK);
    const levels = fields.integers("levels", WORDS);
    const pending = fields.integers("pending", WORDS);
    const claimed = fields.integers("claimed", WORDS);
    const enables = fields.integers("enables", this.#enables.length);
    const thresholds = fields.integers("thresholds", this.#contexts, PRIORITY_MASK);
    this.#priorities.set(priorities);
    this.#levels.set(levels);
    this.#pending.set(pending);
    this.#claimed.set(claimed);
    this.#enables.set(enables);
    this.#thresholds.set(thresholds);
    for (let context = 0; context < this.#contexts; context++) {
      const level = this.#best(context, this.#thresholds[context] ?? 0) !== 0;
      this.#outputs[context] = level ? 1 : 0;
      this.#options.onOutput(context, level);
    }
  }

  #setLevel(source: number, level: boolean): void {
    const word = source >> 5;
    const bit = 1 << (source & 31);
    const before = this.#levels[word] ?? 0;
    if (((before & bit) !== 0) === level) return;
    this.#levels[word] = level ? before | bit : before & ~bit;
    if (!level || ((this.#claimed[word] ?? 0) & bit) !== 0) return;
    this.#pending[word] = (this.#pending[word] ?? 0) | bit;
    this.#update();
  }

  #loadContext(offset: number): number {
    const context = Math.floor(offset / CONTEXT_STRIDE);
    if (context >= this.#contexts) return 0;
    const register = offset % CONTEXT_STRIDE;
    if (register === 0) return this.#thresholds[context] ?? 0;
    return register === 4 ? this.#claim(context) : 0;
  }

  #storeContext(offset: number, value: number): void {
    const context = Math.floor(offset / CONTEXT_STRIDE);
    if (context >= this.#contexts) return;
    const register = offset % CONTEXT_STRIDE;
    if (register === 0) this.#thresholds[context] = value & PRIORITY_MASK;
    else if (register === 4) this.#complete(context, value);
  }

  /** Index into the enable words, or -1 outside of them. */
  #enableIndex(offset: number): number {
    const context = Math.floor(offset / ENABLE_STRIDE);
    const word = (offset % ENABLE_STRIDE) >> 2;
    return context < this.#contexts && word < WORDS ? context * WORDS + word : -1;
  }

  #storeEnable(offset: number, value: number): void {
    const index = this.#enableIndex(offset);
    if (index < 0) return;
    this.#enables[index] = index % WORDS === 0 ? value & ~1 : value;
  }

  /** Section 7: the threshold holds back the interrupt, but not a claim. */
  #claim(context: number): number {
    const source = this.#best(context, 0);
    if (source === 0) {
      this.#emptyClaims++;
      return 0;
    }
    const word = source >> 5;
    const bit = 1 << (source & 31);
    this.#pending[word] = (this.#pending[word] ?? 0) & ~bit;
    this.#claimed[word] = (this.#claimed[word] ?? 0) | bit;
    this.#claims++;
    this.#update();
    return source;
  }

  /** Section 8: ignored unless the source is enabled for the context. */
  #complete(context: number, source: number): void {
    if (source === 0 || source >= PLIC_SOURCES) return;
    const word = source >> 5;
    const bit = 1 << (source & 31);
    if (((this.#enables[context * WORDS + word] ?? 0) & bit) === 0) return;
    if (((this.#claimed[word] ?? 0) & bit) === 0) return;
    this.#claimed[word] = (this.#claimed[word] ?? 0) & ~bit;
    this.#completions++;
    if (((this.#levels[word] ?? 0) & bit) !== 0)
      this.#pending[word] = (this.#pending[word] ?? 0) | bit;
  }

  /** The pending and enabled source of highest priority above `floor`, lowest number first; 0 if none. */
  #best(context: number, floor: number): number {
    let best = 0;
    let bestPriority = floor;
    for (let word = 0; word < WORDS; word++) {
      let bits = (this.#pending[word] ?? 0) & (this.#enables[context * WORDS + word] ?? 0);
      while (bits !== 0) {
        const source = word * 32 + 31 - Math.clz32(bits & -bits);
        const priority = this.#priorities[source] ?? 0;
        if (priority > bestPriority) {
          best = source;
          bestPriority = priority;
        }
        bits &= bits - 1;
      }
    }
    return best;
  }

  #update(): void {
    for (let context = 0; context < this.#contexts; context++) {
      const level = this.#best(context, this.#thresholds[context] ?? 0) === 0 ? 0 : 1;
      if (level === this.#outputs[context]) continue;
      this.#outputs[context] = level;
      this.#options.onOutput(context, level === 1);
    }
  }
}
