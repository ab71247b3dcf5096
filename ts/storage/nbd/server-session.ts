/** Requests of one NBD client, several at a time, each answered when it is done. */
import { WasmvisorError } from "../../base/errors.ts";
import type { SpareBuffers } from "../../base/spare-buffers.ts";
import type { BlockExtent } from "../../machine/block.ts";
import * as nbd from "./protocol.ts";
import { isReadOnly, type NbdExport } from "./server-export.ts";
import type { Agreed } from "./server-handshake.ts";
import type { ByteStream } from "./stream.ts";

const REQUESTS_MAX = 64;
const BYTES_MAX = 64 * 1024 * 1024;
const ZEROS_BYTES = 1 << 20;
/** Parts of one answer to READ and to BLOCK_STATUS. */
const PARTS_MAX = 64;
const EXTENTS_MAX = 4096;
const CONTEXT_ID = 1;
const CHUNK_HEAD_BYTES = 20;
const NOTHING = Buffer.alloc(0);

interface Request {
  readonly flags: number;
  readonly command: number;
  readonly cookie: Buffer;
  readonly offset: number;
  readonly bytes: number;
}

/** Told to the client as a number. */
class Refusal extends Error {
  readonly number: number;
  constructor(number: number) {
    super(`error ${number}`);
    this.number = number;
  }
}

export class ServerSession {
  readonly #stream: ByteStream;
  readonly #export: NbdExport;
  readonly #agreed: Agreed;
  readonly #spare: SpareBuffers;
  readonly #running = new Set<Promise<void>>();
  #bytes = 0;

  constructor(
    stream: ByteStream,
    chosen: NbdExport,
    options: { readonly agreed: Agreed; readonly spare: SpareBuffers },
  ) {
    this.#stream = stream;
    this.#export = chosen;
    this.#agreed = options.agreed;
    this.#spare = options.spare;
  }

  /** Until the client leaves; then nothing of it is under way any more. */
  async run(): Promise<void> {
    try {
      while (await this.#next());
    } finally {
      await Promise.all(this.#running);
    }
  }

  async #next(): Promise<boolean> {
    const head = await this.#stream.read(nbd.REQUEST_BYTES);
    if (head.readUInt32BE(0) !== nbd.MAGIC_REQUEST) throw new Error("sends no NBD request");
    const offset = head.readBigUInt64BE(16);
    const request: Request = {
      flags: head.readUInt16BE(4),
      command: head.readUInt16BE(6),
      cookie: Buffer.from(head.subarray(8, 16)),
      offset: offset > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(offset),
      bytes: head.readUInt32BE(24),
    };
    if (request.command === nbd.CMD_DISC) return false;
    const hasPayload = request.command === nbd.CMD_WRITE;
    if (hasPayload && request.bytes > nbd.PAYLOAD_BYTES_MAX)
      throw new Error(`wants to write ${request.bytes} bytes at once`);
    const payload = hasPayload ? await this.#payload(request.bytes) : undefined;
    const held = hasPayload || request.command === nbd.CMD_READ ? request.bytes : 0;
    this.#bytes += held;
    const running = this.#serve(request, payload).finally(() => {
      this.#bytes -= held;
      this.#running.delete(running);
    });
    this.#running.add(running);
    while (this.#running.size >= REQUESTS_MAX || this.#bytes > BYTES_MAX)
      await Promise.race(this.#running);
    await this.#stream.drained();
    return true;
  }

  async #payload(bytes: number): Promise<Uint8Array> {
    const payload = this.#spare.take(bytes);
    await this.#stream.fill(payload);
    return payload;
  }

  async #serve(request: Request, payload: Uint8Array | undefined): Promise<void> {
    try {
      this.#check(request);
      await this.#execute(request, payload);
    } catch (error) {
      this.#fail(request, error);
    }
    if (payload) this.#spare.give(payload);
  }

  #check({ bytes, command, offset }: Request): void {
    const { disk } = this.#export;
    const changes = [nbd.CMD_WRITE, nbd.CMD_TRIM, nbd.CMD_WRITE_ZEROES].includes(command);
    if (changes && isReadOnly(this.#export)) throw new Refusal(nbd.EPERM);
    if (command === nbd.CMD_READ && bytes > nbd.PAYLOAD_BYTES_MAX) throw new Refusal(nbd.EINVAL);
    if (command !== nbd.CMD_FLUSH && offset + bytes > disk.bytes)
      throw new Refusal(command === nbd.CMD_WRITE ? nbd.ENOSPC : nbd.EINVAL);
  }

  async #execute(request: Request, payload: Uint8Array | undefined): Promise<void> {
    const { bytes, command, flags, offset } = request;
    const { disk } = this.#export;
    switch (command) {
      case nbd.CMD_READ:
        return this.#read(request);
      case nbd.CMD_BLOCK_STATUS:
        return this.#status(request);
      case nbd.CMD_WRITE:
        await disk.write(offset, payload as Uint8Array);
        break;
      case nbd.CMD_FLUSH:
        await disk.flush();
        break;
      case nbd.CMD_TRIM:
        await disk.discard?.(offset, bytes);
        break;
      case nbd.CMD_WRITE_ZEROES:
        await this.#zero(request);
        break;
      default:
        throw new Refusal(nbd.EINVAL);
    }
    if (flags & nbd.FLAG_FUA && command !== nbd.CMD_FLUSH) await disk.flush();
    this.#done(request);
  }

  async #zero({ bytes, flags, offset }: Request): Promise<void> {
    const { disk } = this.#export;
    if (disk.discard && (flags & nbd.FLAG_NO_HOLE) === 0) return disk.discard(offset, bytes);
    if (disk.zero) return disk.zero(offset, bytes);
    const zeros = new Uint8Array(Math.min(bytes, ZEROS_BYTES));
    for (let at = 0; at < bytes; at += zeros.length)
      await disk.write(offset + at, zeros.subarray(0, Math.min(zeros.length, bytes - at)));
  }

  async #read(request: Request): Promise<void> {
    const { bytes, flags, offset } = request;
    const { disk } = this.#export;
    const isWhole = !this.#agreed.hasStructured || (flags & nbd.FLAG_DF) !== 0 || !disk.extent;
    if (isWhole || bytes === 0) {
      const data = await this.#content(offset, bytes);
      if (this.#agreed.hasStructured) this.#data(request, { offset, data, isLast: true });
      else this.#simple(request, 0, data);
      return;
    }
    let at = 0;
    for (let part = 1; at < bytes; part++) {
      // The last part takes all that is left, so that their number is bounded.
      const extent = part < PARTS_MAX ? await this.#extent(offset + at, bytes - at) : undefined;
      const count = extent?.bytes ?? bytes - at;
      const isLast = at + count >= bytes;
      if (extent?.isZero) this.#hole(request, { offset: offset + at, bytes: count, isLast });
      else {
        const data = await this.#content(offset + at, count);
        this.#data(request, { offset: offset + at, data, isLast });
      }
      at += count;
    }
  }

  /** What is on the disk; it is given back when it has been sent. */
  async #content(offset: number, bytes: number): Promise<Uint8Array> {
    const data = this.#spare.take(bytes);
    await this.#export.disk.read(offset, data);
    return data;
  }

  async #extent(offset: number, bytes: number): Promise<BlockExtent> {
    const { disk } = this.#export;
    if (!disk.extent) return { bytes, isZero: false, isAllocated: true };
    const extent = await disk.extent(offset, bytes);
    return { ...extent, bytes: Math.max(1, Math.min(bytes, extent.bytes)) };
  }

  async #status(request: Request): Promise<void> {
    const { bytes, flags, offset } = request;
    if (!this.#agreed.hasAllocation || bytes === 0) throw new Refusal(nbd.EINVAL);
    const most = flags & nbd.FLAG_REQ_ONE ? 1 : EXTENTS_MAX;
    const words: number[] = [CONTEXT_ID];
    for (let at = 0; at < bytes && words.length < 1 + 2 * most; ) {
      const extent = await this.#extent(offset + at, bytes - at);
      const state =
        (extent.isAllocated || !extent.isZero ? 0 : nbd.STATE_HOLE) |
        (extent.isZero ? nbd.STATE_ZERO : 0);
      if (words.length > 1 && words.at(-1) === state)
        words[words.length - 2] = (words.at(-2) as number) + extent.bytes;
      else words.push(extent.bytes, state);
      at += extent.bytes;
    }
    const data = Buffer.alloc(4 * words.length);
    for (const [i, word] of words.entries()) data.writeUInt32BE(word, 4 * i);
    this.#chunk(request, { type: nbd.CHUNK_BLOCK_STATUS, flags: nbd.CHUNK_DONE }, { data });
  }

  #done(request: Request): void {
    if (this.#agreed.hasStructured)
      this.#chunk(request, { type: nbd.CHUNK_NONE, flags: nbd.CHUNK_DONE });
    else this.#simple(request, 0);
  }

  #simple({ cookie }: Request, error: number, data?: Uint8Array): void {
    const head = Buffer.allocUnsafe(16);
    head.writeUInt32BE(nbd.MAGIC_SIMPLE_REPLY, 0);
    head.writeUInt32BE(error, 4);
    cookie.copy(head, 8);
    this.#send(head, data);
  }

  #send(head: Buffer, data: Uint8Array | undefined): void {
    if (data && data.length > 0) this.#stream.writeThen(() => this.#spare.give(data), head, data);
    else this.#stream.write(head);
  }

  /** A part of an answer: `place` and `data` are what is in it. */
  #chunk(
    { cookie }: Request,
    kind: { readonly type: number; readonly flags: number },
    { data, place = NOTHING }: { readonly place?: Buffer; readonly data?: Uint8Array } = {},
  ): void {
    const head = Buffer.allocUnsafe(CHUNK_HEAD_BYTES + place.length);
    head.writeUInt32BE(nbd.MAGIC_STRUCTURED_REPLY, 0);
    head.writeUInt16BE(kind.flags, 4);
    head.writeUInt16BE(kind.type, 6);
    cookie.copy(head, 8);
    head.writeUInt32BE(place.length + (data?.length ?? 0), 16);
    place.copy(head, CHUNK_HEAD_BYTES);
    this.#send(head, data);
  }

  #data(
    request: Request,
    part: { readonly offset: number; readonly data: Uint8Array; readonly isLast: boolean },
  ): void {
    const { data, isLast, offset } = part;
    const kind = { type: nbd.CHUNK_OFFSET_DATA, flags: isLast ? nbd.CHUNK_DONE : 0 };
    if (data.length === 0) this.#chunk(request, { ...kind, type: nbd.CHUNK_NONE });
    else this.#chunk(request, kind, { place: offsetOf(offset), data });
  }

  #hole(
    request: Request,
    part: { readonly offset: number; readonly bytes: number; readonly isLast: boolean },
  ): void {
    const kind = { type: nbd.CHUNK_OFFSET_HOLE, flags: part.isLast ? nbd.CHUNK_DONE : 0 };
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(part.bytes);
    this.#chunk(request, kind, { place: offsetOf(part.offset), data: bytes });
  }

  #fail(request: Request, error: unknown): void {
    const number = error instanceof Refusal ? error.number : numberOf(error);
    const isStructured =
      this.#agreed.hasStructured &&
      (request.command === nbd.CMD_READ || request.command === nbd.CMD_BLOCK_STATUS);
    if (!isStructured) {
      this.#simple(request, number);
      return;
    }
    const data = Buffer.alloc(6);
    data.writeUInt32BE(number, 0);
    this.#chunk(request, { type: nbd.CHUNK_ERROR, flags: nbd.CHUNK_DONE }, { data });
  }
}

function offsetOf(offset: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(offset));
  return bytes;
}

/** A disk that is full says so. */
function numberOf(error: unknown): number {
  if (!(error instanceof WasmvisorError)) return nbd.EIO;
  return (error.cause as { code?: string } | undefined)?.code === "ENOSPC" ? nbd.ENOSPC : nbd.EIO;
}
