/**
 * A scene whose guest has a disk that is copied along, and which it writes and reads all the time, wherever it runs;
 * and the checker: the disk of the side that runs has every write that was acknowledged, and nothing else.
 */
import { expect } from "vitest";
import { Random } from "../../ts/base/random.ts";
import { Future, isPromiseLike, runTask, type Task, type Wait, wait } from "../../ts/base/task.ts";
import type { BlockSet } from "../../ts/machine/block-set.ts";
import {
  type ArrivingDisk,
  blockCountOf,
  bytesOfBlock,
  MOVING_BLOCK_BYTES,
} from "../../ts/machine/moving-disk.ts";
import type { MigrationResult } from "../../ts/migrate/source.ts";
import { MemoryDisk } from "../../ts/storage/memory-disk.ts";
import { MovableDisk } from "../../ts/storage/movable-disk.ts";
import { PartialDisk } from "../../ts/storage/partial-disk.ts";
import { checkOneRuns, Scene, type SceneOptions } from "./scene.ts";

export interface DiskSceneOptions extends SceneOptions {
  readonly diskBytes?: number;
  /** Requests that the guest makes in a millisecond. */
  readonly requestsPerMs?: number;
  readonly requestBytesMax?: number;
  /** The target's disk takes so many bytes, then it is full. */
  readonly roomBytes?: number;
}

interface Range {
  readonly offset: number;
  readonly bytes: number;
}

const meet = (a: Range, b: Range): boolean =>
  a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;

/** The image at the target. */
class TestImage implements ArrivingDisk {
  readonly index = 0;
  readonly bytes: number;
  readonly content: Uint8Array;
  readonly onDemand: PartialDisk;
  state: "arriving" | "flushed" | "kept" = "arriving";
  /** The source has been told. */
  isSettled = false;
  recorded: BlockSet | undefined;
  #room: number;

  constructor(bytes: number, room: number) {
    this.bytes = bytes;
    this.content = new Uint8Array(bytes);
    this.#room = room;
    const record = {
      save: (missing: BlockSet): void => {
        this.recorded = missing;
      },
      remove: (): void => {
        this.recorded = undefined;
      },
    };
    this.onDemand = new PartialDisk(new MemoryDisk({ content: this.content }), record);
  }
  write(block: number, content: Uint8Array): void {
    this.#room -= content.length;
    if (this.#room < 0) throw new Error("no space left on the target's disk");
    this.state = "arriving";
    this.content.set(content, block * MOVING_BLOCK_BYTES);
  }
  zero(block: number): void {
    const at = block * MOVING_BLOCK_BYTES;
    this.state = "arriving";
    this.content.fill(0, at, at + bytesOfBlock(block, this.bytes));
  }
  flush(): void {
    this.state = "flushed";
  }
  keep(): void {
    if (this.state !== "flushed") throw new Error("a disk was kept that was not flushed");
    this.state = "kept";
  }
  settle(): void {
    if (this.state !== "kept") throw new Error("a disk was settled that was not kept");
    this.isSettled = true;
  }
}

export class DiskScene {
  readonly scene: Scene;
  readonly image: TestImage;
  /** What the source's disk has. */
  readonly content: Uint8Array;
  /** Every write that was acknowledged. */
  readonly reference: Uint8Array;
  /** The same, when the guest left. */
  atSwitch: Uint8Array | undefined;
  readonly #there: MovableDisk;
  readonly #here: MovableDisk;
  readonly #random: Random;
  readonly #options: DiskSceneOptions;
  readonly #writes = new Set<Range & { readonly side: MovableDisk }>();
  readonly #reads = new Set<Range>();
  #drained: Future<void> | undefined;
  acknowledged = 0;
  checkedReads = 0;
  longestWriteNs = 0;

  constructor(options: DiskSceneOptions) {
    const bytes = options.diskBytes ?? 9 * MOVING_BLOCK_BYTES + 512 * 7;
    this.#options = options;
    this.#random = new Random(options.seed ?? 1).split("disk");
    this.content = new Uint8Array(bytes);
    for (let block = 0; block < blockCountOf(bytes); block++)
      if (this.#random.below(3) > 0) {
        const at = block * MOVING_BLOCK_BYTES;
        const content = this.content.subarray(at, at + bytesOfBlock(block, bytes));
        content.fill(1 + this.#random.below(255));
        this.#random.bytes(content.subarray(0, 512));
      }
    this.reference = this.content.slice();
    this.image = new TestImage(bytes, options.roomBytes ?? Number.POSITIVE_INFINITY);
    this.#here = new MovableDisk(new MemoryDisk({ content: this.content }));
    this.#there = new MovableDisk(this.image.onDemand);
    this.scene = new Scene({
      bytesPerSec: 1e8,
      ...options,
      onTick: (nowNs) => {
        if (!this.scene.result) this.#live();
        options.onTick?.(nowNs);
      },
    });
    const { clock, source, target } = this.scene;
    source.leavingDisks = [this.#here.leaving(0, clock)];
    target.arrivingDisks = [this.image];
    const pause = source.pause.bind(source);
    source.pause = () => runTask(this.#drain(pause)) as unknown as undefined;
    const resume = source.resume.bind(source);
    source.resume = () => {
      if (this.atSwitch) this.reference.set(this.atSwitch);
      resume();
    };
  }

  get result(): MigrationResult {
    return this.scene.result as MigrationResult;
  }

  run(): MigrationResult {
    return this.scene.run();
  }

  /** As a vm: it stands still at once, and its disks do what it has asked. */
  *#drain(pause: () => void): Task<void> {
    this.scene.source.isRunning = false;
    if (this.#writes.size > 0) {
      this.#drained = new Future();
      yield* wait(this.#drained);
    }
    this.atSwitch = this.reference.slice();
    pause();
  }

  #live(): void {
    const { source, target } = this.scene;
    if (!source.isRunning && !target.isRunning) return;
    const disk = source.isRunning ? this.#here : this.#there;
    for (let i = this.#options.requestsPerMs ?? 1; i > 0; i--) this.#request(disk);
  }

  #request(disk: MovableDisk): void {
    const sectorsMax = (this.#options.requestBytesMax ?? 102_400) / 512;
    const bytes = (1 + this.#random.below(sectorsMax)) * 512;
    const sectors = (disk.bytes - bytes) / 512;
    const range = { offset: this.#random.below(sectors + 1) * 512, bytes, side: disk };
    const what = this.#random.below(8);
    // What two requests do to the same bytes at the same time is not said: no guest counts on it.
    for (const other of [...this.#writes, ...this.#reads]) if (meet(other, range)) return;
    if (what < 3) this.#read(disk, range);
    else this.#write(range, what);
  }

  #read(disk: MovableDisk, range: Range): void {
    const into = new Uint8Array(range.bytes);
    this.#reads.add(range);
    const check = (): void => {
      this.#reads.delete(range);
      const wanted = this.reference.subarray(range.offset, range.offset + range.bytes);
      if (Buffer.compare(into, wanted) !== 0) throw new Error(`a read at ${range.offset} differs`);
      this.checkedReads++;
    };
    whenDone(disk.read(range.offset, into), check);
  }

  #write(range: Range & { readonly side: MovableDisk }, what: number): void {
    const { bytes, offset, side } = range;
    const data = new Uint8Array(bytes);
    if (what > 3) {
      data.fill(this.#random.below(256));
      this.#random.bytes(data.subarray(0, 512));
    }
    const sinceNs = this.scene.clock.nowNs();
    this.#writes.add(range);
    const zeroed = what === 3 ? side.discard?.(offset, bytes) : undefined;
    const done = what === 3 && side.discard ? zeroed : side.write(offset, data);
    whenDone(done, () => {
      this.#writes.delete(range);
      // A host that died acknowledges nothing.
      if (this.scene.target.isDestroyed && side === this.#there) return;
      this.reference.set(data, offset);
      this.acknowledged++;
      this.longestWriteNs = Math.max(this.longestWriteNs, this.scene.clock.nowNs() - sinceNs);
      if (this.#writes.size === 0) this.#drained?.resolve();
    });
  }

  /** Throws unless one side runs, with the disk as the guest wrote it. */
  check(what: string): void {
    checkOneRuns(this.scene, what);
    const { state } = this.result;
    const where = `${what}: disk: ${state}`;
    if (state === "completed") {
      expect([this.image.state, this.image.isSettled], where).toEqual(["kept", true]);
      expect(this.image.onDemand.missing.size, where).toBe(0);
      expect(this.image.recorded, where).toBeUndefined();
      this.#same(this.image.content, this.reference, where);
    } else if (state === "paused") {
      const both = this.image.content.slice();
      const { missing } = this.image.onDemand;
      for (let block = missing.next(0); block !== undefined; block = missing.next(block + 1)) {
        const at = block * MOVING_BLOCK_BYTES;
        both.set(this.content.subarray(at, at + bytesOfBlock(block, this.image.bytes)), at);
      }
      this.#same(both, this.reference, where);
    } else if (state === "target-lost")
      this.#same(this.content, this.atSwitch as Uint8Array, where);
    else this.#same(this.content, this.reference, where);
  }

  /** But for what was never acknowledged. */
  #same(content: Uint8Array, wanted: Uint8Array, where: string): void {
    const got = content.slice();
    // Old or new, or (a block at a time) some of both.
    for (const { bytes, offset } of this.#writes)
      got.set(wanted.subarray(offset, offset + bytes), offset);
    if (Buffer.compare(got, wanted) === 0) return;
    const at = got.findIndex((byte, i) => byte !== wanted[i]);
    expect(at, `${where}: differs in block ${Math.floor(at / MOVING_BLOCK_BYTES)}`).toBe(-1);
  }
}

function whenDone(done: Wait<void>, then: () => void): void {
  if (done instanceof Future)
    done.observe((o) => {
      if (o.ok) then();
    });
  else if (isPromiseLike(done)) throw new Error("nothing here takes real time");
  else then();
}
