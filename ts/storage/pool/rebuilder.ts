/** Gives mirrors that have lost a leg their second copy while the pool is used, at a pace that leaves room for others. */

import type { Clock } from "../../base/clock.ts";
import { WasmvisorError } from "../../base/errors.ts";
import type { Pool } from "./pool.ts";

const STEP_BYTES = 1024 * 1024;
const DEFAULT_BYTES_PER_SEC = 64 * 1024 * 1024;
/** Between two looks at a pool that lacks nothing, or a device. */
const IDLE_NS = 1e9;
/** Between two looks whether devices that have failed are there again. */
const LOOK_NS = 5e9;
/** One that fails again and again is not there. */
const RETURNS_MAX = 3;

export interface RebuilderOptions {
  readonly pool: Pool;
  readonly clock: Clock;
  /** 64 MiB/s by default. */
  readonly bytesPerSec?: number | undefined;
}

/** `waiting`: there is no device with room for a second copy. */
export type RebuildState = "idle" | "running" | "waiting";

export class Rebuilder {
  readonly #options: RebuilderOptions;
  readonly #stop = new AbortController();
  readonly #returns = new Map<string, number>();
  #state: RebuildState = "idle";
  #lookAtNs: number;
  readonly #ended: Promise<void>;

  constructor(options: RebuilderOptions) {
    this.#options = options;
    this.#lookAtNs = options.clock.nowNs() + LOOK_NS;
    this.#ended = this.#run();
  }

  get state(): RebuildState {
    return this.#state;
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    try {
      for (;;) await clock.sleep(await this.#step(), this.#stop.signal);
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    }
  }

  async #look(): Promise<void> {
    const { clock, pool } = this.#options;
    if (clock.nowNs() < this.#lookAtNs) return;
    const isTired = (name: string): boolean => (this.#returns.get(name) ?? 0) >= RETURNS_MAX;
    for (const name of await pool.bringBack((name) => !isTired(name)))
      this.#returns.set(name, (this.#returns.get(name) ?? 0) + 1);
    this.#lookAtNs = clock.nowNs() + LOOK_NS;
  }

  /** One step; returns how long to leave the devices to others. */
  async #step(): Promise<number> {
    const { bytesPerSec = DEFAULT_BYTES_PER_SEC, pool } = this.#options;
    await this.#look();
    const before = pool.rebuiltChunks;
    try {
      const left = await pool.rebuild(Math.max(1, Math.floor(STEP_BYTES / pool.chunkBytes)));
      this.#state = left > 0 ? "running" : "idle";
    } catch (error) {
      if (!(error instanceof WasmvisorError)) throw error;
      this.#state = "waiting"; // No room, or a device that fails: whoever adds one ends that.
    }
    const bytes = (pool.rebuiltChunks - before) * pool.chunkBytes;
    return this.#state === "running" ? (bytes / bytesPerSec) * 1e9 : IDLE_NS;
  }

  /** Nothing of it is under way afterwards. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }
}
