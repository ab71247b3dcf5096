/** How a client finds an export: fixed newstyle, TLS if it is asked for, structured replies if there are, and GO. */
import type { Duplex } from "node:stream";
import { connect as connectTls, type SecureContextOptions } from "node:tls";
import { WasmvisorError } from "../../base/errors.ts";
import * as nbd from "./protocol.ts";
import { ByteStream } from "./stream.ts";

/** Certificates of both sides. */
export type NbdTls = Pick<SecureContextOptions, "ca" | "cert" | "key">;

export interface Export {
  readonly bytes: number;
  readonly flags: number;
  /** How the server answers. */
  readonly replies: "simple" | "structured";
}

interface Reply {
  readonly type: number;
  readonly data: Buffer;
}

const REPLY_BYTES_MAX = 1 << 20;
const REPLIES_MAX = 1000;

export async function negotiate(
  socket: Duplex,
  address: nbd.NbdAddress,
  tls: NbdTls | undefined,
): Promise<{ readonly stream: ByteStream; readonly found: Export }> {
  const stream = new ByteStream(socket);
  const handshake = new Handshake(stream, address);
  await handshake.greet();
  if (!address.isSecure) return { stream, found: await handshake.find() };
  await handshake.startTls();
  stream.release();
  const secure = new ByteStream(await secured(socket, address, tls));
  return { stream: secure, found: await new Handshake(secure, address).find() };
}

function secured(
  socket: Duplex,
  address: nbd.NbdAddress,
  tls: NbdTls | undefined,
): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const secure = connectTls({ socket, host: address.host, minVersion: "TLSv1.3", ...tls }, () =>
      resolve(secure),
    );
    secure.on("error", reject);
  });
}

class Handshake {
  readonly #stream: ByteStream;
  readonly #address: nbd.NbdAddress;

  constructor(stream: ByteStream, address: nbd.NbdAddress) {
    this.#stream = stream;
    this.#address = address;
  }

  #lie(what: string): WasmvisorError {
    const { host, name, port } = this.#address;
    return new WasmvisorError("WV_DISK", `disk "nbd://${host}:${port}/${name}": ${what}`);
  }

  async greet(): Promise<void> {
    const head = await this.#stream.read(18);
    if (head.readBigUInt64BE(0) !== nbd.MAGIC_INIT)
      throw this.#lie("whoever listens there is no NBD server");
    const flags = head.readUInt16BE(16);
    if (head.readBigUInt64BE(8) !== nbd.MAGIC_OPTION || (flags & nbd.FIXED_NEWSTYLE) === 0)
      throw this.#lie("the server speaks only an old kind of NBD; use a newer one");
    const answer = Buffer.alloc(4);
    answer.writeUInt32BE(nbd.FIXED_NEWSTYLE | (flags & nbd.NO_ZEROES));
    this.#stream.write(answer);
  }

  #option(option: number, data: Uint8Array): void {
    const head = Buffer.alloc(16);
    head.writeBigUInt64BE(nbd.MAGIC_OPTION, 0);
    head.writeUInt32BE(option, 8);
    head.writeUInt32BE(data.length, 12);
    this.#stream.write(head, data);
  }

  async #reply(option: number): Promise<Reply> {
    const head = await this.#stream.read(20);
    const bytes = head.readUInt32BE(16);
    const isReply =
      head.readBigUInt64BE(0) === nbd.MAGIC_OPTION_REPLY && head.readUInt32BE(8) === option;
    if (!isReply || bytes > REPLY_BYTES_MAX) throw this.#lie("the server does not keep to NBD");
    return { type: head.readUInt32BE(12), data: await this.#stream.read(bytes) };
  }

  async startTls(): Promise<void> {
    this.#option(nbd.OPT_STARTTLS, Buffer.alloc(0));
    const { type } = await this.#reply(nbd.OPT_STARTTLS);
    if (type !== nbd.REP_ACK) throw this.#lie("the server offers no TLS; write nbd://");
  }

  async find(): Promise<Export> {
    const replies = await this.#structured();
    return { ...(await this.#go()), replies };
  }

  /** Servers that know only simple replies say so, each in its own way. */
  async #structured(): Promise<Export["replies"]> {
    this.#option(nbd.OPT_STRUCTURED_REPLY, Buffer.alloc(0));
    const { data, type } = await this.#reply(nbd.OPT_STRUCTURED_REPLY);
    if (type === nbd.REP_ACK && data.length === 0) return "structured";
    if (type < nbd.REP_ERR_FIRST) throw this.#lie("the server does not keep to NBD");
    return "simple";
  }

  async #go(): Promise<Omit<Export, "replies">> {
    const name = Buffer.from(this.#address.name);
    const data = Buffer.alloc(4 + name.length + 2);
    data.writeUInt32BE(name.length, 0);
    name.copy(data, 4);
    this.#option(nbd.OPT_GO, data);
    let found: Omit<Export, "replies"> | undefined;
    for (let i = 0; i < REPLIES_MAX; i++) {
      const reply = await this.#reply(nbd.OPT_GO);
      if (reply.type === nbd.REP_ACK) {
        if (found) return found;
        throw this.#lie("the server does not say how large the disk is");
      }
      if (reply.type === nbd.REP_INFO) found = this.#info(reply.data) ?? found;
      else throw this.#refused(reply);
    }
    throw this.#lie("the server does not come to an end");
  }

  #info(data: Buffer): Omit<Export, "replies"> | undefined {
    if (data.length < 2 || data.readUInt16BE(0) !== nbd.INFO_EXPORT) return undefined;
    if (data.length !== 12) throw this.#lie("the server describes its disk with too few bytes");
    const bytes = Number(data.readBigUInt64BE(2));
    const flags = data.readUInt16BE(10);
    if (!Number.isSafeInteger(bytes) || (flags & nbd.HAS_FLAGS) === 0)
      throw this.#lie("the server describes a disk that cannot be");
    return { bytes, flags };
  }

  #refused({ data, type }: Reply): WasmvisorError {
    const said = data.length > 0 && data.length < 500 ? ` (it says: ${data.toString()})` : "";
    switch (type) {
      case nbd.REP_ERR_UNKNOWN:
        return this.#lie(
          `the server has no export of this name${said}; list them with: nbdinfo --list`,
        );
      case nbd.REP_ERR_TLS_REQD:
        return this.#lie(`the server wants TLS${said}; write nbds://`);
      case nbd.REP_ERR_UNSUP:
        return this.#lie("the server does not know GO; use a newer one");
      default:
        return this.#lie(`the server refuses${said || ` (${type})`}`);
    }
  }
}
