/** What the target says, read beside everything else that the source does. */
import { WasmvisorError } from "../base/errors.ts";
import { Future, isPromiseLike, runTask, type Task, type Wait, wait } from "../base/task.ts";
import { brokenError } from "./channel.ts";
import type { Connection } from "./connection.ts";
import { decodeReason } from "./messages.ts";
import { FRAME_REFUSE, type Frame, frameName, streamError } from "./stream.ts";

/** Frames that wait for somebody to expect them: nobody honest sends more. */
const WAITING_MAX = 16;

export class Inbox {
  readonly #connection: Connection;
  readonly #frames: Frame[] = [];
  #waiting: Future<void> | undefined;
  /** Takes a frame as it comes (its payload may be a view); false: it waits to be expected. */
  onFrame: (frame: Frame) => boolean = () => false;
  /** Called once when no more frames come. */
  onFailure: () => void = () => undefined;
  /** Somebody waits for something else, but no longer than frames come. */
  #onEnd: ((reason: unknown) => void) | undefined;
  /** Why no more frames come. */
  failure: unknown;
  /** The target has nothing more to say: nothing broke. */
  isClosed = false;
  /** The target has said in words that it does not take the guest. */
  isRefused = false;

  constructor(connection: Connection) {
    this.#connection = connection;
    runTask(this.#pump());
  }

  *#pump(): Task<void> {
    try {
      for (;;) {
        const frame = yield* this.#connection.receive();
        this.isClosed = !frame;
        if (!frame) throw brokenError("the other end closed it");
        if (frame.type === FRAME_REFUSE) this.#refused(frame);
        if (this.onFrame(frame)) continue;
        if (this.#frames.length === WAITING_MAX) throw streamError(frame, "nobody waits for it");
        this.#frames.push({ ...frame, payload: frame.payload.slice() });
        this.#wake();
      }
    } catch (error) {
      this.failure ??= error;
      this.#wake();
      this.#onEnd?.(this.failure);
      this.onFailure();
    }
  }

  #refused(frame: Frame): never {
    this.isRefused = true;
    const { code, message } = decodeReason(frame);
    throw new WasmvisorError("WV_MIGRATION", `the target refused: ${code}: ${message}`);
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve();
  }

  /** Throws if no more frames can come. */
  check(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  /**
   * What `value` settles with, or why no more frames come if that is first: a disk that does not answer keeps nobody
   * from hearing that the migration is over. One waits at a time.
   */
  *unlessFailed<T>(value: Wait<T>): Task<T> {
    if (!isPromiseLike(value)) return value;
    const first = new Future<T>();
    this.#onEnd = (reason) => first.reject(reason);
    runTask(settle(first, value));
    if (this.failure !== undefined) first.reject(this.failure);
    try {
      return yield* wait(first);
    } finally {
      this.#onEnd = undefined;
    }
  }

  /** Waits for a frame of one of these types and for nothing else. */
  *expect(...types: readonly number[]): Task<Frame> {
    if (this.#frames.length === 0 && this.failure === undefined) {
      this.#waiting = new Future();
      yield* wait(this.#waiting);
    }
    const frame = this.#frames.shift();
    if (!frame) throw this.failure;
    if (types.includes(frame.type)) return frame;
    const names = types.map(frameName).join(" or ");
    throw streamError(frame, `${frameName(frame.type)} instead of ${names}`);
  }
}

function* settle<T>(first: Future<T>, value: Wait<T>): Task<void> {
  try {
    first.resolve(yield* wait(value));
  } catch (error) {
    first.reject(error);
  }
}
