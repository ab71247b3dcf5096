/** What clients may ask of a migration: one zod schema for the daemon and for the command line. */
import { z } from "zod";
import { WallClock } from "../../base/clock.ts";
import { WasmvisorError } from "../../base/errors.ts";
import { parseRate, parseSize, parseTime } from "../../base/units.ts";
import { DISK_COPIES } from "../../migrate/leaving-disks.ts";
import { STRATEGIES, VERIFY_NAMES } from "../../migrate/options.ts";
import { POLICY_NAMES } from "../../migrate/policy/convergence.ts";
import { SLOWDOWN_NAMES } from "../../migrate/policy/dirty-limit.ts";
import { PACINGS } from "../../migrate/policy/pacing.ts";
import { resolveSourceOptions } from "../../migrate/resolve-options.ts";
import { engineOptions, type PlainMigrateOptions } from "./options.ts";

const TEXT_CHARS_MAX = 16 << 10;
const COUNT_MAX = 1e9;

const shown = (value: unknown): string | undefined => JSON.stringify(value)?.slice(0, 100);
const expected =
  (what: string) =>
  ({ input }: { readonly input?: unknown }): string =>
    `expected ${what}, got ${shown(input)}`;

const name = <const T extends readonly string[]>(names: T) =>
  z.enum(names, { error: expected(names.join(", ")) });
const text = z
  .string({ error: expected("text") })
  .max(TEXT_CHARS_MAX)
  .refine((value) => !value.includes("\0"), "expected text");
const count = (min: number) =>
  z
    .int({ error: expected(`an integer from ${min} on`) })
    .min(min, { error: expected(`an integer from ${min} on`) })
    .max(COUNT_MAX);

/** A number, or text that `parse` understands: it stays as it is, for whoever reads it next. */
const quantity = (parse: (text: string, what: string) => number) =>
  z.union([text, z.number().nonnegative()]).superRefine((value, context) => {
    try {
      if (typeof value === "string") parse(value, "");
    } catch (error) {
      if (!(error instanceof WasmvisorError)) throw error;
      context.addIssue(error.message.replace(/^: /, ""));
    }
  });
const size = quantity(parseSize);
const time = quantity(parseTime);
const rate = quantity(parseRate);
const number = z.number({ error: expected("a number") }).positive({
  error: expected("a number above 0"),
});

/** The strategy, and what goes with it, are chosen by who knows how (`advisor.ts`). */
export const AUTO = "auto";

const schema = z.strictObject({
  target: text,
  strategy: name([...STRATEGIES, AUTO]).optional(),
  preCopyRounds: count(1).optional(),
  bandwidth: rate.optional(),
  policy: name(POLICY_NAMES).optional(),
  policySettings: z.record(z.string(), number).optional(),
  hotPages: name(["skip", "send"]).optional(),
  pacing: name(PACINGS).optional(),
  bandwidthFloor: rate.optional(),
  downtime: time.optional(),
  roundsMax: count(1).optional(),
  timeout: time.optional(),
  onLimit: name(["stop", "fail"]).optional(),
  slowdown: name(SLOWDOWN_NAMES).optional(),
  dirtyLimit: rate.optional(),
  dirtyLimitPer: name(["guest", "vcpu"]).optional(),
  xbzrleCache: size.optional(),
  identicalPages: name(["by-hash", "send"]).optional(),
  compression: name(["deflate", "none"]).optional(),
  compressionLevel: count(1)
    .max(9, { error: expected("an integer from 1 to 9") })
    .optional(),
  channels: count(1).optional(),
  verify: name(VERIFY_NAMES).optional(),
  checkpoint: time.optional(),
  onTargetLost: name(["hold", "roll-back"]).optional(),
  recoveryTimeout: time.optional(),
  copyDisks: name(DISK_COPIES).optional(),
  priority: z.int({ error: expected("an integer") }).optional(),
  token: text.optional(),
});

/** What is asked, and where to. */
export interface AskedMigration {
  readonly target: string;
  readonly options: PlainMigrateOptions;
  /** Nobody has said which strategy; `options` has the rest. */
  readonly isAuto: boolean;
}

/** Throws `WV_CONFIG` that names the field, what was expected, and what came. */
export function parseMigration(body: unknown): AskedMigration {
  const parsed = schema.safeParse(withoutNulls(body));
  if (!parsed.success) throw new WasmvisorError("WV_CONFIG", problemOf(parsed.error));
  const { strategy, target, ...others } = parsed.data;
  const isAuto = strategy === AUTO;
  const options = strategy === undefined || isAuto ? others : { ...others, strategy };
  resolveSourceOptions({ ...engineOptions(options), id: "asked", clock: new WallClock() });
  return { target, options, isAuto };
}

/** `null` is how some clients say that there is nothing. */
function withoutNulls(body: unknown): unknown {
  if (typeof body !== "object" || body === null) return body;
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
}

function problemOf({ issues: [issue] }: z.ZodError): string {
  if (issue?.code === "unrecognized_keys")
    return `${issue.keys[0]}: unknown; expected ${Object.keys(schema.shape).join(", ")}`;
  return `${issue?.path.join(".")}: ${issue?.message}`;
}
