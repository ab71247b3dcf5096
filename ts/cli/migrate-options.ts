/** What `wasmvisor migrate` is told, as a host takes it. */
import { WasmvisorError } from "../base/errors.ts";
import type { RemoteMigrateOptions } from "../host/daemon/client.ts";
import { AUTO, parseMigration } from "../host/migrations/schema.ts";
import { DISK_COPIES, type DiskCopy } from "../migrate/leaving-disks.ts";
import { STRATEGIES } from "../migrate/options.ts";
import { POLICY_NAMES, POLICY_SETTINGS, type PolicyName } from "../migrate/policy/convergence.ts";
import { SLOWDOWN_NAMES } from "../migrate/policy/dirty-limit.ts";
import type { PolicySetting } from "../migrate/policy/state.ts";
import type { Options } from "./context.ts";
import * as parse from "./options.ts";

/** As QEMU. */
const XBZRLE_CACHE = "64MiB";
const COMPRESSIONS = ["xbzrle", "identical", "deflate"] as const;

export type Move = RemoteMigrateOptions & { readonly target: string };

/** Throws `WV_CONFIG` for whatever a host would refuse. */
export function moveOptions(options: Options, target: string): Move {
  const { WASMVISOR_TARGET_TOKEN: token } = process.env;
  const move: Move = {
    target,
    ...strategyOf(options),
    bandwidth: parse.text(options.bandwidth),
    ...policyOf(options),
    downtime: parse.text(options.downtime),
    roundsMax: parse.integer(options.rounds, "--rounds", 1),
    timeout: parse.text(options.timeout),
    onLimit: parse.oneOf(options.onLimit, ["stop", "fail"], "--on-limit"),
    ...slowdownOf(options),
    ...compressionOf(options),
    copyDisks: copyDisksOf(options),
    channels: parse.integer(options.channels, "--channels", 1),
    verify: parse.oneOf(options.verify, ["frames", "pages", "memory"], "--verify"),
    checkpoint: parse.text(options.checkpoint),
    onTargetLost: parse.oneOf(options.onTargetLost, ["hold", "roll-back"], "--on-target-lost"),
    recoveryTimeout: parse.text(options.recoveryTimeout),
    priority: parse.signed(options.priority, "--priority"),
    token: parse.text(options.targetToken) ?? token,
  };
  parseMigration(
    Object.fromEntries(Object.entries(move).filter(([, value]) => value !== undefined)),
  );
  return move;
}

function copyDisksOf({ copyDisks }: Options): DiskCopy | undefined {
  return copyDisks === true ? "pre-copy" : parse.oneOf(copyDisks, DISK_COPIES, "--copy-disks");
}

function strategyOf(options: Options): Partial<Move> {
  const { name, settings } = parse.named(options.strategy, [...STRATEGIES, AUTO], "--strategy");
  const { rounds, ...others } = settings;
  parse.noMore(others, "--strategy");
  if (rounds !== undefined && name !== "hybrid")
    throw new WasmvisorError("WV_CONFIG", "--strategy: rounds goes with hybrid");
  if (options.live === true && name === "stop-and-copy")
    throw new WasmvisorError(
      "WV_CONFIG",
      "--live: with --strategy stop-and-copy the guest stands still; leave out one of them",
    );
  return { strategy: name, preCopyRounds: parse.integer(rounds, "--strategy: rounds", 1) };
}

function policyOf({ policy }: Options): Partial<Move> {
  if (policy === undefined) return {};
  const { name, settings } = parse.named(policy, POLICY_NAMES, "--policy");
  return { policy: name, policySettings: numbersOf(name, settings) };
}

function numbersOf(
  name: PolicyName,
  settings: Readonly<Record<string, string>>,
): Partial<Record<PolicySetting, number>> {
  const known = Object.keys(POLICY_SETTINGS[name]);
  const numbers: Record<string, number> = {};
  for (const [key, value] of Object.entries(settings)) {
    if (!known.includes(key))
      throw new WasmvisorError(
        "WV_CONFIG",
        `--policy ${name}: ${key}: unknown; it has ${known.join(", ") || "no settings"}`,
      );
    numbers[key] = parse.decimal(value, `--policy ${name}: ${key}`);
  }
  return numbers;
}

function slowdownOf({ slowdown }: Options): Partial<Move> {
  if (slowdown === undefined) return {};
  const { name, settings } = parse.named(slowdown, SLOWDOWN_NAMES, "--slowdown");
  const { per, rate, ...others } = settings;
  parse.noMore(others, "--slowdown");
  if ((name === "dirty-limit") !== (rate !== undefined))
    throw new WasmvisorError(
      "WV_CONFIG",
      "--slowdown: dirty-limit, and nothing else, takes a rate: dirty-limit:rate=8MiB/s",
    );
  const dirtyLimitPer = parse.oneOf(per, ["guest", "vcpu"], "--slowdown: per");
  return { slowdown: name, dirtyLimit: rate, dirtyLimitPer };
}

function compressionOf(options: Options): Partial<Move> {
  const all: Partial<Move>[] = ((options.compress ?? []) as readonly string[]).map((one) => {
    const { name, settings } = parse.named(one, COMPRESSIONS, "--compress");
    if (name === "identical") {
      parse.noMore(settings, "--compress identical");
      return { identicalPages: "by-hash" };
    }
    if (name === "deflate") {
      const { level, ...others } = settings;
      parse.noMore(others, "--compress deflate");
      const compressionLevel = parse.integer(level, "--compress deflate: level", 1);
      return { compression: "deflate", compressionLevel };
    }
    const { cache = XBZRLE_CACHE, ...others } = settings;
    parse.noMore(others, "--compress xbzrle");
    return { xbzrleCache: cache };
  });
  return Object.assign({}, ...all);
}
