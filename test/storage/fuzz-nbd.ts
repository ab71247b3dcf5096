/** Messages of NBD that are wrong, to a server and to a client: each answers, or ends with an error of its own. */
import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { WasmvisorError } from "../../ts/base/errors.ts";
import { Random } from "../../ts/base/random.ts";
import { SpareBuffers } from "../../ts/base/spare-buffers.ts";
import type { BlockBackend } from "../../ts/machine/block.ts";
import { NbdDisk } from "../../ts/storage/nbd/client.ts";
import * as nbd from "../../ts/storage/nbd/protocol.ts";
import { ServerHandshake } from "../../ts/storage/nbd/server-handshake.ts";
import { ServerSession } from "../../ts/storage/nbd/server-session.ts";
import { ByteStream, StreamEnd } from "../../ts/storage/nbd/stream.ts";

const DISK_BYTES = 64 * 1024;
const NAME = "d";

/** One end of a connection: what is said to it, and what it says. */
class Wire extends Duplex {
  readonly said: Uint8Array[] = [];
  readonly #onSaid: (wire: Wire) => void;

  constructor(onSaid: (wire: Wire) => void = () => undefined) {
    super({ highWaterMark: 1 << 24 });
    this.#onSaid = onSaid;
    this.on("error", () => undefined);
  }
  override _read(): void {
    // Bytes come when they are pushed.
  }
  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this.said.push(chunk);
    this.#onSaid(this);
    done();
  }
  heard(): Buffer {
    return Buffer.concat(this.said.splice(0));
  }
}

/** A disk that nobody may leave. */
function guarded(): BlockBackend {
  const content = new Uint8Array(DISK_BYTES);
  const within = (offset: number, bytes: number): void =>
    assert(offset >= 0 && offset + bytes <= DISK_BYTES, `${bytes} bytes at ${offset}`);
  return {
    bytes: DISK_BYTES,
    readOnly: false,
    read(offset, into) {
      within(offset, into.length);
      into.set(content.subarray(offset, offset + into.length));
    },
    write(offset, from) {
      within(offset, from.length);
      content.set(from, offset);
    },
    discard: within,
    zero: within,
    flush: () => undefined,
    extent(offset, bytes) {
      within(offset, bytes);
      const isZero = offset % 8192 < 4096;
      return { bytes: Math.min(bytes, 4096 - (offset % 4096)), isZero, isAllocated: !isZero };
    },
  };
}

/** A byte that is another, bytes too few or too many, or nothing wrong. */
function damaged(bytes: Uint8Array, random: Random): Uint8Array {
  const out = bytes.slice();
  if (random.below(3) > 0 || out.length === 0) return out;
  for (let left = 1 + random.below(3); left > 0; left--)
    out[random.below(out.length)] =
      random.below(3) === 0 ? random.pick([0, 1, 255]) : random.below(256);
  const kind = random.below(6);
  if (kind === 0) return out.subarray(0, random.below(out.length));
  if (kind === 1) return Buffer.concat([out, random.bytes(new Uint8Array(random.below(40)))]);
  return out;
}

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};

function option(random: Random): Buffer {
  const name = random.below(4) > 0 ? NAME : random.pick(["", "x", "n".repeat(5000)]);
  const kind = random.pick([1, 2, 3, 5, 6, 7, 7, 8, 8, 9, 10, 10, 77]);
  const named = Buffer.concat([u32(name.length), Buffer.from(name)]);
  const queries = ["base:allocation", "base:", "x:y", ""].slice(random.below(4));
  const texts = queries.map((one) => Buffer.concat([u32(one.length), Buffer.from(one)]));
  let data: Buffer = Buffer.alloc(0);
  if (kind === 1) data = Buffer.from(name);
  else if (kind === 6 || kind === 7)
    data = Buffer.concat([named, Buffer.from([0, 1, 0, random.below(5)])]);
  else if (kind === 9 || kind === 10)
    data = Buffer.concat([named, u32(random.below(9) > 0 ? texts.length : random.u32()), ...texts]);
  else if (random.below(5) === 0) data = Buffer.alloc(random.below(100));
  return Buffer.concat([Buffer.from("IHAVEOPT"), u32(kind), u32(data.length), data]);
}

function request(random: Random): Buffer {
  const command = random.pick([0, 0, 1, 1, 3, 4, 6, 7, 2, 5, 99]);
  const bytes = random.below(12) === 0 ? random.u32() : random.below(20_000);
  const head = Buffer.alloc(28);
  head.writeUInt32BE(nbd.MAGIC_REQUEST, 0);
  head.writeUInt16BE(random.pick([0, 0, 1, 2, 4, 8, 15, 65535]), 4);
  head.writeUInt16BE(random.below(3) === 0 ? command : random.below(2), 6);
  head.writeUInt32BE(random.u32(), 12);
  head.writeUInt32BE(random.below(9) === 0 ? random.u32() : 0, 16);
  head.writeUInt32BE(random.below(9) === 0 ? random.u32() : random.below(DISK_BYTES), 20);
  head.writeUInt32BE(bytes, 24);
  const isWrite = head.readUInt16BE(6) === nbd.CMD_WRITE;
  return isWrite && bytes < 40_000 ? Buffer.concat([head, Buffer.alloc(bytes, 7)]) : head;
}

async function serve(wire: Wire): Promise<void> {
  const stream = new ByteStream(wire);
  const disk = guarded();
  const handshake = new ServerHandshake(stream, {
    exports: [{ name: NAME, disk, readOnly: false }],
    tls: "none",
  });
  await handshake.greet();
  const chosen = await handshake.options();
  if (chosen === "tls" || chosen === "end") return;
  const { agreed } = handshake;
  await new ServerSession(stream, chosen, { agreed, spare: new SpareBuffers() }).run();
}

/** A server and clients that say what is wrong: each is served, or hung up on. Throws what must not be. */
export async function fuzzNbdServer(seed: number, inputs: number): Promise<void> {
  const random = new Random(seed).split("nbd server");
  let served = 0;
  for (let done = 0; done < inputs; ) {
    const wire = new Wire();
    const ended = serve(wire).catch((error: unknown) => error);
    wire.push(Buffer.from([0, 0, 0, random.below(40) === 0 ? random.below(256) : 3]));
    const messages = [
      ...Array.from({ length: random.below(4) }, () => option(random)),
      Buffer.concat([Buffer.from("IHAVEOPT"), u32(1), u32(1), Buffer.from(NAME)]),
      ...Array.from({ length: 1 + random.below(12) }, () => request(random)),
    ];
    for (const bytes of messages) wire.push(damaged(bytes, random));
    wire.push(null);
    const error = await ended;
    wire.destroy();
    done += messages.length;
    const isOwn = error === undefined || error instanceof StreamEnd || isRefusal(error);
    assert(isOwn, `after ${done} messages: ${(error as Error)?.stack ?? error}`);
    if (wire.heard().includes(u32(nbd.MAGIC_SIMPLE_REPLY))) served++;
  }
  assert(inputs < 1000 || served > 0, "nobody was ever served");
}

/** Whoever breaks the protocol is hung up on by an error that says so, and no other kind of error. */
const isRefusal = (error: unknown): boolean =>
  error instanceof Error &&
  error.constructor === Error &&
  /^(sends|asks|wants|haggles)/.test(error.message);

const HELLO = Buffer.from("4e42444d4147494349484156454f50540003", "hex");

function reply(type: number, data: Uint8Array, option = nbd.OPT_GO): Buffer {
  const head = Buffer.alloc(20);
  head.writeBigUInt64BE(nbd.MAGIC_OPTION_REPLY, 0);
  head.writeUInt32BE(option, 8);
  head.writeUInt32BE(type, 12);
  head.writeUInt32BE(data.length, 16);
  return Buffer.concat([head, data]);
}

function greeting(isStructured: boolean): Buffer {
  const replies = isStructured ? nbd.REP_ACK : nbd.REP_ERR_UNSUP;
  const about = Buffer.alloc(12);
  about.writeBigUInt64BE(BigInt(DISK_BYTES), 2);
  about.writeUInt16BE(0x6d, 10);
  return Buffer.concat([
    HELLO,
    reply(replies, Buffer.alloc(0), nbd.OPT_STRUCTURED_REPLY),
    reply(nbd.REP_INFO, about),
    reply(nbd.REP_ACK, Buffer.alloc(0)),
  ]);
}

function chunk(type: number, flags: number, cookie: Uint8Array, body: Uint8Array): Buffer {
  const head = Buffer.alloc(20);
  head.writeUInt32BE(nbd.MAGIC_STRUCTURED_REPLY, 0);
  head.writeUInt16BE(flags, 4);
  head.writeUInt16BE(type, 6);
  head.set(cookie, 8);
  head.writeUInt32BE(body.length, 16);
  return Buffer.concat([head, body]);
}

const u64 = (value: number): Buffer => Buffer.concat([u32(value / 2 ** 32), u32(value)]);

function errorChunk(random: Random, cookie: Uint8Array, place: number): Buffer {
  const type = random.pick([nbd.CHUNK_ERROR, nbd.CHUNK_ERROR_OFFSET, 0x8077]);
  const text = Buffer.alloc(random.below(40), 97);
  const about = [u32(random.pick([0, 1, 5, 22, 28])), Buffer.from([0, text.length]), text];
  if (type === nbd.CHUNK_ERROR_OFFSET) about.push(u64(place));
  return chunk(type, random.below(2), cookie, Buffer.concat(about));
}

/** A read in chunks, shuffled; some are missing, come twice, reach too far, or are of another kind. */
function inChunks(random: Random, asked: Buffer): Buffer[] {
  const cookie = asked.subarray(8, 16);
  const command = asked.readUInt16BE(6);
  const [offset, bytes] = [asked.readUInt32BE(20), asked.readUInt32BE(24)];
  const parts: Buffer[] = [];
  for (let at = 0; command === nbd.CMD_READ && at < bytes; ) {
    const length = Math.min(bytes - at, random.pick([100, 512, 1024, 4096]));
    const place = u64(offset + at - (random.below(60) === 0 ? random.below(600) : 0));
    const isHole = random.below(3) === 0;
    parts.push(
      isHole
        ? chunk(nbd.CHUNK_OFFSET_HOLE, 0, cookie, Buffer.concat([place, u32(length)]))
        : chunk(nbd.CHUNK_OFFSET_DATA, 0, cookie, Buffer.concat([place, Buffer.alloc(length, 9)])),
    );
    at += length;
  }
  if (random.below(4) === 0) parts.sort(() => random.below(3) - 1);
  if (random.below(40) === 0) parts.splice(random.below(parts.length + 1), 1);
  if (random.below(40) === 0 && parts[0]) parts.push(parts[0]);
  if (random.below(20) === 0)
    parts.push(errorChunk(random, cookie, offset + random.below(bytes + 9)));
  if (random.below(60) === 0) parts.push(chunk(random.below(9), 0, cookie, u64(offset)));
  parts.push(chunk(nbd.CHUNK_NONE, nbd.CHUNK_DONE, cookie, Buffer.alloc(0)));
  return parts;
}

/** Answers to the requests in `asked`, some of them not as they should be. */
function answers(
  asked: Buffer,
  random: Random,
  isStructured: boolean,
): { readonly bytes: Uint8Array[]; readonly count: number } {
  const bytes: Uint8Array[] = [];
  for (let at = 0; at + 28 <= asked.length; ) {
    if (asked.readUInt32BE(at) !== nbd.MAGIC_REQUEST) break;
    const command = asked.readUInt16BE(at + 6);
    const length = asked.readUInt32BE(at + 24);
    const next = at + 28 + (command === nbd.CMD_WRITE ? length : 0);
    if (isStructured && random.below(30) > 0) {
      bytes.push(...inChunks(random, asked.subarray(at, at + 28)));
      at = next;
      continue;
    }
    const head = Buffer.alloc(16);
    head.writeUInt32BE(nbd.MAGIC_SIMPLE_REPLY, 0);
    if (random.below(9) === 0) head.writeUInt32BE(random.pick([1, 5, 22, 28, 999]), 4);
    asked.copy(head, 8, at + 8, at + 16);
    if (random.below(30) === 0) head.writeUInt32BE(nbd.MAGIC_STRUCTURED_REPLY, 0);
    const hasData = command === nbd.CMD_READ && head.readUInt32BE(4) === 0;
    bytes.push(hasData ? Buffer.concat([head, Buffer.alloc(length, 9)]) : head);
    if (random.below(20) === 0) bytes.push(head);
    at = next;
  }
  return {
    bytes: bytes.map((one) =>
      random.below(isStructured ? 16 : 4) === 0 ? damaged(one, random) : one,
    ),
    count: bytes.length,
  };
}

/** A client and servers that answer what is wrong: it takes it, or says `WV_DISK`. Throws what must not be. */
export async function fuzzNbdClient(seed: number, inputs: number): Promise<void> {
  const random = new Random(seed).split("nbd client");
  const counts = { messages: 0, read: 0, refused: 0 };
  const awake = setInterval(() => undefined, 1000); // A client that waits keeps no process alive.
  try {
    while (counts.messages < inputs) await oneClient(random, counts);
  } finally {
    clearInterval(awake);
  }
  assert(inputs < 1000 || (counts.read > 0 && counts.refused > 0), "nothing was ever read");
}

interface Counts {
  messages: number;
  read: number;
  refused: number;
}

/** One connection: it hangs up when it has answered what it likes. */
function liar(random: Random, counts: Counts): Wire {
  let left = 1 + random.below(12);
  const isStructured = random.below(3) > 0;
  const wire = new Wire((it) => {
    const asked = it.heard();
    const at = asked.indexOf(u32(nbd.MAGIC_REQUEST));
    if (at < 0 || left-- <= 0) return;
    const { bytes, count } = answers(asked.subarray(at), random, isStructured);
    counts.messages += count;
    for (const one of bytes) it.push(one);
    if (left <= 0) it.push(null);
  });
  counts.messages += 4;
  const greets = greeting(isStructured);
  wire.push(random.below(4) === 0 ? damaged(greets, random) : greets);
  if (random.below(8) === 0) wire.push(null);
  return wire;
}

async function oneClient(random: Random, counts: Counts): Promise<void> {
  let dials = 0;
  const dial = (): Duplex => {
    if (dials++ > 1) throw new Error("nobody listens");
    return liar(random, counts);
  };
  const options = { url: "nbd://h/d", dial, reconnectMs: 1, requestMs: 3 };
  let disk: NbdDisk | undefined;
  try {
    disk = await NbdDisk.connect(options);
    for (let i = 0; i < 12; i++) {
      const bytes = 512 * (1 + random.below(8));
      const at = 512 * random.below(DISK_BYTES / 512 - 8);
      const into = new Uint8Array(bytes);
      if (at + bytes > disk.bytes) continue;
      const kind = random.below(4);
      if (kind === 0) await disk.write(at, into);
      else if (kind === 1) await disk.flush();
      else await disk.read(at, into.fill(3));
      if (kind > 1) {
        counts.read++;
        // A byte may have been damaged to what it was before; a chunk that never came is 100 of them at least.
        const missing = into.reduce((sum, byte) => sum + Number(byte === 3), 0);
        assert(missing < 50, "some of what was read never came");
      }
    }
  } catch (error) {
    const isOwn = error instanceof WasmvisorError && error.code === "WV_DISK";
    assert(isOwn, `after ${counts.messages} messages: ${(error as Error).stack}`);
    counts.refused++;
  }
  await disk?.close();
}
