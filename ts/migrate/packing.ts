/** Compression of pages on their way, by whatever library whoever runs the engine has. */

import type { Task, Wait } from "../base/task.ts";
import { wait } from "../base/task.ts";
import type { Feature } from "./features.ts";
import { type Frame, loadU32, storeU32, streamError } from "./stream.ts";

/** A pair of functions under a name that both sides know. */
export interface Packer {
  readonly name: Feature;
  pack(bytes: Uint8Array): Wait<Uint8Array>;
  /** Throws, or rejects, for bytes that are damaged or would be more than `bytesMax`. */
  unpack(bytes: Uint8Array, bytesMax: number): Wait<Uint8Array>;
}

/** Less than this is not worth the trouble. */
const PACKED_BYTES_MIN = 2048;
/** What saves less than this goes as it is, and so do the next frames: twice as many each time. */
const WORTH = 0.9;
const SKIPPED_MAX = 32;
/** What unpacks to more is no frame of pages. */
const UNPACKED_BYTES_MAX = 64 << 20;

/** What PACKED carries: u32 bytes before packing, packed bytes. */
export class PagePacker {
  readonly #packer: Packer;
  #skipped = 0;
  #skip = 0;
  /** Frames that went packed: their bytes before and after. */
  unpackedBytes = 0;
  packedBytes = 0;

  constructor(packer: Packer) {
    this.#packer = packer;
  }

  /** The payload of a PACKED frame, or undefined if that is not worth it. */
  *pack(payload: Uint8Array): Task<readonly Uint8Array[] | undefined> {
    if (payload.length < PACKED_BYTES_MIN) return undefined;
    if (this.#skipped < this.#skip) {
      this.#skipped++;
      return undefined;
    }
    const packed = yield* wait(this.#packer.pack(payload));
    this.#skipped = 0;
    if (packed.length > payload.length * WORTH) {
      this.#skip = Math.min(SKIPPED_MAX, Math.max(1, this.#skip * 2));
      return undefined;
    }
    this.#skip = 0;
    this.unpackedBytes += payload.length;
    this.packedBytes += packed.length;
    const header = new Uint8Array(4);
    storeU32(header, 0, payload.length);
    return [header, packed];
  }
}

/** The frame that was packed, as `type`. Throws `WV_BAD_STREAM`. */
export function* unpackFrame(frame: Frame, type: number, packer: Packer): Task<Frame> {
  const { payload } = frame;
  if (payload.length < 4) throw streamError(frame, "PACKED: cut");
  const bytes = loadU32(payload, 0);
  if (bytes > UNPACKED_BYTES_MAX) throw streamError(frame, `PACKED: of ${bytes} bytes`);
  let unpacked: Uint8Array;
  try {
    unpacked = yield* wait(packer.unpack(payload.subarray(4), bytes));
  } catch {
    throw streamError(frame, `PACKED: not what ${packer.name} makes`);
  }
  if (unpacked.length !== bytes)
    throw streamError(frame, `PACKED: ${unpacked.length} bytes instead of ${bytes}`);
  return { ...frame, type, payload: unpacked };
}
