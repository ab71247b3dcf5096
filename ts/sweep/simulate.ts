/** A scenario's migration: the engine over a simulated link, one synchronous call. */
import { VirtualClock } from "../base/clock.ts";
import { WasmvisorError } from "../base/errors.ts";
import type { GuestShape, Migratable } from "../machine/migratable.ts";
import type { Channel } from "../migrate/channel.ts";
import { MigrationLedger } from "../migrate/ledger.ts";
import type { SourceOptions } from "../migrate/options.ts";
import { simulatedNetwork } from "../migrate/sim-link.ts";
import { type MigrationResult, migrate } from "../migrate/source.ts";
import { receiveMigration, type TargetOptions } from "../migrate/target.ts";
import type { Scenario } from "./scenario.ts";

/** Both ends of a migration; they live in the time of the clock they are given. */
export interface SimulatedEnds {
  readonly source: (clock: VirtualClock) => Migratable;
  readonly target: (shape: GuestShape, clock: VirtualClock) => Migratable;
  /** What the engine is told beyond the scenario. */
  readonly options?: Partial<SourceOptions> | undefined;
}

/** Moves a guest as `scenario` says. */
export function simulateMigration(scenario: Scenario, ends: SimulatedEnds): MigrationResult {
  const clock = new VirtualClock();
  const network = simulatedNetwork({
    clock,
    bytesPerSec: scenario.bandwidthBytesPerSec,
    latencyNs: scenario.latencyNs,
    lossRatio: scenario.lossRatio,
  });
  const stallTimeoutNs = Number.POSITIVE_INFINITY;
  const host: TargetOptions = {
    clock,
    ledger: new MigrationLedger(),
    accept: (hello) => ends.target(hello.shape, clock),
    stallTimeoutNs,
  };
  const openChannel = (): Channel => {
    const [toTarget, toSource] = network.open();
    receiveMigration(toSource, host);
    return toTarget;
  };
  let result: MigrationResult | undefined;
  migrate(ends.source(clock), openChannel(), {
    clock,
    id: `scenario-${scenario.index}`,
    strategy: scenario.strategy,
    downtimeLimitNs: scenario.downtimeLimitNs,
    bandwidthCapBytesPerSec: scenario.bandwidthCapBytesPerSec ?? undefined,
    roundsMax: scenario.roundsMax ?? undefined,
    preCopyRounds: scenario.preCopyRounds,
    policy: scenario.policy,
    hotPages: scenario.hotPages ?? "send",
    push: scenario.push,
    pacing: scenario.pacing,
    bandwidthFloorBytesPerSec: scenario.bandwidthFloorBytesPerSec,
    xbzrleCacheBytes: scenario.xbzrleCacheBytes,
    slowdown: scenario.slowdown,
    dirtyLimitPagesPerSec: scenario.dirtyLimitPagesPerSec ?? undefined,
    timeoutNs: scenario.timeoutNs,
    onLimit: scenario.onLimit,
    channels: scenario.channels,
    openChannel,
    stallTimeoutNs,
    ...ends.options,
  }).observe((outcome) => {
    if (!outcome.ok) throw outcome.reason;
    result = outcome.value;
  });
  clock.run(() => result !== undefined);
  if (!result) throw new WasmvisorError("WV_STATE", "the simulated migration came to a halt");
  return result;
}
