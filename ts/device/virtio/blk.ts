/** virtio block device (virtio 1.2, section 5.2) over any {@link BlockBackend}. */
import { WasmvisorError } from "../../base/errors.ts";
import { type BlockBackend, SECTOR_BYTES } from "../../machine/block.ts";
import { badState, StateFields } from "../../machine/state-fields.ts";
import type { DescriptorChain } from "./chain.ts";
import type { VirtioDevice, VirtioLink } from "./device.ts";

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

const QUEUE_SIZE = 128;
const HEADER_BYTES = 16;
const ID_BYTES = 20;
const RANGE_BYTES = 16;
const RANGE_SEGMENTS_MAX = 16;
const RANGE_SECTORS_MAX = 32 * 1024;
const SEGMENT_BYTES_MAX = 128 * 1024;
const SEGMENTS_MAX = QUEUE_SIZE - 2; // A header and a status come along.
const CHUNK_BYTES = 256 * 1024;
const TWO_32 = 0x1_0000_0000;

export interface VirtioBlkOptions {
  readonly backend: BlockBackend;
  /** Name of the device on its bus; "virtio-blk" by default. */
  readonly name?: string | undefined;
  /** Serial number the guest may ask for, at most 20 ASCII characters. */
  readonly serial?: string | undefined;
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
  readonly #chunk = new Uint8Array(CHUNK_BYTES);
  #link: VirtioLink | undefined;
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
    this.#backend = backend;
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
    for (let chain = queue.pop(); chain; chain = queue.pop()) {
      if (chain.readableBytes < HEADER_BYTES || chain.writableBytes < 1) {
        this.#link?.fault("request");
        return;
      }
      queue.push(chain, this.#serve(chain));
    }
    queue.flush();
  }

  reset(): void {
    // Every request is finished when `notify` returns.
  }

  metrics(): VirtioBlkMetrics {
    return { ...this.#metrics };
  }

  save(): VirtioBlkState {
    return { bytes: this.#backend.bytes };
  }

  restore(state: VirtioBlkState): void {
    const bytes = new StateFields(this.name, state).integer("bytes", Number.MAX_SAFE_INTEGER);
    if (bytes !== this.#backend.bytes)
      throw badState(`${this.name}.bytes`, `a disk of ${this.#backend.bytes} bytes`, bytes);
  }

  /** Does one request and returns how many bytes were written for the driver. */
  #serve(chain: DescriptorChain): number {
    chain.read(this.#header);
    const type = this.#headerView.getUint32(0, true);
    const offset = u64(this.#headerView, 8) * SECTOR_BYTES;
    const dataBytes = chain.writableBytes - 1;
    let status = S_IOERR;
    try {
      status = this.#execute(type, offset, chain);
    } catch (error) {
      if (!(error instanceof WasmvisorError)) throw error;
    }
    if (status !== S_OK) this.#metrics.errors++;
    chain.seekWrite(dataBytes);
    chain.write(Uint8Array.of(status));
    return chain.writableBytes;
  }

  #execute(type: number, offset: number, chain: DescriptorChain): number {
    switch (type) {
      case T_IN:
        return this.#read(offset, chain);
      case T_OUT:
        return this.#write(offset, chain);
      case T_FLUSH:
        this.#metrics.flushes++;
        this.#backend.flush();
        return S_OK;
      case T_GET_ID:
        if (chain.writableBytes - 1 < ID_BYTES) return S_IOERR;
        this.#chunk.fill(0, 0, ID_BYTES).set(this.#serial);
        chain.write(this.#chunk.subarray(0, ID_BYTES));
        return S_OK;
      case T_DISCARD:
        return this.features & F_DISCARD ? this.#forRanges(chain, "discard") : S_UNSUPP;
      case T_WRITE_ZEROES:
        return this.features & F_WRITE_ZEROES ? this.#forRanges(chain, "zero") : S_UNSUPP;
      default:
        return S_UNSUPP;
    }
  }

  #isOnDisk(offset: number, bytes: number): boolean {
    return bytes % SECTOR_BYTES === 0 && offset + bytes <= this.#backend.bytes;
  }

  #read(offset: number, chain: DescriptorChain): number {
    const bytes = chain.writableBytes - 1;
    if (!this.#isOnDisk(offset, bytes)) return S_IOERR;
    this.#metrics.reads++;
    for (let done = 0; done < bytes; done += CHUNK_BYTES) {
      const part = this.#chunk.subarray(0, Math.min(CHUNK_BYTES, bytes - done));
      this.#backend.read(offset + done, part);
      chain.write(part);
    }
    this.#metrics.readBytes += bytes;
    return S_OK;
  }

  #write(offset: number, chain: DescriptorChain): number {
    const bytes = chain.unreadBytes;
    if (this.#backend.readOnly || !this.#isOnDisk(offset, bytes)) return S_IOERR;
    this.#metrics.writes++;
    for (let done = 0; done < bytes; done += CHUNK_BYTES) {
      const part = this.#chunk.subarray(0, Math.min(CHUNK_BYTES, bytes - done));
      chain.read(part);
      this.#backend.write(offset + done, part);
    }
    this.#metrics.writtenBytes += bytes;
    // Until the driver asks for FLUSH, a driver that did not negotiate it may count on the write.
    if (!this.#link?.hasFeature(9)) this.#backend.flush();
    return S_OK;
  }

  /** DISCARD and WRITE_ZEROES: a list of {sector u64, sectors u32, flags u32}. */
  #forRanges(chain: DescriptorChain, action: "discard" | "zero"): number {
    const bytes = chain.unreadBytes;
    if (bytes === 0 || bytes % RANGE_BYTES !== 0) return S_IOERR;
    if (bytes > RANGE_BYTES * RANGE_SEGMENTS_MAX) return S_IOERR;
    while (chain.unreadBytes > 0) {
      chain.read(this.#header);
      const offset = u64(this.#headerView, 0) * SECTOR_BYTES;
      const sectors = this.#headerView.getUint32(8, true);
      const flags = this.#headerView.getUint32(12, true);
      if (flags & (action === "zero" ? ~1 : ~0)) return S_UNSUPP; // Only "unmap" may be set.
      if (sectors > RANGE_SECTORS_MAX) return S_IOERR;
      if (!this.#isOnDisk(offset, sectors * SECTOR_BYTES)) return S_IOERR;
      if (action === "discard") this.#backend.discard?.(offset, sectors * SECTOR_BYTES);
      else this.#zero(offset, sectors * SECTOR_BYTES);
    }
    this.#metrics.discards++;
    return S_OK;
  }

  #zero(offset: number, bytes: number): void {
    this.#chunk.fill(0);
    for (let done = 0; done < bytes; done += CHUNK_BYTES)
      this.#backend.write(
        offset + done,
        this.#chunk.subarray(0, Math.min(CHUNK_BYTES, bytes - done)),
      );
  }
}

/** `struct virtio_blk_config` up to write_zeroes_may_unmap. */
function makeConfig(sectors: number, canDiscard: boolean): Uint8Array {
  const config = new Uint8Array(60);
  const view = new DataView(config.buffer);
  view.setUint32(0, sectors % TWO_32, true);
  view.setUint32(4, Math.floor(sectors / TWO_32), true);
  view.setUint32(8, SEGMENT_BYTES_MAX, true);
  view.setUint32(12, SEGMENTS_MAX, true);
  view.setUint32(20, SECTOR_BYTES, true);
  view.setUint16(34, 1, true); // num_queues
  view.setUint32(36, canDiscard ? RANGE_SECTORS_MAX : 0, true);
  view.setUint32(40, canDiscard ? RANGE_SEGMENTS_MAX : 0, true);
  view.setUint32(44, 8, true); // discard_sector_alignment: 4 KiB
  view.setUint32(48, RANGE_SECTORS_MAX, true);
  view.setUint32(52, RANGE_SEGMENTS_MAX, true);
  return config;
}

/** Not exact above 2^53, which is beyond any disk. */
function u64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * TWO_32 + view.getUint32(at, true);
}
