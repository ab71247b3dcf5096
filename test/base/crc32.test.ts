import { expect, test } from "vitest";
import { crc32 } from "../../ts/base/crc32.ts";

const CHECK = new TextEncoder().encode("123456789");

test("gives the value that the catalogue of CRCs lists", () => {
  expect(crc32(CHECK)).toBe(0xcbf43926);
});

test("is the same in one piece and in small ones, whoever computes it", () => {
  const bytes = Uint8Array.from({ length: 10_000 }, (_, i) => (i * i) >>> 3);
  let crc = 0;
  for (let at = 0; at < bytes.length; at += 100) crc = crc32(bytes, crc, at, at + 100);
  expect(crc32(bytes)).toBe(crc);
  expect(crc32(bytes, crc32(bytes, 0, 0, 3000), 3000)).toBe(crc);
});
