import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WasmvisorError } from "../../ts/base/errors.ts";
import * as units from "../../ts/base/units.ts";

const codeOf = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    return error instanceof WasmvisorError ? error.code : `not ours: ${error}`;
  }
  return "no error";
};

describe("units", () => {
  test("sizes are binary", () => {
    expect(units.parseSize("512MiB")).toBe(536_870_912);
    expect(units.parseSize("1.5GiB")).toBe(1_610_612_736);
    expect(units.parseSize("0B")).toBe(0);
    expect(units.formatSize(536_870_912)).toBe("512MiB");
  });

  test("times become whole nanoseconds", () => {
    expect(units.parseTime("30ms")).toBe(30e6);
    expect(units.parseTime("0.1us")).toBe(100);
    expect(units.parseTime("1.5s")).toBe(1.5e9);
    expect(units.formatTime(90e9)).toBe("1.5min");
  });

  test("rates are decimal in bits and binary in bytes", () => {
    expect(units.parseRate("1Gbit")).toBe(125e6);
    expect(units.parseRate("125MiB/s")).toBe(125 * 2 ** 20);
    expect(units.formatRate(125e6)).toBe("1Gbit");
    expect(units.formatByteRate(2 ** 25)).toBe("32MiB/s");
  });

  test.each(["512", "512MB", "512 MiB", "-1MiB", "1e3MiB", "MiB", "", "9999999TiB", "1mib"])(
    "%j is not a size",
    (text) => {
      expect(codeOf(() => units.parseSize(text, "memory"))).toBe("WV_CONFIG");
    },
  );

  test.each(["30", "30m", "30 ms", "1Gbit", "-3s", "1000000h"])("%j is not a time", (text) => {
    expect(codeOf(() => units.parseTime(text))).toBe("WV_CONFIG");
  });

  test.each(["1Gb", "1Gbit/s", "125MB/s", "125", "1GBIT"])("%j is not a rate", (text) => {
    expect(codeOf(() => units.parseRate(text))).toBe("WV_CONFIG");
  });

  test("the message names the place, the value and what is expected", () => {
    expect(() => units.parseSize("512MB", "--memory")).toThrow(
      '--memory: expected a size like 512MiB (a number and one of B, KiB, MiB, GiB, TiB), got "512MB"',
    );
  });

  test("whatever is formatted is read again", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 40 }), (bytes) => {
        const again = units.parseSize(units.formatSize(bytes, 12));
        expect(again).toBe(bytes);
      }),
    );
  });
});
