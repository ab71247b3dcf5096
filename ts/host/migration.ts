/** Moving a vm from this host to another: it waits for its turn, then the engine moves it. */
import { WasmvisorError } from "../base/errors.ts";
import { type Future, promiseOf } from "../base/task.ts";
import { parseRate, parseSize, parseTime } from "../base/units.ts";
import type { Channel } from "../migrate/channel.ts";
import type { MigrationControl } from "../migrate/control.ts";
import type { Outcome } from "../migrate/messages.ts";
import { resolveSourceOptions, type SourceOptions, type Strategy } from "../migrate/options.ts";
import type { PolicyName } from "../migrate/policy/convergence.ts";
import type { SlowdownName } from "../migrate/policy/dirty-limit.ts";
import { type MigrationResult, migrate } from "../migrate/source.ts";
import { qemuStats, type RoundStats } from "../migrate/stats.ts";
import { queryOutcome } from "../migrate/target.ts";
import type { Access } from "./access.ts";
import { isLoopback, parseAddress } from "./address.ts";
import type { Host } from "./host.ts";
import type { MigrationJob, MigrationProgress } from "./migrations/jobs.ts";
import type { VirtualMachine } from "./virtual-machine.ts";

/** A target that has no room is asked again after this time. */
const RETRY_NS = 1e9;
const PROGRESS_NS = 500e6;

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
  /** When pre-copy stops or gives up, by the names of the field. Default `settle`. */
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
  /** Who has its turn first when more wait than may migrate: the highest. Default 0. */
  readonly priority?: number | undefined;
  /** Directory with `ca.crt`, `host.crt` and `host.key`: what a target at `tls://` wants to see. */
  readonly tls?: string | undefined;
  /** What a target that wants a token wants to be told. */
  readonly token?: string | undefined;
  /** Aborts before the switch-over, and while it waits for its turn; the guest goes on here. */
  readonly signal?: AbortSignal | undefined;
  /** Called twice a second, and when it begins to wait and to move. */
  readonly onProgress?: ((progress: MigrationProgress) => void) | undefined;
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

interface Move {
  readonly host: Host;
  readonly vm: VirtualMachine;
  readonly target: string;
  readonly options: MigrateOptions;
  /** It has its turn, or waits again. Throws `WV_STATE` if the vm cannot move any more. */
  readonly onTurn: (hasTurn: boolean) => void;
}

/** @internal Moves `vm` to the host that listens at `target`, as soon as it is its turn. */
export async function migrateVm(move: Move): Promise<MigrationOutcome> {
  const { host, options, target, vm } = move;
  const asked = sourceOptions(move);
  parseAddress(target, "target");
  const job = host.jobs.begin({
    name: vm.name,
    target,
    strategy: asked.strategy,
    priority: options.priority ?? 0,
    signal: options.signal,
  });
  const stop = watch(move, job);
  try {
    const channel = await connectInTurn(move, job);
    return await moveOver(move, { job, channel, asked });
  } finally {
    stop();
    job.end();
  }
}

/** Tells about the progress until the result is called. */
function watch({ host, options }: Move, job: MigrationJob): () => void {
  const { onProgress } = options;
  if (!onProgress) return () => undefined;
  const stop = new AbortController();
  const tell = async (): Promise<void> => {
    for (;;) {
      await host.clock.sleep(PROGRESS_NS, stop.signal);
      onProgress(job.progress());
    }
  };
  void tell().catch(() => undefined);
  return () => stop.abort();
}

const accessOf = ({ options }: Move): Access => ({ tls: options.tls, token: options.token });

/** Waits until it is the vm's turn and the target has room. Throws what `connectMigration` throws. */
async function connectInTurn(move: Move, job: MigrationJob): Promise<Channel> {
  const { connectMigration, PATH_MIGRATION } = await import("./socket-channel.ts");
  const { host, options, target } = move;
  const { signal } = job;
  const to = { target, access: accessOf(move), path: PATH_MIGRATION, signal } as const;
  for (;;) {
    const turn = job.place.turn(signal);
    if (!turn.isSettled) options.onProgress?.(job.progress());
    await promiseOf(turn);
    move.onTurn(true);
    try {
      const channel = await connectMigration(to);
      options.onProgress?.(job.progress());
      return channel;
    } catch (error) {
      if (!(error instanceof WasmvisorError) || error.code !== "WV_LIMIT") throw error;
    }
    // Somebody else may have use of the turn meanwhile.
    job.place.release();
    move.onTurn(false);
    await host.clock.sleep(RETRY_NS, signal);
  }
}

async function moveOver(
  move: Move,
  running: {
    readonly job: MigrationJob;
    readonly channel: Channel;
    readonly asked: SourceOptions;
  },
): Promise<MigrationOutcome> {
  const { options, vm } = move;
  const { asked, job } = running;
  const startStatus = vm.status;
  // A guest that was paused before waits for nobody.
  const standsStill = (): boolean => vm.status === "paused" && startStatus !== "paused";
  const channel = job.share(running.channel, standsStill);
  const guest = vm.migratable();
  guest.saveState(); // Its code is compiled now, not while the guest stands still.
  const { pageCount } = guest.shape;
  const recover = pausedPostCopies.get(vm);
  const engineOptions = {
    ...asked,
    signal: job.signal,
    askOutcome: (id: string) => askOutcome(move, id),
    reconnect: () => reconnect(move),
    onRound: (round: RoundStats) => {
      job.noteRound(round);
      options.onRound?.(round);
    },
  };
  const result = await promiseOf(
    recover ? recover(channel) : migrate(guest, channel, engineOptions),
  );
  if (result.state === "paused") pausedPostCopies.set(vm, result.recover);
  else pausedPostCopies.delete(vm);
  if (result.state !== "completed") guest.release();
  return outcome(result, asked.strategy, pageCount);
}

/** Another channel to a target that the guest runs at already: it waits for nobody's turn. */
async function reconnect(move: Move): Promise<Channel> {
  const { connectMigration, PATH_OUTCOME } = await import("./socket-channel.ts");
  const { target } = move;
  return connectMigration({ target, access: accessOf(move), path: PATH_OUTCOME });
}

/** What the target says became of migration `id`. */
async function askOutcome(move: Move, id: string): Promise<Outcome> {
  const { connectMigration, PATH_OUTCOME } = await import("./socket-channel.ts");
  const { target } = move;
  try {
    const channel = await connectMigration({ target, access: accessOf(move), path: PATH_OUTCOME });
    return await promiseOf(queryOutcome(channel, id));
  } catch (error) {
    if (isDead(target, error)) return "not-running";
    throw error;
  }
}

/** What the engine is asked for. Throws `WV_CONFIG` for whatever makes no sense. */
function sourceOptions({ host, options, vm }: Move): SourceOptions {
  const asked: SourceOptions = {
    clock: host.clock,
    id: `${vm.name}-${crypto.randomUUID()}`,
    strategy: options.strategy ?? "pre-copy",
    arrives: vm.status === "paused" ? "paused" : "running",
    downtimeLimitNs: time(options.downtime, "downtime"),
    bandwidthCapBytesPerSec: rate(options.bandwidth),
    roundsMax: options.roundsMax,
    policy: options.policy ?? "settle",
    slowdown: options.slowdown,
    xbzrleCacheBytes: size(options.xbzrleCache),
    identicalPages: options.identicalPages,
    preCopyRounds: options.preCopyRounds,
    control: options.control,
    timeoutNs: time(options.timeout, "timeout"),
    onLimit: "stop",
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
