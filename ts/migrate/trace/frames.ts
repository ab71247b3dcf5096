/** The frames of a trace as they pass by: counted, and never cut. */
import { endFrame, FRAME_HEAD_BYTES, FRAME_KIND, TRACE_MAGIC } from "./trace.ts";

export interface TraceCounts {
  readonly intervals: number;
  readonly pages: number;
}

export class FrameCounter implements TraceCounts {
  intervals = 0;
  pages = 0;
  #pending = new Uint8Array(0);
  #isOver = false;
  #isMagic = true;

  /** Takes a piece; gives the frames that are whole now. */
  push(piece: Uint8Array): Uint8Array {
    const all = new Uint8Array(this.#pending.length + piece.length);
    all.set(this.#pending);
    all.set(piece, this.#pending.length);
    let at = 0;
    if (this.#isMagic && all.length >= TRACE_MAGIC.length) {
      at = TRACE_MAGIC.length;
      this.#isMagic = false;
    }
    const view = new DataView(all.buffer);
    while (!this.#isMagic && all.length >= at + FRAME_HEAD_BYTES) {
      const end = at + FRAME_HEAD_BYTES + view.getUint32(at, true);
      if (all.length < end) break;
      this.#count(all.subarray(at + FRAME_HEAD_BYTES, end));
      at = end;
    }
    this.#pending = all.slice(at);
    return all.subarray(0, at);
  }

  #count(payload: Uint8Array): void {
    if (payload[0] === FRAME_KIND.end) this.#isOver = true;
    if (payload[0] !== FRAME_KIND.interval) return;
    this.intervals++;
    // Numbers: the time, then gap and length in turn.
    let value = 0;
    let scale = 1;
    let number = 0;
    for (let i = 1; i < payload.length; i++) {
      const byte = payload[i] as number;
      value += (byte & 127) * scale;
      scale *= 128;
      if (byte >= 128) continue;
      if (number > 0 && number % 2 === 0) this.pages += value;
      number++;
      value = 0;
      scale = 1;
    }
  }

  /** What is missing at the end: nothing, if the end was there. */
  end(): Uint8Array {
    return this.#isOver ? new Uint8Array(0) : endFrame(this.intervals, this.pages);
  }
}
