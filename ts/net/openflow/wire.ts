/** Bytes of OpenFlow messages: read within bounds, written as they grow. */
import { WasmvisorError } from "../../base/errors.ts";
import { BAD_LENGTH, HEADER_BYTES, HELLO, VERSION } from "./constants.ts";

/** Type and code, as they go over the wire. */
export type ErrorKind = readonly [type: number, code: number];

/** What a peer said cannot be; it is told why. */
export class OpenFlowError extends WasmvisorError {
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string) {
    super("WV_NETWORK", `openflow: ${message}`);
    this.kind = kind;
  }
}

/** Reads forward; what is not there throws the error that the caller names. */
export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #tooShort: ErrorKind;
  #at: number;
  readonly end: number;

  constructor(bytes: Uint8Array, from = 0, end = bytes.length, tooShort: ErrorKind = BAD_LENGTH) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = from;
    this.end = end;
    this.#tooShort = tooShort;
  }

  get at(): number {
    return this.#at;
  }
  get left(): number {
    return this.end - this.#at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }
  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8));
  }
  skip(bytes: number): void {
    this.#take(bytes);
  }
  bytes(count: number): Uint8Array {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }
  /** A number of up to 16 bytes. */
  big(count: number): bigint {
    return this.bytes(count).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  }
  /** A reader of the next `count` bytes alone. */
  part(count: number, tooShort: ErrorKind = this.#tooShort): WireReader {
    const at = this.#take(count);
    return new WireReader(this.#bytes, at, at + count, tooShort);
  }

  #take(count: number): number {
    const at = this.#at;
    if (count > this.left) throw new OpenFlowError(this.#tooShort, "a message is cut");
    this.#at += count;
    return at;
  }
}

export class WireWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
    return this;
  }
  u16(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, value);
    return this;
  }
  u32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value);
    return this;
  }
  u64(value: bigint | number): this {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, BigInt(value));
    return this;
  }
  /** Zeros. */
  pad(bytes: number): this {
    this.#grow(bytes);
    return this;
  }
  bytes(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }
  /** The lower bytes of a number. */
  big(value: bigint, bytes: number): this {
    for (let i = bytes - 1; i >= 0; i--) this.u8(Number((value >> BigInt(8 * i)) & 0xffn));
    return this;
  }
  /** Text with zeros behind it, one at least. */
  text(text: string, bytes: number): this {
    const at = this.#grow(bytes);
    this.#bytes.set(new TextEncoder().encode(text).subarray(0, bytes - 1), at);
    return this;
  }
  /** Writes over what is there. */
  setU16(at: number, value: number): this {
    this.#view.setUint16(at, value);
    return this;
  }
  /** Zeros up to a multiple of 8 since `from`. */
  align(from: number): this {
    return this.pad((8 - ((this.#length - from) % 8)) % 8);
  }
  done(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #grow(bytes: number): number {
    const at = this.#length;
    this.#length += bytes;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}

/** A message with its header: version 1, type 1, length 2, xid 4. */
export function message(
  type: number,
  xid: number,
  write: (writer: WireWriter) => void = () => undefined,
): Uint8Array {
  const writer = new WireWriter();
  writer.u8(VERSION).u8(type).u16(0).u32(xid);
  write(writer);
  writer.setU16(2, writer.length);
  return writer.done();
}

/** What both ends say first; its one element is a bitmap of versions. */
export function hello(): Uint8Array {
  return message(HELLO, 0, (writer) =>
    writer
      .u16(1)
      .u16(8)
      .u32(2 ** VERSION),
  );
}

/** What every message begins with. */
export interface Header {
  readonly version: number;
  readonly type: number;
  readonly xid: number;
}

/** Reads it; the reader stands behind it then. */
export function readHeader(reader: WireReader): Header {
  const [version, type] = [reader.u8(), reader.u8()];
  reader.skip(2);
  return { version, type, xid: reader.u32() };
}

/** Cuts a stream into messages. Throws {@link OpenFlowError} for a length that cannot be. */
export class MessageCutter {
  #rest: Uint8Array = new Uint8Array(0);

  *push(bytes: Uint8Array): Generator<Uint8Array> {
    let all = bytes;
    if (this.#rest.length > 0) {
      all = new Uint8Array(this.#rest.length + bytes.length);
      all.set(this.#rest);
      all.set(bytes, this.#rest.length);
    }
    let at = 0;
    while (all.length - at >= HEADER_BYTES) {
      const length = ((all[at + 2] as number) << 8) | (all[at + 3] as number);
      if (length < HEADER_BYTES)
        throw new OpenFlowError(BAD_LENGTH, `a message of ${length} bytes`);
      if (all.length - at < length) break;
      yield all.subarray(at, at + length);
      at += length;
    }
    this.#rest = all.slice(at);
  }
}
