import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WasmvisorError } from "../../ts/base/errors.ts";
import { Random } from "../../ts/base/random.ts";
import { chunksOf, scenarioAt, scenarioCount } from "../../ts/sweep/expand.ts";
import { simulateFluid } from "../../ts/sweep/fluid/migration.ts";
import { parsePlan } from "../../ts/sweep/plan.ts";
import { planJsonSchema } from "../../ts/sweep/plan-schema.ts";
import type { Scenario } from "../../ts/sweep/scenario.ts";

const read = (name: string): string =>
  readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");

const good = `apiVersion: wasmvisor.dev/v1
kind: Sweep
name: small
seed: 3
repetitions: 2
parts:
  - name: page
    fidelity: page
    axes:
      memory: [64MiB, 128MiB]
      workingSet: [50%, 16MiB]
      distribution: [uniform, { kind: zipf, exponent: 1.2 }]
      bandwidth: 1Gbit
      downtimeLimit: { from: 10ms, to: 1s, steps: 3, scale: log }
      strategy: [stop-and-copy, pre-copy]
      dirtyRate: [1000, 40MiB/s]
`;

const messageOf = (text: string): string => {
  try {
    parsePlan(text);
  } catch (error) {
    if (error instanceof WasmvisorError && error.code === "WV_BAD_PLAN") return error.message;
    throw error;
  }
  return "accepted";
};

describe("a plan", () => {
  test("expands to the product of its axes, units resolved", () => {
    const plan = parsePlan(good);
    expect(scenarioCount(plan)).toBe(2 * 2 * 2 * 3 * 2 * 2 * 2);
    expect(plan.parts[0]?.axes.downtimeLimit).toEqual([10e6, 100e6, 1e9]);
    const all = Array.from({ length: 192 }, (_, i) => scenarioAt(plan, i, 3));
    expect(new Set(all.map((s) => JSON.stringify({ ...s, index: 0, seed: 0 }))).size).toBe(192);
    expect(new Set(all.map((s) => s.seed)).size).toBe(192);
    expect(all[191]).toMatchObject({
      memoryBytes: 128 * 2 ** 20,
      workingSetBytes: 16 * 2 ** 20,
      strategy: "pre-copy",
      dirtyRate: 10_240,
      repetition: 1,
    });
  });

  test("is cut into chunks that cover every scenario once", () => {
    const plan = parsePlan(good.replace("repetitions: 2", "repetitions: 5000"));
    const chunks = chunksOf(plan);
    let next = 0;
    for (const [i, chunk] of chunks.entries()) {
      expect([chunk.number, chunk.from]).toEqual([i, next]);
      next += chunk.count;
    }
    expect(next).toBe(scenarioCount(plan));
  });

  test("at page level has smaller chunks where pages are asked for", () => {
    const sizes = (strategies: string): number[] => {
      const text = good
        .replace("repetitions: 2", "repetitions: 20000")
        .replace(/strategy: .*/, `strategy: ${strategies}`);
      return chunksOf(parsePlan(text)).map(({ count }) => count);
    };
    expect(Math.max(...sizes("[stop-and-copy, pre-copy]"))).toBe(16_000);
    expect(Math.max(...sizes("[pre-copy, hybrid]"))).toBe(1_000);
  });

  test.each([
    ["name: small", "nmae: small", "plan.yaml:3:1: nmae: unknown key"],
    ["seed: 3", "seed: x", "plan.yaml:4:7: seed: Invalid input: expected number, received string"],
    [
      "64MiB, 128MiB",
      "",
      "plan.yaml:10:15: parts[0].axes.memory: an axis needs at least one value",
    ],
    [
      "1Gbit",
      "1Gb",
      "plan.yaml:13:18: parts[0].axes.bandwidth: a rate: expected a rate like 1Gbit",
    ],
    [
      "1Gbit",
      "100",
      "plan.yaml:13:18: parts[0].axes.bandwidth: a rate: expected a rate like 1Gbit",
    ],
    ["64MiB,", "64MB,", "plan.yaml:10:16: parts[0].axes.memory[0]: a size: expected a size like"],
    ["to: 1s", "to: 1m", "plan.yaml:14:40: parts[0].axes.downtimeLimit.to: a time: expected"],
    ["steps: 3", "steps: 1", "plan.yaml:14:51: parts[0].axes.downtimeLimit.steps: Too small"],
    ["uniform,", "unifrom,", "plan.yaml:12:22: parts[0].axes.distribution[0]: Invalid option"],
    [
      "exponent",
      "exponant",
      "plan.yaml:12:45: parts[0].axes.distribution[1].exponant: unknown key",
    ],
    [
      "[stop-and-copy, pre-copy]",
      "teleport",
      "plan.yaml:15:17: parts[0].axes.strategy: Invalid option",
    ],
    [
      "dirtyRate: [1000, 40MiB/s]",
      "dirtyRate: [-1]",
      "plan.yaml:16:19: parts[0].axes.dirtyRate[0]",
    ],
    ["  - name: page", "  - name: page\n    nmae: x", "plan.yaml:8:5: parts[0].nmae: unknown key"],
    ["wasmvisor.dev/v1", "v2", "plan.yaml:1:13: apiVersion: Invalid input"],
    ["kind: Sweep", "kind: Sweep\nkind: Sweep", "plan.yaml:3:1: Map keys must be unique"],
    ["parts:", "parts: [", "plan.yaml:7:3: "],
  ])("with %j changed to %j says where it is wrong", (from, to, message) => {
    expect(messageOf(good.replace(from, to))).toContain(message);
  });

  test("of 10^9 scenarios is refused at once, by its number", () => {
    const wide = `{ from: 1, to: 100000, steps: 1000 }`;
    const text = good
      .replace("[1000, 40MiB/s]", wide)
      .replace("[64MiB, 128MiB]", "{ from: 64MiB, to: 2GiB, steps: 1000 }")
      .replace("1Gbit", "{ from: 1Mbit, to: 1Gbit, steps: 1000 }")
      .replace("repetitions: 2", "repetitions: 1");
    const started = performance.now();
    expect(messageOf(text)).toBe(
      `plan.yaml:1:1: ${1e9 * 2 * 2 * 3 * 2} scenarios, at most 10000000 are allowed in one plan`,
    );
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  test("that is an alias bomb is refused", () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\n${"bcdefghij"
      .split("")
      .map((k, i) => `${k}: &${k} [${Array(10).fill(`*${"abcdefghi"[i]}`).join(",")}]`)
      .join("\n")}`;
    expect(messageOf(bomb)).toContain("plan.yaml:");
  });

  test("fuzz: whatever the text, the answer is a plan or WV_BAD_PLAN with a place", () => {
    const seed = Number(process.env["FUZZ_SEED"] ?? 5);
    const random = new Random(seed);
    const scraps = [
      "[",
      "]",
      "{",
      "}",
      ": ",
      "- ",
      "\n",
      "  ",
      "&a ",
      "*a",
      "!!js ",
      "1e9",
      "~",
      "|",
      "\t",
    ];
    for (let run = 0; run < 400; run++) {
      let text = good;
      for (let i = random.below(4); i >= 0; i--) {
        const at = random.below(text.length);
        const gone = random.below(6);
        text = text.slice(0, at) + random.pick(scraps) + text.slice(at + gone);
      }
      const message = messageOf(text);
      if (message !== "accepted")
        expect(message, `FUZZ_SEED=${seed} run ${run}`).toMatch(/^plan\.yaml:\d+:\d+: /);
    }
  });

  test("fuzz: any JSON value is a plan or WV_BAD_PLAN", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const message = messageOf(JSON.stringify(value));
        expect(message).toMatch(/^plan\.yaml:\d+:\d+: /);
      }),
      { numRuns: 200 },
    );
  });
});

describe("axes", () => {
  const part = (axes: string, more = "") =>
    parsePlan(`apiVersion: wasmvisor.dev/v1
kind: Sweep
name: axes
parts:
  - name: a
    fidelity: auto
    axes: { memory: 1GiB, bandwidth: 1Gbit, dirtyRate: 1000, ${axes} }
${more}`);
  const all = (plan: ReturnType<typeof part>) =>
    Array.from({ length: scenarioCount(plan) }, (_, i) => scenarioAt(plan, i, 1));

  test("step by step, and drawn at random the same each time", () => {
    const steps = part("latency: { from: 1ms, to: 5ms, step: 2ms }").parts[0]?.axes.latency;
    expect(steps).toEqual([1e6, 3e6, 5e6]);
    for (const random of ["uniform", "log-uniform", "normal"]) {
      const text = `latency: { from: 1ms, to: 100ms, random: ${random}, samples: 500 }`;
      const drawn = part(text).parts[0]?.axes.latency as number[];
      expect(part(text).parts[0]?.axes.latency).toEqual(drawn);
      expect(new Set(drawn).size).toBeGreaterThan(400);
      const inside = drawn.filter((ns) => ns >= 1e6 && ns <= 100e6).length;
      expect(inside / 500).toBeGreaterThan(random === "normal" ? 0.9 : 0.999);
      const middle = random === "log-uniform" ? 10e6 : 50.5e6;
      expect(drawn.filter((ns) => ns < middle).length / 500).toBeCloseTo(0.5, 0.9);
    }
  });

  test("turn together when they are zipped", () => {
    const zip = "    zip: [[latency, bandwidthCap]]\n";
    const plan = part(
      "latency: [1ms, 2ms], bandwidthCap: [1MiB/s, 2MiB/s], roundsMax: [3, 4]",
      zip,
    );
    expect(
      all(plan).map((s) => [s.latencyNs / 1e6, s.bandwidthCapBytesPerSec, s.roundsMax]),
    ).toEqual([
      [1, 2 ** 20, 3],
      [1, 2 ** 20, 4],
      [2, 2 ** 21, 3],
      [2, 2 ** 21, 4],
    ]);
    expect(() => part("latency: [1ms, 2ms], bandwidthCap: [1MiB/s]", zip)).toThrow(
      "plan.yaml:8:11: parts[0].zip[0]: axes that turn together are equally long, but latency has 2, bandwidthCap has 1",
    );
  });

  test("are struck out where a constraint does not hold", () => {
    const axes =
      "workingSet: [25%, 512MiB, 75%], policy: [qemu, xen], downtimeLimit: [30ms, 300ms]";
    const where = `    where: ["workingSet + 1MiB <= memory / 2", "policy == 'xen'", "downtimeLimit * (2 - 1) >= 100ms"]\n`;
    const left = all(part(axes, where));
    expect(left.map((s) => [s.workingSetBytes / 2 ** 20, s.policy, s.downtimeLimitNs])).toEqual([
      [256, "xen", 300e6],
    ]);
    expect(left.map((s) => s.index)).toEqual([0]);
    expect(() => part(axes, '    where: ["memory < 1MiB"]\n')).toThrow(
      "the constraints of part a leave none of its points",
    );
    for (const [text, why] of [
      ["memory", "expected a comparison"],
      ["memori < 1GiB", "there is no axis memori"],
      ["memory < 1GB", "1GB is no number, size, time or rate"],
      ["(memory < 1GiB", "a bracket is not closed"],
      ["memory < 1GiB 2", 'does not expect "2"'],
      ["memory < %", 'does not read " %"'],
    ])
      expect(() => part(axes, `    where: ["${text}"]\n`), text).toThrow(why as string);
  });

  test("that vary settings give scenarios that differ in just that", () => {
    const plan = part("usedMemory: [50%, 100%], workingSet: 10%, workingSetOffset: [0%, 95%]");
    expect(
      all(plan).map((s) => [s.usedBytes / 2 ** 20, s.workingSetOffsetBytes / 2 ** 30]),
    ).toEqual([
      [512, 0],
      [512, expect.closeTo(0.9, 3)],
      [1024, 0],
      [1024, expect.closeTo(0.9, 3)],
    ]);
  });

  test("phases take from the scenario what they do not say", () => {
    const more =
      "    settings: { phases: [{ duration: 1s }, { duration: 2s, dirtyRate: 5, workingSet: 1MiB }] }\n";
    const [scenario] = all(part("workingSet: 50%", more));
    expect(scenario?.phases).toMatchObject([
      { durationNs: 1e9, dirtyRate: 1000, workingSetBytes: 2 ** 29 },
      {
        durationNs: 2e9,
        dirtyRate: 5,
        workingSetBytes: 2 ** 20,
        distribution: { kind: "uniform" },
      },
    ]);
  });
});

describe("the published files", () => {
  test("schema/plan.schema.json is what the code checks", () => {
    expect(JSON.parse(read("schema/plan.schema.json"))).toEqual(
      JSON.parse(JSON.stringify(planJsonSchema())),
    );
  });

  test("examples/qemu-7.2.yaml is the guest that QEMU was measured with", () => {
    const plan = parsePlan(read("examples/qemu-7.2.yaml"), "qemu-7.2.yaml");
    const all = Array.from({ length: scenarioCount(plan) }, (_, i) => scenarioAt(plan, i, 1));
    const totalMs = (dirtyRate: number, capMib: number) => {
      const scenario = all.find(
        (one) =>
          one.dirtyRate === dirtyRate &&
          one.distribution.kind === "uniform" &&
          one.bandwidthCapBytesPerSec === capMib * 2 ** 20,
      );
      const { isCompleted, totalNs } = simulateFluid(scenario as Scenario);
      return isCompleted ? totalNs / 1e6 : Number.POSITIVE_INFINITY;
    };
    for (const [rate, cap, qemuMs] of [
      [0, 32, 11_223],
      [2_000, 32, 13_023],
      [8_000, 32, 17_362],
      [0, 128, 2_822],
      [2_000, 128, 2_834],
      [8_000, 128, 3_036],
      [32_000, 128, 3_249],
    ] as const)
      expect(Math.abs(totalMs(rate, cap) / qemuMs - 1), `${rate} ${cap}`).toBeLessThan(0.03);
    expect(totalMs(32_000, 32)).toBe(Number.POSITIVE_INFINITY);
  });

  test("examples/first-look.yaml is a plan with a page and a guest part", () => {
    const plan = parsePlan(read("examples/first-look.yaml"), "first-look.yaml");
    expect(plan.parts.map((part) => part.fidelity)).toEqual(["page", "guest"]);
    expect(scenarioCount(plan)).toBeLessThan(10_000);
  });
});
