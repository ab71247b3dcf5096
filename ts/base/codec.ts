/**
 * A compact binary form of plain state: JSON values and `Uint8Array`s. Used for device state in
 * snapshots and migration streams. Decoding trusts nothing: every length is checked against what
 * is left, depth and counts are limited, a checksum covers all of it.
 *
 *   "WVST"  u32 format version (1)  u32 state version (the caller's)  value  u32 CRC-32 of all before
 *
 * A value is a tag byte and its body; counts and lengths are LEB128 of at most 8 bytes:
 *
 *   0 null   1 false   2 true   3 integer >= 0   4 integer < 0 (as -1 - n)   5 float64
 *   6 string (UTF-8)   7 bytes   8 array (count, values)   9 object (count, {key, value})
 */
import { crc32 } from "./crc32.ts";
import { type ErrorCode, WasmvisorError } from "./errors.ts";

/** What the codec carries. A property that is `undefined` is left out, as in JSON. */
export type Plain =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Plain[]
  | { readonly [key: string]: Plain | undefined };

const MAGIC = 0x54535657; // "WVST" in little endian
const FORMAT_VERSION = 1;
const HEADER_BYTES = 12;
const DEPTH_MAX = 64;

const TAG_NULL = 0;
const TAG_FALSE = 1;
const TAG_TRUE = 2;
const TAG_UINT = 3;
const TAG_NEGATIVE = 4;
const TAG_FLOAT = 5;
const TAG_STRING = 6;
const TAG_BYTES = 7;
const TAG_ARRAY = 8;
const TAG_OBJECT = 9;

/** Making one costs more than a whole small state. */
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

class Writer {
  bytes = new Uint8Array(256);
  at = 0;

  /** Makes room for `count` bytes and returns where they go. */
  reserve(count: number): number {
    const from = this.at;
    this.at += count;
    if (this.at > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.at, this.bytes.length * 2));
      grown.set(this.bytes.subarray(0, from));
      this.bytes = grown;
    }
    return from;
  }

  byte(value: number): void {
    const from = this.reserve(1); // May replace `bytes`.
    this.bytes[from] = value;
  }

  uint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.byte((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    this.byte(rest);
  }

  raw(bytes: Uint8Array): void {
    this.uint(bytes.length);
    const from = this.reserve(bytes.length);
    this.bytes.set(bytes, from);
  }

  /** Names of fields are short, and of letters that are one byte each. */
  text(value: string): void {
    const { length } = value;
    const from = this.at;
    if (length < 128) {
      this.byte(length);
      this.reserve(length);
      const { bytes } = this;
      let i = 0;
      for (; i < length; i++) {
        const code = value.charCodeAt(i);
        if (code > 127) break;
        bytes[from + 1 + i] = code;
      }
      if (i === length) return;
      this.at = from;
    }
    this.raw(ENCODER.encode(value));
  }

  u32(value: number): void {
    const from = this.reserve(4);
    for (let i = 0; i < 4; i++) this.bytes[from + i] = value >>> (8 * i);
  }

  number(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      this.byte(value < 0 ? TAG_NEGATIVE : TAG_UINT);
      this.uint(value < 0 ? -1 - value : value);
      return;
    }
    this.byte(TAG_FLOAT);
    const from = this.reserve(8);
    new DataView(this.bytes.buffer).setFloat64(from, value, true);
  }

  value(value: Plain, depth: number): void {
    if (depth > DEPTH_MAX) throw new TypeError(`state is nested deeper than ${DEPTH_MAX}`);
    if (value === null) this.byte(TAG_NULL);
    else if (typeof value === "boolean") this.byte(value ? TAG_TRUE : TAG_FALSE);
    else if (typeof value === "number") this.number(value);
    else if (typeof value === "string") {
      this.byte(TAG_STRING);
      this.text(value);
    } else if (value instanceof Uint8Array) {
      this.byte(TAG_BYTES);
      this.raw(value);
    } else if (Array.isArray(value)) {
      this.byte(TAG_ARRAY);
      this.uint(value.length);
      for (const item of value) this.value(item, depth + 1);
    } else if (typeof value === "object") this.object(value as { [key: string]: Plain }, depth);
    else throw new TypeError(`state may not hold a ${typeof value}`);
  }

  object(value: { readonly [key: string]: Plain | undefined }, depth: number): void {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    this.byte(TAG_OBJECT);
    this.uint(entries.length);
    for (const [key, item] of entries) {
      if (key === "__proto__") throw new TypeError('state may not have a key "__proto__"');
      this.text(key);
      this.value(item as Plain, depth + 1);
    }
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #code: ErrorCode;
  readonly #end: number;
  at = HEADER_BYTES;

  constructor(bytes: Uint8Array, end: number, code: ErrorCode) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = end;
    this.#code = code;
  }

  fail(why: string): never {
    throw new WasmvisorError(this.#code, `state: ${why} at byte ${this.at}`);
  }

  /** Steps over `count` bytes and returns where they begin. */
  take(count: number): number {
    const from = this.at;
    if (count > this.#end - from) this.fail(`${count} bytes expected, ${this.#end - from} left`);
    this.at += count;
    return from;
  }

  byte(): number {
    return this.#bytes[this.take(1)] as number;
  }

  uint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 56; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return Number.isSafeInteger(value) ? value : this.fail("integer too large");
    }
    return this.fail("integer too long");
  }

  /** A count of things of at least `bytesEach` bytes, so it cannot exceed what is left. */
  count(bytesEach: number): number {
    const count = this.uint();
    if (count * bytesEach > this.#end - this.at) this.fail(`count ${count} exceeds the data`);
    return count;
  }

  raw(): Uint8Array {
    const length = this.count(1);
    const from = this.take(length);
    return this.#bytes.subarray(from, from + length);
  }

  string(): string {
    const raw = this.raw();
    try {
      return DECODER.decode(raw);
    } catch {
      return this.fail("text is not UTF-8");
    }
  }

  value(depth: number): Plain {
    if (depth > DEPTH_MAX) this.fail(`nested deeper than ${DEPTH_MAX}`);
    const tag = this.byte();
    switch (tag) {
      case TAG_NULL:
        return null;
      case TAG_FALSE:
        return false;
      case TAG_TRUE:
        return true;
      case TAG_UINT:
        return this.uint();
      case TAG_NEGATIVE:
        return -1 - this.uint();
      case TAG_FLOAT:
        return this.#view.getFloat64(this.take(8), true);
      case TAG_STRING:
        return this.string();
      case TAG_BYTES:
        return this.raw().slice();
      case TAG_ARRAY:
        return Array.from({ length: this.count(1) }, () => this.value(depth + 1));
      case TAG_OBJECT:
        return this.object(depth);
      default:
        return this.fail(`unknown tag ${tag}`);
    }
  }

  object(depth: number): Plain {
    const result: Record<string, Plain> = {};
    for (let left = this.count(2); left > 0; left--) {
      const key = this.string();
      if (key === "__proto__" || Object.hasOwn(result, key))
        this.fail(`key ${JSON.stringify(key)} twice or not allowed`);
      result[key] = this.value(depth + 1);
    }
    return result;
  }
}

/** Encodes `value`; `version` is the caller's own, checked again by {@link decodeState}. */
export function encodeState(value: Plain, version: number): Uint8Array {
  const writer = new Writer();
  writer.u32(MAGIC);
  writer.u32(FORMAT_VERSION);
  writer.u32(version);
  writer.value(value, 0);
  writer.u32(crc32(writer.bytes.subarray(0, writer.at)));
  return writer.bytes.slice(0, writer.at);
}

export interface DecodeOptions {
  /** The state version that the caller understands. */
  readonly version: number;
  /** The error code of whoever reads: `WV_BAD_SNAPSHOT` unless said otherwise. */
  readonly code?: ErrorCode | undefined;
}

/** The inverse of {@link encodeState}. Throws `options.code` on anything else. */
export function decodeState(bytes: Uint8Array, options: DecodeOptions): Plain {
  const code = options.code ?? "WV_BAD_SNAPSHOT";
  const end = bytes.length - 4;
  const reader = new Reader(bytes, end, code);
  if (end <= HEADER_BYTES) reader.fail(`cut: ${bytes.length} bytes in all`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  reader.at = 0;
  if (view.getUint32(0, true) !== MAGIC) reader.fail("no state: magic number missing");
  if (view.getUint32(4, true) !== FORMAT_VERSION) reader.fail("unknown format version");
  if (view.getUint32(end, true) !== crc32(bytes.subarray(0, end))) reader.fail("checksum wrong");
  const version = view.getUint32(8, true);
  if (version !== options.version)
    reader.fail(`state version ${version}, this release reads ${options.version}`);
  reader.at = HEADER_BYTES;
  const value = reader.value(0);
  if (reader.at !== end) reader.fail("data left over");
  return value;
}
