import { expect, test } from "vitest";
import { TurnLength } from "../../ts/host/turn-length.ts";

/** Milliseconds of a turn after `turns` of a guest whose budget unit takes `ns`. */
function turnMs(ns: number, { turns = 20, vcpus = 1, isMoving = false } = {}): number {
  const length = new TurnLength(vcpus);
  for (let i = 0; i < turns; i++) {
    const cycles = length.cycles(isMoving);
    length.note(cycles, cycles * ns);
  }
  return (length.cycles(isMoving) * ns) / 1e6;
}

test("a turn takes 4 ms at most, 2 while the vm moves, whatever a budget unit takes", () => {
  for (const ns of [0.5, 4, 10, 40, 75]) {
    expect(turnMs(ns)).toBeLessThanOrEqual(4);
    expect(turnMs(ns, { isMoving: true })).toBeLessThanOrEqual(2);
  }
});

test("the first turn is short: the code of a guest that has come is cold, and it has something to say", () => {
  expect(new TurnLength(1).cycles(false)).toBeLessThanOrEqual(10_000);
});

test("no shorter than a round, so that a guest comes on however slow it is", () => {
  expect(turnMs(1_000)).toBe(10);
});

test("a fast guest has a million units, and several vCPUs share them", () => {
  expect(turnMs(0.5)).toBe(0.5);
  expect(turnMs(0.5, { vcpus: 4 })).toBe(0.125);
});

test("a guest that becomes slow is noticed within four turns", () => {
  const length = new TurnLength(1);
  for (let i = 0; i < 20; i++) length.note(length.cycles(false), length.cycles(false) * 0.5);
  for (let i = 0; i < 4; i++) length.note(length.cycles(false), length.cycles(false) * 40);
  expect((length.cycles(false) * 40) / 1e6).toBeLessThan(8);
});
