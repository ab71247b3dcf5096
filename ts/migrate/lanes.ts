/**
 * The source's side of several connections: pages go over whichever is free, all else over the first. What
 * comes over one says nothing about another, so between two versions of a page, and before whatever
 * builds on pages, stands a barrier: SYNC over all of them.
 *
 *   0  HELLO  PAGES PAGES PAGES SYNC 0  ROUND  PAGES ...
 *   1  JOIN   PAGES PAGES       SYNC 0  PAGES ...
 *   2  JOIN   PAGES PAGES PAGES SYNC 0  PAGES ...
 *
 * In post-copy the first carries the background push, and the second what somebody waits for.
 */
import { Future, runTask, type Task, type Wait, wait } from "../base/task.ts";
import type { Channel } from "./channel.ts";
import { Connection } from "./connection.ts";
import { Inbox } from "./inbox.ts";
import { encodeJoin, encodeSync } from "./messages.ts";
import {
  FRAME_HEADER_BYTES,
  FRAME_JOIN,
  FRAME_JOINED,
  FRAME_REFUSE,
  FRAME_SYNC,
} from "./stream.ts";

/** Connections of one migration, at most. */
export const CHANNELS_MAX = 16;

interface Lane {
  readonly connection: Connection;
  /** A frame is on its way into the channel. */
  sending: Future<void> | undefined;
}

export class Lanes {
  readonly #lanes: Lane[];
  #failure: { readonly reason: unknown } | undefined;
  /** Somebody waits for one to be free. */
  #waiting: Future<void> | undefined;
  #barriers = 0;
  /** Frames went since the last barrier. */
  #isDirty = false;
  #turn = 0;
  #isOver = false;
  /** Called when the push may go on. */
  onFree: () => void = () => undefined;

  /** `main`: the first connection. */
  constructor(main: Connection) {
    this.#lanes = [{ connection: main, sending: undefined }];
  }

  get count(): number {
    return this.#lanes.length;
  }

  get #main(): Lane {
    return this.#lanes[0] as Lane;
  }

  /** Goes up with whatever moves. */
  get progress(): number {
    return this.#lanes.reduce((sum, { connection }) => sum + connection.progress, 0);
  }

  get senders(): readonly Connection[] {
    return this.#lanes.map(({ connection }) => connection);
  }

  get sentBytes(): number {
    return this.#lanes.reduce((sum, { connection }) => sum + connection.sentBytes, 0);
  }

  /** Opens connections until there are `count` of them. */
  *open(count: number, id: string, openChannel: () => Wait<Channel>): Task<void> {
    while (this.#lanes.length < count) {
      const connection = new Connection(yield* wait(openChannel()), [FRAME_JOINED, FRAME_REFUSE]);
      const index = this.#lanes.length;
      this.#lanes.push({ connection, sending: undefined });
      yield* connection.send(FRAME_JOIN, [encodeJoin({ id, index })]);
      const inbox = new Inbox(connection);
      yield* inbox.expect(FRAME_JOINED);
      inbox.onFailure = () => this.#fail(inbox.failure);
      if (inbox.failure) this.#fail(inbox.failure);
    }
  }

  /** Where one breaks, all are of no use. */
  #fail(reason: unknown): void {
    if (this.#isOver) return;
    this.#failure ??= { reason };
    this.abort(reason);
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve();
    this.onFree();
  }

  #free(): Lane | undefined {
    for (let i = 0; i < this.#lanes.length; i++) {
      const lane = this.#lanes[(this.#turn + i) % this.#lanes.length] as Lane;
      if (lane.sending) continue;
      this.#turn = (this.#turn + i + 1) % this.#lanes.length;
      return lane;
    }
    return undefined;
  }

  /**
   * Sends pages over whichever is free; settles when it is on its way. Returns the bytes of it. With `headroomBytes`
   * nobody changes `parts` before, see {@link Connection.send}.
   */
  *send(
    type: number,
    parts: readonly Uint8Array[],
    modelBytes = 0,
    headroomBytes?: number,
  ): Task<number> {
    if (this.#lanes.length === 1)
      return yield* this.#main.connection.send(type, parts, modelBytes, headroomBytes);
    let lane = this.#free();
    while (!lane) {
      this.#waiting = new Future();
      yield* wait(this.#waiting);
      lane = this.#free();
    }
    this.#throwFailure();
    this.#isDirty = true;
    this.#post(lane, type, parts, modelBytes);
    return parts.reduce((sum, { length }) => sum + length, FRAME_HEADER_BYTES + modelBytes);
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.reason;
  }

  #post(lane: Lane, type: number, parts: readonly Uint8Array[], modelBytes: number): void {
    const { connection } = lane;
    const sending = runTask(
      (function* (): Task<void> {
        yield* connection.send(type, parts, modelBytes);
      })(),
    );
    lane.sending = sending;
    sending.observe((o) => {
      lane.sending = undefined;
      if (o.ok) this.#wake();
      else this.#fail(o.reason);
    });
  }

  /** What goes from now on is read after all that went before. Nothing where there is one connection. */
  *barrier(): Task<void> {
    if (this.#lanes.length === 1 || !this.#isDirty) return;
    this.#isDirty = false;
    const payload = encodeSync(this.#barriers++);
    for (const lane of this.#lanes) {
      while (lane.sending) yield* wait(lane.sending);
      yield* lane.connection.send(FRAME_SYNC, [payload]);
    }
  }

  /** Post-copy: is there a connection of its own for what somebody waits for? */
  get hasUrgent(): boolean {
    return this.#lanes.length > 1;
  }

  /** Sends what somebody waits for: past the push, if there is a connection for that. */
  *sendUrgent(type: number, parts: readonly Uint8Array[], modelBytes = 0): Task<number> {
    const lane = this.#lanes[1] ?? this.#main;
    return yield* lane.connection.send(type, parts, modelBytes);
  }

  /** Post-copy: may the push go on? */
  get isPushFree(): boolean {
    return this.#main.sending === undefined;
  }

  /** Sends some of the push, without waiting until it is on its way if there is a connection for the rest. */
  *sendPush(type: number, parts: readonly Uint8Array[], modelBytes = 0): Task<number> {
    if (!this.hasUrgent) return yield* this.#main.connection.send(type, parts, modelBytes);
    this.#throwFailure();
    this.#post(this.#main, type, parts, modelBytes);
    return parts.reduce((sum, { length }) => sum + length, FRAME_HEADER_BYTES + modelBytes);
  }

  close(): void {
    this.#isOver = true;
    for (const { connection } of this.#lanes) connection.close();
  }

  abort(reason: unknown): void {
    this.#isOver = true;
    for (const { connection } of this.#lanes) connection.abort(reason);
  }
}
