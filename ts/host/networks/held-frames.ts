/** Frames that come for a guest while it rests: they are its own when it goes on, or follow it to where it has gone. */
import type { Frame } from "../../machine/nic.ts";

/** As much as a card keeps for a guest that has no room. */
const FRAMES_MAX = 1024;
const BYTES_MAX = 4 << 20;
/** Whoever sent what is older has sent it again, or given up. */
const AGE_MAX_NS = 2e9;

export class HeldFrames {
  #frames: { readonly frame: Frame; readonly atNs: number }[] = [];
  #bytes = 0;

  /** False: there is no room, and the frame is lost. */
  push(frame: Frame, nowNs: number): boolean {
    const bytes = this.#bytes + frame.bytes.length;
    if (this.#frames.length >= FRAMES_MAX || bytes > BYTES_MAX) return false;
    this.#frames.push({ frame, atNs: nowNs });
    this.#bytes = bytes;
    return true;
  }

  /** All that is worth something still, in order, and how many frames are not. */
  take(nowNs: number): { readonly frames: Frame[]; readonly old: number } {
    const all = this.#frames;
    this.#frames = [];
    this.#bytes = 0;
    const fresh = all.filter(({ atNs }) => nowNs - atNs <= AGE_MAX_NS);
    return { frames: fresh.map(({ frame }) => frame), old: all.length - fresh.length };
  }
}
