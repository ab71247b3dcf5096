/**
 * What a data centre's file may say: one zod schema for validation, for types, and for the published
 * `schema/centre.schema.json` (made by `scripts/plan-schema.mjs`).
 */
import { z } from "zod";
import { STRATEGIES } from "../migrate/options.ts";
import { POLICY_NAMES } from "../migrate/policy/convergence.ts";
import { SLOWDOWN_NAMES } from "../migrate/policy/dirty-limit.ts";
import { dirtyRate, distribution, quantity, RATE, SIZE, TIME } from "../sweep/plan-schema.ts";
import { PLANNER_NAMES } from "./planners/planners.ts";
import { TRACE_FORMATS } from "./traces/formats.ts";

const HOSTS_MAX = 100_000;

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "expected a name like rack-a")
  .describe("letters, digits, dots and dashes");
const names = z.array(name).min(1).max(HOSTS_MAX);
const migrationsMax = z.int().min(1).optional().describe("at a time; default: no limit");

const link = {
  bandwidth: quantity(RATE, 1).describe("in each direction"),
  latency: quantity(TIME).default(20_000).describe("one way"),
  migrations: migrationsMax,
};

const watts = z.number().min(0).max(1e6);
const off = watts.default(0).describe("watts when it is switched off");
const power = z
  .union([
    z.strictObject({ idle: watts, max: watts, off }),
    z.strictObject({ watts: z.array(watts).min(2).max(101).describe("from no load to full"), off }),
  ])
  .describe("linear from idle to max, or points at even steps of load, as SPECpower has");

const hosts = z.strictObject({
  name: name.optional().describe("default: the rack's name; -0, -1, ... follow"),
  count: z.int().min(1).max(HOSTS_MAX),
  cpus: z.number().min(0.1).max(1e5).describe("physical"),
  memory: quantity(SIZE, 1),
  nic: z.strictObject(link),
  power: power.default({ idle: 100, max: 200, off: 0 }),
  migrations: z
    .strictObject({ outgoing: migrationsMax, incoming: migrationsMax })
    .default({})
    .describe("at a time"),
});

const rack = z.strictObject({
  name,
  site: name.default("site"),
  uplink: z
    .strictObject({
      ...link,
      count: z.int().min(1).max(1024).default(1).describe("links to as many spines"),
    })
    .describe("to the other racks of the site"),
  hosts: z.array(hosts).min(1).max(1000),
});

const siteLink = z.strictObject({ name, between: z.tuple([name, name]), ...link });

const cpus = z.number().min(0).max(1e5);
const demand = z
  .union([
    cpus.transform((one) => [{ at: 0, cpus: one }]),
    z
      .array(z.strictObject({ at: quantity(TIME), cpus }))
      .min(1)
      .max(1e6),
  ])
  .describe("CPUs in use: a number, or what it is from a time on");

const share = z.number().min(0).max(1);
const writer = z
  .strictObject({
    dirtyRate: dirtyRate.default(1000).describe("page writes a second, or bytes a second"),
    distribution: distribution.default({ kind: "hot-cold", hotPages: 0.1, hotWrites: 0.9 }),
    workingSet: share.default(0.25).describe("share of the memory that it writes to"),
    used: share.default(1).describe("share of the memory that is not zero"),
  })
  .prefault({});

const vmPlacement = {
  on: names.optional().describe("racks or hosts it may start on; default: all"),
  place: z.enum(["spread", "pack"]).default("spread"),
};

const vms = z.strictObject({
  name,
  count: z.int().min(1).max(1e6).default(1),
  memory: quantity(SIZE, 1),
  cpus: z.number().min(0.1).max(1e4).default(1).describe("virtual"),
  demand: demand.optional().describe("default: half of its CPUs"),
  writer,
  affinity: name.optional().describe("those of one group want the same host"),
  antiAffinity: name.optional().describe("those of one group want different hosts"),
  ...vmPlacement,
});

const trace = z.strictObject({
  name: name.describe("of the vms: -0, -1, ... follow"),
  trace: z.enum(TRACE_FORMATS),
  files: z.record(z.string(), z.string()).describe("path of each table, from the file's folder"),
  limit: z.int().min(1).max(1e6).default(1000).describe("vms that are taken"),
  memory: quantity(SIZE, 1)
    .default(4 * 2 ** 30)
    .describe("of a vm whose trace does not say; or of a whole machine, where it says shares"),
  cpus: z.number().min(0.1).max(1e4).default(4).describe("likewise"),
  dirtyRate: z
    .strictObject({ median: dirtyRate, sigma: z.number().min(0).max(5).default(1) })
    .default({ median: 1000, sigma: 1 })
    .describe("no trace has any: each vm draws one, log-normal"),
  writer,
  ...vmPlacement,
});

const migration = z
  .strictObject({
    strategy: z.enum(STRATEGIES).default("pre-copy"),
    policy: z.enum(POLICY_NAMES).default("qemu"),
    slowdown: z.enum(SLOWDOWN_NAMES).default("none"),
    downtimeLimit: quantity(TIME).default(300e6),
    bandwidthCap: quantity(RATE, 1).nullable().default(null),
    dirtyLimit: z.number().min(1).nullable().default(null).describe("pages/s, for dirty-limit"),
    roundsMax: z.int().min(1).nullable().default(null),
    preCopyRounds: z.int().min(1).default(1),
    xbzrleCache: quantity(SIZE).default(0),
    backgroundPages: z.int().min(0).max(1e6).default(40),
    setup: quantity(TIME).default(0),
    timeout: quantity(TIME, 1).default(600e9),
    onLimit: z.enum(["stop", "fail"]).default("fail"),
    cpusPerGigabyte: z
      .number()
      .min(0)
      .max(100)
      .default(0)
      .describe("processors that sending 1 GB/s takes at either end"),
  })
  .prefault({});

const job = {
  name,
  planner: z.enum(PLANNER_NAMES).default("best-fit").describe("who chooses targets"),
  cpuShareMax: z
    .number()
    .min(0.01)
    .max(100)
    .default(1)
    .describe("of a target's processors that vms may want; above 1 is overcommitted"),
  duration: quantity(TIME).default(0).describe("how long the simulation goes on at least"),
};
const where = { hosts: names.optional(), rack: name.optional() };

const jobs = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("evacuate"),
    ...job,
    ...where,
    window: quantity(TIME, 1).optional().describe("in which it should be done"),
  }),
  z.strictObject({
    kind: z.literal("update"),
    ...job,
    ...where,
    parallel: z.int().min(1).default(1).describe("hosts at a time"),
    reboot: quantity(TIME).default(300e9).describe("how long a host is off"),
  }),
  z.strictObject({ kind: z.literal("consolidate"), ...job }),
  z.strictObject({
    kind: z.literal("rebalance"),
    ...job,
    spread: share.default(0.1).describe("between the load of any two hosts, to be reached"),
  }),
  z.strictObject({
    kind: z.literal("follow-the-sun"),
    ...job,
    vms: name.optional().describe("the group that moves; default: all"),
    stops: z
      .array(z.strictObject({ at: quantity(TIME), site: name }))
      .min(1)
      .max(1000),
  }),
  z.strictObject({
    kind: z.literal("fail-over"),
    ...job,
    ...where,
    at: quantity(TIME).default(0),
    warning: quantity(TIME).default(0).describe("how long before it is known: migrations begin"),
    detect: quantity(TIME).default(30e9).describe("until somebody notices"),
    restart: quantity(TIME).default(60e9).describe("what a vm takes to boot"),
  }),
]);

export const centreSchema = z
  .strictObject({
    $schema: z.string().optional(),
    apiVersion: z.literal("wasmvisor.dev/v1"),
    kind: z.literal("DataCentre"),
    name: z.string().min(1).max(100),
    seed: z.int().min(0).default(1),
    racks: z.array(rack).min(1).max(10_000),
    links: z.array(siteLink).max(1000).default([]).describe("between sites"),
    vms: z
      .array(z.union([trace, vms]))
      .min(1)
      .max(10_000),
    migration,
    jobs: z.array(jobs).min(1).max(100),
  })
  .meta({ title: "wasmvisor data centre" });

/** A checked file: all units resolved, all defaults filled in. */
export type CentreFile = z.output<typeof centreSchema>;
export type Job = CentreFile["jobs"][number];
export type TraceVms = Extract<CentreFile["vms"][number], { trace: unknown }>;

/** The JSON schema of such files as they are written. */
export function centreJsonSchema(): object {
  return z.toJSONSchema(centreSchema, { io: "input", unrepresentable: "any" });
}
