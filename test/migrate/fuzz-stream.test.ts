/** Both ends against streams that are wrong; `npm run test:fuzz -- --inputs 1000000` does it for longer. */
import { beforeAll, describe, expect, test } from "vitest";
import { VirtualClock } from "../../ts/base/clock.ts";
import { Random } from "../../ts/base/random.ts";
import { MigrationLedger } from "../../ts/migrate/ledger.ts";
import * as stream from "../../ts/migrate/stream.ts";
import { receiveMigration, type TargetResult } from "../../ts/migrate/target.ts";
import { FakeGuest } from "./fake-guest.ts";
import { type FuzzResult, fuzzStreams } from "./fuzz/fuzz.ts";
import { loadFuzzCore } from "./fuzz/guests.ts";
import { judgeSource, judgeTarget } from "./fuzz/judge.ts";
import { playToSource, playToTarget } from "./fuzz/play.ts";
import { newLink, record, streamOfChannel } from "./fuzz/recording.ts";
import { SCENARIOS } from "./fuzz/scenarios.ts";

const seed = Number(process.env["FUZZ_SEED"] ?? 11);
const TYPES = Array.from({ length: 64 }, (_, type) => type).filter(
  (type) => stream.frameName(type) !== `type ${type}`,
);
beforeAll(loadFuzzCore);

describe("streams that are wrong", () => {
  let fuzzed: FuzzResult;
  beforeAll(async () => {
    fuzzed = await fuzzStreams({ inputs: 4_000, seed });
  }, 120_000);

  test("start no guest, lose none, and throw nothing", () => {
    expect(fuzzed.failures, `FUZZ_SEED=${seed}`).toEqual([]);
    const refused = [...fuzzed.endings].filter(([key]) => /^target.*discarded/.test(key));
    expect(refused.reduce((sum, [, count]) => sum + count, 0)).toBeGreaterThan(500);
  });

  test("reach every frame and every kind of record, each on its way", () => {
    // From 16 on they go to the source, but for those of disks from 32 on.
    const isToTarget = (type: number): boolean => type < 16 || (type >= 32 && type < 40);
    const frames = TYPES.map(
      (type) => `${isToTarget(type) ? "target" : "source"}: ${stream.frameName(type)}`,
    );
    const records = ["zero page", "plain page", "checked page", "delta", "twin"];
    const sealed = records.filter((kind) => kind !== "plain page");
    const wanted = [
      ...frames,
      ...records.map((kind) => `target: ${kind}`),
      ...sealed.map((kind) => `target: sealed ${kind}`),
      "source: plain page",
    ];
    expect(wanted.filter((one) => !fuzzed.coverage.has(one))).toEqual([]);
    expect(frames).toHaveLength(32);
  });

  test("end in every way that there is", () => {
    const ends = new Set([...fuzzed.endings.keys()].map((key) => key.replace(/,.*:/, ":")));
    for (const end of ["completed", "failed", "in-doubt", "paused"])
      expect([...ends]).toContain(`source: ${end}`);
    for (const end of ["running", "discarded", "lost"])
      expect([...ends]).toContain(`target: ${end}`);
  });
});

describe.each(SCENARIOS)("$name", (scenario) => {
  const random = new Random(seed);
  const untouched = { name: "nothing", kind: "raw", frame: undefined } as const;

  test("said again word for word ends as it did", () => {
    const recording = record(scenario);
    const bytes = streamOfChannel(recording, "source", 0);
    const good = { bytes, frames: [], foreign: [] };
    const input = { mutated: { ...untouched, bytes }, good, recording };
    const target = playToTarget(recording, undefined, random);
    const source = playToSource(recording, undefined, random);
    expect([source.result?.state, target.result?.state]).toEqual(scenario.ends);
    expect(judgeSource(input, source)).toBeUndefined();
    const isAway = scenario.ends[1] === "running";
    // The judge sees a page that is not what it should be.
    const wrong = new Uint8Array(scenario.pages * 4096).fill(0x77);
    expect(judgeTarget(input, { memory: wrong }, target)).toBe(
      isAway ? "page 0 of the guest is damaged" : undefined,
    );
    for (const guest of [...target.guests, ...source.guests]) guest.free();
  });
});

test("a finished stream that comes again, and one for another guest, are refused with the reason", () => {
  const said = streamOfChannel(record(SCENARIOS[0] as (typeof SCENARIOS)[0]), "source", 0);
  const clock = new VirtualClock();
  const ledger = new MigrationLedger();
  const serve = (pages: number, ledgerOf: MigrationLedger): TargetResult => {
    let result: TargetResult | undefined;
    const [left, right] = newLink(clock);
    receiveMigration(right, {
      clock,
      ledger: ledgerOf,
      accept: () => new FakeGuest(pages),
    }).observe((o) => {
      if (o.ok) result = o.value;
    });
    left.send(said);
    clock.run(() => result !== undefined);
    return result as TargetResult;
  };
  expect(serve(3, ledger)).toMatchObject({ state: "running" });
  expect(serve(3, ledger)).toMatchObject({ state: "discarded", error: { code: "WV_STATE" } });
  const other = serve(4, new MigrationLedger());
  expect(other).toMatchObject({ state: "discarded", error: { code: "WV_CONFIG" } });
});
