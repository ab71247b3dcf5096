/** Reads and writes bodies of messages. Text is kept as one character a byte: names are bytes, in any encoding. */
import { EINVAL, FileError } from "./errno.ts";
import { HEADER_BYTES, QID_DIR, QID_SYMLINK, S_IFDIR, S_IFLNK, S_IFMT } from "./messages.ts";

/** What identifies a file, and what of it matters here. */
export interface FileStat {
  readonly mode: number;
  readonly dev: bigint;
  readonly ino: bigint;
  readonly nlink: bigint;
  readonly rdev: bigint;
  readonly size: bigint;
  readonly blksize: bigint;
  readonly blocks: bigint;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

export class MessageReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = HEADER_BYTES;

  /** `bytes`: a whole message of at least a header. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #take(count: number): number {
    const from = this.#at;
    if (count > this.#bytes.length - from) throw new FileError(EINVAL, "message is too short");
    this.#at += count;
    return from;
  }

  u8(): number {
    return this.#bytes[this.#take(1)] as number;
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  /** An offset in a file: beyond 2^53 nothing can be. */
  offset(): number {
    const value = this.u64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new FileError(EINVAL, "offset");
    return Number(value);
  }

  text(bytesMax: number, errno = EINVAL): string {
    const length = this.u16();
    const from = this.#take(length);
    if (length > bytesMax) throw new FileError(errno, "text is too long");
    return latin1(this.#bytes.subarray(from, from + length));
  }

  data(count: number): Uint8Array {
    const from = this.#take(count);
    return this.#bytes.subarray(from, from + count);
  }

  /** Nothing may follow: a client that says more than it should means something else. */
  end(): void {
    if (this.#at !== this.#bytes.length) throw new FileError(EINVAL, "message is too long");
  }
}

/** One reply, in a buffer that is as long as it may become. */
export class MessageWriter {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = HEADER_BYTES;

  constructor(bytesMax: number) {
    this.#bytes = new Uint8Array(bytesMax);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get roomBytes(): number {
    return this.#bytes.length - this.#at;
  }

  u8(value: number): this {
    this.#bytes[this.#at] = value;
    this.#at += 1;
    return this;
  }

  u16(value: number): this {
    this.#view.setUint16(this.#at, value, true);
    this.#at += 2;
    return this;
  }

  u32(value: number): this {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
    return this;
  }

  u64(value: bigint | number): this {
    this.#view.setBigUint64(this.#at, BigInt(value), true);
    this.#at += 8;
    return this;
  }

  text(value: string): this {
    this.u16(value.length);
    for (let i = 0; i < value.length; i++) this.#bytes[this.#at + i] = value.charCodeAt(i);
    this.#at += value.length;
    return this;
  }

  qid(stat: Pick<FileStat, "mode" | "dev" | "ino">): this {
    const kind = stat.mode & S_IFMT;
    this.u8(kind === S_IFDIR ? QID_DIR : kind === S_IFLNK ? QID_SYMLINK : 0);
    return this.u32(0).u64(qidPath(stat));
  }

  time(ns: bigint): this {
    const second = 1_000_000_000n;
    const within = ((ns % second) + second) % second;
    return this.u64(BigInt.asUintN(64, (ns - within) / second)).u64(within);
  }

  /** Room for `bytes` bytes that `fill` fills in part; it returns how many. The count stands before them. */
  data(bytes: number, fill: (into: Uint8Array) => number): this {
    const at = this.#at;
    const count = fill(this.#bytes.subarray(at + 4, at + 4 + bytes));
    this.#view.setUint32(at, count, true);
    this.#at = at + 4 + count;
    return this;
  }

  /** Where a count will stand, before what it counts. */
  mark(): number {
    this.#at += 4;
    return this.#at;
  }

  setDataCount(from: number): this {
    this.#view.setUint32(from - 4, this.#at - from, true);
    return this;
  }

  /** The count of 16 bits with which the body begins. */
  setCount(count: number): this {
    this.#view.setUint16(HEADER_BYTES, count, true);
    return this;
  }

  finish(type: number, tag: number): Uint8Array {
    this.#view.setUint32(0, this.#at, true);
    this.#bytes[4] = type;
    this.#view.setUint16(5, tag, true);
    return this.#bytes.subarray(0, this.#at);
  }
}

/** Files of another device that is mounted inside have numbers of their own. */
function qidPath({ dev, ino }: Pick<FileStat, "dev" | "ino">): bigint {
  return BigInt.asUintN(64, ino ^ (dev << 40n));
}

/** One character a byte. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
