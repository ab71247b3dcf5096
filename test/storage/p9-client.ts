/** A client of 9P2000.L for tests: one method a message, each answer taken apart or thrown as its error number. */
import type { ShareSession } from "../../ts/storage/9p/session.ts";

/** What the server answered in place of an answer. */
export class P9Error extends Error {
  readonly errno: number;

  constructor(errno: number) {
    super(`errno ${errno}`);
    this.errno = errno;
  }
}

type Part = number | bigint | string | Uint8Array | readonly [size: 1 | 2 | 4 | 8, value: number];

/** A message: numbers are 32 bits, bigints 64, text has its length before it; `[size, value]` says the size. */
export function message(type: number, ...parts: readonly Part[]): Uint8Array {
  const bytes = Buffer.alloc(7 + parts.reduce<number>((sum, part) => sum + sizeOf(part), 0));
  let at = 7;
  for (const part of parts) {
    put(bytes, at, part);
    at += sizeOf(part);
  }
  bytes.writeUInt32LE(bytes.length, 0);
  bytes[4] = type;
  bytes.writeUInt16LE(1, 5);
  return new Uint8Array(bytes);
}

function sizeOf(part: Part): number {
  if (typeof part === "number") return 4;
  if (typeof part === "bigint") return 8;
  if (typeof part === "string") return 2 + Buffer.byteLength(part);
  return part instanceof Uint8Array ? part.length : part[0];
}

function put(bytes: Buffer, at: number, part: Part): void {
  if (typeof part === "number") bytes.writeUInt32LE(part, at);
  else if (typeof part === "bigint") bytes.writeBigUInt64LE(part, at);
  else if (typeof part === "string") {
    bytes.writeUInt16LE(Buffer.byteLength(part), at);
    bytes.write(part, at + 2);
  } else if (part instanceof Uint8Array) bytes.set(part, at);
  else bytes.writeUIntLE(part[1], at, part[0] as number);
}

export interface Dirent {
  readonly name: string;
  readonly type: number;
  readonly offset: bigint;
}

const NO_FID = 0xffff_ffff;

export class P9Client {
  readonly session: ShareSession;

  constructor(session: ShareSession) {
    this.session = session;
  }

  /** A request that is answered at once; throws {@link P9Error}. */
  call(type: number, ...parts: readonly Part[]): Buffer {
    const reply = this.session.request(message(type, ...parts));
    if (!(reply instanceof Uint8Array)) throw new Error("it waits");
    return body(type, reply);
  }

  /** VERSION, and ATTACH of fid 0. */
  start(msize = 65536): this {
    this.call(100, msize, "9P2000.L");
    this.call(104, 0, NO_FID, "", "", 0);
    return this;
  }

  walk(fid: number, newFid: number, ...names: readonly string[]): number {
    return this.call(110, fid, newFid, [2, names.length], ...names).readUInt16LE(0);
  }

  clunk(fid: number): void {
    this.call(120, fid);
  }

  open(fid: number, flags = 0): void {
    this.call(12, fid, flags);
  }

  read(fid: number, offset = 0, count = 4096): Buffer {
    const reply = this.call(116, fid, BigInt(offset), count);
    return reply.subarray(4, 4 + reply.readUInt32LE(0));
  }

  write(fid: number, text: string | Uint8Array, offset = 0): number {
    const data = Buffer.from(text as string);
    return this.call(118, fid, BigInt(offset), data.length, data).readUInt32LE(0);
  }

  /** Makes a file and leaves `fid` open on it. */
  create(directory: number, fid: number, name: string, text = ""): void {
    this.walk(directory, fid);
    this.call(14, fid, name, 2 | 0o100, 0o644, 0);
    if (text) this.write(fid, text);
  }

  /** What a path has in it, with fids of its own. */
  contentOf(...names: readonly string[]): string {
    const fid = 9999;
    if (this.walk(0, fid, ...names) < names.length) throw new P9Error(2);
    try {
      this.open(fid);
      return this.read(fid).toString();
    } finally {
      this.clunk(fid);
    }
  }

  stat(fid: number) {
    const reply = this.call(24, fid, 0x7ffn);
    return {
      mode: reply.readUInt32LE(21),
      uid: reply.readUInt32LE(25),
      nlink: reply.readBigUInt64LE(33),
      size: Number(reply.readBigUInt64LE(49)),
      mtime: Number(reply.readBigUInt64LE(89)),
    };
  }

  /** All of an open directory. */
  list(fid: number, count = 8192): Dirent[] {
    const all: Dirent[] = [];
    for (let offset = 0n; ; ) {
      const reply = this.call(40, fid, offset, count);
      const end = 4 + reply.readUInt32LE(0);
      if (end === 4) return all;
      for (let at = 4; at < end; ) {
        const length = reply.readUInt16LE(at + 22);
        offset = reply.readBigUInt64LE(at + 13);
        const name = reply.toString("utf8", at + 24, at + 24 + length);
        all.push({ name, offset, type: reply[at + 21] as number });
        at += 24 + length;
      }
    }
  }
}

/** The body of the answer to a request of `type`. */
export function body(type: number, reply: Uint8Array): Buffer {
  const bytes = Buffer.from(reply.buffer, reply.byteOffset, reply.byteLength);
  if (bytes.readUInt32LE(0) !== bytes.length) throw new Error("the answer's size is wrong");
  if (bytes[4] === 7) throw new P9Error(bytes.readUInt32LE(7));
  if (bytes[4] !== type + 1) throw new Error(`answer of type ${bytes[4]}`);
  return bytes.subarray(7);
}

/** The number with which `action` fails. */
export function errnoOf(action: () => unknown): number {
  try {
    action();
  } catch (error) {
    if (error instanceof P9Error) return error.errno;
    throw error;
  }
  return 0;
}
