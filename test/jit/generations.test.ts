/** The code cache: it never outgrows its size, what goes leaves nothing behind, and no guest can tell. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import { RAM_BASE } from "../../ts/vmm/guest-ram.ts";
import { hashRam } from "../diff/lockstep.ts";
import { type Side, startGuest } from "../diff/lockstep-guest.ts";
import { guestBin } from "../guest-runs.ts";
import * as s from "./scene.ts";

const { A0, A1, RA, S0, S1, S2, T0, T1 } = s;
const FUNCTIONS = RAM_BASE + 0x100000;
const COUNT = 64;
const LEAF = FUNCTIONS + COUNT * 4096;
const KIB = 1024;

/** A loop over functions, one a page, in an order that changes; all of them call the same leaf. */
function scene(seed: number): s.Scene {
  const random = new Random(seed);
  const main = s.assemble(s.ENTRY, (asm) => {
    asm.label("again");
    asm.li(S0, FUNCTIONS);
    asm.li(T0, COUNT - 1);
    asm.emit(["and", T1, A1, T0], ["slli", T1, T1, 12], ["add", S0, S0, T1]);
    asm.emit(["addi", S1, 0, 3]);
    asm.label("some");
    asm.emit(["jalr", RA, S0, 0], ["addi", S1, S1, -1], ["bne", S1, 0, "some"]);
    asm.emit(["addi", A1, A1, 1], ["jal", 0, "again"]);
  });
  const pages = Array.from({ length: COUNT }, (_, i) => {
    const gpa = FUNCTIONS + i * 4096;
    const bytes = s.assemble(gpa, (asm) => {
      asm.emit(["addi", S2, RA, 0], ["addi", T0, 0, 30]);
      asm.label("loop");
      for (let k = 0; k <= random.below(20); k++) asm.emit(["addi", A0, A0, random.below(9)]);
      asm.emit(["xor", A0, A0, T0], ["addi", T0, T0, -1], ["bne", T0, 0, "loop"]);
      asm.la(T1, LEAF);
      asm.emit(["jalr", RA, T1, 0], ["jalr", 0, S2, 0]);
    });
    return { gpa, bytes };
  });
  const leaf = s.assemble(LEAF, (asm) => {
    asm.emit(["addi", T0, 0, 25]);
    asm.label("loop");
    asm.emit(["addi", A0, A0, 1], ["addi", T0, T0, -1], ["bne", T0, 0, "loop"], ["jalr", 0, RA, 0]);
  });
  return { writes: [{ gpa: s.ENTRY, bytes: main }, ...pages, { gpa: LEAF, bytes: leaf }] };
}

describe.each(s.TRANSLATORS)("%s", (_, options) => {
  test.each([6 * KIB, 20 * KIB, 50 * KIB])(
    "a cache of %i bytes is never larger, and goes round",
    async (codeCacheBytes) => {
      const sides = await s.pair(scene(1), { ...options, codeCacheBytes });
      const { translated } = sides[1].core;
      for (let i = 0; i < 24; i++) {
        s.runBoth(sides, 50_021);
        expect(translated.cachedBytes).toBeLessThanOrEqual(codeCacheBytes);
      }
      expect(translated.cachedBytes).toBeGreaterThan(0);
      expect(translated.evicted).toBeGreaterThan(20);
      expect(translated.functions).toBeGreaterThan(2 * COUNT);
    },
  );

  test("guests that are forked share a cache that is too small", async () => {
    const plan = scene(2);
    const alone = [s.start(await s.newCore(), plan)];
    const small = [s.start(await s.newCore({ ...options, codeCacheBytes: 10 * KIB }), plan)];
    for (let i = 0; i < 40; i++) {
      const [left, right] = [alone[i % alone.length], small[i % small.length]] as [Side, Side];
      s.runBoth([left, right], 10_007);
      if (i % 10 !== 9) continue;
      alone.push(s.fork(left, plan));
      small.push(s.fork(right, plan));
    }
    expect(small[0]?.core.translated.evicted).toBeGreaterThan(20);
  });

  test("code that is written while its translation is about to go", async () => {
    // Each turn changes a constant in one of the functions, then runs them all.
    const plan = scene(3);
    const sides = await s.pair(plan, { ...options, codeCacheBytes: 10 * KIB });
    const random = new Random(4);
    for (let i = 0; i < 30; i++) {
      const gpa = FUNCTIONS + random.below(COUNT) * 4096 + 4;
      const bytes = s.assemble(gpa, (asm) => asm.emit(["addi", T0, 0, 1 + random.below(60)]));
      for (const { vm } of sides) expect(vm.ram.write(gpa, bytes)).toBe(true);
      s.runBoth(sides, 10_007);
    }
    expect(sides[1].core.translated.evicted).toBeGreaterThan(20);
  });
});

test("a guest's results are the same at every size of the cache", async () => {
  const kernel = readFileSync(join(guestBin, "mmu.elf"));
  const memoryBytes = 32 << 20;
  const results = new Set<string>();
  const evicted: number[] = [];
  for (const codeCacheBytes of [1, 3, 10, 40, 200, 65_536].map((kib) => kib * KIB)) {
    const engine = { engine: "auto", sampling: [50, 1] } as const;
    const core = await s.newCore({
      ...engine,
      codeCacheBytes,
      memoryBytes: memoryBytes + (8 << 20),
    });
    const side = startGuest(core, { kernel, append: "ops=60000 report=20000", memoryBytes });
    for (let i = 0; i < 40; i++) side.vm.run(100_003);
    const registers = side.vm.vcpus.map((vcpu) =>
      Buffer.from(vcpu.save().registers).toString("hex"),
    );
    results.add(`${registers} ${hashRam(side)} ${side.console}`);
    evicted.push(core.translated.evicted);
  }
  expect(results.size).toBe(1);
  expect(evicted.at(-1)).toBe(0);
  expect(evicted[1]).toBeGreaterThan(evicted[4] as number);
});

test("the engine gets the memory of what was evicted back", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const instances: WeakRef<WebAssembly.Instance>[] = [];
  const { Instance } = WebAssembly;
  const living = async (): Promise<number> => {
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      collect();
    }
    return instances.filter((one) => one.deref() !== undefined).length;
  };
  WebAssembly.Instance = class extends Instance {
    constructor(...all: ConstructorParameters<typeof Instance>) {
      super(...all);
      instances.push(new WeakRef(this));
    }
  };
  try {
    const core = await s.newCore({ engine: "auto", sampling: [50, 1], codeCacheBytes: 20 * KIB });
    const { vm } = s.start(core, scene(5));
    vm.run(2_000_000);
    const { evicted, modules } = core.translated;
    expect(instances.length).toBe(modules);
    expect(evicted).toBeGreaterThan(50);
    expect(await living()).toBe(modules - evicted);
  } finally {
    WebAssembly.Instance = Instance;
  }
});
