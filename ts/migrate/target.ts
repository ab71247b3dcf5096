/**
 * The target of a migration: the side that gets a guest. It trusts nothing it reads; the guest runs
 * here only after COMMIT, and anything else ends with the guest destroyed.
 */
import { abortError, onAbort, throwIfAborted } from "../base/abort.ts";
import type { Clock } from "../base/clock.ts";
import { WasmvisorError } from "../base/errors.ts";
import { type Future, runTask, type Task, type Wait, wait } from "../base/task.ts";
import type { Migratable } from "../machine/migratable.ts";
import { Arrivals } from "./arrivals.ts";
import { ArrivingDisks } from "./arriving-disks.ts";
import { ArrivingLanes, isPages } from "./arriving-lanes.ts";
import type { Channel } from "./channel.ts";
import { Connection, type Watched, watchConnection } from "./connection.ts";
import { FEATURES, type Feature } from "./features.ts";
import type { MigrationLedger } from "./ledger.ts";
import * as messages from "./messages.ts";
import type { Packer } from "./packing.ts";
import * as stream from "./stream.ts";

const ACCEPTED = [
  stream.FRAME_HELLO,
  stream.FRAME_PAGES,
  stream.FRAME_ROUND,
  stream.FRAME_STATE,
  stream.FRAME_END,
  stream.FRAME_COMMIT,
  stream.FRAME_ABORT,
  stream.FRAME_QUERY,
  stream.FRAME_MISSING,
  stream.FRAME_RESUME,
  stream.FRAME_JOIN,
  stream.FRAME_SYNC,
  stream.FRAME_PACKED,
  stream.FRAME_DRAIN,
  stream.FRAME_SEALED,
  stream.FRAME_BLOCKS,
  stream.FRAME_LEFT_BLOCKS,
];

/** Nothing that is alive is silent for longer. */
const STALL_NS = 10e9;

export interface TargetOptions {
  readonly clock: Clock;
  /** One for the whole host: it answers sources that lost the thread. */
  readonly ledger: MigrationLedger;
  /** Makes an empty, paused twin. What it throws is told to the source as the reason of refusal. */
  readonly accept: (hello: messages.Hello) => Wait<Migratable>;
  /** The migration ends when nothing comes for this long. Default 10 s. */
  readonly stallTimeoutNs?: number | undefined;
  /** Post-copy: the guest is lost when its source has not come back for this long. Default: never. */
  readonly sourceTimeoutNs?: number | undefined;
  /** Post-copy: is the source known to be gone for good? Asked while it does not come back. */
  readonly isSourceLost?: ((id: string) => Wait<boolean>) | undefined;
  /** What of a stream's features is taken. Default: all that this release knows. */
  readonly features?: readonly Feature[] | undefined;
  /** Without one, nothing comes packed. */
  readonly packer?: Packer | undefined;
  /** Called when the guest runs here; in post-copy its pages still come. */
  readonly onRunning?: ((guest: Migratable) => void) | undefined;
  /** Ends the migration before COMMIT; later it is ignored. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * `running`: the guest runs here, with all its pages. `discarded`: it does not and was destroyed.
 * `lost`: it ran here and was destroyed: pages of it were only at the source, which is gone.
 * `answered`: the other end only asked about an earlier migration. `resumed`: it went on with one.
 * `joined`: it is a further channel of one.
 */
export type TargetResult =
  | { readonly state: "running"; readonly guest: Migratable; readonly receivedBytes: number }
  | { readonly state: "discarded"; readonly error: unknown }
  | { readonly state: "lost"; readonly error: unknown; readonly missingPages: number }
  | { readonly state: "answered"; readonly outcome: messages.Outcome }
  | { readonly state: "resumed" | "joined" };

/** Serves one incoming channel. Never rejects: see the result. */
export function receiveMigration(channel: Channel, options: TargetOptions): Future<TargetResult> {
  return runTask(new Target(channel, options).run());
}

/**
 * Asks the ledger behind `channel` about migration `id`: a ready part of an `askOutcome`. With a `clock` it rejects
 * when nothing comes for 10 s.
 */
export function queryOutcome(
  channel: Channel,
  id: string,
  clock?: Clock,
): Future<messages.Outcome> {
  function* ask(): Task<messages.Outcome> {
    const connection = new Connection(channel, [stream.FRAME_OUTCOME]);
    const stallNs = STALL_NS;
    const unwatch = clock ? watchConnection({ clock, connection, stallNs }) : () => undefined;
    try {
      yield* connection.send(stream.FRAME_QUERY, [messages.encodeQuery(id)]);
      return messages.decodeOutcome(yield* connection.demand());
    } finally {
      unwatch();
      connection.close();
    }
  }
  return runTask(ask());
}

class Target implements Watched {
  readonly #options: TargetOptions;
  readonly #connection: Connection;
  readonly #lanes: ArrivingLanes;
  #id: string | undefined;
  #guest: Migratable | undefined;
  #isRunning = false;
  #isMemoryWhole = false;
  #takesSeals = false;
  /** Disks that are copied along. */
  #disks = new ArrivingDisks([]);
  #checkpointNs = 0;
  #arrivals: Arrivals | undefined;
  #forgetJoins: () => void = () => undefined;
  #normalPages = 0;
  #zeroPages = 0;

  constructor(channel: Channel, options: TargetOptions) {
    this.#options = options;
    this.#connection = new Connection(channel, ACCEPTED);
    this.#lanes = new ArrivingLanes({
      onPages: (frame, by) => this.#pages(frame, by),
      onBroken: (error) => this.#broken(error),
      packer: options.packer,
      takesSeals: () => this.#takesSeals,
    });
  }

  /** One of several connections broke. */
  #broken(error: unknown): void {
    if (this.#arrivals?.isRunning) this.#arrivals.broken(error);
    else this.abort(error);
  }

  abort(reason: unknown): void {
    this.#connection.abort(reason);
    this.#lanes.abort(reason);
  }

  get progress(): number {
    return this.#connection.progress + this.#lanes.progress;
  }

  get #stallNs(): number {
    return this.#options.stallTimeoutNs ?? STALL_NS;
  }

  *run(): Task<TargetResult> {
    const { clock, signal } = this.#options;
    const connection = this.#connection;
    const unwatch = watchConnection({ clock, connection: this, stallNs: this.#stallNs });
    const forget = onAbort(signal, () => {
      if (!this.#isRunning) this.abort(abortError(signal));
    });
    try {
      const first = yield* connection.demand();
      if (first.type === stream.FRAME_QUERY) return yield* this.#answer(first);
      if (first.type === stream.FRAME_RESUME) return yield* this.#resume(first);
      if (first.type === stream.FRAME_JOIN) return this.#join(first);
      yield* this.#receive(yield* this.#accept(first));
      yield* this.#start();
      unwatch();
      return yield* this.#arrive();
    } catch (error) {
      return yield* this.#discard(error);
    } finally {
      forget();
      unwatch();
      this.#forgetJoins();
    }
  }

  *#answer(frame: stream.Frame): Task<TargetResult> {
    const outcome = this.#options.ledger.query(messages.decodeQuery(frame));
    yield* this.#connection.send(stream.FRAME_OUTCOME, [messages.encodeOutcome(outcome)]);
    this.#connection.close();
    return { state: "answered", outcome };
  }

  /** The source of a post-copy comes back. */
  *#resume(frame: stream.Frame): Task<TargetResult> {
    const id = messages.decodeQuery(frame);
    if (this.#options.ledger.resume(id, this.#connection)) return { state: "resumed" };
    return yield* this.#answer(frame);
  }

  /** A further connection of a migration that is under way. */
  #join(frame: stream.Frame): TargetResult {
    const { id, index } = messages.decodeJoin(frame);
    if (this.#options.ledger.join(id, this.#connection, index)) return { state: "joined" };
    throw new WasmvisorError("WV_STATE", `migration ${id} is not under way here`);
  }

  *#accept(frame: stream.Frame): Task<Migratable> {
    throwIfAborted(this.#options.signal);
    if (frame.type !== stream.FRAME_HELLO)
      throw stream.streamError(frame, `${stream.frameName(frame.type)} instead of HELLO`);
    const hello = messages.decodeHello(frame);
    const cancel = (): void =>
      this.abort(new WasmvisorError("WV_MIGRATION", "the source gave up on it"));
    if (!this.#options.ledger.begin(hello.id, cancel))
      throw new WasmvisorError("WV_STATE", `migration ${hello.id} is already known here`);
    this.#id = hello.id;
    this.#checkpointNs = hello.checkpointNs;
    const guest = yield* wait(this.#options.accept(hello));
    this.#guest = guest;
    const { kind, pageCount } = guest.shape;
    if (kind !== hello.shape.kind || pageCount !== hello.shape.pageCount)
      throw new WasmvisorError(
        "WV_CONFIG",
        `a ${kind} of ${pageCount} pages cannot take a ${hello.shape.kind} of ${hello.shape.pageCount}`,
      );
    this.#disks = new ArrivingDisks(guest.arrivingDisks ?? []);
    this.#disks.check(hello.disks ?? []);
    this.#forgetJoins = this.#options.ledger.awaitJoins(hello.id, (connection, index) =>
      this.#lanes.take(connection, index),
    );
    const { features = FEATURES, packer } = this.#options;
    const can = (feature: Feature): boolean =>
      feature === "channels" ||
      feature === packer?.name ||
      (feature === "seals" && guest.encode !== undefined) ||
      (feature === "disks" && this.#disks.count > 0) ||
      (feature === "disks-on-demand" && this.#disks.canFollow);
    const taken = features.filter((one) => can(one) && hello.features.includes(one));
    this.#takesSeals = taken.includes("seals");
    yield* this.#connection.send(stream.FRAME_ACCEPT, [messages.encodeAccept(taken)]);
    return guest;
  }

  /** Memory and state, until the source says that this was all. */
  *#receive(guest: Migratable): Task<void> {
    let hasState = false;
    for (;;) {
      const frame = yield* this.#connection.demand();
      if (isPages(frame) && !hasState) yield* this.#lanes.place(frame);
      else if (frame.type === stream.FRAME_SYNC && !hasState) yield* this.#lanes.arrive(frame);
      else if (frame.type === stream.FRAME_ROUND && !hasState) messages.decodeRound(frame);
      else if (frame.type === stream.FRAME_DRAIN && !hasState) {
        yield* this.#disks.flush();
        yield* this.#connection.send(stream.FRAME_DRAINED);
      } else if (frame.type === stream.FRAME_MISSING && !hasState && !this.#arrivals)
        yield* this.#leaveOut(guest, frame);
      else if (frame.type === stream.FRAME_LEFT_BLOCKS && !hasState) {
        yield* this.#disks.leaveOut(frame);
        this.#arrivals ??= this.#newArrivals(guest);
      } else if (frame.type === stream.FRAME_STATE && !hasState) {
        hasState = true;
        this.#isMemoryWhole = true;
        yield* wait(guest.restoreState(frame.payload));
      } else if (frame.type === stream.FRAME_END && hasState) {
        yield* this.#check(guest, frame);
        return;
      } else throw this.#unexpected(frame);
    }
  }

  #unexpected(frame: stream.Frame): WasmvisorError {
    if (frame.type !== stream.FRAME_ABORT)
      return stream.streamError(frame, `${stream.frameName(frame.type)} out of turn`);
    const { code, message } = messages.decodeReason(frame);
    return new WasmvisorError("WV_MIGRATION", `the source gave up: ${code}: ${message}`);
  }

  *#pages(frame: stream.Frame, by: "first" | "beside"): Task<void> {
    if (frame.type === stream.FRAME_BLOCKS && !this.#isMemoryWhole) {
      yield* this.#disks.write(frame);
      return;
    }
    if (this.#arrivals?.isRunning) {
      yield* this.#arrivals.placed(frame, by);
      return;
    }
    const guest = this.#guest as Migratable;
    if (this.#isMemoryWhole) throw stream.streamError(frame, "PAGES out of turn");
    const pages = messages.decodePages(frame);
    const { pageCount } = guest.shape;
    if (pages.normalPages > pageCount || pages.zeroPages > pageCount)
      throw stream.streamError(frame, "PAGES: more pages than the guest has");
    yield* wait(guest.applyBatch(pages));
    this.#normalPages += pages.normalPages;
    this.#zeroPages += pages.zeroPages;
  }

  /** The source keeps some pages until the guest runs here. */
  *#leaveOut(guest: Migratable, frame: stream.Frame): Task<void> {
    this.#arrivals = this.#newArrivals(guest);
    yield* this.#arrivals.expect(frame.payload.slice());
  }

  #newArrivals(guest: Migratable): Arrivals {
    const { clock, isSourceLost, ledger, sourceTimeoutNs } = this.#options;
    return new Arrivals({
      clock,
      ledger,
      id: this.#id as string,
      guest,
      checkpointNs: this.#checkpointNs,
      stallTimeoutNs: this.#stallNs,
      sourceTimeoutNs: sourceTimeoutNs ?? Number.POSITIVE_INFINITY,
      isSourceLost,
      lanes: this.#lanes,
      disks: this.#disks,
    });
  }

  *#check(guest: Migratable, frame: stream.Frame): Task<void> {
    const end = messages.decodeEnd(frame);
    if (end.normalPages !== this.#normalPages || end.zeroPages !== this.#zeroPages)
      throw stream.streamError(
        frame,
        `END: ${end.normalPages} pages and ${end.zeroPages} zero pages were sent, ` +
          `${this.#normalPages} and ${this.#zeroPages} came`,
      );
    this.#disks.checkEnd(frame, end.blocks);
    yield* this.#disks.flush();
    if (end.memoryHash !== "" && end.memoryHash !== (yield* wait(guest.memoryHash())))
      throw stream.streamError(frame, "END: the memory differs from the source's");
  }

  *#start(): Task<void> {
    const guest = this.#guest as Migratable;
    yield* this.#connection.send(stream.FRAME_READY);
    const frame = yield* this.#connection.demand();
    if (frame.type !== stream.FRAME_COMMIT) throw this.#unexpected(frame);
    if (!this.#options.ledger.commit(this.#id as string))
      throw new WasmvisorError("WV_MIGRATION", "the source gave up on it");
    this.#isRunning = true;
    try {
      yield* this.#disks.keep();
      yield* wait(guest.resume());
    } catch (error) {
      this.#isRunning = false;
      throw error;
    }
    this.#options.onRunning?.(guest);
    const { ledger } = this.#options;
    const id = this.#id as string;
    ledger.onTold(id, () => runTask(this.#settle()));
    try {
      yield* this.#connection.send(stream.FRAME_RUNNING);
      ledger.told(id);
    } catch {
      // The source will ask the ledger. The guest runs here, whether it hears of it or not.
    }
  }

  /** A guest that runs does not end because a mark of its image cannot be removed. */
  *#settle(): Task<void> {
    try {
      yield* this.#disks.settle();
    } catch {
      // Whoever opens the image next is told of the mark.
    }
  }

  /** The guest runs; pages that were left out arrive. */
  *#arrive(): Task<TargetResult> {
    const guest = this.#guest as Migratable;
    const arrivals = this.#arrivals;
    try {
      if (arrivals) yield* arrivals.run(this.#connection);
      else this.#connection.close();
      this.#lanes.close();
    } catch (error) {
      const missingPages = arrivals?.missingPages ?? 0;
      yield* wait(guest.destroy());
      this.#options.ledger.refuse(this.#id as string);
      return { state: "lost", error, missingPages };
    }
    const main = arrivals?.receivedBytes ?? this.#connection.receivedBytes;
    const receivedBytes = main + this.#lanes.receivedBytes;
    return { state: "running", guest, receivedBytes };
  }

  *#discard(error: unknown): Task<TargetResult> {
    this.#lanes.abort(error);
    try {
      if (this.#guest) yield* wait(this.#guest.destroy());
    } finally {
      if (this.#id !== undefined) this.#options.ledger.refuse(this.#id);
    }
    try {
      yield* this.#connection.send(stream.FRAME_REFUSE, [messages.encodeReason(error)]);
      this.#connection.close();
    } catch {
      // The channel is gone; the source sees that, or asks the ledger.
      this.#connection.abort(error);
    }
    return { state: "discarded", error };
  }
}
