import { expect, test } from "vitest";
import { isZero } from "../../ts/base/zeros.ts";

test("a byte that is not zero is found wherever it is, in bytes that begin and end anywhere", () => {
  const all = new Uint8Array(64);
  for (let from = 0; from < 9; from++)
    for (let length = 0; length < 40; length++) {
      const bytes = all.subarray(from, from + length);
      expect(isZero(bytes)).toBe(true);
      for (let i = 0; i < length; i++) {
        bytes[i] = 1;
        expect(isZero(bytes), `${from}+${length}: ${i}`).toBe(false);
        bytes[i] = 0;
      }
    }
});

test("what is around them does not count", () => {
  const all = new Uint8Array(32).fill(7);
  all.fill(0, 5, 20);
  expect(isZero(all.subarray(5, 20))).toBe(true);
  expect(isZero(all.subarray(5, 21))).toBe(false);
  expect(isZero(all.subarray(4, 20))).toBe(false);
});
