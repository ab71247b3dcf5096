/**
 * What a sweep plan may say: one zod schema for validation, for types, and for the published
 * `schema/plan.schema.json` (made by `scripts/plan-schema.mjs`).
 */
import { z } from "zod";
import { WasmvisorError } from "../base/errors.ts";
import { parseRate, parseSize, parseTime } from "../base/units.ts";
import { CHANNELS_MAX } from "../migrate/lanes.ts";
import { STRATEGIES } from "../migrate/options.ts";
import { POLICY_NAMES } from "../migrate/policy/convergence.ts";
import { SLOWDOWN_NAMES } from "../migrate/policy/dirty-limit.ts";
import { PUSH_NAMES } from "../migrate/policy/push.ts";
import { AXES } from "./axis-names.ts";
import { parseConstraint } from "./constraint.ts";
import { rangeValues, sampleValues, strideValues } from "./ranges.ts";
import type { Distribution } from "./scenario.ts";

/** Values of one axis; a list or range that is longer is surely a mistake. */
export const AXIS_VALUES_MAX = 100_000;
const PAGE_BYTES = 4096;

interface Notation {
  readonly title: string;
  readonly pattern: string;
  readonly example: string;
  readonly parse: (text: string, what: string) => number;
}

export const SIZE: Notation = {
  title: "a size",
  pattern: "^[0-9]+(\\.[0-9]+)?(B|KiB|MiB|GiB|TiB)$",
  example: "512MiB",
  parse: parseSize,
};
export const TIME: Notation = {
  title: "a time",
  pattern: "^[0-9]+(\\.[0-9]+)?(ns|us|ms|s|min|h)$",
  example: "30ms",
  parse: parseTime,
};
export const RATE: Notation = {
  title: "a rate",
  pattern: "^[0-9]+(\\.[0-9]+)?((|k|M|G|T)bit|(B|KiB|MiB|GiB|TiB)/s)$",
  example: "1Gbit",
  parse: parseRate,
};

/** Text in a notation, as a number of bytes, nanoseconds, or bytes a second. */
export function quantity(notation: Notation, min = 0) {
  const { title, pattern, example, parse } = notation;
  return z
    .unknown()
    .transform((value, context) => {
      try {
        const number = parse(value as string, title);
        if (number >= min) return number;
        context.addIssue(`expected ${title} above zero, got ${JSON.stringify(value)}`);
      } catch (error) {
        if (!(error instanceof WasmvisorError)) throw error;
        context.addIssue(error.message);
      }
      return z.NEVER;
    })
    .meta({ type: "string", pattern, examples: [example] });
}

const percent = z
  .string()
  .regex(/^(100|[0-9]{1,2}(\.[0-9]+)?)%$/, "expected a share like 25%")
  .transform((text) => ({ share: Number(text.slice(0, -1)) / 100 }));

const ratio = z.number().min(0).max(1);
/** More than a half is not a link. */
const loss = z
  .union([z.number().min(0).max(0.5), percent.transform(({ share }) => share)])
  .pipe(z.number().max(0.5, "a link that loses more than a half moves nothing"));
const channels = z.int().min(1).max(CHANNELS_MAX);

export const distribution: z.ZodType<Distribution, unknown> = z.union([
  z.enum(["uniform", "sequential", "hot-cold", "zipf"]).transform((kind): Distribution => {
    if (kind === "hot-cold") return { kind, hotPages: 0.1, hotWrites: 0.9 };
    return kind === "zipf" ? { kind, exponent: 1 } : { kind };
  }),
  z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("uniform") }),
    z.strictObject({ kind: z.literal("sequential") }),
    z.strictObject({ kind: z.literal("hot-cold"), hotPages: ratio, hotWrites: ratio }),
    z.strictObject({ kind: z.literal("zipf"), exponent: z.number().min(0).max(10) }),
  ]),
]);

/** Page writes a second: a number, or bytes a second in whole pages. */
export const dirtyRate = z.union([
  z.number().min(0).max(1e9),
  quantity(RATE).transform((bytesPerSec) => bytesPerSec / PAGE_BYTES),
]);

/** One value or a list of them. */
function axis<T>(value: z.ZodType<T, unknown>) {
  return z.union([
    z.array(value).min(1, "an axis needs at least one value").max(AXIS_VALUES_MAX),
    value.transform((one) => [one]),
  ]);
}

/** An axis of numbers may be a range, ends included, or a sample drawn at random. */
function rangeAxis(value: z.ZodType<number, unknown>, isWhole = true) {
  const ends = { from: value, to: value };
  const range = z
    .strictObject({
      ...ends,
      steps: z.int().min(2).max(AXIS_VALUES_MAX),
      scale: z.enum(["linear", "log"]).default("linear"),
    })
    .superRefine((r, context) => checkLog(r.scale === "log", r, context))
    .transform((r) => rangeValues(r, isWhole));
  const strides = z
    .strictObject({ ...ends, step: value })
    .superRefine(({ from, step, to }, context) => {
      if (!(step > 0 && to >= from && (to - from) / step < AXIS_VALUES_MAX))
        context.addIssue('expected a step above zero that leads from "from" to "to"');
    })
    .transform((r, context) => (context.issues.length > 0 ? z.NEVER : strideValues(r)));
  const sample = z
    .strictObject({
      ...ends,
      random: z.enum(["uniform", "log-uniform", "normal"]),
      samples: z.int().min(1).max(AXIS_VALUES_MAX),
      seed: z.int().min(0).default(1),
    })
    .superRefine((r, context) => checkLog(r.random === "log-uniform", r, context))
    .transform((r) => sampleValues(r, isWhole));
  return z.union([
    z.array(value).min(1, "an axis needs at least one value").max(AXIS_VALUES_MAX),
    range,
    strides,
    sample,
    value.transform((one) => [one]),
  ]);
}

function checkLog(
  isLog: boolean,
  range: { readonly from: number; readonly to: number },
  context: z.RefinementCtx,
): void {
  if (isLog && !(range.from > 0 && range.to > 0))
    context.addIssue("a range on a log scale begins and ends above zero");
}

const workingSet = z.union([percent, quantity(SIZE, 1).transform((bytes) => ({ bytes }))]);
const fraction = z.union([percent, quantity(SIZE).transform((bytes) => ({ bytes }))]);

const axes = z.strictObject({
  memory: rangeAxis(quantity(SIZE, 1))
    .optional()
    .describe("RAM of the guest; that of the trace, if its writer is one"),
  usedMemory: axis(fraction).optional().describe("memory that is not zero, from the start on"),
  workingSet: axis(workingSet)
    .default([{ share: 1 }])
    .describe("what the guest writes to: a size, or a share of its memory like 25%"),
  workingSetOffset: axis(fraction)
    .optional()
    .describe("where in memory that begins: pages are sent in the order of memory"),
  distribution: axis(distribution)
    .default([{ kind: "uniform" }])
    .describe("which pages of the working set are written"),
  bandwidth: rangeAxis(quantity(RATE, 1)).describe("of the link"),
  latency: rangeAxis(quantity(TIME)).optional().describe("of the link, one way"),
  loss: axis(loss).optional().describe("share of the packets that get lost, like 0.1%"),
  channels: rangeAxis(channels).optional().describe("connections that pages go over"),
  bandwidthCap: rangeAxis(quantity(RATE, 1)).optional().describe("the migration's own limit"),
  downtimeLimit: rangeAxis(quantity(TIME)).default([300e6]).describe("that pre-copy aims for"),
  policy: axis(z.enum(POLICY_NAMES)).optional().describe("when pre-copy stops"),
  slowdown: axis(z.enum(SLOWDOWN_NAMES)).optional().describe("how the guest is held back"),
  roundsMax: rangeAxis(z.int().min(1)).optional(),
  preCopyRounds: rangeAxis(z.int().min(1)).optional().describe("of hybrid, before it switches"),
  backgroundPages: rangeAxis(z.int().min(0).max(1e6)).optional(),
  xbzrleCache: rangeAxis(quantity(SIZE)).optional().describe("cache for sending differences"),
  strategy: axis(z.enum(STRATEGIES)).default(["pre-copy"]),
  dirtyRate: rangeAxis(dirtyRate, false)
    .optional()
    .describe("page writes a second, or bytes a second; that of the trace, if its writer is one"),
});

const phase = z.strictObject({
  duration: quantity(TIME, 1),
  dirtyRate: dirtyRate.optional(),
  distribution: distribution.optional(),
  workingSet: workingSet.optional(),
  workingSetOffset: fraction.optional(),
});

const settings = z
  .strictObject({
    usedMemory: fraction.default({ share: 1 }).describe("memory that is not zero"),
    workingSetOffset: fraction.default({ bytes: 0 }),
    phases: z.array(phase).max(100).default([]).describe("what the writer does in turn"),
    latency: quantity(TIME).default(100_000).describe("of the link, one way"),
    loss: loss.default(0).describe("share of the packets that get lost"),
    channels: channels.default(1).describe("connections that pages go over"),
    bandwidthCap: quantity(RATE, 1).nullable().default(null).describe("the migration's own limit"),
    backgroundPages: z.int().min(0).max(1e6).default(40),
    roundsMax: z.int().min(1).nullable().default(null),
    preCopyRounds: z.int().min(1).default(1).describe("of hybrid, before it switches"),
    policy: z.enum(POLICY_NAMES).default("qemu").describe("when pre-copy stops"),
    missingStores: z
      .enum(["note", "wait"])
      .default("note")
      .describe("post-copy: does a store to a page that has not arrived wait for it?"),
    push: z
      .enum(PUSH_NAMES)
      .default("around")
      .describe("post-copy: around the last fault, or as QEMU, in order and by windows"),
    slowdown: z.enum(SLOWDOWN_NAMES).default("none").describe("how the guest is held back"),
    dirtyLimit: z.number().min(1).nullable().default(null).describe("pages/s, for dirty-limit"),
    xbzrleCache: quantity(SIZE).default(0).describe("cache for sending differences"),
    xbzrleFrom: z.enum(["first-pass", "second-pass"]).default("first-pass"),
    settle: quantity(TIME).default(50e6).describe("that the writer writes before it all begins"),
    setup: quantity(TIME).default(0).describe("what the source needs before the first page"),
    timeout: quantity(TIME, 1).default(60e9).describe("after which pre-copy gives up"),
    onLimit: z.enum(["stop", "fail"]).default("fail"),
    normalPageBytes: z.int().min(1).max(1e6).default(4104).describe("a page on the wire"),
    zeroPageBytes: z.int().min(1).max(1e6).default(9).describe("a zero page on the wire"),
    deltaPageBytes: z
      .int()
      .min(1)
      .max(1e6)
      .default(88)
      .describe("what changed of a page, likewise"),
  })
  .prefault({});

const writer = z.strictObject({
  trace: z
    .union([
      z.array(z.string().min(1)).min(1).max(100),
      z
        .string()
        .min(1)
        .transform((one) => [one]),
    ])
    .describe("files of wasmvisor record, from where the plan is"),
  start: z
    .enum(["beginning", "random"])
    .default("beginning")
    .describe("where in the trace a migration begins: random takes another place for each seed"),
});

/** What a part has to say, unless a trace says it. */
const NEEDED = ["memory", "dirtyRate"] as const;

const part = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, "expected a name like page-model"),
    fidelity: z
      .enum(["fluid", "page", "guest", "auto"])
      .describe("auto: fluid, and page level where that is near a threshold"),
    repetitions: z.int().min(1).max(1e6).optional(),
    writer: writer.optional().describe("a recorded guest instead of a distribution"),
    axes,
    zip: z
      .array(z.array(z.enum(AXES)).min(2))
      .max(AXES.length)
      .default([])
      .describe("axes that turn together instead of crossing"),
    where: z
      .array(z.string().max(1000))
      .max(100)
      .default([])
      .describe("constraints, like workingSet <= memory / 2"),
    settings,
  })
  .superRefine((one, context) => {
    checkWriter(one, context);
    one.zip.forEach((names, i) => {
      const lengths = names.map((name) => one.axes[name]?.length ?? 1);
      const path = ["zip", i];
      if (new Set(lengths).size > 1)
        context.addIssue({
          code: "custom",
          path,
          message: `axes that turn together are equally long, but ${names.map((name, k) => `${name} has ${lengths[k]}`).join(", ")}`,
        });
      if (one.zip.flat().filter((name) => names.includes(name)).length > names.length)
        context.addIssue({ code: "custom", path, message: "an axis turns with one group only" });
    });
    one.where.forEach((text, i) => {
      try {
        parseConstraint(text, new Set(AXES));
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        context.addIssue({ code: "custom", path: ["where", i], message });
      }
    });
  });

function checkWriter(
  one: Pick<z.output<typeof part>, "axes" | "fidelity" | "writer">,
  context: z.RefinementCtx,
): void {
  const add = (path: PropertyKey[], message: string): void =>
    context.addIssue({ code: "custom", path, message });
  if (!one.writer) {
    for (const name of NEEDED)
      if (one.axes[name] === undefined)
        add(["axes"], `"${name}" is missing: only a writer with a trace goes without`);
    return;
  }
  if (one.fidelity === "fluid" || one.fidelity === "guest")
    add(["fidelity"], "a trace is replayed page by page: expected the fidelity page or auto");
}

export const planSchema = z
  .strictObject({
    $schema: z.string().optional(),
    apiVersion: z.literal("wasmvisor.dev/v1"),
    kind: z.literal("Sweep"),
    name: z.string().min(1).max(100),
    description: z.string().max(10_000).default(""),
    seed: z.int().min(0).default(1),
    repetitions: z.int().min(1).max(1e6).default(1).describe("of every point, with its own seed"),
    parts: z.array(part).min(1).max(100),
  })
  .superRefine((plan, context) => {
    plan.parts.forEach((one, i) => {
      if (plan.parts.findIndex((other) => other.name === one.name) < i)
        context.addIssue({
          code: "custom",
          path: ["parts", i, "name"],
          message: `part ${JSON.stringify(one.name)} exists already`,
        });
    });
  })
  .meta({ title: "wasmvisor sweep plan" });

/** A checked plan: all units resolved, all defaults filled in. Plain JSON. */
export type Plan = z.output<typeof planSchema>;
export type PlanPart = Plan["parts"][number];

/** The JSON schema of plans as they are written. */
export function planJsonSchema(): object {
  return z.toJSONSchema(planSchema, { io: "input", unrepresentable: "any" });
}
