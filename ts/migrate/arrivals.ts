/**
 * The target's side of post-copy: the guest runs and lacks pages. Asks for those that somebody waits
 * for, puts in place what comes, and goes on over another channel when one breaks.
 */
import type { Clock } from "../base/clock.ts";
import { WasmvisorError } from "../base/errors.ts";
import { Future, runTask, type Task, type Wait, wait } from "../base/task.ts";
import type { Migratable, MissingWatcher } from "../machine/migratable.ts";
import type { ArrivingDisks } from "./arriving-disks.ts";
import { type ArrivingLanes, isPages } from "./arriving-lanes.ts";
import { CheckpointTaker } from "./checkpoints.ts";
import { type Connection, Outbox, WatchedParts, watchConnection } from "./connection.ts";
import type { MigrationLedger } from "./ledger.ts";
import * as messages from "./messages.ts";
import { StallMeter } from "./stalls.ts";
import * as stream from "./stream.ts";

const RETRY_NS = 500_000_000;

export interface ArrivalsOptions {
  readonly clock: Clock;
  readonly ledger: MigrationLedger;
  readonly id: string;
  readonly guest: Migratable;
  /** The source wants a checkpoint this often; 0: never. */
  readonly checkpointNs: number;
  readonly stallTimeoutNs: number;
  /** The guest is lost when no source came back for this long. */
  readonly sourceTimeoutNs: number;
  /** Is the source known to be gone for good? Asked while it does not come back. */
  readonly isSourceLost?: ((id: string) => Wait<boolean>) | undefined;
  /** What comes beside the first connection. */
  readonly lanes: ArrivingLanes;
  /** Disks that may follow, too. */
  readonly disks: ArrivingDisks;
}

/** Somebody waits for a page. */
interface Fault {
  sinceNs: number;
  /** How many wait for it. */
  waiters: number;
}

export class Arrivals implements MissingWatcher {
  readonly #options: ArrivalsOptions;
  readonly #checkpoints: CheckpointTaker | undefined;
  readonly #faults = new Map<number, Fault>();
  /** Pages to ask for with the next REQUEST. */
  #asked: number[] = [];
  /** Pages to name with the next WANTED. */
  #wanted: number[] = [];
  #outbox: Outbox | undefined;
  #connection: Connection | undefined;
  /** The next connection, if one came or is waited for. */
  #next: Future<Connection> | undefined;
  #missingPages = 0;
  /** The last frame whose pages are in place and that the source was not told of. */
  #uncredited: number | undefined;
  /** Of connections that broke. */
  #receivedBytes = 0;
  readonly #stalls = new StallMeter();
  /** The source is told that nothing is missing any more. */
  #told: Future<void> | undefined;
  #arrived = { pages: 0, faults: 0, longestWaitNs: 0, waitedNs: 0 };

  constructor(options: ArrivalsOptions) {
    this.#options = options;
    const { checkpointNs, clock, disks, guest } = options;
    disks.onOverwritten = () => this.#tellIfComplete();
    if (checkpointNs > 0)
      this.#checkpoints = new CheckpointTaker({ guest, clock, everyNs: checkpointNs });
  }

  /** True from the moment on at which the guest runs and pages are put in place. */
  isRunning = false;

  /** Pages that have not arrived. */
  get missingPages(): number {
    return this.#missingPages;
  }

  get #isLacking(): boolean {
    return this.#missingPages > 0 || this.#options.disks.missingBlocks > 0;
  }

  get receivedBytes(): number {
    return this.#receivedBytes + (this.#connection?.receivedBytes ?? 0);
  }

  onMissing(gfn: number): void {
    const fault = this.#faults.get(gfn);
    if (fault) {
      fault.waiters++;
      return;
    }
    const nowNs = this.#options.clock.nowNs();
    this.#stalls.waits(nowNs);
    this.#faults.set(gfn, { sinceNs: nowNs, waiters: 1 });
    this.#ask(gfn);
  }

  onArrived(gfn: number): void {
    const fault = this.#faults.get(gfn);
    if (!fault) return;
    const nowNs = this.#options.clock.nowNs();
    const waitedNs = nowNs - fault.sinceNs;
    this.#arrived.faults++;
    this.#arrived.waitedNs += waitedNs;
    this.#arrived.longestWaitNs = Math.max(this.#arrived.longestWaitNs, waitedNs);
    if (--fault.waiters > 0) return;
    this.#faults.delete(gfn);
    this.#stalls.goesOn(nowNs);
  }

  onWanted(gfns: readonly number[]): void {
    const isPosted = this.#wanted.length > 0;
    this.#wanted.push(...gfns);
    if (isPosted) return;
    this.#outbox?.post(stream.FRAME_WANTED, () => {
      const wanted = this.#wanted;
      this.#wanted = [];
      return [messages.encodeRequest(wanted)];
    });
  }

  #ask(gfn: number): void {
    this.#asked.push(gfn);
    if (!this.#outbox || this.#asked.length > 1) return;
    this.#outbox.postFirst(stream.FRAME_REQUEST, () => {
      const asked = this.#asked;
      this.#asked = [];
      return [messages.encodeRequest(asked)];
    });
  }

  /** The pages of `bitmap` stay behind; the guest does not run yet. */
  *expect(bitmap: Uint8Array): Task<void> {
    const { guest } = this.#options;
    const set = guest.newPageSet();
    try {
      set.load(bitmap);
      this.#missingPages = set.count();
      yield* wait(guest.awaitPages(set, this));
      if (this.#checkpoints) yield* this.#checkpoints.begin();
    } finally {
      set.release();
    }
  }

  /** Settles when all pages are there, first over `connection`. Throws when the source is lost. */
  *run(connection: Connection): Task<void> {
    const { id, ledger } = this.#options;
    const forget = ledger.awaitResume(id, (next) => this.#take(next));
    const checkpoints = this.#checkpoints;
    this.#stalls.begin(this.#options.clock.nowNs());
    try {
      this.isRunning = true;
      this.#use(connection);
      if (checkpoints) runTask(checkpoints.run(() => this.#outbox));
      this.#tellIfComplete();
      while (this.#isLacking) {
        try {
          yield* this.#receive();
        } catch (error) {
          yield* this.#recover(error);
        }
      }
      if (checkpoints) yield* checkpoints.end();
      yield* this.#complete();
    } finally {
      forget();
      checkpoints?.stop();
    }
  }

  #use(connection: Connection, lacking?: readonly Uint8Array[]): void {
    this.#receivedBytes += this.#connection?.receivedBytes ?? 0;
    this.#connection = connection;
    this.#outbox = new Outbox(connection);
    // The source expects this, and then requests, which go before all that waits to be sent.
    if (lacking) this.#outbox.post(stream.FRAME_LACKING, () => lacking);
    // Whoever waits asks again: the answers may have been lost.
    this.#asked = [];
    this.#told = undefined;
    this.#uncredited = undefined;
    this.#wanted = []; // What the guest stores to comes with everything else, if that was lost.
    for (const gfn of this.#faults.keys()) this.#ask(gfn);
    this.#options.disks.use(this.#outbox);
  }

  *#receive(): Task<void> {
    const { clock, lanes, stallTimeoutNs } = this.#options;
    const connection = this.#connection as Connection;
    connection.onDry = () => this.#credit();
    const beganNs = clock.nowNs();
    const faults = this.#faults;
    const watched = new WatchedParts({
      abort: (reason) => connection.abort(reason),
      progress: () => connection.progress + lanes.progress,
      waitsSinceNs: () => {
        // The first one waits the longest: it was asked for again when this connection came.
        for (const { sinceNs } of faults.values()) return Math.max(sinceNs, beganNs);
        return undefined;
      },
    });
    const unwatch = watchConnection({ clock, connection: watched, stallNs: stallTimeoutNs });
    try {
      while (this.#isLacking) {
        const frame = yield* connection.demand();
        if (!isPages(frame))
          throw stream.streamError(frame, `${stream.frameName(frame.type)} out of turn`);
        yield* lanes.place(frame);
        this.#uncredited = frame.sequence;
        this.#tellIfComplete();
      }
    } catch (error) {
      if (this.#isLacking) throw error; // Else the source closes it because it knows that.
    } finally {
      unwatch();
    }
  }

  /**
   * One CREDIT for all frames that came together: nothing more of them is to be read, so the source cannot wait
   * for one that is held back.
   */
  #credit(): void {
    const sequence = this.#uncredited;
    if (sequence === undefined) return;
    this.#uncredited = undefined;
    this.#outbox?.post(stream.FRAME_CREDIT, () => [messages.encodeCredit(sequence)]);
  }

  /** Pages came, over whatever connection. */
  *placed(frame: stream.Frame, by: "first" | "beside"): Task<void> {
    if (frame.type === stream.FRAME_BLOCKS) {
      yield* this.#options.disks.place(frame);
      if (by === "beside") this.#tellIfComplete();
      return;
    }
    const before = this.#missingPages;
    const placed = yield* wait(this.#options.guest.placeBatch(messages.decodePages(frame)));
    this.#missingPages -= placed;
    this.#arrived.pages += placed;
    if (by === "beside" && before > 0) this.#tellIfComplete();
  }

  #tellIfComplete(): void {
    if (this.isRunning && !this.#isLacking) this.#tellComplete();
  }

  #tellComplete(): void {
    if (this.#told) return;
    this.#checkpoints?.stop();
    this.#told = runTask(this.#tell());
  }

  *#tell(): Task<void> {
    // What came is on the disk: the source has no use for its own any more.
    yield* this.#options.disks.finish();
    this.#postComplete();
  }

  #postComplete(): void {
    const { firstNs: firstStallNs, longestNs: longestStallNs } = this.#stalls;
    const arrived = { ...this.#arrived, firstStallNs, longestStallNs };
    this.#outbox?.post(stream.FRAME_COMPLETE, () => [messages.encodeArrived(arrived)]);
  }

  /** A connection beside the first broke: so does the first. */
  broken(error: unknown): void {
    if (this.#isLacking) this.#connection?.abort(error);
  }

  /** The source will ask the ledger if it does not hear of it; the guest has all pages. */
  *#complete(): Task<void> {
    for (;;) {
      if (this.#told) yield* wait(this.#told);
      const outbox = this.#outbox as Outbox;
      yield* outbox.drained();
      this.#connection?.close();
      const next = this.#next;
      if (!next) return;
      // It did not hear of it, and has come back.
      this.#next = undefined;
      this.#use(yield* wait(next));
      this.#postComplete();
    }
  }

  /** A source has come back. */
  #take(connection: Connection): void {
    // The old connection may be thought to be alive: it is not.
    const old = this.#connection;
    this.#next ??= new Future();
    if (this.#next.isSettled) {
      connection.abort(anotherCame());
      return;
    }
    this.#next.resolve(connection);
    old?.abort(anotherCame());
  }

  /** Waits for the source to come back; tells it what is missing. */
  *#recover(cause: unknown): Task<void> {
    this.#connection?.abort(cause);
    this.#options.lanes.abort(cause);
    this.#next ??= new Future();
    const stop = new AbortController();
    runTask(this.#expire(this.#next, cause, stop.signal));
    try {
      const connection = yield* wait(this.#next);
      this.#use(connection, yield* this.#lackingFor(connection));
      this.#checkpoints?.restart();
    } finally {
      this.#next = undefined;
      stop.abort();
    }
  }

  /** The pages that have not arrived, as a bitmap, for whoever is at the end of `connection`. */
  *#lackingFor(connection: Connection): Task<Uint8Array[]> {
    const { guest } = this.#options;
    const set = guest.newPageSet();
    try {
      yield* wait(guest.addMissing(set));
      this.#missingPages = set.count();
      return [set.save(), ...this.#options.disks.lacking()];
    } catch (error) {
      connection.abort(error); // The guest is no more: nobody will answer there.
      throw error;
    } finally {
      set.release();
    }
  }

  /** Rejects `next` when the source is lost. */
  *#expire(next: Future<Connection>, cause: unknown, signal: AbortSignal): Task<void> {
    const { clock, id, isSourceLost, sourceTimeoutNs } = this.#options;
    const untilNs = clock.nowNs() + sourceTimeoutNs;
    if (!isSourceLost && sourceTimeoutNs === Number.POSITIVE_INFINITY) return;
    try {
      while (clock.nowNs() < untilNs) {
        const leftNs = untilNs - clock.nowNs();
        yield* wait(clock.sleep(isSourceLost ? Math.min(RETRY_NS, leftNs) : leftNs, signal));
        if (isSourceLost && (yield* knows(isSourceLost(id)))) break;
      }
      next.reject(lost(this.#missingPages, this.#options.disks.missingBlocks, cause));
    } catch {
      // It has come back.
    }
  }
}

/** Whoever cannot tell does not know that it is lost. */
function* knows(answer: Wait<boolean>): Task<boolean> {
  try {
    return yield* wait(answer);
  } catch {
    return false;
  }
}

function anotherCame(): WasmvisorError {
  return new WasmvisorError("WV_NETWORK", "the source came by another channel");
}

function lost(missingPages: number, missingBlocks: number, cause: unknown): WasmvisorError {
  const blocks = missingBlocks > 0 ? `, and ${missingBlocks} blocks of its disks,` : "";
  return new WasmvisorError(
    "WV_MIGRATION",
    `the source did not come back; ${missingPages} pages of the guest${blocks} were only there`,
    { cause },
  );
}
