import { describe, expect, it } from "vitest";
import { Random } from "../../ts/base/random.ts";
import { EventQueue } from "../../ts/centre/event-queue.ts";

/** The same as a list that is looked through. */
class PlainQueue {
  #waiting: { slot: number; timeNs: number }[] = [];

  get size(): number {
    return this.#waiting.length;
  }
  get firstNs(): number {
    return Math.min(...this.#waiting.map(({ timeNs }) => timeNs));
  }
  take(): number {
    const first = this.#waiting.find(({ timeNs }) => timeNs === this.firstNs);
    this.delete(first?.slot as number);
    return first?.slot as number;
  }
  set(slot: number, timeNs: number): void {
    this.delete(slot);
    this.#waiting.push({ slot, timeNs });
  }
  delete(slot: number): void {
    this.#waiting = this.#waiting.filter((one) => one.slot !== slot);
  }
}

describe("the event queue", () => {
  it("gives what is first, and what was set first among equals", () => {
    const queue = new EventQueue();
    for (const [slot, timeNs] of [
      [4, 10],
      [2, 10],
      [7, 5],
    ] as const)
      queue.set(slot, timeNs);
    expect([queue.take(), queue.take(), queue.take(), queue.size]).toEqual([7, 4, 2, 0]);
  });

  it.each([1, 2, 3, 4])(
    "does what a plain list does, whatever is set, taken and deleted (%i)",
    (seed) => {
      const random = new Random(seed);
      const pick = (count: number): number => Math.floor(random.float() * count);
      const queue = new EventQueue();
      const plain = new PlainQueue();
      for (let i = 0; i < 4000; i++) {
        const what = pick(10);
        // Few times: many are equal. Some are before what was taken last.
        if (what < 6) {
          const [slot, timeNs] = [pick(40), pick(50)];
          queue.set(slot, timeNs);
          plain.set(slot, timeNs);
        } else if (what < 7) {
          const slot = pick(40);
          queue.delete(slot);
          plain.delete(slot);
        } else if (plain.size > 0) expect(queue.take()).toBe(plain.take());
        expect(queue.size).toBe(plain.size);
        // Not each time: a hole at the top stays open until somebody looks.
        if (plain.size > 0 && pick(2) === 0) expect(queue.firstNs).toBe(plain.firstNs);
      }
    },
  );
});
