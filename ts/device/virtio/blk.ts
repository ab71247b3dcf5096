/**
 * virtio block device (virtio 1.2, section 5.2) over any {@link BlockBackend}. What the backend does at once is
 * answered at once; the rest is in flight, as many requests as the queue has, and ends in any order.
 */
import { WasmvisorError } from "../../base/errors.ts";
import { SpareBuffers } from "../../base/spare-buffers.ts";
import { andThen, isPromiseLike, startAll, type Wait } from "../../base/task.ts";
import { type BlockBackend, SECTOR_BYTES } from "../../machine/block.ts";
import { badState, StateFields } from "../../machine/state-fields.ts";
import { makeConfig, QUEUE_SIZE, RANGE_SECTORS_MAX, RANGE_SEGMENTS_MAX } from "./blk-config.ts";
import type { DescriptorChain } from "./chain.ts";
import type { VirtioDevice, VirtioLink } from "./device.ts";
import type { VirtQueue } from "./queue.ts";
import { RequestsInFlight } from "./requests.ts";

const F_SIZE_MAX = 1 << 1;
const F_SEG_MAX = 1 << 2;
const F_RO = 1 << 5;
const F_BLK_SIZE = 1 << 6;
const F_FLUSH = 1 << 9;
const F_DISCARD = 1 << 13;
const F_WRITE_ZEROES = 1 << 14;

const T_IN = 0;
const T_OUT = 1;
const T_FLUSH = 4;
const T_GET_ID = 8;
const T_DISCARD = 11;
const T_WRITE_ZEROES = 13;

const S_OK = 0;
const S_IOERR = 1;
const S_UNSUPP = 2;

const HEADER_BYTES = 16;
const ID_BYTES = 20;
const RANGE_BYTES = 16;
const CHUNK_BYTES = 256 * 1024;
/** Bytes of requests in flight beyond which no further one is taken. */
const IN_FLIGHT_BYTES_MAX = 16 * 1024 * 1024;
const TWO_32 = 0x1_0000_0000;

export interface VirtioBlkOptions {
  readonly backend: BlockBackend;
  /** Name of the device on its bus; "virtio-blk" by default. */
  readonly name?: string | undefined;
  /** Serial number the guest may ask for, at most 20 ASCII characters. */
  readonly serial?: string | undefined;
  /** Runs what a request does to the guest when it ends later; by default just that. */
  readonly onLater?: ((answer: () => void) => void) | undefined;
}

/** A request of the driver, good as long as its queue has not begun anew. */
interface Request {
  readonly queue: VirtQueue;
  readonly chain: DescriptorChain;
  readonly generation: number;
}

interface Range {
  readonly offset: number;
  readonly bytes: number;
}

/** What must be the same where the state goes: all else is in the transport and the backend. */
export interface VirtioBlkState {
  readonly bytes: number;
}

export interface VirtioBlkMetrics {
  readonly reads: number;
  readonly readBytes: number;
  readonly writes: number;
  readonly writtenBytes: number;
  readonly flushes: number;
  readonly discards: number;
  readonly errors: number;
}

export class VirtioBlk implements VirtioDevice {
  readonly name: string;
  readonly deviceId = 2;
  readonly features: number;
  readonly queueSizesMax = [QUEUE_SIZE];
  readonly config: Uint8Array;
  readonly #backend: BlockBackend;
  readonly #serial: Uint8Array;
  readonly #header = new Uint8Array(HEADER_BYTES);
  readonly #headerView = new DataView(this.#header.buffer);
  readonly #spare = new SpareBuffers();
  readonly #onLater: (answer: () => void) => void;
  #link: VirtioLink | undefined;
  readonly #requests: RequestsInFlight;
  #inFlightBytes = 0;
  /** Some in flight are of before a reset: what comes next must not meet them on the disk. */
  #hasStale = false;
  /** Writes that are done, and those of them that a flush has covered. */
  #writesDone = 0;
  #writesSafe = 0;
  readonly #metrics = {
    reads: 0,
    readBytes: 0,
    writes: 0,
    writtenBytes: 0,
    flushes: 0,
    discards: 0,
    errors: 0,
  };

  constructor(options: VirtioBlkOptions) {
    const { backend } = options;
    if (backend.bytes % SECTOR_BYTES !== 0)
      throw new RangeError(
        `virtio-blk: "backend.bytes" expected a multiple of 512, got ${backend.bytes}`,
      );
    this.name = options.name ?? "virtio-blk";
    this.#requests = new RequestsInFlight(this.name);
    this.#backend = backend;
    this.#onLater = options.onLater ?? ((answer) => answer());
    this.#serial = new TextEncoder().encode(options.serial ?? "wasmvisor").slice(0, ID_BYTES);
    const canDiscard = !backend.readOnly && backend.discard !== undefined;
    this.features =
      F_SIZE_MAX |
      F_SEG_MAX |
      F_BLK_SIZE |
      F_FLUSH |
      (backend.readOnly ? F_RO : F_WRITE_ZEROES) |
      (canDiscard ? F_DISCARD : 0);
    this.config = makeConfig(backend.bytes / SECTOR_BYTES, canDiscard);
  }

  attach(link: VirtioLink): void {
    this.#link = link;
  }

  notify(queueIndex: number): void {
    const queue = this.#link?.queues[queueIndex];
    if (!queue) return;
    while (this.#mayStart()) {
      const chain = queue.pop();
      if (!chain) break;
      if (chain.readableBytes < HEADER_BYTES || chain.writableBytes < 1) {
        this.#link?.fault("request");
        return;
      }
      this.#start({ queue, chain, generation: queue.generation });
    }
    queue.flush();
  }

  /** When not, `#goOn` looks at the queue again. */
  #mayStart(): boolean {
    return (
      !this.#requests.isDraining &&
      !this.#hasStale &&
      this.#requests.count < QUEUE_SIZE &&
      this.#inFlightBytes < IN_FLIGHT_BYTES_MAX
    );
  }

  reset(): void {
    this.#hasStale = this.#requests.count > 0;
  }

  get inFlight(): number {
    return this.#requests.count;
  }

  drain(): Wait<void> {
    return andThen(this.#requests.drain(), () => this.#makeSafe());
  }

  #makeSafe(): Wait<void> {
    if (this.#writesSafe < this.#writesDone) return this.#flush();
  }

  resume(): void {
    this.#requests.resume();
    this.#goOn();
  }

  #goOn(): void {
    if (this.#requests.count === 0) this.#hasStale = false;
    this.#requests.settle();
    const queue = this.#link?.queues[0];
    if (!this.#link?.isLive || !queue?.isReady || !this.#mayStart()) return;
    queue.beginBatch();
    this.notify(0);
  }

  metrics(): VirtioBlkMetrics {
    return { ...this.#metrics };
  }

  /** Nothing may be in flight. */
  save(): VirtioBlkState {
    return { bytes: this.#backend.bytes };
  }

  restore(state: VirtioBlkState): void {
    const bytes = new StateFields(this.name, state).integer("bytes", Number.MAX_SAFE_INTEGER);
    if (bytes !== this.#backend.bytes)
      throw badState(`${this.name}.bytes`, `a disk of ${this.#backend.bytes} bytes`, bytes);
  }

  #start(request: Request): void {
    const { chain } = request;
    chain.read(this.#header);
    const type = this.#headerView.getUint32(0, true);
    const offset = u64(this.#headerView, 8) * SECTOR_BYTES;
    let status: Wait<number> = S_IOERR;
    try {
      status = this.#execute(type, offset, request);
    } catch (error) {
      if (!(error instanceof WasmvisorError)) throw error;
    }
    if (isPromiseLike(status)) this.#await(request, status);
    else this.#answer(request, status);
  }

  #await(request: Request, status: PromiseLike<number>): void {
    const bytes = request.chain.readableBytes + request.chain.writableBytes;
    this.#requests.begin();
    this.#inFlightBytes += bytes;
    const end = (result: number): void => {
      this.#requests.end();
      this.#inFlightBytes -= bytes;
      this.#onLater(() => {
        this.#answer(request, result);
        request.queue.flush();
        this.#goOn();
      });
    };
    status.then(end, () => end(S_IOERR));
  }

  #isWanted({ generation, queue }: Request): boolean {
    return this.#link?.isLive === true && queue.generation === generation;
  }

  #answer(request: Request, status: number): void {
    if (status !== S_OK) this.#metrics.errors++;
    if (!this.#isWanted(request)) return;
    const { chain, queue } = request;
    chain.seekWrite(chain.writableBytes - 1);
    chain.write(Uint8Array.of(status));
    queue.push(chain, chain.writableBytes);
  }

  #execute(type: number, offset: number, request: Request): Wait<number> {
    const { chain } = request;
    switch (type) {
      case T_IN:
        return this.#read(offset, request);
      case T_OUT:
        return this.#write(offset, chain);
      case T_FLUSH:
        return andThen(this.#flush(), () => S_OK);
      case T_GET_ID: {
        if (chain.writableBytes - 1 < ID_BYTES) return S_IOERR;
        const id = new Uint8Array(ID_BYTES);
        id.set(this.#serial);
        chain.write(id);
        return S_OK;
      }
      case T_DISCARD:
        return this.features & F_DISCARD ? this.#forRanges(chain, "discard") : S_UNSUPP;
      case T_WRITE_ZEROES:
        return this.features & F_WRITE_ZEROES ? this.#forRanges(chain, "zero") : S_UNSUPP;
      default:
        return S_UNSUPP;
    }
  }

  #flush(): Wait<void> {
    this.#metrics.flushes++;
    const writes = this.#writesDone;
    return andThen(this.#backend.flush(), () => {
      this.#writesSafe = Math.max(this.#writesSafe, writes);
    });
  }

  #isOnDisk(offset: number, bytes: number): boolean {
    return bytes % SECTOR_BYTES === 0 && offset + bytes <= this.#backend.bytes;
  }

  #read(offset: number, request: Request): Wait<number> {
    const { chain } = request;
    const bytes = chain.writableBytes - 1;
    if (!this.#isOnDisk(offset, bytes)) return S_IOERR;
    this.#metrics.reads++;
    // Straight into the guest's memory, if both sides can do that.
    const pieces = this.#backend.readPieces && bytes > 0 ? chain.piecesToFill(bytes) : undefined;
    if (pieces) this.#backend.readPieces?.(offset, pieces);
    const done = this.#forChunks(pieces ? 0 : bytes, (at, chunk) =>
      andThen(this.#backend.read(offset + at, chunk), () => {
        if (!this.#isWanted(request)) return;
        chain.seekWrite(at);
        chain.write(chunk);
      }),
    );
    return andThen(done, () => {
      this.#metrics.readBytes += bytes;
      return S_OK;
    });
  }

  #write(offset: number, chain: DescriptorChain): Wait<number> {
    const bytes = chain.unreadBytes;
    if (this.#backend.readOnly || !this.#isOnDisk(offset, bytes)) return S_IOERR;
    this.#metrics.writes++;
    const done = this.#forChunks(bytes, (at, chunk) => {
      chain.read(chunk);
      return this.#backend.write(offset + at, chunk);
    });
    return andThen(done, () => {
      this.#metrics.writtenBytes += bytes;
      return this.#written();
    });
  }

  #written(): Wait<number> {
    this.#writesDone++;
    // Until the driver asks for FLUSH, a driver that did not negotiate it may count on the write.
    return this.#link?.hasFeature(9) ? S_OK : andThen(this.#flush(), () => S_OK);
  }

  /** Cuts a request of `bytes` bytes; each buffer is kept until its action is done. */
  #forChunks(bytes: number, action: (at: number, chunk: Uint8Array) => Wait<void>): Wait<void> {
    return startAll(chunksOf(bytes), (at) =>
      this.#withChunk(Math.min(CHUNK_BYTES, bytes - at), (chunk) => action(at, chunk)),
    );
  }

  #withChunk(bytes: number, action: (chunk: Uint8Array) => Wait<void>): Wait<void> {
    const chunk = this.#spare.take(bytes);
    const release = (): void => this.#spare.give(chunk);
    let done: Wait<void>;
    try {
      done = action(chunk);
    } catch (error) {
      release();
      throw error;
    }
    if (isPromiseLike(done)) done.then(release, release);
    else release();
    return done;
  }

  /** DISCARD and WRITE_ZEROES: a list of {sector u64, sectors u32, flags u32}. */
  #forRanges(chain: DescriptorChain, action: "discard" | "zero"): Wait<number> {
    const bytes = chain.unreadBytes;
    if (bytes === 0 || bytes % RANGE_BYTES !== 0) return S_IOERR;
    if (bytes > RANGE_BYTES * RANGE_SEGMENTS_MAX) return S_IOERR;
    const ranges: Range[] = [];
    while (chain.unreadBytes > 0) {
      chain.read(this.#header);
      const range = {
        offset: u64(this.#headerView, 0) * SECTOR_BYTES,
        bytes: this.#headerView.getUint32(8, true) * SECTOR_BYTES,
      };
      const flags = this.#headerView.getUint32(12, true);
      if (flags & (action === "zero" ? ~1 : ~0)) return S_UNSUPP; // Only "unmap" may be set.
      if (range.bytes > RANGE_SECTORS_MAX * SECTOR_BYTES) return S_IOERR;
      if (!this.#isOnDisk(range.offset, range.bytes)) return S_IOERR;
      ranges.push(range);
    }
    this.#metrics.discards++;
    const done = startAll(ranges, (range) =>
      action === "zero" ? this.#zero(range) : this.#discard(range),
    );
    return andThen(done, () => this.#written());
  }

  #discard({ offset, bytes }: Range): Wait<void> {
    return this.#backend.discard?.(offset, bytes);
  }

  #zero({ offset, bytes }: Range): Wait<void> {
    if (this.#backend.zero) return this.#backend.zero(offset, bytes);
    return this.#forChunks(bytes, (at, chunk) => this.#backend.write(offset + at, chunk.fill(0)));
  }
}

/** Where the chunks of a request begin. */
function* chunksOf(bytes: number): Generator<number> {
  for (let at = 0; at < bytes; at += CHUNK_BYTES) yield at;
}

/** Not exact above 2^53, which is beyond any disk. */
function u64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * TWO_32 + view.getUint32(at, true);
}
