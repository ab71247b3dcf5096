import { describe, expect, test } from "vitest";
import { TypedEventTarget } from "../../ts/base/events.ts";
import { Random } from "../../ts/base/random.ts";

describe("Random", () => {
  test("one seed gives one sequence, for ever", () => {
    const random = new Random(42);
    expect([random.u32(), random.u53(), random.below(1000), random.float()]).toMatchInlineSnapshot(`
      [
        3117159295,
        5654312171713222,
        800,
        0.45939538955453374,
      ]
    `);
  });

  test("a split stream depends on seed and label, not on how much was drawn", () => {
    const a = new Random(7);
    const b = new Random(7);
    a.u32();
    expect(a.split("disk").u53()).toBe(b.split("disk").u53());
    expect(b.split("disk").u53()).not.toBe(b.split("net").u53());
    expect(b.split(1).u53()).not.toBe(new Random(8).split(1).u53());
  });

  test("below is even: chi-square over 100 bins stays under its 99.9 % limit", () => {
    const random = new Random(1);
    const bins = new Array<number>(100).fill(0);
    for (let i = 0; i < 100_000; i++) {
      const bin = random.below(100);
      bins[bin] = (bins[bin] ?? 0) + 1;
    }
    const chi = bins.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
    expect(chi).toBeLessThan(149);
  });

  test("seeds that are no integers below 2^53 are refused", () => {
    for (const seed of [-1, 0.5, 2 ** 53, Number.NaN])
      expect(() => new Random(seed)).toThrow(RangeError);
  });
});

describe("TypedEventTarget", () => {
  test("calls every listener once, in order, until it is taken away", () => {
    const events = new TypedEventTarget<{ round: { index: number } }>();
    const log: string[] = [];
    const off = events.on("round", ({ index }) => log.push(`a${index}`));
    const abort = new AbortController();
    events.on("round", ({ index }) => log.push(`b${index}`), { signal: abort.signal });
    events.emit("round", { index: 1 });
    off();
    events.emit("round", { index: 2 });
    abort.abort();
    events.emit("round", { index: 3 });
    expect(log).toEqual(["a1", "b1", "b2"]);
  });

  test("one listener's error does not keep the others from hearing", () => {
    const events = new TypedEventTarget<{ exit: object }>();
    let heard = 0;
    events.on("exit", () => {
      throw new Error("mine");
    });
    events.on("exit", () => heard++);
    expect(() => events.emit("exit", {})).toThrow("mine");
    expect(heard).toBe(1);
  });
});
