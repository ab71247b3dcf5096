/** Options of a source, as whoever moves a guest gave them, with all that was left out; checked. */
import { WasmvisorError } from "../base/errors.ts";
import { CHANNELS_MAX } from "./lanes.ts";
import { DISK_COPIES } from "./leaving-disks.ts";
import {
  DEFAULT_SOURCE_OPTIONS,
  type ResolvedSourceOptions,
  type SourceOptions,
  STRATEGIES,
  VERIFY_NAMES,
} from "./options.ts";
import { POLICY_NAMES, POLICY_SETTINGS, type PolicyName } from "./policy/convergence.ts";
import { SLOWDOWN_NAMES } from "./policy/dirty-limit.ts";
import { PACINGS } from "./policy/pacing.ts";
import type { ConvergenceLimits } from "./policy/state.ts";

function check(isGood: boolean, what: string, value: unknown): void {
  if (!isGood) throw new WasmvisorError("WV_CONFIG", `migration: ${what}, got ${value}`);
}

function settingsOf(
  policy: PolicyName,
  policySettings: SourceOptions["policySettings"] = {},
): ConvergenceLimits["policySettings"] {
  check(POLICY_NAMES.includes(policy), "policy: unknown", policy);
  const own = POLICY_SETTINGS[policy];
  for (const [name, value] of Object.entries(policySettings)) {
    const names = Object.keys(own).join(", ");
    check(Object.hasOwn(own, name), `policy ${policy}: expected ${names || "no settings"}`, name);
    check(value > 0, `policy ${policy}: ${name}: expected more than 0`, value);
  }
  return { ...own, ...policySettings } as ConvergenceLimits["policySettings"];
}

/** How many, how much, how long. */
function checkAmounts(all: ResolvedSourceOptions): void {
  check(all.firstBatchPages >= 1, "firstBatchPages: expected 1 or more", all.firstBatchPages);
  check(all.recoveryTimeoutNs >= 0, "recoveryTimeoutNs: expected 0 or more", all.recoveryTimeoutNs);
  check(
    Number.isSafeInteger(all.channels) && all.channels >= 1 && all.channels <= CHANNELS_MAX,
    `channels: expected 1 to ${CHANNELS_MAX}`,
    all.channels,
  );
  check(all.preCopyRounds >= 1, "preCopyRounds: expected 1 or more", all.preCopyRounds);
  check(
    Number.isSafeInteger(all.pushPages) && all.pushPages >= 1,
    "pushPages: expected a count",
    all.pushPages,
  );
  check(all.pushNs > 0, "pushNs: expected more than 0", all.pushNs);
  check(all.roundsMax >= 1, "roundsMax: expected 1 or more", all.roundsMax);
  check(all.timeoutNs > 0, "timeoutNs: expected more than 0", all.timeoutNs);
  check(
    Number.isSafeInteger(all.batchPages) && all.batchPages >= 1,
    "batchPages: expected a count",
    all.batchPages,
  );
  check(all.stallTimeoutNs > 0, "stallTimeoutNs: expected more than 0", all.stallTimeoutNs);
}

/**
 * All of them, each by name. Two objects spread into one would be shorter, but one of so many properties gets a hidden
 * class of its own each time: a tenth of what a page-level scenario takes (measured, bench/sweep).
 */
function withDefaults(options: SourceOptions): ResolvedSourceOptions {
  const D = DEFAULT_SOURCE_OPTIONS;
  const policy = options.policy ?? D.policy;
  return {
    clock: options.clock,
    id: options.id,
    strategy: options.strategy,
    signal: options.signal,
    askOutcome: options.askOutcome,
    reconnect: options.reconnect,
    openChannel: options.openChannel,
    beforeCommit: options.beforeCommit,
    packer: options.packer,
    control: options.control,
    silence: options.silence,
    onPhase: options.onPhase,
    onRound: options.onRound,
    arrives: options.arrives ?? D.arrives,
    policy,
    slowdown: options.slowdown ?? D.slowdown,
    dirtyLimitPagesPerSec: options.dirtyLimitPagesPerSec ?? D.dirtyLimitPagesPerSec,
    dirtyLimitPer: options.dirtyLimitPer ?? D.dirtyLimitPer,
    downtimeLimitNs: options.downtimeLimitNs ?? D.downtimeLimitNs,
    bandwidthCapBytesPerSec: options.bandwidthCapBytesPerSec ?? D.bandwidthCapBytesPerSec,
    pacing: options.pacing ?? D.pacing,
    bandwidthFloorBytesPerSec: options.bandwidthFloorBytesPerSec ?? D.bandwidthFloorBytesPerSec,
    roundsMax: options.roundsMax ?? D.roundsMax,
    timeoutNs: options.timeoutNs ?? D.timeoutNs,
    onLimit: options.onLimit ?? D.onLimit,
    xbzrleCacheBytes: options.xbzrleCacheBytes ?? D.xbzrleCacheBytes,
    identicalPages: options.identicalPages ?? D.identicalPages,
    hotPages: options.hotPages ?? D.hotPages,
    push: options.push ?? D.push,
    drain: options.drain ?? D.drain,
    readPages: options.readPages ?? D.readPages,
    batchPages: options.batchPages ?? D.batchPages,
    probePages: options.probePages ?? D.probePages,
    firstBatchPages: options.firstBatchPages ?? D.firstBatchPages,
    stallTimeoutNs: options.stallTimeoutNs ?? D.stallTimeoutNs,
    verify: options.verify ?? D.verify,
    outcomeTimeoutNs: options.outcomeTimeoutNs ?? D.outcomeTimeoutNs,
    preCopyRounds: options.preCopyRounds ?? D.preCopyRounds,
    channels: options.channels ?? D.channels,
    checkpointNs: options.checkpointNs ?? D.checkpointNs,
    diskCopy: options.diskCopy ?? D.diskCopy,
    pushPages: options.pushPages ?? D.pushPages,
    pushNs: options.pushNs ?? D.pushNs,
    recoveryTimeoutNs: options.recoveryTimeoutNs ?? D.recoveryTimeoutNs,
    onTargetLost: options.onTargetLost ?? D.onTargetLost,
    policySettings: settingsOf(policy, options.policySettings),
  } satisfies Readonly<Record<keyof SourceOptions, unknown>>; // One that is added later is not left out.
}

/** Fills in the defaults. Throws `WV_CONFIG` for a value that makes no sense. */
export function resolveSourceOptions(options: SourceOptions): ResolvedSourceOptions {
  const all = withDefaults(options);
  check(STRATEGIES.includes(all.strategy), "strategy: unknown", all.strategy);
  check(all.id.length > 0 && all.id.length <= 128, "id: expected 1 to 128 characters", all.id);
  check(all.downtimeLimitNs >= 0, "downtimeLimitNs: expected 0 or more", all.downtimeLimitNs);
  check(
    all.bandwidthCapBytesPerSec > 0,
    "bandwidthCapBytesPerSec: expected more than 0",
    all.bandwidthCapBytesPerSec,
  );
  check(PACINGS.includes(all.pacing), "pacing: expected steady or adaptive", all.pacing);
  check(
    all.bandwidthFloorBytesPerSec > 0,
    "bandwidthFloorBytesPerSec: expected more than 0",
    all.bandwidthFloorBytesPerSec,
  );
  check(all.xbzrleCacheBytes >= 0, "xbzrleCacheBytes: expected 0 or more", all.xbzrleCacheBytes);
  check(SLOWDOWN_NAMES.includes(all.slowdown), "slowdown: unknown", all.slowdown);
  check(
    all.dirtyLimitPagesPerSec > 0,
    "dirtyLimitPagesPerSec: expected more than 0",
    all.dirtyLimitPagesPerSec,
  );
  check(
    Number.isSafeInteger(all.checkpointNs) && all.checkpointNs >= 0,
    "checkpointNs: expected nanoseconds",
    all.checkpointNs,
  );
  check(
    DISK_COPIES.includes(all.diskCopy),
    `diskCopy: expected ${DISK_COPIES.join(", ")}`,
    all.diskCopy,
  );
  check(
    all.dirtyLimitPer === "guest" || all.slowdown === "dirty-limit",
    "dirtyLimitPer: vcpu goes with the slowdown dirty-limit",
    all.slowdown,
  );
  check(VERIFY_NAMES.includes(all.verify), "verify: unknown", all.verify);
  const needsPages = all.xbzrleCacheBytes > 0 || all.identicalPages === "by-hash";
  check(
    all.verify !== "frames" || !needsPages,
    "verify: XBZRLE and identical pages need checksums of pages",
    all.verify,
  );
  checkAmounts(all);
  return all;
}
