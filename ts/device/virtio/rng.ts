/** virtio entropy device (virtio 1.2, section 5.4): every writable byte is filled. */
import { StateFields } from "../../machine/state-fields.ts";
import type { VirtioDevice, VirtioLink } from "./device.ts";

const QUEUE_SIZE = 8;
const CHUNK_BYTES = 4096;

/** Where random bytes come from; seeded in deterministic runs. */
export interface RandomSource {
  fill(into: Uint8Array): void;
  /** Where it is, in words of 32 bits, if it can go on from there elsewhere. */
  save?(): number[];
  restore?(words: readonly number[]): void;
}

const STATE_WORDS = 4;

export interface VirtioRngOptions {
  readonly random: RandomSource;
}

/** Where its source is: a guest that moves goes on with the bytes that it would have had. */
export interface VirtioRngState {
  readonly words?: readonly number[];
}

export interface VirtioRngMetrics {
  readonly requests: number;
  readonly filledBytes: number;
}

export class VirtioRng implements VirtioDevice {
  readonly name = "virtio-rng";
  readonly deviceId = 4;
  readonly features = 0;
  readonly queueSizesMax = [QUEUE_SIZE];
  readonly config = new Uint8Array(0);
  readonly #random: RandomSource;
  readonly #chunk = new Uint8Array(CHUNK_BYTES);
  #link: VirtioLink | undefined;
  #requests = 0;
  #filledBytes = 0;

  constructor(options: VirtioRngOptions) {
    this.#random = options.random;
  }

  attach(link: VirtioLink): void {
    this.#link = link;
  }

  /** One chunk a request: the driver asks again when it wants more. */
  notify(queueIndex: number): void {
    const queue = this.#link?.queues[queueIndex];
    if (!queue) return;
    for (let chain = queue.pop(); chain; chain = queue.pop()) {
      const part = this.#chunk.subarray(0, Math.min(CHUNK_BYTES, chain.writableBytes));
      this.#random.fill(part);
      chain.write(part);
      this.#requests++;
      this.#filledBytes += part.length;
      queue.push(chain, part.length);
    }
    queue.flush();
  }

  reset(): void {
    // Every request is finished when `notify` returns.
  }

  metrics(): VirtioRngMetrics {
    return { requests: this.#requests, filledBytes: this.#filledBytes };
  }

  save(): VirtioRngState {
    const words = this.#random.save?.();
    return words ? { words } : {};
  }

  /** States from before sources were saved have no words. */
  restore(state: VirtioRngState): void {
    const fields = new StateFields("virtio-rng", state);
    if (fields.raw("words") === undefined) return;
    this.#random.restore?.(fields.integers("words", STATE_WORDS));
  }
}
