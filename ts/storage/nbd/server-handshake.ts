/** What an NBD client and a server agree on before the first request. */
import * as nbd from "./protocol.ts";
import { flagsOf, type NbdExport } from "./server-export.ts";
import { type ByteStream, StreamEnd } from "./stream.ts";

const OPTION_BYTES_MAX = 64 * 1024;
const OPTIONS_MAX = 1000;
const CONTEXT_ID = 1;

export interface Agreed {
  hasStructured: boolean;
  hasAllocation: boolean;
}

/** An option that cannot be understood. */
class BadOption extends Error {}

export class ServerHandshake {
  readonly agreed: Agreed = { hasStructured: false, hasAllocation: false };
  readonly #stream: ByteStream;
  readonly #exports: readonly NbdExport[];
  readonly #tls: "none" | "wanted" | "on";
  #hasNoZeroes = true;

  constructor(
    stream: ByteStream,
    shape: { readonly exports: readonly NbdExport[]; readonly tls: "none" | "wanted" | "on" },
  ) {
    this.#stream = stream;
    this.#exports = shape.exports;
    this.#tls = shape.tls;
  }

  async greet(): Promise<void> {
    const head = Buffer.alloc(18);
    head.writeBigUInt64BE(nbd.MAGIC_INIT, 0);
    head.writeBigUInt64BE(nbd.MAGIC_OPTION, 8);
    head.writeUInt16BE(nbd.FIXED_NEWSTYLE | nbd.NO_ZEROES, 16);
    this.#stream.write(head);
    const flags = (await this.#stream.read(4)).readUInt32BE(0);
    if (flags & ~(nbd.FIXED_NEWSTYLE | nbd.NO_ZEROES))
      throw new Error(`asks for handshake flags that were not offered (${flags})`);
    this.#hasNoZeroes = (flags & nbd.NO_ZEROES) !== 0;
  }

  /** Answers options until the client has chosen an export, goes over to TLS, or leaves. */
  async options(): Promise<NbdExport | "tls" | "end"> {
    for (let i = 0; i < OPTIONS_MAX; i++) {
      const head = await this.#stream.read(16);
      if (head.readBigUInt64BE(0) !== nbd.MAGIC_OPTION) throw new Error("sends no NBD option");
      const option = head.readUInt32BE(8);
      const data = await this.#data(head.readUInt32BE(12));
      const done = data ? this.#answer(option, data) : this.#refuse(option, nbd.REP_ERR_TOO_BIG);
      await this.#stream.drained();
      if (done) return done;
    }
    throw new Error("haggles without end");
  }

  /** What is too long is read and thrown away, a piece at a time. */
  async #data(bytes: number): Promise<Buffer | undefined> {
    if (bytes <= OPTION_BYTES_MAX) return this.#stream.read(bytes);
    for (let left = bytes; left > 0; left -= OPTION_BYTES_MAX)
      await this.#stream.read(Math.min(left, OPTION_BYTES_MAX));
    return undefined;
  }

  #reply(option: number, type: number, data: Uint8Array = Buffer.alloc(0)): undefined {
    const head = Buffer.alloc(20);
    head.writeBigUInt64BE(nbd.MAGIC_OPTION_REPLY, 0);
    head.writeUInt32BE(option, 8);
    head.writeUInt32BE(type, 12);
    head.writeUInt32BE(data.length, 16);
    this.#stream.write(head, data);
  }

  #refuse(option: number, type: number): undefined {
    if (option === nbd.OPT_EXPORT_NAME) throw new StreamEnd("no way to say no to EXPORT_NAME");
    return this.#reply(option, type);
  }

  #answer(option: number, data: Buffer): NbdExport | "tls" | "end" | undefined {
    if (option === nbd.OPT_ABORT) {
      this.#reply(option, nbd.REP_ACK);
      return "end";
    }
    if (option === nbd.OPT_STARTTLS) return this.#startTls(data);
    if (this.#tls === "wanted") return this.#refuse(option, nbd.REP_ERR_TLS_REQD);
    try {
      return this.#plain(option, data);
    } catch (error) {
      if (error instanceof BadOption || error instanceof RangeError)
        return this.#refuse(option, nbd.REP_ERR_INVALID);
      throw error;
    }
  }

  #startTls(data: Buffer): "tls" | undefined {
    if (data.length > 0 || this.#tls === "on")
      return this.#refuse(nbd.OPT_STARTTLS, nbd.REP_ERR_INVALID);
    if (this.#tls === "none") return this.#refuse(nbd.OPT_STARTTLS, nbd.REP_ERR_POLICY);
    this.#reply(nbd.OPT_STARTTLS, nbd.REP_ACK);
    return "tls";
  }

  #plain(option: number, data: Buffer): NbdExport | undefined {
    switch (option) {
      case nbd.OPT_EXPORT_NAME:
        return this.#exportName(data.toString());
      case nbd.OPT_LIST:
        return this.#list(data);
      case nbd.OPT_INFO:
      case nbd.OPT_GO:
        return this.#info(option, data);
      case nbd.OPT_STRUCTURED_REPLY:
        if (data.length > 0) throw new BadOption();
        this.agreed.hasStructured = true;
        return this.#reply(option, nbd.REP_ACK);
      case nbd.OPT_LIST_META_CONTEXT:
      case nbd.OPT_SET_META_CONTEXT:
        return this.#contexts(option, data);
      default:
        return this.#refuse(option, nbd.REP_ERR_UNSUP);
    }
  }

  #find(name: string): NbdExport | undefined {
    const found = this.#exports.find((one) => one.name === name);
    return found ?? (name === "" && this.#exports.length === 1 ? this.#exports[0] : undefined);
  }

  #exportName(name: string): NbdExport {
    const found = this.#find(name);
    if (!found) throw new StreamEnd(`no export "${name}"`);
    const answer = Buffer.alloc(this.#hasNoZeroes ? 10 : 134);
    answer.writeBigUInt64BE(BigInt(found.disk.bytes), 0);
    answer.writeUInt16BE(flagsOf(found), 8);
    this.#stream.write(answer);
    return found;
  }

  #list(data: Buffer): undefined {
    if (data.length > 0) throw new BadOption();
    for (const { name } of this.#exports) this.#reply(nbd.OPT_LIST, nbd.REP_SERVER, text(name));
    return this.#reply(nbd.OPT_LIST, nbd.REP_ACK);
  }

  #info(option: number, data: Buffer): NbdExport | undefined {
    const nameBytes = data.readUInt32BE(0);
    if (nameBytes > nbd.NAME_BYTES_MAX) throw new BadOption();
    const wanted = data.readUInt16BE(4 + nameBytes);
    if (data.length !== 6 + nameBytes + 2 * wanted) throw new BadOption();
    const found = this.#find(data.toString("utf8", 4, 4 + nameBytes));
    if (!found) return this.#refuse(option, nbd.REP_ERR_UNKNOWN);
    const about = Buffer.alloc(12);
    about.writeUInt16BE(nbd.INFO_EXPORT, 0);
    about.writeBigUInt64BE(BigInt(found.disk.bytes), 2);
    about.writeUInt16BE(flagsOf(found), 10);
    this.#reply(option, nbd.REP_INFO, about);
    const sizes = Buffer.alloc(14);
    sizes.writeUInt16BE(nbd.INFO_BLOCK_SIZE, 0);
    sizes.writeUInt32BE(1, 2);
    sizes.writeUInt32BE(4096, 6);
    sizes.writeUInt32BE(nbd.PAYLOAD_BYTES_MAX, 10);
    this.#reply(option, nbd.REP_INFO, sizes);
    this.#reply(option, nbd.REP_ACK);
    return option === nbd.OPT_GO ? found : undefined;
  }

  /** export name, then a list of queries, each {bytes u32, text}. */
  #contexts(option: number, data: Buffer): undefined {
    const nameBytes = data.readUInt32BE(0);
    const count = data.readUInt32BE(4 + nameBytes);
    const isSet = option === nbd.OPT_SET_META_CONTEXT;
    if (isSet) this.agreed.hasAllocation = false;
    if (isSet && !this.agreed.hasStructured) throw new BadOption();
    if (!this.#find(data.toString("utf8", 4, 4 + nameBytes)))
      return this.#refuse(option, nbd.REP_ERR_UNKNOWN);
    const queries: string[] = [];
    let at = 8 + nameBytes;
    for (let i = 0; i < count; i++) {
      const bytes = data.readUInt32BE(at);
      if (at + 4 + bytes > data.length) throw new BadOption();
      queries.push(data.toString("utf8", at + 4, at + 4 + bytes));
      at += 4 + bytes;
    }
    if (at !== data.length) throw new BadOption();
    const isWanted =
      queries.includes(nbd.META_ALLOCATION) ||
      (!isSet && (queries.length === 0 || queries.includes("base:")));
    if (isWanted) {
      const id = Buffer.alloc(4);
      id.writeUInt32BE(isSet ? CONTEXT_ID : 0);
      const context = Buffer.concat([id, Buffer.from(nbd.META_ALLOCATION)]);
      this.#reply(option, nbd.REP_META_CONTEXT, context);
      if (isSet) this.agreed.hasAllocation = true;
    }
    return this.#reply(option, nbd.REP_ACK);
  }
}

function text(name: string): Buffer {
  const bytes = Buffer.from(name);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes.length);
  return Buffer.concat([head, bytes]);
}
