import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WasmvisorError } from "../../ts/base/errors.ts";
import { Random } from "../../ts/base/random.ts";
import { chunksOf, scenarioAt, scenarioCount } from "../../ts/sweep/expand.ts";
import { parsePlan } from "../../ts/sweep/plan.ts";
import { planJsonSchema } from "../../ts/sweep/plan-schema.ts";

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

describe("the published files", () => {
  test("schema/plan.schema.json is what the code checks", () => {
    expect(JSON.parse(read("schema/plan.schema.json"))).toEqual(
      JSON.parse(JSON.stringify(planJsonSchema())),
    );
  });

  test("examples/first-look.yaml is a plan with a page and a guest part", () => {
    const plan = parsePlan(read("examples/first-look.yaml"), "first-look.yaml");
    expect(plan.parts.map((part) => part.fidelity)).toEqual(["page", "guest"]);
    expect(scenarioCount(plan)).toBeLessThan(10_000);
  });
});
