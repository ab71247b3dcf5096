/** Options of a source and what they are when nothing is said. */
import type { Clock } from "../base/clock.ts";
import type { Wait } from "../base/task.ts";
import type { Channel } from "./channel.ts";
import type { MigrationControl, Phase } from "./control.ts";
import type { DiskCopy } from "./leaving-disks.ts";
import type { Arrival, Outcome } from "./messages.ts";
import type { Packer } from "./packing.ts";
import type { PolicyName } from "./policy/convergence.ts";
import type { SlowdownName } from "./policy/dirty-limit.ts";
import type { Pacing } from "./policy/pacing.ts";
import type { PushName } from "./policy/push.ts";
import type { ConvergenceLimits, PolicySetting } from "./policy/state.ts";
import type { SilenceMeter } from "./silence.ts";
import type { RoundStats } from "./stats.ts";

/**
 * `stop-and-copy`: pause first, then send. `pre-copy`: send while it runs, round after round.
 * `post-copy`: switch first, then send, what is needed before the rest. `hybrid`: some rounds of
 * pre-copy, then post-copy for what is left, unless that fits the downtime limit.
 */
export type Strategy = "stop-and-copy" | "pre-copy" | "post-copy" | "hybrid";

/** What phases a strategy is made of. */
export interface StrategyPlan {
  /** The guest runs while its memory is copied. */
  readonly iterates: boolean;
  /** Pages may stay behind when the guest goes, and follow. */
  readonly leavesPages: boolean;
}

export const PLANS: Readonly<Record<Strategy, StrategyPlan>> = {
  "stop-and-copy": { iterates: false, leavesPages: false },
  "pre-copy": { iterates: true, leavesPages: false },
  "post-copy": { iterates: false, leavesPages: true },
  hybrid: { iterates: true, leavesPages: true },
};
export const STRATEGIES = Object.keys(PLANS) as readonly Strategy[];

export const VERIFY_NAMES = ["frames", "pages", "memory"] as const;
export type Verify = (typeof VERIFY_NAMES)[number];

export interface SourceOptions {
  readonly clock: Clock;
  /** Names this attempt; unique among all that the target has seen. At most 128 characters. */
  readonly id: string;
  readonly strategy: Strategy;
  /** What the guest does at the target. Default `running`; the embedder's twin keeps to it. */
  readonly arrives?: Arrival | undefined;
  /** When pre-copy stops, or gives up. Default: as QEMU. */
  readonly policy?: PolicyName | undefined;
  /** Numbers of the policy in place of its own: `POLICY_SETTINGS` has those of each. */
  readonly policySettings?: Readonly<Partial<Record<PolicySetting, number>>> | undefined;
  /** How the guest is held back from dirtying memory while pre-copy goes on. Default: `none`. */
  readonly slowdown?: SlowdownName | undefined;
  /** Pages a second, for the slowdown `dirty-limit`. */
  readonly dirtyLimitPagesPerSec?: number | undefined;
  /** Whose limit that is: the guest's (default), or that of each vCPU, as in QEMU. */
  readonly dirtyLimitPer?: "guest" | "vcpu" | undefined;
  /** Pre-copy stops the guest when what remains should take this long at most. */
  readonly downtimeLimitNs?: number | undefined;
  /** Bytes a second; lifted while pre-copy has the guest stopped, as QEMU does. Default: none. */
  readonly bandwidthCapBytesPerSec?: number | undefined;
  /**
   * `steady` (default): as fast as the cap lets it. `adaptive`: the first round at `bandwidthFloor`, each other
   * one 50 Mbit/s faster than the guest dirtied memory in the one before, up to the cap, which is also the
   * rate of what is left when the guest stops. Best with the policy `xen-2005`.
   */
  readonly pacing?: Pacing | undefined;
  readonly bandwidthFloorBytesPerSec?: number | undefined;
  /** Pre-copy ends after this many rounds. Default: no limit. */
  readonly roundsMax?: number | undefined;
  /** Pre-copy ends after this time. Default: no limit. */
  readonly timeoutNs?: number | undefined;
  /** What then happens: `fail` (the guest stays, the default) or `stop` (whatever the downtime). */
  readonly onLimit?: "stop" | "fail" | undefined;
  /** Of pages in a cache of this size only what changed is sent when they are sent again. Default 0. */
  readonly xbzrleCacheBytes?: number | undefined;
  /** `by-hash`: a page that the target has under another number is not sent again. Default `send`. */
  readonly identicalPages?: "by-hash" | "send" | undefined;
  /**
   * Pages that were written again before it was their turn: `skip` (default) leaves them to the next round,
   * which has to send them anyway; `send` is what QEMU does.
   */
  readonly hotPages?: "skip" | "send" | undefined;
  /**
   * `before-switch`: pre-copy stops the guest only when the target has taken in what was sent, so that nobody
   * waits for what is on its way. Costs a round trip or two with the guest running. `none` (default) is what
   * QEMU does.
   */
  readonly drain?: "before-switch" | "none" | undefined;
  /**
   * Pages that a guest which goes without its pages has just read: they go `first`, before it is stopped and
   * with its state, or `on-demand` (default) as all others. `first` delays the switch by 50 ms.
   */
  readonly readPages?: "first" | "on-demand" | undefined;
  /** Packs the pages of pre-copy and stop-and-copy, if the target can unpack them. Default: nothing does. */
  readonly packer?: Packer | undefined;
  /** Pages with data in one frame. */
  readonly batchPages?: number | undefined;
  /** The same, as long as the rate of the channel was not measured. */
  readonly probePages?: number | undefined;
  /**
   * Pages with data in the first frame; each further one has twice as many, up to `batchPages`: buffers are made of
   * memory that is touched for the first time, and a guest that shares the thread stands still meanwhile.
   */
  readonly firstBatchPages?: number | undefined;
  /** The migration fails when nothing moves for this long. */
  readonly stallTimeoutNs?: number | undefined;
  /**
   * What is checked beside the checksum of each frame. `pages` (default): a checksum of each page.
   * `memory`: also a hash of all memory, before the target agrees; costs downtime. `frames`: nothing.
   */
  readonly verify?: Verify | undefined;
  /** Aborts before COMMIT; the guest goes on here. Later it is ignored: the migration completes. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Asks the target's host, by another way, what became of migration `id`, when the answer to
   * COMMIT got lost. `unknown` or an error is asked again until `outcomeTimeoutNs` are over. Say
   * `not-running` also when the target's host is known to be gone for good.
   */
  readonly askOutcome?: ((id: string) => Wait<Outcome | "unknown">) | undefined;
  readonly outcomeTimeoutNs?: number | undefined;
  /** Hybrid: passes of pre-copy before the switch. Default 1. */
  readonly preCopyRounds?: number | undefined;
  /** Post-copy: in what order pages follow, and what a request costs. Default `around`. */
  readonly push?: PushName | undefined;
  /** Post-copy: pages with data in one frame of the background push, at most. */
  readonly pushPages?: number | undefined;
  /** Post-copy: and no more than the link moves in this time; what somebody waits for waits that long for it. */
  readonly pushNs?: number | undefined;
  /** A new channel to the target, when that of a post-copy broke: asked until it gives one. */
  readonly reconnect?: (() => Wait<Channel>) | undefined;
  /**
   * Connections for pages, 1 to 16, if the target takes several. Post-copy uses two: one for the push, one for
   * what somebody waits for. Needs `openChannel`. Default 1.
   */
  readonly channels?: number | undefined;
  /** A further channel to the target. */
  readonly openChannel?: (() => Wait<Channel>) | undefined;
  /** After this time without one the result is `paused`. */
  readonly recoveryTimeoutNs?: number | undefined;
  /**
   * The target died in post-copy, and the guest with it; here it stands as it was at the switch.
   * `hold` (default): whoever may decide that it goes back in time resumes it. `roll-back`: it does.
   */
  readonly onTargetLost?: "hold" | "roll-back" | undefined;
  /**
   * Post-copy: the target sends back what the guest has become this often. If it dies, the guest goes on
   * here from there, not from the switch; each one stops the guest for a moment. Default 0: never.
   */
  readonly checkpointNs?: number | undefined;
  /**
   * How disks of the guest go that are copied along. `pre-copy` (default): while it runs, whatever becomes of its
   * memory meanwhile. `on-demand`: after it, what it reads first. `stop`: while it stands still.
   */
  readonly diskCopy?: DiskCopy | undefined;
  /** Called when all is at the target, before it is told to run the guest. What it throws ends the migration. */
  readonly beforeCommit?: (() => Wait<void>) | undefined;
  readonly control?: MigrationControl | undefined;
  /** What somebody outside sees of the guest, on both hosts: its longest silence is in the statistics. */
  readonly silence?: SilenceMeter | undefined;
  readonly onPhase?: ((phase: Phase, atNs: number) => void) | undefined;
  readonly onRound?: ((round: RoundStats) => void) | undefined;
}

export const DEFAULT_SOURCE_OPTIONS = {
  arrives: "running",
  policy: "qemu",
  slowdown: "none",
  dirtyLimitPagesPerSec: Number.POSITIVE_INFINITY,
  dirtyLimitPer: "guest",
  downtimeLimitNs: 300e6,
  bandwidthCapBytesPerSec: Number.POSITIVE_INFINITY,
  pacing: "steady",
  bandwidthFloorBytesPerSec: 12.5e6,
  roundsMax: Number.POSITIVE_INFINITY,
  timeoutNs: Number.POSITIVE_INFINITY,
  onLimit: "fail",
  xbzrleCacheBytes: 0,
  identicalPages: "send",
  hotPages: "skip",
  push: "around",
  drain: "none",
  readPages: "on-demand",
  batchPages: 256,
  probePages: 256,
  firstBatchPages: Number.POSITIVE_INFINITY,
  stallTimeoutNs: 10e9,
  verify: "pages",
  outcomeTimeoutNs: 30e9,
  preCopyRounds: 1,
  channels: 1,
  checkpointNs: 0,
  diskCopy: "pre-copy",
  pushPages: 64,
  pushNs: 250_000,
  recoveryTimeoutNs: 60e9,
  onTargetLost: "hold",
} as const;

export type ResolvedSourceOptions = Readonly<
  Pick<
    SourceOptions,
    | "clock"
    | "id"
    | "strategy"
    | "signal"
    | "askOutcome"
    | "reconnect"
    | "openChannel"
    | "beforeCommit"
    | "packer"
    | "control"
    | "silence"
    | "onPhase"
    | "onRound"
  > & {
    arrives: Arrival;
    policy: PolicyName;
    slowdown: SlowdownName;
    dirtyLimitPagesPerSec: number;
    pacing: Pacing;
    bandwidthFloorBytesPerSec: number;
    dirtyLimitPer: "guest" | "vcpu";
    xbzrleCacheBytes: number;
    identicalPages: "by-hash" | "send";
    hotPages: "skip" | "send";
    push: PushName;
    drain: "before-switch" | "none";
    readPages: "first" | "on-demand";
    batchPages: number;
    probePages: number;
    firstBatchPages: number;
    stallTimeoutNs: number;
    outcomeTimeoutNs: number;
    preCopyRounds: number;
    channels: number;
    checkpointNs: number;
    pushPages: number;
    pushNs: number;
    recoveryTimeoutNs: number;
    onTargetLost: "hold" | "roll-back";
    verify: Verify;
    diskCopy: DiskCopy;
  } & ConvergenceLimits
>;
