import { expect, test } from "vitest";
import { SpareBuffers } from "../../ts/base/spare-buffers.ts";

test("a buffer that was given back is used again, for any length of its size", () => {
  const spare = new SpareBuffers();
  const first = spare.take(65_536);
  spare.give(first);
  expect(spare.spareBytes).toBe(65_536);
  const again = spare.take(40_000);
  expect([again.length, spare.spareBytes]).toEqual([40_000, 0]);
  expect(again.buffer).toBe(first.buffer);
  expect(spare.take(65_536).buffer).not.toBe(first.buffer);
});

test("nobody gets a buffer twice, nor memory that was never lent", () => {
  const spare = new SpareBuffers();
  const once = spare.take(8192);
  spare.give(once);
  spare.give(once);
  expect(spare.take(8192).buffer).not.toBe(spare.take(8192).buffer);
  spare.give(new Uint8Array(8192));
  spare.give(Buffer.allocUnsafe(64)); // A piece of what Node shares out.
  expect(spare.spareBytes).toBe(0);
});

test("what waits is bounded, and so is what is kept", () => {
  const spare = new SpareBuffers();
  const many = Array.from({ length: 40 }, () => spare.take(2 ** 20));
  for (const one of many) spare.give(one);
  expect(spare.spareBytes).toBe(32 * 2 ** 20);
  const other = new SpareBuffers();
  for (const bytes of [0, 511, 5 * 2 ** 20]) {
    const one = other.take(bytes);
    expect(one.length).toBe(bytes);
    other.give(one);
  }
  expect(other.spareBytes).toBe(0);
});
