/** A vm as the migration engine and the snapshot writer see it: pages, a dirty log, a state. */
import { PAGE_BYTES } from "../../bindings/abi.ts";
import type { Core } from "../../bindings/core.ts";
import { decodeState, encodeState, type Plain } from "../base/codec.ts";
import { WasmvisorError } from "../base/errors.ts";
import type { Wait } from "../base/task.ts";
import type {
  BatchLimit,
  GuestShape,
  Migratable,
  MissingWatcher,
  PageBatch,
  PageEncoding,
  PageSet,
} from "../machine/migratable.ts";
import type { ArrivingDisk, LeavingDisk } from "../machine/moving-disk.ts";
import type { Vm, VmState } from "./vm.ts";

/** Version of the state that `saveState` writes. */
export const VM_STATE_VERSION = 1;

/** In front of a batch: enough for the headers that it is sent with. */
const HEADROOM_BYTES = 64;

/** What the vm's owner does around the engine's calls. */
export interface VmOwner {
  /** Describes the vm well enough to build a twin. */
  readonly config: Uint8Array;
  /** Pages have arrived that somebody waited for: the vm can go on. */
  onArrival?(): void;
  pause(): Wait<void>;
  resume(): Wait<void>;
  destroy(): Wait<void>;
}

/** A bitmap in the core's memory. */
class CorePageSet implements PageSet {
  readonly bytes: number;
  readonly address: number;
  readonly #core: Core;
  readonly #pageCount: number;

  constructor(core: Core, pageCount: number) {
    this.#core = core;
    this.#pageCount = pageCount;
    this.bytes = Math.ceil(pageCount / 64) * 8;
    this.address = core.exports.allocRegion(this.#frames) >>> 0;
    if (this.address === 0)
      throw new WasmvisorError("WV_NO_MEMORY", `no room for a bitmap of ${pageCount} pages`);
  }

  get #frames(): number {
    return Math.ceil(this.bytes / PAGE_BYTES);
  }
  get #bitmap(): Uint8Array {
    return this.#core.u8.subarray(this.address, this.address + Math.ceil(this.#pageCount / 8));
  }
  has(gfn: number): boolean {
    return (((this.#core.u8[this.address + (gfn >> 3)] as number) >> (gfn & 7)) & 1) === 1;
  }
  save(): Uint8Array {
    return this.#bitmap.slice();
  }
  load(bitmap: Uint8Array): void {
    const own = this.#bitmap;
    const beyond = (bitmap.at(-1) ?? 0) >> (((this.#pageCount - 1) % 8) + 1);
    if (bitmap.length !== own.length || beyond !== 0)
      throw new WasmvisorError("WV_BAD_STREAM", `not a bitmap of ${this.#pageCount} pages`);
    own.set(bitmap);
  }
  count(): number {
    return this.#core.exports.countPages(this.address, this.bytes) >>> 0;
  }
  release(): void {
    this.#core.exports.freeRegion(this.address, this.#frames);
  }
}

export class MigratableVm implements Migratable {
  readonly shape: GuestShape;
  /** Disks that its owner lets go, or come, with it. */
  leavingDisks: readonly LeavingDisk[] | undefined;
  arrivingDisks: readonly ArrivingDisk[] | undefined;
  readonly #vm: Vm;
  readonly #core: Core;
  readonly #owner: VmOwner;
  /** Awaited pages that have not arrived, and what their arrival sets going. */
  #missingPages = 0;
  #goOn: () => void = () => undefined;
  /** What knows the pages that the target has; 0: none, batches are plain. */
  #encoder = 0;
  /** The send and receive buffer in the core's memory: made when first needed. */
  #buffer = { address: 0, frames: 0 };

  constructor(vm: Vm, owner: VmOwner) {
    this.#vm = vm;
    this.#core = vm.options.core;
    this.#owner = owner;
    const pageCount = vm.ram.ramBytes / PAGE_BYTES;
    this.shape = { kind: `vm/${VM_STATE_VERSION}`, pageCount, config: owner.config };
  }

  newPageSet(): PageSet {
    return new CorePageSet(this.#core, this.shape.pageCount);
  }

  startDirtyLog(set: PageSet): void {
    if (this.#core.exports.logDirty(this.#vm.ram.space, 1) === 0)
      throw new WasmvisorError("WV_NO_MEMORY", "no room for a dirty log");
    this.addPopulated(set);
  }
  encode({ cacheBytes, twins }: PageEncoding): void {
    this.#closeEncoder();
    const { pageCount } = this.shape;
    const cachePages = Math.min(pageCount, Math.floor(cacheBytes / PAGE_BYTES));
    this.#encoder = this.#core.exports.openEncoder(pageCount, cachePages, twins ? 1 : 0) >>> 0;
    if (this.#encoder === 0)
      throw new WasmvisorError("WV_NO_MEMORY", `no room for a cache of ${cachePages} pages`);
  }
  #closeEncoder(): void {
    if (this.#encoder !== 0) this.#core.exports.closeEncoder(this.#encoder);
    this.#encoder = 0;
  }

  stopDirtyLog(): void {
    this.#closeEncoder();
    this.#core.exports.noteReads(0);
    this.#core.exports.logDirty(this.#vm.ram.space, 0);
  }
  harvest(set: PageSet): number {
    return this.#core.exports.harvestDirty(this.#vm.ram.space, (set as CorePageSet).address) >>> 0;
  }
  noteReads(): void {
    this.#core.exports.noteReads(1);
  }
  takeReads(set: PageSet, into: PageSet, pagesMax: number): number {
    const from = (set as CorePageSet).address;
    const to = (into as CorePageSet).address;
    let left = pagesMax;
    for (const { address } of this.#vm.vcpus)
      left -= this.#core.exports.takeReads(address, from, to, left) >>> 0;
    return pagesMax - left;
  }
  /** Adds every page that has a frame, or has not arrived yet. */
  addPopulated(set: PageSet): void {
    this.#core.exports.addPopulated(this.#vm.ram.space, (set as CorePageSet).address);
  }

  /** Pages that have not arrived yet are brought first. Throws `WV_BAD_SNAPSHOT`. */
  takeBatch(set: PageSet, fromGfn: number, limit: BatchLimit): PageBatch {
    const untilGfn = limit.untilGfn ?? this.shape.pageCount;
    for (;;) {
      const batch = this.#collect(set, fromGfn, limit);
      if (batch.records.length > 0 || batch.nextGfn >= untilGfn) return batch;
      this.#vm.ram.arrive(batch.nextGfn); // Nothing was taken though something is left.
    }
  }

  #collect(set: PageSet, fromGfn: number, limit: BatchLimit): PageBatch {
    const { exports, u8 } = this.#core;
    const room = exports.batchBytes(limit.normalPagesMax, limit.zeroPagesMax) >>> 0;
    const out = this.#reserve(HEADROOM_BYTES + room) + HEADROOM_BYTES;
    const { dirtyPages, normalPagesMax, untilGfn, zeroPagesMax } = limit;
    const until = untilGfn ?? this.shape.pageCount;
    exports.skipDirty(dirtyPages === "leave" ? 1 : 0);
    exports.limitBatch(normalPagesMax, zeroPagesMax, until, this.#encoder);
    const { address } = set as CorePageSet;
    const bytes = exports.collectPages(this.#vm.ram.space, address, fromGfn, out) >>> 0;
    return {
      normalPages: exports.batchNormal() >>> 0,
      zeroPages: exports.batchZero() >>> 0,
      nextGfn: exports.batchNext() >>> 0,
      deltaPages: exports.batchDeltas() >>> 0,
      twinPages: exports.batchTwins() >>> 0,
      overflowPages: exports.batchOverflows() >>> 0,
      records: u8.subarray(out, out + bytes),
      headroomBytes: HEADROOM_BYTES,
      seal: this.#encoder === 0 ? undefined : exports.batchSeal() >>> 0,
    };
  }

  applyBatch(batch: Omit<PageBatch, "nextGfn">): void {
    const at = this.#receive(batch);
    const bytes = batch.records.length;
    this.#checkApplied(this.#core.exports.applyPages(this.#vm.ram.space, at, bytes) >>> 0, bytes);
  }

  awaitPages(set: PageSet, watcher: MissingWatcher): void {
    const asked = new Set<number>();
    const ask = (gfn: number): void => {
      if (asked.has(gfn)) return;
      asked.add(gfn);
      watcher.onMissing(gfn);
    };
    const want = (gfns: readonly number[]): void => watcher.onWanted(gfns);
    this.#vm.ram.awaitPages((set as CorePageSet).address, ask, want);
    this.#missingPages = set.count();
    this.#goOn = () => {
      const arrived = [...asked].filter((gfn) => !this.#vm.ram.isMissing(gfn));
      if (arrived.length === 0) return;
      for (const gfn of arrived) {
        asked.delete(gfn);
        watcher.onArrived(gfn);
      }
      this.#vm.pagesArrived();
      this.#owner.onArrival?.();
    };
  }

  addMissing(set: PageSet): void {
    this.#mustLive();
    this.#core.exports.addMissing(this.#vm.ram.space, (set as CorePageSet).address);
  }

  placeBatch(batch: Omit<PageBatch, "nextGfn">): number {
    this.#mustLive();
    const { exports } = this.#core;
    const at = this.#receive(batch);
    const bytes = batch.records.length;
    const understood = exports.placePages(this.#vm.ram.space, at, bytes) >>> 0;
    const placed = exports.batchPlaced() >>> 0;
    this.#missingPages -= placed;
    if (this.#missingPages === 0) this.#vm.ram.awaitNoMore();
    this.#goOn();
    this.#checkApplied(understood, bytes);
    return placed;
  }

  #mustLive(): void {
    if (this.#vm.isDestroyed)
      throw new WasmvisorError(
        "WV_STATE",
        "the guest was destroyed before it had all of its pages",
      );
  }

  /** Copies the records to the core's memory and looks at them; returns where they are. */
  #receive(batch: Omit<PageBatch, "nextGfn">): number {
    const at = this.#reserve(batch.records.length);
    this.#core.u8.set(batch.records, at);
    this.#check(batch, at);
    return at;
  }

  #checkApplied(understood: number, bytes: number): void {
    if (understood === bytes) return;
    if (this.#core.exports.freeFrames() >>> 0 === 0)
      throw new WasmvisorError("WV_NO_MEMORY", "the host has no free memory for this vm");
    throw badRecord(understood, "a page that does not exist, or is not what its checksum says");
  }

  /** Are the records at `at` such as there are, as many as announced, and as they were sealed? */
  #check(batch: Omit<PageBatch, "nextGfn">, at: number): void {
    const { normalPages, records, seal, zeroPages } = batch;
    const { exports } = this.#core;
    const understood = exports.checkPages(this.#vm.ram.space, at, records.length) >>> 0;
    if (understood !== records.length)
      throw badRecord(understood, "a record that is cut, or of a page or kind that does not exist");
    const [normal, zero] = [exports.batchNormal() >>> 0, exports.batchZero() >>> 0];
    if (normal !== normalPages || zero !== zeroPages)
      throw badRecord(
        0,
        `${normal} pages and ${zero} zero pages, announced were ${normalPages} and ${zeroPages}`,
      );
    if (seal === undefined) return;
    if (exports.batchOpen() !== 0) throw badRecord(0, "sealed, with pages without a checksum");
    if (exports.batchSeal() >>> 0 !== seal) throw badRecord(0, "not what was sealed");
  }

  /** Address of a buffer of at least `bytes` bytes. */
  #reserve(bytes: number): number {
    const frames = Math.max(1, Math.ceil(bytes / PAGE_BYTES));
    if (frames > this.#buffer.frames) {
      this.#releaseBuffer();
      const address = this.#core.exports.allocRegion(frames) >>> 0;
      if (address === 0)
        throw new WasmvisorError("WV_NO_MEMORY", `no room for a buffer of ${bytes} bytes`);
      this.#buffer = { address, frames };
    }
    return this.#buffer.address;
  }
  #releaseBuffer(): void {
    if (this.#buffer.frames > 0)
      this.#core.exports.freeRegion(this.#buffer.address, this.#buffer.frames);
    this.#buffer = { address: 0, frames: 0 };
  }

  /** Gives buffers back; the vm stays. */
  release(): void {
    this.#closeEncoder();
    this.#releaseBuffer();
  }

  limitDirty(pagesPerSec: number, per: "guest" | "vcpu" = "guest"): void {
    this.#vm.dirtyLimit.set(pagesPerSec, per === "vcpu" ? this.#vm.vcpus.length : 1);
  }

  pause(): Wait<void> {
    return this.#owner.pause();
  }
  resume(): Wait<void> {
    return this.#owner.resume();
  }

  saveState(): Uint8Array {
    return encodeState(this.#vm.save() as unknown as Plain, VM_STATE_VERSION);
  }
  restoreState(state: Uint8Array): void {
    const plain = decodeState(state, { version: VM_STATE_VERSION });
    this.#vm.restore(plain as unknown as VmState);
  }

  memoryHash(): string {
    const { pageCount } = this.shape;
    this.#vm.ram.arriveAll();
    const hash = this.#core.exports.hashPages(this.#vm.ram.space, 0, pageCount);
    return BigInt.asUintN(64, hash).toString(16).padStart(16, "0");
  }

  destroy(): Wait<void> {
    this.#closeEncoder();
    this.#releaseBuffer();
    return this.#owner.destroy();
  }
}

function badRecord(offset: number, what: string): WasmvisorError {
  return new WasmvisorError("WV_BAD_STREAM", `page batch at byte ${offset}: ${what}`);
}
