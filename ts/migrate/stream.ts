/**
 * The migration stream: framing. What the frames mean is in `messages.ts`; the whole is described
 * in `docs/migration-stream.md`. All integers are little endian.
 *
 *   preamble  "WVSTREAM"  u32 version  u32 CRC-32 of the 12 bytes before
 *   frame     u32 type  u32 sequence number  u32 payload bytes  u32 CRC-32 (of these 12 bytes
 *             and the payload)  payload
 *
 * Of the payload of SEALED the CRC covers the header alone; the rest has checksums of its own, see `messages.ts`.
 */
import { crc32 } from "../base/crc32.ts";
import { WasmvisorError } from "../base/errors.ts";
import { joinParts } from "../base/join-parts.ts";

export const STREAM_VERSION = 3;
export const PREAMBLE_BYTES = 16;
export const FRAME_HEADER_BYTES = 16;
const MAGIC = new TextEncoder().encode("WVSTREAM");

// Source to target.
export const FRAME_HELLO = 1;
export const FRAME_PAGES = 2;
export const FRAME_ROUND = 3;
export const FRAME_STATE = 4;
export const FRAME_END = 5;
export const FRAME_COMMIT = 6;
export const FRAME_ABORT = 7;
export const FRAME_QUERY = 8;
export const FRAME_MISSING = 9;
export const FRAME_RESUME = 10;
export const FRAME_JOIN = 11;
export const FRAME_SYNC = 12;
export const FRAME_PACKED = 13;
export const FRAME_DRAIN = 14;
export const FRAME_SEALED = 15;
export const FRAME_BLOCKS = 32;
export const FRAME_LEFT_BLOCKS = 33;
// Target to source.
export const FRAME_ACCEPT = 16;
export const FRAME_REFUSE = 17;
export const FRAME_READY = 18;
export const FRAME_RUNNING = 19;
export const FRAME_OUTCOME = 20;
export const FRAME_REQUEST = 21;
export const FRAME_CREDIT = 22;
export const FRAME_LACKING = 23;
export const FRAME_COMPLETE = 24;
export const FRAME_CHECKPOINT_PAGES = 25;
export const FRAME_CHECKPOINT = 26;
export const FRAME_WANTED = 27;
export const FRAME_JOINED = 28;
export const FRAME_DRAINED = 29;
export const FRAME_BLOCK_REQUEST = 40;

/** Of the payload of SEALED: what the frame's CRC covers. */
export const SEALED_HEADER_BYTES = 16;

const SMALL = 1 << 20;
/** Of a bitmap: 2 TiB of guest. */
const BITMAP = 64 << 20;
/** Name and largest payload of each type. */
const FRAMES = new Map<number, { readonly name: string; readonly bytesMax: number }>([
  [FRAME_HELLO, { name: "HELLO", bytesMax: SMALL }],
  [FRAME_PAGES, { name: "PAGES", bytesMax: 64 << 20 }],
  [FRAME_SEALED, { name: "SEALED", bytesMax: 64 << 20 }],
  [FRAME_ROUND, { name: "ROUND", bytesMax: 8 }],
  [FRAME_STATE, { name: "STATE", bytesMax: 256 << 20 }],
  [FRAME_END, { name: "END", bytesMax: SMALL }],
  [FRAME_COMMIT, { name: "COMMIT", bytesMax: 0 }],
  [FRAME_ABORT, { name: "ABORT", bytesMax: SMALL }],
  [FRAME_QUERY, { name: "QUERY", bytesMax: SMALL }],
  [FRAME_MISSING, { name: "MISSING", bytesMax: BITMAP }],
  [FRAME_RESUME, { name: "RESUME", bytesMax: SMALL }],
  [FRAME_JOIN, { name: "JOIN", bytesMax: SMALL }],
  [FRAME_PACKED, { name: "PACKED", bytesMax: 64 << 20 }],
  [FRAME_SYNC, { name: "SYNC", bytesMax: 4 }],
  [FRAME_DRAIN, { name: "DRAIN", bytesMax: 0 }],
  [FRAME_ACCEPT, { name: "ACCEPT", bytesMax: SMALL }],
  [FRAME_REFUSE, { name: "REFUSE", bytesMax: SMALL }],
  [FRAME_READY, { name: "READY", bytesMax: 0 }],
  [FRAME_RUNNING, { name: "RUNNING", bytesMax: 0 }],
  [FRAME_OUTCOME, { name: "OUTCOME", bytesMax: SMALL }],
  [FRAME_REQUEST, { name: "REQUEST", bytesMax: SMALL }],
  [FRAME_CREDIT, { name: "CREDIT", bytesMax: 4 }],
  [FRAME_LACKING, { name: "LACKING", bytesMax: BITMAP }],
  [FRAME_COMPLETE, { name: "COMPLETE", bytesMax: SMALL }],
  [FRAME_CHECKPOINT_PAGES, { name: "CHECKPOINT_PAGES", bytesMax: 64 << 20 }],
  [FRAME_WANTED, { name: "WANTED", bytesMax: SMALL }],
  [FRAME_CHECKPOINT, { name: "CHECKPOINT", bytesMax: 256 << 20 }],
  [FRAME_JOINED, { name: "JOINED", bytesMax: 0 }],
  [FRAME_DRAINED, { name: "DRAINED", bytesMax: 0 }],
  [FRAME_BLOCKS, { name: "BLOCKS", bytesMax: 4 << 20 }],
  [FRAME_LEFT_BLOCKS, { name: "LEFT_BLOCKS", bytesMax: BITMAP }],
  [FRAME_BLOCK_REQUEST, { name: "BLOCK_REQUEST", bytesMax: SMALL }],
]);

export interface Frame {
  readonly type: number;
  readonly sequence: number;
  /** Where the frame begins in the stream, for messages. */
  readonly offset: number;
  /** May be a view on received bytes: use it before asking for the next frame. */
  readonly payload: Uint8Array;
}

/** `HELLO`, `PAGES`, ... */
export function frameName(type: number): string {
  return FRAMES.get(type)?.name ?? `type ${type}`;
}

/** `WV_BAD_STREAM` with the place in the stream. */
export function streamError(frame: { sequence: number; offset: number }, why: string) {
  return new WasmvisorError(
    "WV_BAD_STREAM",
    `migration stream: frame ${frame.sequence} at byte ${frame.offset}: ${why}`,
  );
}

/** So much of a frame is worth being put where it belongs straight away. */
const ROOM_BYTES_MIN = 16 << 10;
/** Frames of fewer bytes are rather copied. */
const SMALL_BYTES = 64;

/** So many bytes of a payload are in the checksum of its frame. */
function summedBytes(type: number, length: number): number {
  return type === FRAME_SEALED ? Math.min(length, SEALED_HEADER_BYTES) : length;
}

/** The bytes that each direction begins with. */
export function encodePreamble(): Uint8Array {
  const bytes = new Uint8Array(PREAMBLE_BYTES);
  bytes.set(MAGIC);
  storeU32(bytes, 8, STREAM_VERSION);
  storeU32(bytes, 12, crc32(bytes, 0, 0, 12));
  return bytes;
}

/** Little-endian integers without a DataView: making one costs more than all of a small frame. */
export function storeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

export function loadU32(bytes: Uint8Array, at: number): number {
  // biome-ignore-start lint/style/noNonNullAssertion: callers check the length.
  return (
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  );
  // biome-ignore-end lint/style/noNonNullAssertion: see above.
}

/** The header of a frame whose payload is what `parts` are when put together. */
export function encodeFrameHeader(
  type: number,
  sequence: number,
  parts: readonly Uint8Array[],
): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytesMax = FRAMES.get(type)?.bytesMax ?? -1;
  if (length > bytesMax)
    throw new WasmvisorError(
      "WV_LIMIT",
      `migration stream: ${frameName(type)} of ${length} bytes, at most ${bytesMax} are allowed`,
    );
  const header = new Uint8Array(FRAME_HEADER_BYTES);
  storeU32(header, 0, type);
  storeU32(header, 4, sequence);
  storeU32(header, 8, length);
  let crc = crc32(header, 0, 0, 12);
  let left = summedBytes(type, length);
  for (const part of parts) {
    const bytes = Math.min(left, part.length);
    if (bytes > 0) crc = crc32(part, crc, 0, bytes);
    left -= bytes;
  }
  storeU32(header, 12, crc);
  return header;
}

/** One frame; the payload is what `parts` are when put together. */
export function encodeFrame(
  type: number,
  sequence: number,
  parts: readonly Uint8Array[],
): Uint8Array {
  return joinParts([encodeFrameHeader(type, sequence, parts), ...parts]);
}

/**
 * Puts frames together from bytes cut anywhere. Every header is checked before a byte of memory is
 * set aside for its payload; the first error is final.
 */
export class FrameDecoder {
  readonly #accepted: ReadonlySet<number>;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** A header or frame that began in an earlier chunk: a view on `#room`. */
  #partial: Uint8Array | undefined;
  /**
   * Memory for one frame after the other: fresh memory for each costs more than all else that is done with it
   * (measured: 1.2 ms a MiB against 0.2 ms of checksum).
   */
  #room: Uint8Array = new Uint8Array(FRAME_HEADER_BYTES);
  #filled = 0;
  /** So many of its bytes belong there. */
  #toSum = 0;
  /** Bytes of the frame under way that are in `#crc`: summed as they come, while the processor's caches have them. */
  #summed = 0;
  #crc = 0;
  /** Where the bytes are that `#take` found. */
  #bytes: Uint8Array = this.#chunk;
  #from = 0;
  #offset = 0;
  #sequence = 0;
  #isPreambleSeen = false;
  #error: WasmvisorError | undefined;

  /** `accepted`: the frame types that may come from this direction. */
  constructor(accepted: readonly number[]) {
    this.#accepted = new Set(accepted);
  }

  /** True if the stream may end here: not within a frame. */
  get isBetweenFrames(): boolean {
    return this.#partial === undefined && this.#at === this.#chunk.length;
  }

  /** Where the decoder stands, for messages. */
  get place(): { readonly sequence: number; readonly offset: number } {
    return { sequence: this.#sequence, offset: this.#offset };
  }

  /** Hands over received bytes. Call {@link next} until it gives nothing before the next `push`. */
  push(chunk: Uint8Array): void {
    this.#chunk = chunk;
    this.#at = 0;
  }

  /** Where the rest of the frame under way belongs, if that is a lot: instead of `push`, when there is no next. */
  get room(): Uint8Array | undefined {
    const partial = this.#partial;
    if (!partial || partial.length - this.#filled < ROOM_BYTES_MIN) return undefined;
    return partial.subarray(this.#filled);
  }

  /** So many bytes were put into the beginning of {@link room}. */
  cameInto(bytes: number): void {
    this.#filled += bytes;
  }

  /** The next complete frame. Throws `WV_BAD_STREAM`. */
  next(): Frame | undefined {
    if (this.#error) throw this.#error;
    if (!this.#isPreambleSeen) {
      if (!this.#take(PREAMBLE_BYTES)) return undefined;
      this.#checkPreamble();
    }
    if (!this.#take(FRAME_HEADER_BYTES)) return undefined;
    const wholeBytes = FRAME_HEADER_BYTES + this.#checkHeader();
    if (!this.#take(wholeBytes)) return undefined;
    return this.#finish(wholeBytes);
  }

  #fail(why: string): never {
    this.#error = streamError({ sequence: this.#sequence, offset: this.#offset }, why);
    throw this.#error;
  }

  /** True once the first `count` bytes of what comes next are in `#bytes` from `#from` on. */
  #take(count: number): boolean {
    if (!this.#partial) {
      if (this.#chunk.length - this.#at >= count) {
        this.#bytes = this.#chunk;
        this.#from = this.#at;
        return true;
      }
      if (this.#chunk.length === this.#at) return false;
      this.#partial = this.#roomFor(count);
      this.#filled = 0;
    }
    if (this.#partial.length < count) this.#partial = this.#roomFor(count);
    const fresh = this.#chunk.subarray(this.#at, this.#at + Math.max(0, count - this.#filled));
    this.#partial.set(fresh, this.#filled);
    this.#filled += fresh.length;
    this.#at += fresh.length;
    if (count > FRAME_HEADER_BYTES) this.#sum(this.#partial, 0, this.#filled);
    this.#bytes = this.#partial;
    this.#from = 0;
    return this.#filled >= count;
  }

  /** `count` bytes of room that begin with what is filled. */
  #roomFor(count: number): Uint8Array {
    if (this.#room.length < count) {
      const longer = new Uint8Array(count + (count >> 3)); // The next frame may be a little longer.
      if (this.#partial) longer.set(this.#partial.subarray(0, this.#filled));
      this.#room = longer;
    }
    return this.#room.subarray(0, count);
  }

  /** Goes on with the checksum of the frame that begins at `from`, until its byte `until`. */
  #sum(bytes: Uint8Array, from: number, until: number): void {
    if (this.#summed === 0) this.#crc = crc32(bytes, 0, from, from + 12);
    const at = Math.max(this.#summed, FRAME_HEADER_BYTES);
    const to = Math.min(until, this.#toSum);
    if (to > at) this.#crc = crc32(bytes, this.#crc, from + at, from + to);
    this.#summed = until;
  }

  /** Drops the first `count` bytes: they have been used. */
  #drop(count: number): void {
    if (this.#partial) this.#partial = undefined;
    else this.#at += count;
    this.#offset += count;
    this.#summed = 0;
  }

  #checkPreamble(): void {
    const bytes = this.#bytes;
    const from = this.#from;
    if (MAGIC.some((byte, i) => bytes[from + i] !== byte)) this.#fail("not a migration stream");
    if (loadU32(bytes, from + 12) !== crc32(bytes, 0, from, from + 12))
      this.#fail("preamble: checksum wrong");
    const version = loadU32(bytes, from + 8);
    if (version !== STREAM_VERSION)
      this.#fail(`stream version ${version}, this release speaks ${STREAM_VERSION}`);
    this.#isPreambleSeen = true;
    this.#drop(PREAMBLE_BYTES);
  }

  /** Checks everything in a header that can be checked without the payload; returns its length. */
  #checkHeader(): number {
    const type = loadU32(this.#bytes, this.#from);
    const kind = FRAMES.get(type);
    if (!kind || !this.#accepted.has(type)) this.#fail(`${frameName(type)} is not allowed here`);
    const sequence = loadU32(this.#bytes, this.#from + 4);
    if (sequence !== this.#sequence) this.#fail(`sequence number ${sequence}`);
    const length = loadU32(this.#bytes, this.#from + 8);
    if (length > kind.bytesMax)
      this.#fail(`${kind.name} of ${length} bytes, at most ${kind.bytesMax} are allowed`);
    this.#toSum = FRAME_HEADER_BYTES + summedBytes(type, length);
    return length;
  }

  #finish(wholeBytes: number): Frame {
    const bytes = this.#bytes;
    const from = this.#from;
    const end = from + wholeBytes;
    const type = loadU32(bytes, from);
    this.#sum(bytes, from, wholeBytes);
    if (loadU32(bytes, from + 12) !== this.#crc) this.#fail(`${frameName(type)}: checksum wrong`);
    const at = from + FRAME_HEADER_BYTES;
    // A view makes an object of its own of the memory that a small array has within itself: a copy is cheaper.
    const payload = wholeBytes <= SMALL_BYTES ? bytes.slice(at, end) : bytes.subarray(at, end);
    const frame = { type, sequence: this.#sequence, offset: this.#offset, payload };
    this.#drop(wholeBytes);
    this.#sequence++;
    return frame;
  }
}
