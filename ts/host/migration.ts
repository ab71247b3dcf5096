/** Moving a vm from this host to another: it waits for its turn, then the engine moves it. */
import { WasmvisorError } from "../base/errors.ts";
import { type Future, promiseOf } from "../base/task.ts";
import type { Channel } from "../migrate/channel.ts";
import type { Outcome } from "../migrate/messages.ts";
import type { SourceOptions, Strategy } from "../migrate/options.ts";
import type { Packer } from "../migrate/packing.ts";
import { resolveSourceOptions } from "../migrate/resolve-options.ts";
import { type MigrationResult, migrate } from "../migrate/source.ts";
import { qemuStats, type RoundStats } from "../migrate/stats.ts";
import { queryOutcome } from "../migrate/target.ts";
import type { MigratableVm } from "../vmm/migratable-vm.ts";
import type { Access } from "./access.ts";
import { isLoopback, parseAddress } from "./address.ts";
import type { Host } from "./host.ts";
import type { MigrationJob } from "./migrations/jobs.ts";
import type { MovedImages } from "./migrations/leaving-disks.ts";
import { engineOptions, type MigrateOptions } from "./migrations/options.ts";
import { checkMovable } from "./shares.ts";
import type { ConnectedMigration } from "./socket-channel.ts";
import type { VirtualMachine } from "./virtual-machine.ts";

/** A target that has no room is asked again after this time. */
const RETRY_NS = 1e9;
const PROGRESS_NS = 500e6;

/** How a migration went; statistics under the names of QEMU's `query-migrate`. */
export interface MigrationOutcome {
  readonly state: MigrationResult["state"];
  readonly strategy: Strategy;
  readonly stats: ReturnType<typeof qemuStats>;
  /** Why not, unless `completed`. */
  readonly error?: WasmvisorError | undefined;
}

interface Move {
  readonly host: Host;
  readonly vm: VirtualMachine;
  readonly target: string;
  readonly options: MigrateOptions;
  /** It has its turn, or waits again. Throws `WV_STATE` if the vm cannot move any more. */
  readonly onTurn: (hasTurn: boolean) => void;
}

/** A migration from the first byte to the last page: over one turn or, if it is paused meanwhile, several. */
interface Course {
  readonly asked: SourceOptions;
  readonly guest: MigratableVm;
  /** Images of disks that are copied along. */
  readonly images: MovedImages | undefined;
  /** A guest that was paused before waits for nobody. */
  readonly standsStill: () => boolean;
  /** What the target says which process it is. */
  process: string | undefined;
  /** How to go on with a post-copy that is paused. */
  recover?: (channel: Channel) => Future<MigrationResult>;
  /** Of the turn that it has. */
  move: Move;
  job: MigrationJob;
}

/** Post-copies whose channel broke for longer, or by order. */
const paused = new WeakMap<VirtualMachine, Course>();

/** @internal Moves `vm` to the host that listens at `target`, as soon as it is its turn. */
export async function migrateVm(move: Move): Promise<MigrationOutcome> {
  const { host, options, target, vm } = move;
  const before = paused.get(vm);
  const asked = before?.asked ?? sourceOptions(move);
  parseAddress(target, "target");
  if (!before) checkMovable(vm.name, vm.machine.options.shares ?? []);
  // Another host knows nothing of the guest, which would be taken for its end.
  if (before && before.move.target !== target)
    throw new WasmvisorError(
      "WV_STATE",
      `${vm.name}: it runs at ${before.move.target} and lacks pages; recover it there`,
    );
  const job = host.jobs.begin({
    name: vm.name,
    target,
    strategy: asked.strategy,
    // Its users wait already.
    priority: options.priority ?? (before ? Number.MAX_SAFE_INTEGER : 0),
    signal: options.signal,
    control: before?.job.control,
  });
  const stop = watch(move, job);
  let how: "paused" | undefined = before && "paused";
  try {
    const { channel, process } = await connectInTurn(move, job, before && "recover");
    const course = before ?? (await begin(move, job, asked));
    Object.assign(course, { move, job, process });
    const outcome = await moveOver(course, channel);
    how = outcome.state === "paused" ? "paused" : undefined;
    return outcome;
  } finally {
    stop();
    job.end(how);
  }
}

async function begin(move: Move, job: MigrationJob, asked: SourceOptions): Promise<Course> {
  const { host, options, target, vm } = move;
  const startStatus = vm.status;
  const standsStill = (): boolean => vm.status === "paused" && startStatus !== "paused";
  const guest = vm.migratable();
  let images: MovedImages | undefined;
  if (options.copyDisks !== undefined && vm.config.disks.length > 0) {
    const { leavingDisks, MovedImages: Images } = await import("./migrations/leaving-disks.ts");
    guest.leavingDisks = leavingDisks(vm, host.clock);
    images = new Images(vm, { target, id: asked.id });
  }
  return { asked, guest, images, standsStill, move, job, process: undefined };
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
async function connectInTurn(
  move: Move,
  job: MigrationJob,
  what?: "recover",
): Promise<ConnectedMigration> {
  const { connectMigration, PATH_MIGRATION, PATH_OUTCOME } = await import("./socket-channel.ts");
  const { host, options, target } = move;
  const { signal } = job;
  // A guest that is there already needs no room.
  const path = what === "recover" ? PATH_OUTCOME : PATH_MIGRATION;
  const to = { target, access: accessOf(move), path, signal } as const;
  for (;;) {
    const turn = job.place.turn(signal);
    if (!turn.isSettled) options.onProgress?.(job.progress());
    await promiseOf(turn);
    move.onTurn(true);
    try {
      const connected = await connectMigration(to);
      options.onProgress?.(job.progress());
      return connected;
    } catch (error) {
      if (!(error instanceof WasmvisorError) || error.code !== "WV_LIMIT") throw error;
    }
    // Somebody else may have use of the turn meanwhile.
    job.place.release();
    move.onTurn(false);
    await host.clock.sleep(RETRY_NS, signal);
  }
}

async function moveOver(course: Course, channel: Channel): Promise<MigrationOutcome> {
  const { asked, guest, images, job, move, recover, standsStill } = course;
  const { vm } = move;
  const shared = job.share(channel, standsStill);
  if (!recover && vm.machine.board.inFlight === 0) guest.saveState(); // Its code is compiled now, not while the guest stands still.
  const options: SourceOptions = {
    ...asked,
    packer: await packerOf(move.options),
    signal: job.signal,
    control: job.control,
    askOutcome: (id) => askOutcome(course, id),
    openChannel: () => openChannel(course, job.isAway ? undefined : course.job.signal),
    reconnect: () => openChannel(course),
    beforeCommit: () => images?.committing(),
    onRound: (round: RoundStats) => {
      course.job.noteRound(round);
      course.move.options.onRound?.(round);
    },
  };
  const result = await promiseOf(recover ? recover(shared) : migrate(guest, shared, options));
  if (result.state === "paused") {
    course.recover = result.recover;
    paused.set(vm, course);
  } else paused.delete(vm);
  if (result.state === "completed") images?.moved();
  if (["aborted", "failed", "rolled-back"].includes(result.state)) images?.clear();
  if (result.state !== "completed") guest.release();
  return outcome(result, asked.strategy, guest.shape.pageCount);
}

/** What packs the pages, if anything is to. */
async function packerOf(options: MigrateOptions): Promise<Packer | undefined> {
  if (options.compression !== "deflate") return undefined;
  const { deflatePacker } = await import("./migrations/deflate.ts");
  return deflatePacker(options.compressionLevel);
}

/** Another channel for a migration under way: it waits for nobody's turn. */
async function openChannel(
  { job, move, standsStill }: Course,
  signal?: AbortSignal,
): Promise<Channel> {
  const { connectMigration, PATH_OUTCOME } = await import("./socket-channel.ts");
  const { target } = move;
  const to = { target, access: accessOf(move), path: PATH_OUTCOME, signal } as const;
  const { channel } = await connectMigration(to);
  return job.share(channel, standsStill);
}

/** What the target says became of migration `id`. */
async function askOutcome({ move, process }: Course, id: string): Promise<Outcome> {
  const { connectMigration, PATH_OUTCOME } = await import("./socket-channel.ts");
  const { isGone, ownProcess } = await import("./process-identity.ts");
  const { target } = move;
  try {
    const { channel } = await connectMigration({
      target,
      access: accessOf(move),
      path: PATH_OUTCOME,
    });
    return await promiseOf(queryOutcome(channel, id, move.host.clock));
  } catch (error) {
    if (isGone(process)) return "not-running";
    const isHere = process !== undefined && process === ownProcess();
    if (isHere && isRefused(target, error)) return "not-running";
    throw error;
  }
}

/** What the engine is asked for. Throws `WV_CONFIG` for whatever makes no sense. */
function sourceOptions({ host, options, vm }: Move): SourceOptions {
  const id = `${vm.name}-${crypto.randomUUID()}`;
  const arrives = vm.status === "paused" ? "paused" : "running";
  const asked: SourceOptions = { ...engineOptions(options), clock: host.clock, id, arrives };
  resolveSourceOptions(asked);
  return asked;
}

/** A daemon listens as long as its vms live: where it is known to be of this process, silence is their end. */
function isRefused(target: string, error: unknown): boolean {
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
