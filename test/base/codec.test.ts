import { crc32 as zlibCrc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeState, encodeState, type Plain } from "../../ts/base/codec.ts";
import { crc32 } from "../../ts/base/crc32.ts";
import { WasmvisorError } from "../../ts/base/errors.ts";
import { Random } from "../../ts/base/random.ts";

describe("crc32", () => {
  test("gives the published check value and equals the one of zlib", () => {
    const text = new TextEncoder().encode("123456789");
    expect(crc32(text)).toBe(0xcbf43926);
    const random = new Random(1);
    for (const length of [0, 1, 7, 8, 9, 4096, 4099]) {
      const bytes = random.bytes(new Uint8Array(length));
      if (zlibCrc32) expect(crc32(bytes)).toBe(zlibCrc32(bytes));
      const half = length >> 1;
      expect(crc32(bytes.subarray(half), crc32(bytes.subarray(0, half)))).toBe(crc32(bytes));
    }
  });
});

const plain = fc.letrec<{ value: Plain }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }),
    fc.string(),
    fc.uint8Array(),
    fc.array(tie("value")),
    fc.dictionary(fc.string({ minLength: 1 }), tie("value")) as fc.Arbitrary<Plain>,
  ),
})).value;

describe("state codec", () => {
  test("gives back what it was given", () => {
    fc.assert(
      fc.property(plain, (value) => {
        expect(decodeState(encodeState(value, 7), { version: 7 })).toEqual(value);
      }),
    );
  });

  test("leaves out undefined properties and keeps -0", () => {
    expect(decodeState(encodeState({ a: undefined, b: -0 }, 1), { version: 1 })).toEqual({ b: -0 });
  });

  test("refuses every cut and every changed byte with the reader's code", () => {
    const bytes = encodeState({ name: "vm", ram: new Uint8Array(20), list: [1, -2, 2.5, null] }, 3);
    const codeOf = (broken: Uint8Array): string => {
      try {
        decodeState(broken, { version: 3, code: "WV_BAD_STREAM" });
      } catch (error) {
        return error instanceof WasmvisorError ? error.code : String(error);
      }
      return "accepted";
    };
    for (let i = 0; i < bytes.length; i++) {
      expect(codeOf(bytes.slice(0, i))).toBe("WV_BAD_STREAM");
      const changed = bytes.slice();
      changed[i] = (changed[i] as number) ^ 0x40;
      expect(codeOf(changed)).toBe("WV_BAD_STREAM");
    }
  });

  test("fuzz: changed bytes under a right checksum give a value or an error of ours, never more", () => {
    const seed = Math.trunc(Number(process.env["FUZZ_SEED"] ?? 20_250_101));
    const random = new Random(seed);
    const good = encodeState({ a: [1, 2, { b: new Uint8Array(9) }], c: "text", d: 1e300 }, 1);
    for (let run = 0; run < 5_000; run++) {
      const bytes = good.slice();
      for (let i = random.below(4); i >= 0; i--)
        bytes[12 + random.below(bytes.length - 16)] = random.below(256);
      const body = bytes.subarray(0, bytes.length - 4);
      new DataView(bytes.buffer).setUint32(body.length, crc32(body), true);
      try {
        decodeState(bytes, { version: 1 });
      } catch (error) {
        expect(error, `FUZZ_SEED=${seed} run ${run}`).toBeInstanceOf(WasmvisorError);
      }
    }
  });

  test("another state version is refused by number", () => {
    expect(() => decodeState(encodeState(null, 2), { version: 3 })).toThrow(
      "state version 2, this release reads 3",
    );
  });
});
