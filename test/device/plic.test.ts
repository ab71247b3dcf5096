import fc from "fast-check";
import { expect, test } from "vitest";
import { Plic } from "../../ts/device/plic.ts";

const THRESHOLD = 0x200000;
const CLAIM = 0x200004;

function makePlic(hartCount = 1) {
  const outputs = new Map<number, boolean>();
  const plic = new Plic({ hartCount, onOutput: (context, level) => outputs.set(context, level) });
  const at = (context: number, base: number) => base + 0x1000 * context;
  return {
    plic,
    outputs,
    priority: (source: number, value: number) => plic.store(4 * source, 4, value),
    enable: (context: number, ...sources: number[]) => {
      for (const word of [0, 1, 2]) {
        const bits = sources
          .filter((s) => s >> 5 === word)
          .reduce((m, s) => m | (1 << (s & 31)), 0);
        plic.store(0x2000 + 0x80 * context + 4 * word, 4, bits >>> 0);
      }
    },
    claim: (context: number) => plic.load(at(context, CLAIM), 4),
    complete: (context: number, source: number) => plic.store(at(context, CLAIM), 4, source),
    threshold: (context: number, value: number) => plic.store(at(context, THRESHOLD), 4, value),
  };
}

test("a raised source interrupts the enabled context until it is claimed", () => {
  const p = makePlic();
  p.priority(10, 1);
  p.enable(1, 10);
  p.plic.line(10)(true);
  expect(p.plic.load(0x1000, 4)).toBe(1 << 10);
  expect(p.outputs.get(1)).toBe(true);
  expect(p.outputs.get(0)).toBeUndefined();
  expect(p.claim(1)).toBe(10);
  expect(p.outputs.get(1)).toBe(false);
  expect(p.claim(1)).toBe(0);
});

test("a level that stays high interrupts again after completion, not before", () => {
  const p = makePlic();
  p.priority(5, 1);
  p.enable(1, 5);
  const line = p.plic.line(5);
  line(true);
  p.claim(1);
  line(false);
  line(true);
  expect(p.claim(1)).toBe(0);
  p.complete(1, 5);
  expect(p.outputs.get(1)).toBe(true);
  expect(p.claim(1)).toBe(5);
  line(false);
  p.complete(1, 5);
  expect(p.claim(1)).toBe(0);
});

test("the highest priority is claimed first, ties by the lowest number", () => {
  const p = makePlic();
  for (const [source, priority] of [
    [3, 2],
    [40, 7],
    [2, 2],
    [95, 7],
  ] as const) {
    p.priority(source, priority);
    p.plic.line(source)(true);
  }
  p.enable(1, 2, 3, 40, 95);
  expect([p.claim(1), p.claim(1), p.claim(1), p.claim(1), p.claim(1)]).toEqual([40, 95, 2, 3, 0]);
});

test("the threshold holds the interrupt back but not the claim; priority 0 never interrupts", () => {
  const p = makePlic();
  p.priority(1, 3);
  p.enable(1, 1, 2);
  p.threshold(1, 3);
  p.plic.line(1)(true);
  p.plic.line(2)(true);
  expect(p.outputs.get(1) ?? false).toBe(false);
  p.threshold(1, 2);
  expect(p.outputs.get(1)).toBe(true);
  p.threshold(1, 7);
  expect(p.claim(1)).toBe(1);
  expect(p.claim(1)).toBe(0);
});

test("one context's claim takes the interrupt from all others", () => {
  const p = makePlic(2);
  p.priority(9, 1);
  p.enable(1, 9);
  p.enable(3, 9);
  p.plic.line(9)(true);
  expect([p.outputs.get(1), p.outputs.get(3)]).toEqual([true, true]);
  expect(p.claim(3)).toBe(9);
  expect([p.outputs.get(1), p.outputs.get(3)]).toEqual([false, false]);
});

test("a completion by a context that has not enabled the source is ignored", () => {
  const p = makePlic();
  p.priority(4, 1);
  p.enable(1, 4);
  p.plic.line(4)(true);
  p.claim(1);
  p.complete(0, 4);
  expect(p.claim(1)).toBe(0);
  p.complete(1, 4);
  expect(p.claim(1)).toBe(4);
});

test("source 0 and everything beyond 95 contexts and sources read as zero", () => {
  const p = makePlic();
  p.plic.store(0, 4, 7);
  p.plic.store(0x2000, 4, 0xffffffff);
  expect(p.plic.load(0, 4)).toBe(0);
  expect(p.plic.load(0x2000, 4)).toBe(0xfffffffe);
  for (const offset of [4 * 96, 0x1010, 0x2000 + 0x80 * 2, 0x202000, 0x5ffffc])
    expect(p.plic.load(offset, 4)).toBe(0);
  expect(() => p.plic.line(96)).toThrow(RangeError);
});

test("any accesses at all leave it alive, and save and restore midway change nothing", () => {
  const step = fc.oneof(
    fc.record({
      op: fc.constant("line" as const),
      at: fc.integer({ min: 1, max: 95 }),
      value: fc.integer({ min: 0, max: 1 }),
    }),
    fc.record({
      op: fc.constant("store" as const),
      at: fc
        .oneof(fc.integer({ min: 0, max: 0x2100 }), fc.integer({ min: 0x200000, max: 0x203010 }))
        .map((x) => x & ~3),
      value: fc.integer({ min: 0, max: 0xffffffff }),
    }),
    fc.record({
      op: fc.constant("load" as const),
      at: fc.constantFrom(CLAIM, CLAIM + 0x1000, 0x1000),
      value: fc.constant(0),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(60), (steps, cut) => {
      const run = (restoreAt: number) => {
        let p = makePlic();
        const seen: number[] = [];
        for (const [i, { op, at, value }] of steps.entries()) {
          if (i === restoreAt) {
            const twin = makePlic();
            twin.plic.restore(structuredClone(p.plic.save()));
            p = twin;
          }
          if (op === "line") p.plic.line(at)(value === 1);
          else if (op === "store") p.plic.store(at, 4, value);
          else seen.push(p.plic.load(at, 4));
        }
        return { seen, state: p.plic.save() };
      };
      expect(run(cut)).toEqual(run(-1));
    }),
  );
});
