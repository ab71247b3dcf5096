/** virtio entropy device (virtio 1.2, section 5.4): every writable byte is filled. */
import type { VirtioDevice, VirtioLink } from "./device.ts";

const QUEUE_SIZE = 8;
const CHUNK_BYTES = 4096;

/** Where random bytes come from; seeded in deterministic runs. */
export interface RandomSource {
  fill(into: Uint8Array): void;
}

export interface VirtioRngOptions {
  readonly random: RandomSource;
}

/** Nothing: the source belongs to whoever injected it. */
export type VirtioRngState = Record<string, never>;

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
    return {};
  }

  restore(_state: VirtioRngState): void {
    // Nothing to take back.
  }
}
