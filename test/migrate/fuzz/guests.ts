/** Guests for the fuzz: both write while they run, and say what they should have in memory. */
import { PAGE_BYTES } from "../../../bindings/abi.ts";
import { compileCore } from "../../../bindings/bytes.ts";
import { type Core, loadCore } from "../../../bindings/core.ts";
import { VirtualClock } from "../../../ts/base/clock.ts";
import { Random } from "../../../ts/base/random.ts";
import type { Migratable, PageSet } from "../../../ts/machine/migratable.ts";
import { type ArrivingDisk, MOVING_BLOCK_BYTES } from "../../../ts/machine/moving-disk.ts";
import { SEALED_HEADER_BYTES, storeU32 } from "../../../ts/migrate/stream.ts";
import { MemoryDisk } from "../../../ts/storage/memory-disk.ts";
import { MovableDisk } from "../../../ts/storage/movable-disk.ts";
import { PartialDisk } from "../../../ts/storage/partial-disk.ts";
import { RAM_BASE } from "../../../ts/vmm/guest-ram.ts";
import { loneVm } from "../../../ts/vmm/lone-vm.ts";
import { MigratableVm } from "../../../ts/vmm/migratable-vm.ts";
import type { Vm } from "../../../ts/vmm/vm.ts";
import { FakeGuest } from "../fake-guest.ts";

export interface FuzzGuest {
  readonly migratable: Migratable;
  readonly isRunning: boolean;
  readonly isDestroyed: boolean;
  start(): void;
  fill(): void;
  /** The write number `count` of the guest: the same ones wherever it runs. */
  write(count: number): void;
  /** Undefined as long as pages are missing, or once it is destroyed. */
  memory(): Uint8Array | undefined;
  /** Gives back what it holds: the core's memory is shared. */
  free(): void;
}

/** Where write `count` goes: every page, again and again, a few bytes. */
const gfnOf = (count: number, pages: number): number => (count * 7 + 3) % pages;

/** What a guest of so many pages begins with. */
const images = new Map<number, Uint8Array>();

export class FakeFuzzGuest implements FuzzGuest {
  readonly migratable: FakeGuest;
  /** What it wrote here: a write to a page that is missing is done later. */
  readonly done: (readonly [at: number, value: number])[] = [];
  readonly #arriving: PartialDisk | undefined;
  readonly #disk = new Uint8Array(DISK_BYTES);

  /** `disk`: it has one that comes, or leaves. */
  constructor(pages: number, modelBytes?: number, disk?: "comes" | "leaves") {
    const guest = new FakeGuest(pages);
    if (disk === "leaves") {
      this.#disk.set(diskContent());
      const leaving = new MovableDisk(new MemoryDisk({ content: this.#disk }));
      guest.leavingDisks = [leaving.leaving(0, new VirtualClock())];
    } else if (disk === "comes") {
      this.#arriving = new PartialDisk(new MemoryDisk({ content: this.#disk }));
      guest.arrivingDisks = [arrivingDisk(this.#disk, this.#arriving)];
    }
    const takeBatch = guest.takeBatch.bind(guest);
    if (modelBytes) guest.takeBatch = (...asked) => ({ ...takeBatch(...asked), modelBytes });
    this.migratable = guest;
  }
  get isRunning(): boolean {
    return this.migratable.isRunning;
  }
  get isDestroyed(): boolean {
    return this.migratable.isDestroyed;
  }
  start(): void {
    this.migratable.isRunning = true;
  }
  fill(): void {
    const { memory, shape } = this.migratable;
    let image = images.get(shape.pageCount);
    if (!image) {
      this.migratable.fill(new Random(1), 0.8);
      image = memory.slice();
      images.set(shape.pageCount, image);
    }
    memory.set(image);
  }
  /** All of its disk is here, as it was. */
  get isDiskRight(): boolean {
    if (!this.#arriving) return true;
    if (this.#arriving.missing.size > 0) return false;
    return Buffer.compare(this.#disk, diskContent()) === 0;
  }
  write(count: number): void {
    const { pageCount } = this.migratable.shape;
    if (count % 2 === 0)
      void this.#arriving?.read((count % 5) * MOVING_BLOCK_BYTES, new Uint8Array(512));
    const gfn = gfnOf(count, pageCount);
    // Some stores wait for nothing, and are told as such.
    if (count % 3 === 0) this.migratable.want(gfn);
    const at = gfn * PAGE_BYTES + (count % 64);
    const value = count % 256;
    this.migratable.write(at, value, () => this.done.push([at, value]), count % 2);
  }
  memory(): Uint8Array | undefined {
    return this.migratable.missing.size > 0 ? undefined : this.migratable.memory;
  }
  free(): void {}
}

/** Three blocks with contents, one without, and a short one. */
const DISK_BYTES = 4 * MOVING_BLOCK_BYTES + 1024;
let content: Uint8Array | undefined;

function diskContent(): Uint8Array {
  if (content) return content;
  content = new Random(2).bytes(new Uint8Array(DISK_BYTES));
  content.fill(0, MOVING_BLOCK_BYTES, 2 * MOVING_BLOCK_BYTES);
  return content;
}

function arrivingDisk(bytes: Uint8Array, onDemand: PartialDisk): ArrivingDisk {
  return {
    index: 0,
    bytes: bytes.length,
    onDemand,
    write: (block, from) => bytes.set(from, block * MOVING_BLOCK_BYTES),
    zero: (block) => {
      bytes.fill(0, block * MOVING_BLOCK_BYTES, (block + 1) * MOVING_BLOCK_BYTES);
    },
    flush: () => undefined,
    keep: () => undefined,
    settle: () => undefined,
  };
}

let core: Core | undefined;
/** Before the first guest of the core is made. */
export async function loadFuzzCore(): Promise<void> {
  if (core) return;
  core = await loadCore(await compileCore(), { wallTicks: () => 0 }, 64 << 20);
  sealer = loneVm(core, { memoryBytes: 1 << 20, mips: 500 });
}

let sealer: Vm | undefined;
/** Gives the payload of a SEALED frame the seal that fits, as whoever means harm would. */
export function sealAnew(payload: Uint8Array): void {
  if (!core || !sealer || payload.length < SEALED_HEADER_BYTES) return;
  const { exports, u8 } = core;
  const records = payload.subarray(SEALED_HEADER_BYTES);
  const frames = Math.ceil(records.length / PAGE_BYTES) + 1;
  const at = exports.allocRegion(frames) >>> 0;
  u8.set(records, at);
  exports.checkPages(sealer.ram.space, at, records.length);
  storeU32(payload, SEALED_HEADER_BYTES - 4, exports.batchSeal() >>> 0);
  exports.freeRegion(at, frames);
}

/** Frames that nobody has: the same after each input, or one of them was lost. */
export const freeFrames = (): number => (core?.exports.freeFrames() ?? 0) >>> 0;

export class CoreGuest implements FuzzGuest {
  readonly migratable: MigratableVm;
  isRunning = false;
  isDestroyed = false;
  readonly #vm: Vm;
  readonly #pages: number;
  readonly #sets = new Set<PageSet>();

  constructor(pages: number) {
    if (!core) throw new Error("loadFuzzCore comes first");
    this.#pages = pages;
    const vm = loneVm(core, { memoryBytes: pages * PAGE_BYTES, mips: 500 });
    this.#vm = vm;
    const migratable = new MigratableVm(vm, {
      config: new Uint8Array([1, 2, 3]),
      pause: () => {
        this.isRunning = false;
      },
      resume: () => {
        if (this.isDestroyed) throw new Error("a destroyed guest was started");
        this.isRunning = true;
      },
      destroy: () => {
        this.isRunning = false;
        this.#end();
      },
    });
    const newPageSet = migratable.newPageSet.bind(migratable);
    migratable.newPageSet = () => this.#kept(newPageSet());
    this.migratable = migratable;
  }
  /** A source that is paused keeps its set, and nobody comes for it here. */
  #kept(set: PageSet): PageSet {
    const release = set.release.bind(set);
    set.release = () => {
      this.#sets.delete(set);
      release();
    };
    this.#sets.add(set);
    return set;
  }
  start(): void {
    this.isRunning = true;
  }
  fill(): void {
    const random = new Random(1);
    const page = random.bytes(new Uint8Array(PAGE_BYTES));
    for (let gfn = 0; gfn < this.#pages - 1; gfn++) {
      this.#vm.ram.write(RAM_BASE + gfn * PAGE_BYTES, page);
    }
  }
  write(count: number): void {
    const { ram } = this.#vm;
    // The last pages stay what they are: equal, and zero.
    const gpa = RAM_BASE + gfnOf(count, this.#pages - 3) * PAGE_BYTES;
    if (!ram.isHere(gpa, 8)) return;
    if (count % 11 === 0) ram.write(gpa, new Uint8Array(PAGE_BYTES));
    else if (count % 5 === 0) {
      const page = new Uint8Array(PAGE_BYTES);
      ram.read(RAM_BASE, page);
      ram.write(gpa, page);
    } else ram.write(gpa + (count % 64), Uint8Array.of(count, count >> 8));
  }
  memory(): Uint8Array | undefined {
    if (this.isDestroyed) return undefined;
    for (let gfn = 0; gfn < this.#pages; gfn++) if (this.#vm.ram.isMissing(gfn)) return undefined;
    const all = new Uint8Array(this.#pages * PAGE_BYTES);
    this.#vm.ram.read(RAM_BASE, all);
    return all;
  }
  free(): void {
    for (const set of [...this.#sets]) set.release();
    this.#end();
  }
  #end(): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.migratable.release();
    this.#vm.destroy();
  }
}
