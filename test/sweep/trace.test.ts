/** Dirty traces: taken from a guest, fitted, and turned into advice. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type DirtyTrace,
  decodeTrace,
  encodeTrace,
  pagesOfBitmap,
} from "../../ts/migrate/trace/trace.ts";
import { type Advice, advise, howOf } from "../../ts/sweep/advise.ts";
import { loadPageKernel } from "../../ts/sweep/page-kernel.ts";
import { simulatePages } from "../../ts/sweep/page-model.ts";
import type { Distribution } from "../../ts/sweep/scenario.ts";
import { type Fit, fitWriter } from "../../ts/sweep/trace/fit.ts";
import { writerFromQemu } from "../../ts/sweep/trace/qemu.ts";
import { recordGuest } from "../../ts/sweep/trace/traced-guest.ts";
import { BASE, MIB } from "./scenarios.ts";

const kernel = loadPageKernel();
const KINDS: Readonly<Record<string, number>> = {
  uniform: 0,
  "hot-cold": 1,
  sequential: 2,
  zipf: 3,
};

/** What the page-level writer leaves in a dirty log: 4,096 pages from page 1,000 on, of 10,000. */
function syntheticTrace(distribution: Distribution, rate: number): DirtyTrace {
  kernel.modelCreate(10_000, 7, 7);
  kernel.modelWriter(KINDS[distribution.kind] as number, 1_000, 4_096);
  if (distribution.kind === "hot-cold")
    kernel.modelHot(Math.round(4_096 * distribution.hotPages), distribution.hotWrites);
  if (distribution.kind === "zipf") kernel.modelZipf(distribution.exponent);
  const log = () => new Uint8Array(kernel.memory.buffer, kernel.modelLog(), 1_250);
  const intervals = Array.from({ length: 200 }, () => {
    log().fill(0);
    kernel.modelWrite(rate / 20);
    return pagesOfBitmap(log());
  });
  return { pageCount: 10_000, usedPages: 6_000, intervalNs: 50e6, intervals };
}

describe("a trace", () => {
  test("is the same after it was written and read", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uniqueArray(fc.nat(9_999), { maxLength: 300 }), { minLength: 1, maxLength: 5 }),
        (lists) => {
          const intervals = lists.map((list) => Uint32Array.from(list).sort());
          const trace = { pageCount: 10_000, usedPages: 5, intervalNs: 1e6, intervals };
          expect(decodeTrace(encodeTrace(trace))).toMatchObject(trace);
        },
      ),
      { numRuns: 100 },
    );
  });

  test("that is cut or changed is refused, whatever the byte", () => {
    const bytes = encodeTrace(syntheticTrace({ kind: "uniform" }, 100));
    for (let at = 0; at < bytes.length; at += Math.ceil(bytes.length / 60)) {
      const changed = bytes.slice();
      changed[at] = (changed[at] as number) ^ 0x41;
      for (const bad of [changed, bytes.slice(0, at)])
        expect(() => decodeTrace(bad, "a.wvtrace")).toThrowError(
          expect.objectContaining({
            code: "WV_CONFIG",
            message: expect.stringMatching(/^a\.wvtrace: byte \d+: .*; record it again/),
          }),
        );
    }
  });

  test("is compact: a sweep through memory costs a few bytes an interval", () => {
    expect(encodeTrace(syntheticTrace({ kind: "sequential" }, 8_000)).length).toBeLessThan(4_500);
  });
});

describe("a fitted writer", () => {
  test.each<Distribution>([
    { kind: "uniform" },
    { kind: "sequential" },
    { kind: "hot-cold", hotPages: 0.1, hotWrites: 0.9 },
    { kind: "zipf", exponent: 1 },
  ])("is the one that wrote: %j", (distribution) => {
    const fit = fitWriter(syntheticTrace(distribution, 8_000));
    expect(fit.distribution.kind).toBe(distribution.kind);
    expect(fit.error.rms, JSON.stringify(fit)).toBeLessThan(0.03);
    expect(Math.abs(fit.dirtyRate / 8_000 - 1), JSON.stringify(fit)).toBeLessThan(0.1);
    expect(fit.workingSetOffsetBytes / 4096).toBeLessThan(1_050);
    expect(Math.abs(fit.workingSetBytes / 4096 / 4_096 - 1)).toBeLessThan(0.03);
    // What counts: a migration of the fit is a migration of the guest.
    const guest = { ...BASE, memoryBytes: 10_000 * 4096, usedBytes: 6_000 * 4096, distribution };
    const link = { bandwidthBytesPerSec: 20 * MIB, downtimeLimitNs: 100e6, timeoutNs: 20e9 };
    const where = { workingSetBytes: 4_096 * 4096, workingSetOffsetBytes: 1_000 * 4096 };
    const real = simulatePages({ ...guest, ...link, ...where, dirtyRate: 8_000 }, kernel);
    const told = simulatePages({ ...guest, ...link, ...pick(fit) }, kernel);
    expect(told.state).toBe(real.state);
    expect(Math.abs(told.stats.totalNs / real.stats.totalNs - 1)).toBeLessThan(0.05);
  });

  test("of a guest that writes nothing writes nothing", () => {
    const intervals = Array.from({ length: 10 }, () => new Uint32Array(0));
    const fit = fitWriter({ pageCount: 100, usedPages: 50, intervalNs: 1e6, intervals });
    expect([fit.dirtyRate, fit.error.rms]).toEqual([0, 0]);
  });
});

const pick = ({ dirtyRate, distribution, workingSetBytes, workingSetOffsetBytes }: Fit) => ({
  dirtyRate,
  distribution,
  workingSetBytes,
  workingSetOffsetBytes,
});

test("a real guest's trace tells what it does", async () => {
  const elf = new URL("../../guests/bin/dirtier.elf", import.meta.url);
  const trace = await recordGuest({
    kernel: readFileSync(elf),
    bootArgs: "fill=32MiB ws=16MiB rate=8000 pattern=hotcold seed=3 idle=sleep heartbeat=0",
    memoryBytes: 64 * MIB,
    mips: 500,
    until: /^ready/m,
    settleNs: 50e6,
    intervalNs: 50e6,
    intervals: 64,
  });
  const fit = fitWriter(trace);
  expect(fit.distribution.kind).toBe("hot-cold");
  expect(Math.abs(fit.dirtyRate / 8_000 - 1), JSON.stringify(fit)).toBeLessThan(0.1);
  expect(Math.abs(fit.workingSetBytes / (16 * MIB) - 1), JSON.stringify(fit)).toBeLessThan(0.05);
  expect(fit.error.rms).toBeLessThan(0.03);
}, 60_000);

describe("advice", () => {
  const writer = fitWriter(syntheticTrace({ kind: "uniform" }, 8_000));
  const link = { latencyNs: 100_000, downtimeNs: 300e6, timeoutNs: 60e9 };

  test("prefers plain pre-copy where that converges, and says why the others are behind", () => {
    const [best, ...rest] = advise({ writer, ...link, bandwidthBytesPerSec: 60e6 });
    expect([best?.strategy, best?.slowdown, best?.fits]).toEqual(["pre-copy", "none", "yes"]);
    expect(best?.silenceMs.high).toBeLessThan(300);
    const stopped = rest.find((one) => one.strategy === "stop-and-copy");
    expect([stopped?.fits, stopped?.reason]).toEqual(["no", expect.stringContaining("silent for")]);
  });

  test("goes to post-copy or slows the guest where pre-copy does not converge", () => {
    const advices = advise({ writer, ...link, bandwidthBytesPerSec: 10 * MIB });
    const preCopy = advices.find(
      (one) => one.strategy === "pre-copy" && one.slowdown === "none" && one.xbzrleCacheBytes === 0,
    );
    expect(preCopy?.fits).toBe("no");
    expect(preCopy?.reason).toContain("does not converge");
    expect(advices[0]?.fits).not.toBe("no");
    expect(advices[0]?.strategy).not.toBe("stop-and-copy");
  });

  test("tries XBZRLE, and says what it brings and how little is known of it", () => {
    const slow = { ...link, bandwidthBytesPerSec: 30 * MIB };
    const all = advise({ writer, ...slow });
    const cached = all.find(({ xbzrleCacheBytes }) => xbzrleCacheBytes > 0);
    expect(cached?.xbzrleCacheBytes).toBe(16 * MIB);
    expect(howOf(cached as Advice)).toBe("pre-copy, XBZRLE with 16MiB");
    expect(cached?.reason).toMatch(/\d+ % of the pages go as differences/);
    const plain = all.find(
      ({ slowdown, strategy }) => strategy === "pre-copy" && slowdown === "none",
    );
    expect(plain?.xbzrleCacheBytes === 0 || plain === cached).toBe(true);
    // Differences of 88 bytes or of 1,400 are a wide span; whoever knows theirs has a narrow one.
    const known = advise({ writer, ...slow, deltaPageBytes: 100 }).find(
      ({ xbzrleCacheBytes }) => xbzrleCacheBytes > 0,
    );
    const width = (one: Advice | undefined) => (one?.bytes.high ?? 0) - (one?.bytes.low ?? 0);
    expect(width(known)).toBeLessThan(width(cached));
    expect(known?.bytes.expected).toBeLessThan(cached?.bytes.expected ?? 0);
  });

  test("takes more connections where one does not fill the link, and nowhere else", () => {
    const far = { ...link, latencyNs: 20e6, bandwidthBytesPerSec: 125e6 };
    expect(advise({ writer, ...far }).every(({ channels }) => channels === 1)).toBe(true);
    const lossy = advise({ writer, ...far, lossRatio: 1e-4 });
    const [best] = lossy as readonly [Advice];
    expect(best.channels).toBe(8);
    expect(best.reason).toMatch(/one connection would move \d % of the link/);
    const same = lossy.find(
      ({ channels, preCopyRounds, strategy }) =>
        channels === 1 && strategy === best.strategy && preCopyRounds === best.preCopyRounds,
    );
    expect(best.totalMs.expected).toBeLessThan((same?.totalMs.expected ?? 0) / 2);
  });

  test("takes QEMU's answers, and is less certain of them", () => {
    const text = JSON.stringify({ return: { "dirty-rate": 8, status: "measured" } });
    const fit = writerFromQemu(text, 512 * MIB);
    expect([fit.dirtyRate, fit.workingSetBytes]).toEqual([2048, 512 * MIB]);
    const advices = advise({ writer: fit, ...link, bandwidthBytesPerSec: 125e6 });
    const preCopy = advices.find(({ strategy }) => strategy === "pre-copy");
    expect((preCopy?.totalMs.high ?? 0) - (preCopy?.totalMs.low ?? 0)).toBeGreaterThan(0);
    const migrate = { ram: { total: 64 * MIB, duplicate: 100, "dirty-pages-rate": 12 } };
    expect(writerFromQemu(JSON.stringify(migrate), undefined).dirtyRate).toBe(12);
    for (const bad of ["x", "{}", '{"dirty-rate": -1}', '{"dirty-rate": 1}'])
      expect(() => writerFromQemu(bad, undefined)).toThrowError(
        expect.objectContaining({ code: "WV_CONFIG" }),
      );
  });
});
