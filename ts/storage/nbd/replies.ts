/**
 * What a server answers on one connection: simple replies, or structured ones where that was agreed on. Those come in
 * chunks, in any order and between those of other requests; nothing of them is believed before it fits the request.
 */
import { Covered } from "./covered.ts";
import * as nbd from "./protocol.ts";
import type { ByteStream } from "./stream.ts";

/** Longest text that NBD knows. */
const TEXT_BYTES_MAX = 4096;
/** Errors that one request may have, each for a place of its own. */
const ERRORS_MAX = 64;
const SHOWN_CHARS_MAX = 200;
const OFFSET_BYTES = 8;
const HOLE_BYTES = 12;
const ERROR_BYTES_MIN = 6;
/** Type bit of all kinds of errors, also of those that come to be known later. */
const IS_ERROR = 0x8000;

/** A request that waits for its answer. */
export interface Asked {
  readonly command: number;
  readonly offset: number;
  readonly bytes: number;
  /** What a read fills. */
  readonly data?: Uint8Array | undefined;
}

/** A request has its whole answer. */
export interface Answered<R> {
  readonly cookie: bigint;
  readonly request: R;
  /** Why not; undefined: it is done. */
  readonly failure: string | undefined;
}

/** Of a request whose answer comes in chunks. */
interface Partial {
  readonly covered: Covered;
  errors: number;
  failure: string | undefined;
}

interface Chunk {
  readonly type: number;
  readonly bytes: number;
  readonly request: Asked;
  readonly partial: Partial;
}

export interface RepliesOptions<R extends Asked> {
  readonly isStructured: boolean;
  readonly requestOf: (cookie: bigint) => R | undefined;
  /** The error for a server that does not keep to the protocol. */
  readonly lie: (what: string) => Error;
}

export class Replies<R extends Asked> {
  readonly #stream: ByteStream;
  readonly #options: RepliesOptions<R>;
  readonly #partials = new Map<bigint, Partial>();

  constructor(stream: ByteStream, options: RepliesOptions<R>) {
    this.#stream = stream;
    this.#options = options;
  }

  /** Reads a reply or a chunk; undefined: more of its answer is to come. Throws `lie`, `StreamEnd`. */
  async next(): Promise<Answered<R> | undefined> {
    const { isStructured, requestOf } = this.#options;
    const head = await this.#stream.read(16);
    const magic = head.readUInt32BE(0);
    const isChunk = magic === nbd.MAGIC_STRUCTURED_REPLY && isStructured;
    if (!isChunk && magic !== nbd.MAGIC_SIMPLE_REPLY)
      throw this.#options.lie(`the server answered what is no NBD reply (${magic})`);
    const cookie = head.readBigUInt64BE(8);
    const request = requestOf(cookie);
    if (!request) throw this.#options.lie("the server answered what was not asked, or twice");
    const failure = isChunk
      ? await this.#chunk(head, cookie, request)
      : await this.#simple(head, cookie, request);
    return failure === "more" ? undefined : { cookie, request, failure: failure?.why };
  }

  async #simple(head: Buffer, cookie: bigint, request: R): Promise<{ why: string } | undefined> {
    const isRead = request.command === nbd.CMD_READ;
    if ((isRead && this.#options.isStructured) || this.#partials.has(cookie))
      throw this.#options.lie("the server answered in one piece what it should in chunks");
    const error = head.readUInt32BE(4);
    if (error !== 0) return { why: errorName(error) };
    if (isRead) await this.#stream.fill(request.data as Uint8Array);
    return undefined;
  }

  async #chunk(
    head: Buffer,
    cookie: bigint,
    request: R,
  ): Promise<{ why: string } | "more" | undefined> {
    const isLast = (head.readUInt16BE(4) & nbd.CHUNK_DONE) !== 0;
    const bytes = (await this.#stream.read(4)).readUInt32BE(0);
    const partial = this.#partials.get(cookie) ?? {
      covered: new Covered(),
      errors: 0,
      failure: undefined,
    };
    await this.#content({ type: head.readUInt16BE(6), bytes, request, partial }, isLast);
    if (!isLast) {
      this.#partials.set(cookie, partial);
      return "more";
    }
    this.#partials.delete(cookie);
    if (partial.failure !== undefined) return { why: partial.failure };
    if (request.command === nbd.CMD_READ && !partial.covered.isWhole(request.bytes))
      throw this.#options.lie("the server left out some of what was read");
    return undefined;
  }

  async #content(chunk: Chunk, isLast: boolean): Promise<void> {
    const { bytes, type } = chunk;
    if (type & IS_ERROR) await this.#error(chunk);
    else if (type === nbd.CHUNK_OFFSET_DATA) await this.#data(chunk);
    else if (type === nbd.CHUNK_OFFSET_HOLE) await this.#hole(chunk);
    else if (type !== nbd.CHUNK_NONE)
      throw this.#options.lie(`the server answered with a chunk of type ${type}, not asked for`);
    else if (bytes !== 0 || !isLast)
      throw this.#options.lie("the server sent an empty chunk that is not the last, or not empty");
  }

  async #data(chunk: Chunk): Promise<void> {
    const bytes = chunk.bytes - OFFSET_BYTES;
    if (bytes <= 0) throw this.#options.lie("the server sent a chunk of no data");
    const offset = (await this.#stream.read(OFFSET_BYTES)).readBigUInt64BE(0);
    await this.#stream.fill(this.#place(chunk, offset, bytes));
  }

  async #hole(chunk: Chunk): Promise<void> {
    if (chunk.bytes !== HOLE_BYTES) throw this.#options.lie("the server sent a hole of no shape");
    const about = await this.#stream.read(HOLE_BYTES);
    const bytes = about.readUInt32BE(OFFSET_BYTES);
    if (bytes === 0) throw this.#options.lie("the server sent a hole of no bytes");
    this.#place(chunk, about.readBigUInt64BE(0), bytes).fill(0);
  }

  /** Where content goes, if it is of what was read, and for the first time. */
  #place({ partial, request }: Chunk, offset: bigint, bytes: number): Uint8Array {
    if (request.command !== nbd.CMD_READ || !request.data)
      throw this.#options.lie("the server sent content that nobody reads");
    const from = Number(offset) - request.offset;
    if (from < 0 || from + bytes > request.bytes)
      throw this.#options.lie("the server sent content beyond what was read");
    if (!partial.covered.add(from, from + bytes))
      throw this.#options.lie("the server sent the same content twice, or in too many pieces");
    return request.data.subarray(from, from + bytes);
  }

  /** An error, then text, then for some the place; of kinds that are not known, whatever follows. */
  async #error({ bytes, partial, request, type }: Chunk): Promise<void> {
    const placeBytes = type === nbd.CHUNK_ERROR_OFFSET ? OFFSET_BYTES : 0;
    const isKnown = type === nbd.CHUNK_ERROR || type === nbd.CHUNK_ERROR_OFFSET;
    const textBytes = bytes - ERROR_BYTES_MIN - placeBytes;
    if (textBytes < 0 || textBytes > TEXT_BYTES_MAX)
      throw this.#options.lie(`the server sent an error of ${bytes} bytes`);
    const about = await this.#stream.read(bytes);
    const error = about.readUInt32BE(0);
    const said = about.readUInt16BE(4);
    if (error === 0) throw this.#options.lie("the server sent an error that is none");
    if (isKnown ? said !== textBytes : said > textBytes)
      throw this.#options.lie("the server sent an error whose text has another length");
    const place = placeBytes > 0 ? about.readBigUInt64BE(bytes - OFFSET_BYTES) : undefined;
    const { offset } = request;
    if (place !== undefined && (place < offset || place >= offset + request.bytes))
      throw this.#options.lie("the server sent an error of a place that was not asked about");
    if (++partial.errors > ERRORS_MAX)
      throw this.#options.lie("the server does not come to an end with its errors");
    partial.failure ??= explained(
      error,
      about.subarray(ERROR_BYTES_MIN, ERROR_BYTES_MIN + said),
      place,
    );
  }
}

function explained(error: number, text: Buffer, place: bigint | undefined): string {
  const where = place === undefined ? "" : ` at ${place}`;
  const shown = text
    .toString()
    .replace(/[^\x20-\x7e]/g, "?")
    .slice(0, SHOWN_CHARS_MAX);
  return `${errorName(error)}${where}${shown === "" ? "" : ` (it says: ${shown})`}`;
}

const ERROR_NAMES: Readonly<Record<number, string>> = {
  [nbd.EPERM]: "not permitted",
  [nbd.EIO]: "input/output error",
  [nbd.EINVAL]: "invalid request",
  [nbd.ENOSPC]: "no space left on its device",
};

const errorName = (error: number): string => ERROR_NAMES[error] ?? `error ${error}`;
