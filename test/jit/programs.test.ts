/**
 * The random programs in lockstep: after each budget the interpreter and the translator have the same
 * registers, CSRs and counts, at the end the same RAM. `npm run lockstep -- --programs N` goes on with it.
 */
import { describe, expect, test } from "vitest";
import { type LockstepPlan, lockstep } from "../diff/lockstep.ts";
import { coreBytesFor, randomPrograms, startGuest } from "../diff/lockstep-guest.ts";
import { describeDifference } from "../diff/lockstep-report.ts";
import { parseDumps } from "../diff/record.ts";
import * as s from "./scene.ts";

const PROGRAMS_PER_SEED = 64;
const FRESH_SEED = Math.floor(performance.timeOrigin) % 2 ** 31;
/** Enough for all programs of a seed. */
const UNITS = 12_000_000;
/** Seeds for each engine: over a thousand programs where all is translated. */
const SEEDS = { translator: 16, auto: 5 };

describe.each(s.TRANSLATORS)("%s", (name, options) => {
  let modules = 0;
  const invalid: Uint8Array[] = [];
  const onModule = (bytes: Uint8Array): void => {
    modules++;
    if (!WebAssembly.validate(bytes as BufferSource)) invalid.push(bytes);
  };
  const fixed = Array.from({ length: SEEDS[name as keyof typeof SEEDS] - 1 }, (_, i) => 7000 + i);

  test.each([...fixed, FRESH_SEED])("seed %i", async (seed) => {
    const guest = randomPrograms(seed, PROGRAMS_PER_SEED);
    const memoryBytes = coreBytesFor(guest.memoryBytes);
    const plan: LockstepPlan = {
      start: [
        async () => startGuest(await s.newCore({ memoryBytes }), guest),
        async () => startGuest(await s.newCore({ ...options, memoryBytes, onModule }), guest),
      ],
      seed,
      budgets: [997, 10_007, 100_003],
      until: UNITS,
    };
    const { difference, end, console } = await lockstep(plan);
    if (difference) expect.fail(await describeDifference(plan, difference));
    const dumps = parseDumps(Buffer.from(console, "latin1")).length;
    expect([end, dumps]).toEqual(['{"type":"poweroff"}', PROGRAMS_PER_SEED]);
    expect(modules).toBeGreaterThan(0);
    expect(invalid).toEqual([]);
  });
});
