/** What somebody may want of a migration, in the words of people; and the same as the engine takes it. */
import { WasmvisorError } from "../../base/errors.ts";
import { parseRate, parseSize, parseTime } from "../../base/units.ts";
import { GUEST_PAGE_BYTES } from "../../machine/migratable.ts";
import type { DiskCopy } from "../../migrate/leaving-disks.ts";
import type { SourceOptions, Strategy, Verify } from "../../migrate/options.ts";
import type { PolicyName } from "../../migrate/policy/convergence.ts";
import type { SlowdownName } from "../../migrate/policy/dirty-limit.ts";
import type { Pacing } from "../../migrate/policy/pacing.ts";
import type { PolicySetting } from "../../migrate/policy/state.ts";
import type { RoundStats } from "../../migrate/stats.ts";
import type { MigrationProgress } from "./jobs.ts";

/** The first frame of pages takes no longer than a guest's turn, however cold everything is. */
const FIRST_BATCH_PAGES = 16;

/** The part of {@link MigrateOptions} that is plain data: numbers are bytes, nanoseconds, bytes a second. */
export interface PlainMigrateOptions {
  /**
   * `pre-copy` (default) sends while the guest runs; `stop-and-copy` stops it first; `post-copy` moves
   * it first and its memory after it; `hybrid` begins as pre-copy and ends as post-copy.
   */
  readonly strategy?: Strategy | undefined;
  /** Hybrid: passes of pre-copy before the guest moves. Default 1. */
  readonly preCopyRounds?: number | undefined;
  /** Cap of the rate, for instance `"1Gbit"` or `"32MiB/s"`. */
  readonly bandwidth?: number | string | undefined;
  /** When pre-copy stops or gives up, by the names of the field. Default `settle`. */
  readonly policy?: PolicyName | undefined;
  /** Numbers of the policy in place of its own, for instance `{ rounds: 3, pages: 200 }` of `xen`. */
  readonly policySettings?: Readonly<Partial<Record<PolicySetting, number>>> | undefined;
  /** Pre-copy stops the guest when what remains should take this long: `"300ms"` (default). */
  readonly downtime?: number | string | undefined;
  /** Give up converging after this many rounds, or after this time. */
  readonly roundsMax?: number | undefined;
  readonly timeout?: number | string | undefined;
  /**
   * What then happens: the guest is stopped whatever the downtime (`stop`, the default), or stays here (`fail`). Without
   * either limit, `settle` gives up after a minute without progress: then `fail` is the default.
   */
  readonly onLimit?: "stop" | "fail" | undefined;
  /** Pages that were written again before their turn wait for the next round (`skip`, the default). */
  readonly hotPages?: "skip" | "send" | undefined;
  /** `adaptive`: from `bandwidthFloor` (100Mbit) on, as fast as the guest dirties memory. Default `steady`. */
  readonly pacing?: Pacing | undefined;
  readonly bandwidthFloor?: number | string | undefined;
  /** How the guest is held back from dirtying memory meanwhile. Default `none`. */
  readonly slowdown?: SlowdownName | undefined;
  /** What the slowdown `dirty-limit` lets it dirty, for instance `"8MiB/s"`. */
  readonly dirtyLimit?: number | string | undefined;
  /** Whose limit that is: the guest's (default), or that of each vCPU. */
  readonly dirtyLimitPer?: "guest" | "vcpu" | undefined;
  /** Cache, for instance `"128MiB"`, of pages as they were sent: of these only differences go again. */
  readonly xbzrleCache?: number | string | undefined;
  /** `by-hash`: pages that are equal to others go once. */
  readonly identicalPages?: "by-hash" | "send" | undefined;
  /** `deflate`: pages go packed, until post-copy begins. Level 1 (fast, the default) to 9. */
  readonly compression?: "deflate" | "none" | undefined;
  readonly compressionLevel?: number | undefined;
  /** Connections for pages, 1 (default) to 16; post-copy uses two, one for what somebody waits for. */
  readonly channels?: number | undefined;
  /** Checksums of `frames`, of `pages`, too (default), or of all `memory`, which costs downtime. */
  readonly verify?: Verify | undefined;
  /** Post-copy: the target sends back what the guest has become this often; the last whole one is what is left of it. */
  readonly checkpoint?: number | string | undefined;
  /** The target died in post-copy: `hold` (default) what is here, or `roll-back`: let it run. */
  readonly onTargetLost?: "hold" | "roll-back" | undefined;
  /** Post-copy: how long another channel is sought when one breaks. `"60s"` (default). */
  readonly recoveryTimeout?: number | string | undefined;
  /**
   * Disks that the target does not reach are copied along: `pre-copy` while the guest runs, `on-demand` after it (it
   * goes first, and reads of what is not there are fetched), `stop` while it stands still. Default: none is copied.
   */
  readonly copyDisks?: DiskCopy | undefined;
  /** Who has its turn first when more wait than may migrate: the highest. Default 0. */
  readonly priority?: number | undefined;
  /** Directory with `ca.crt`, `host.crt` and `host.key`: what a target at `tls://` wants to see. */
  readonly tls?: string | undefined;
  /** What a target that wants a token wants to be told. */
  readonly token?: string | undefined;
}

/** Options of `migrate`. */
export interface MigrateOptions extends PlainMigrateOptions {
  /** Aborts before the switch-over, and while it waits for its turn; the guest goes on here. */
  readonly signal?: AbortSignal | undefined;
  /** Called twice a second, and when it begins to wait and to move. */
  readonly onProgress?: ((progress: MigrationProgress) => void) | undefined;
  readonly onRound?: ((round: RoundStats) => void) | undefined;
}

type Quantity = number | string | undefined;
const quantity =
  (parse: (text: string, what: string) => number) =>
  (value: Quantity, what: string): number | undefined =>
    typeof value === "string" ? parse(value, what) : value;
const rate = quantity(parseRate);
const size = quantity(parseSize);
const time = quantity(parseTime);

/** What the engine is asked for. Throws `WV_CONFIG` for text that is no quantity. */
export function engineOptions(
  options: PlainMigrateOptions,
): Omit<SourceOptions, "clock" | "id" | "control"> {
  const { dirtyLimit, slowdown } = options;
  const hasLimit = options.roundsMax !== undefined || options.timeout !== undefined;
  const limit = rate(dirtyLimit, "dirtyLimit");
  if ((slowdown === "dirty-limit") !== (limit !== undefined))
    throw new WasmvisorError(
      "WV_CONFIG",
      'dirtyLimit: goes with slowdown "dirty-limit", and that with a rate like 8MiB/s',
    );
  return {
    strategy: options.strategy ?? "pre-copy",
    preCopyRounds: options.preCopyRounds,
    bandwidthCapBytesPerSec: rate(options.bandwidth, "bandwidth"),
    policy: options.policy ?? "settle",
    policySettings: options.policySettings,
    hotPages: options.hotPages,
    drain: "before-switch",
    readPages: "first",
    firstBatchPages: FIRST_BATCH_PAGES,
    pacing: options.pacing,
    bandwidthFloorBytesPerSec: rate(options.bandwidthFloor, "bandwidthFloor"),
    downtimeLimitNs: time(options.downtime, "downtime"),
    roundsMax: options.roundsMax,
    timeoutNs: time(options.timeout, "timeout"),
    // Without a limit of its own there is only that of `settle`, and nobody said that the guest may be stopped for it.
    onLimit: options.onLimit ?? (hasLimit ? "stop" : "fail"),
    slowdown,
    dirtyLimitPagesPerSec: limit === undefined ? undefined : limit / GUEST_PAGE_BYTES,
    dirtyLimitPer: options.dirtyLimitPer,
    xbzrleCacheBytes: size(options.xbzrleCache, "xbzrleCache"),
    identicalPages: options.identicalPages,
    channels: options.channels,
    diskCopy: options.copyDisks,
    verify: options.verify,
    checkpointNs: time(options.checkpoint, "checkpoint"),
    onTargetLost: options.onTargetLost,
    recoveryTimeoutNs: time(options.recoveryTimeout, "recoveryTimeout"),
  };
}
