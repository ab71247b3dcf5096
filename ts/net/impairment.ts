/** A worse line than there is: frames are lost, late, or come no faster than a rate, as a seed says. */
import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import { runTask, type Task, wait } from "../base/task.ts";
import type { Frame } from "../machine/nic.ts";

export interface Impairment {
  /** Share of frames that are lost, 0 to 1. */
  readonly lossRatio?: number | undefined;
  readonly latencyNs?: number | undefined;
  /** Up to this much later still; frames do not overtake each other. */
  readonly jitterNs?: number | undefined;
  /** Bytes a second. */
  readonly rate?: number | undefined;
  /** What may wait for its turn on the line; 256 KiB by default. */
  readonly queueBytesMax?: number | undefined;
}

const QUEUE_BYTES_MAX = 256 * 1024;
/** Frames that are under way at the same time, whatever the latency. */
const UNDERWAY_MAX = 16 * 1024;

export class ImpairedLine {
  readonly #impairment: Impairment;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #deliver: (frames: readonly Frame[]) => void;
  readonly #underway: { readonly frame: Frame; readonly dueNs: number }[] = [];
  #freeNs = 0;
  #lastDueNs = 0;
  #isWaiting = false;

  constructor(
    impairment: Impairment,
    parts: {
      readonly clock: Clock;
      readonly random: Random;
      readonly deliver: (frames: readonly Frame[]) => void;
    },
  ) {
    this.#impairment = impairment;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#deliver = parts.deliver;
  }

  /** False: the frame is lost, by chance or because too many wait. */
  send(frame: Frame): boolean {
    const { jitterNs = 0, latencyNs = 0, lossRatio = 0 } = this.#impairment;
    if (lossRatio > 0 && this.#random.float() < lossRatio) return false;
    const sentNs = this.#departure(frame.bytes.length);
    if (sentNs === undefined || this.#underway.length >= UNDERWAY_MAX) return false;
    const lateNs = jitterNs > 0 ? Math.floor(this.#random.float() * jitterNs) : 0;
    const dueNs = Math.max(this.#lastDueNs, sentNs + latencyNs + lateNs);
    this.#lastDueNs = dueNs;
    this.#underway.push({ frame, dueNs });
    this.#wait();
    return true;
  }

  /** When the last bit is on the line; undefined: no room to wait for that. */
  #departure(bytes: number): number | undefined {
    const { queueBytesMax = QUEUE_BYTES_MAX, rate } = this.#impairment;
    const nowNs = this.#clock.nowNs();
    if (rate === undefined) return nowNs;
    const fromNs = Math.max(nowNs, this.#freeNs);
    if (((fromNs - nowNs) * rate) / 1e9 > queueBytesMax) return undefined;
    this.#freeNs = fromNs + Math.ceil((bytes * 1e9) / rate);
    return this.#freeNs;
  }

  #wait(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    runTask(this.#deliverAll());
  }

  /** A task: on a virtual clock all happens at its very moment. */
  *#deliverAll(): Task<void> {
    for (let first = this.#underway[0]; first; first = this.#underway[0]) {
      yield* wait(this.#clock.sleep(first.dueNs - this.#clock.nowNs()));
      const nowNs = this.#clock.nowNs();
      const count = this.#underway.findIndex(({ dueNs }) => dueNs > nowNs);
      const due = this.#underway.splice(0, count < 0 ? this.#underway.length : count);
      this.#deliver(due.map(({ frame }) => frame));
    }
    this.#isWaiting = false;
  }
}
