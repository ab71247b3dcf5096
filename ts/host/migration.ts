/** Moving a vm from this host to another over TCP, and taking one in. */
import { WasmvisorError } from "../base/errors.ts";
import { type Future, promiseOf } from "../base/task.ts";
import { parseRate, parseSize, parseTime } from "../base/units.ts";
import type { Channel } from "../migrate/channel.ts";
import type { MigrationControl } from "../migrate/control.ts";
import { MigrationLedger } from "../migrate/ledger.ts";
import type { Outcome } from "../migrate/messages.ts";
import { resolveSourceOptions, type SourceOptions, type Strategy } from "../migrate/options.ts";
import type { PolicyName } from "../migrate/policy/convergence.ts";
import type { SlowdownName } from "../migrate/policy/dirty-limit.ts";
import { type MigrationResult, migrate } from "../migrate/source.ts";
import { qemuStats, type RoundStats } from "../migrate/stats.ts";
import { queryOutcome, receiveMigration, type TargetResult } from "../migrate/target.ts";
import type { MigratableVm } from "../vmm/migratable-vm.ts";
import { isLoopback, parseAddress } from "./address.ts";
import type { Host } from "./host.ts";
import type { VirtualMachine } from "./virtual-machine.ts";

/** Options of {@link VirtualMachine.migrate}. */
export interface MigrateOptions {
  /**
   * `pre-copy` (default) sends while the guest runs; `stop-and-copy` stops it first; `post-copy` moves
   * it first and its memory after it; `hybrid` begins as pre-copy and ends as post-copy.
   */
  readonly strategy?: Strategy | undefined;
  /** Cap of the rate, for instance `"1Gbit"` or `"32MiB/s"`; bytes a second. */
  readonly bandwidth?: number | string | undefined;
  /** Pre-copy stops the guest when what remains should take this long: `"300ms"` (default); ns. */
  readonly downtime?: number | string | undefined;
  /** Give up converging after this many rounds, or after this time, and stop the guest. */
  readonly roundsMax?: number | undefined;
  readonly timeout?: number | string | undefined;
  /** When pre-copy stops or gives up, by the names of the field. Default `qemu`. */
  readonly policy?: PolicyName | undefined;
  /** How the guest is held back from dirtying memory meanwhile. Default `none`. */
  readonly slowdown?: SlowdownName | undefined;
  /** Cache, for instance `"128MiB"`, of pages as they were sent: of these only differences go again. */
  readonly xbzrleCache?: number | string | undefined;
  /** `by-hash`: pages that are equal to others go once. */
  readonly identicalPages?: "by-hash" | "send" | undefined;
  /** Hybrid: passes of pre-copy before the guest moves. Default 1. */
  readonly preCopyRounds?: number | undefined;
  /** The order to switch to post-copy now, and what can be seen meanwhile. */
  readonly control?: MigrationControl | undefined;
  /** Aborts before the switch-over; the guest goes on here. */
  readonly signal?: AbortSignal | undefined;
  readonly onRound?: ((round: RoundStats) => void) | undefined;
}

/** How a migration went; statistics under the names of QEMU's `query-migrate`. */
export interface MigrationOutcome {
  readonly state: MigrationResult["state"];
  readonly strategy: Strategy;
  readonly stats: ReturnType<typeof qemuStats>;
  /** Why not, unless `completed`. */
  readonly error?: WasmvisorError | undefined;
}

const rate = (value: number | string | undefined): number | undefined =>
  typeof value === "string" ? parseRate(value, "bandwidth") : value;
const size = (value: number | string | undefined): number | undefined =>
  typeof value === "string" ? parseSize(value, "xbzrleCache") : value;
const time = (value: number | string | undefined, what: string): number | undefined =>
  typeof value === "string" ? parseTime(value, what) : value;

/** How to go on with post-copies whose channel broke. */
const pausedPostCopies = new WeakMap<
  VirtualMachine,
  (channel: Channel) => Future<MigrationResult>
>();

/** @internal Moves `vm` to the host that listens at `target`. */
export async function migrateVm(request: {
  readonly host: Host;
  readonly vm: VirtualMachine;
  readonly target: string;
  readonly options: MigrateOptions;
}): Promise<MigrationOutcome> {
  const { connectMigration } = await import("./socket-channel.ts");
  const { vm } = request;
  const options = sourceOptions(request);
  const channel = await connectMigration(request.target, request.options.signal);
  const askOutcome = async (id: string): Promise<Outcome> => {
    try {
      return await promiseOf(queryOutcome(await connectMigration(request.target), id));
    } catch (error) {
      if (isDead(request.target, error)) return "not-running";
      throw error;
    }
  };
  const guest = vm.migratable();
  const { pageCount } = guest.shape;
  const reconnect = () => connectMigration(request.target);
  const recover = pausedPostCopies.get(vm);
  const result = await promiseOf(
    recover ? recover(channel) : migrate(guest, channel, { ...options, askOutcome, reconnect }),
  );
  if (result.state === "paused") pausedPostCopies.set(vm, result.recover);
  else pausedPostCopies.delete(vm);
  if (result.state !== "completed") guest.release();
  return outcome(result, options.strategy, pageCount);
}

/** What the engine is asked for. Throws `WV_CONFIG` for whatever makes no sense. */
function sourceOptions(request: {
  readonly host: Host;
  readonly vm: VirtualMachine;
  readonly options: MigrateOptions;
}): SourceOptions {
  const { host, options, vm } = request;
  const asked: SourceOptions = {
    clock: host.clock,
    id: `${vm.name}-${crypto.randomUUID()}`,
    strategy: options.strategy ?? "pre-copy",
    downtimeLimitNs: time(options.downtime, "downtime"),
    bandwidthCapBytesPerSec: rate(options.bandwidth),
    roundsMax: options.roundsMax,
    policy: options.policy,
    slowdown: options.slowdown,
    xbzrleCacheBytes: size(options.xbzrleCache),
    identicalPages: options.identicalPages,
    preCopyRounds: options.preCopyRounds,
    control: options.control,
    timeoutNs: time(options.timeout, "timeout"),
    onLimit: "stop",
    signal: options.signal,
    onRound: options.onRound,
  };
  resolveSourceOptions(asked);
  return asked;
}

/** A daemon listens as long as it lives: on this machine, a refused connection is its death. */
function isDead(target: string, error: unknown): boolean {
  const { cause } = error as { readonly cause?: { readonly code?: string } };
  return cause?.code === "ECONNREFUSED" && isLoopback(parseAddress(target, "target").host);
}

function outcome(result: MigrationResult, strategy: Strategy, pageCount: number): MigrationOutcome {
  const base = { state: result.state, strategy, stats: qemuStats(result.stats, pageCount) };
  if (result.state === "completed") return base;
  const { error } = result;
  if (error instanceof WasmvisorError) return { ...base, error };
  const wrapped = new WasmvisorError("WV_MIGRATION", "the migration failed; the guest runs here", {
    cause: error,
  });
  return { ...base, error: wrapped };
}

/** Takes vms in that come over channels; one for a host. */
export class MigrationReceiver {
  readonly #host: Host;
  readonly #ledger = new MigrationLedger();

  constructor(host: Host) {
    this.#host = host;
  }

  /** Serves one channel. Never rejects. The vm is listed from the moment on at which it runs here. */
  async receive(channel: Channel, signal?: AbortSignal): Promise<TargetResult> {
    let guest: MigratableVm | undefined;
    let release = (): void => undefined;
    const result = await promiseOf(
      receiveMigration(channel, {
        clock: this.#host.clock,
        ledger: this.#ledger,
        signal,
        accept: async (hello) => {
          const twin = await this.#host.buildTwin(hello.shape.config);
          release = this.#host.reserve(twin.name);
          twin.events.on("status", ({ status }) => {
            if (status !== "running" || guest === undefined) return;
            release();
            this.#host.adopt(twin);
          });
          guest = twin.migratable();
          return guest;
        },
      }),
    );
    release();
    guest?.release();
    guest = undefined;
    return result;
  }
}
