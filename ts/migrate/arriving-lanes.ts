/** The target's side of several connections: see `lanes.ts`. */
import { WasmvisorError } from "../base/errors.ts";
import { Future, runTask, type Task, wait } from "../base/task.ts";
import type { Connection } from "./connection.ts";
import { CHANNELS_MAX } from "./lanes.ts";
import { decodeSync } from "./messages.ts";
import { type Packer, unpackFrame } from "./packing.ts";
import {
  FRAME_BLOCKS,
  FRAME_JOINED,
  FRAME_PACKED,
  FRAME_PAGES,
  FRAME_SEALED,
  FRAME_SYNC,
  type Frame,
  frameName,
  streamError,
} from "./stream.ts";

/** A frame of pages, packed, sealed, or neither; or of blocks of a disk. */
export const isPages = ({ type }: Frame): boolean =>
  type === FRAME_PAGES || type === FRAME_SEALED || type === FRAME_PACKED || type === FRAME_BLOCKS;

export interface ArrivingLanesOptions {
  /** Pages came, over the `first` connection or one `beside` it: one frame after the other. */
  readonly onPages: (frame: Frame, by: "first" | "beside") => Task<void>;
  /** Does whoever takes them look at the seals of SEALED frames, as was agreed upon? */
  readonly takesSeals: () => boolean;
  /** Unpacks PACKED frames. */
  readonly packer?: Packer | undefined;
  /** One of them broke: all are of no use. */
  readonly onBroken: (error: unknown) => void;
}

export class ArrivingLanes {
  readonly #options: ArrivingLanesOptions;
  /** Without the first. */
  #lanes: Connection[] = [];
  /** Of connections that are gone. */
  #received = { bytes: 0, progress: 0 };
  /** Number of the next barrier, how many have come to it, and what they wait for. */
  #barrier = 0;
  #arrived = 0;
  #open: Future<void> | undefined;
  /** The pages of one frame are being put in place. */
  #placing: Future<void> | undefined;

  constructor(options: ArrivingLanesOptions) {
    this.#options = options;
  }

  get receivedBytes(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.receivedBytes, this.#received.bytes);
  }

  get progress(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.progress, this.#received.progress);
  }

  /** Another connection, which its source calls `index`. Throws `WV_BAD_STREAM` for one that cannot be. */
  take(connection: Connection, index: number): void {
    if (index !== this.#lanes.length + 1 || index >= CHANNELS_MAX || this.#barrier > 0)
      throw new WasmvisorError(
        "WV_BAD_STREAM",
        `migration stream: JOIN: channel ${index} out of turn`,
      );
    this.#lanes.push(connection);
    runTask(this.#run(connection));
  }

  *#run(connection: Connection): Task<void> {
    try {
      yield* connection.send(FRAME_JOINED);
      for (;;) {
        const frame = yield* connection.demand();
        if (isPages(frame)) yield* this.place(frame, "beside");
        else if (frame.type === FRAME_SYNC) yield* this.arrive(frame);
        else throw streamError(frame, `${frameName(frame.type)} out of turn`);
      }
    } catch (error) {
      if (this.#lanes.includes(connection)) this.#options.onBroken(error);
    }
  }

  /** Puts the pages of a frame in place, after all that came before it. */
  *place(frame: Frame, by: "first" | "beside" = "first"): Task<void> {
    while (this.#placing) yield* wait(this.#placing);
    const placing = new Future<void>();
    this.#placing = placing;
    try {
      yield* this.#options.onPages(yield* this.#unpacked(frame), by);
    } finally {
      this.#placing = undefined;
      placing.resolve();
    }
  }

  *#unpacked(frame: Frame): Task<Frame> {
    const { packer, takesSeals } = this.#options;
    if (frame.type === FRAME_PAGES || frame.type === FRAME_BLOCKS) return frame;
    if (frame.type === FRAME_SEALED) {
      if (takesSeals()) return frame;
      throw streamError(frame, "SEALED, which was not agreed upon");
    }
    if (!packer) throw streamError(frame, "PACKED, which was not agreed upon");
    return yield* unpackFrame(frame, FRAME_PAGES, packer);
  }

  /** Waits until SYNC has come over all connections. */
  *arrive(frame: Frame): Task<void> {
    const barrier = decodeSync(frame);
    if (barrier !== this.#barrier || this.#lanes.length === 0)
      throw streamError(frame, `SYNC: barrier ${barrier} out of turn`);
    this.#open ??= new Future();
    const open = this.#open;
    if (++this.#arrived <= this.#lanes.length) {
      yield* wait(open);
      return;
    }
    this.#open = undefined;
    this.#arrived = 0;
    this.#barrier++;
    open.resolve();
  }

  /** None of them is read any more; others may come in their place. */
  abort(reason: unknown): void {
    this.#forget((lane) => lane.abort(reason));
    const open = this.#open;
    this.#open = undefined;
    this.#arrived = 0;
    this.#barrier = 0;
    open?.reject(reason);
  }

  /** The other end has nothing more to say. */
  close(): void {
    this.#forget((lane) => lane.close());
  }

  #forget(end: (lane: Connection) => void): void {
    this.#received = { bytes: this.receivedBytes, progress: this.progress };
    const lanes = this.#lanes;
    this.#lanes = [];
    for (const lane of lanes) end(lane);
  }
}
