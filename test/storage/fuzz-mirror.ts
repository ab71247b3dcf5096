/**
 * Random work on mirrors, with crashes, legs that fail and rebuilds: what was flushed is there, and after a crash
 * both legs say the same, whatever was under way. Throws what must not be.
 */
import assert from "node:assert/strict";
import { WasmvisorError } from "../../ts/base/errors.ts";
import { Random } from "../../ts/base/random.ts";
import type { BlockBackend } from "../../ts/machine/block.ts";
import type { PoolDevice } from "../../ts/storage/pool/members.ts";
import { Pool } from "../../ts/storage/pool/pool.ts";
import { FragileDisk } from "./fuzz-pool.ts";
import { compareToModel, type Model, newModel, noteWrite, settleModel } from "./sector-model.ts";

const CHUNK_BYTES = 4096;
const CHUNKS = 24;
const SECTOR_BYTES = 512;

const now = <T>(value: T | PromiseLike<T>): T => {
  assert(!(value instanceof Promise), "it waits");
  return value as T;
};

class Life {
  readonly metadata = new FragileDisk(256 * 1024);
  readonly disks: FragileDisk[] = [];
  readonly random: Random;
  readonly model: Model = newModel(CHUNKS * CHUNK_BYTES);
  readonly seen = { mended: 0, rebuilt: 0, crashes: 0, returned: 0 };
  pool: Pool;

  constructor(seed: number) {
    this.random = new Random(seed).split("mirror");
    const devices = [this.#newDisk(), this.#newDisk(), this.#newDisk()];
    const { find, metadata } = this;
    this.pool = now(Pool.create({ metadata, devices, chunkBytes: CHUNK_BYTES, find }));
    now(this.pool.createVolume({ name: "m", bytes: this.model.now.length, layout: "mirrored" }));
  }

  /** Most of them show a label. */
  #newDisk(): PoolDevice {
    const backend = new FragileDisk(65 * CHUNK_BYTES);
    const name = String(this.disks.push(backend) - 1);
    return { name, backend, id: this.random.below(8) > 0 ? `disk ${name}` : undefined };
  }

  readonly find = (name: string): BlockBackend => {
    const disk = this.disks[Number(name)] as FragileDisk;
    if (disk.isBroken) throw new WasmvisorError("WV_DISK", "it is not there");
    return disk;
  };

  write(): void {
    const sectors = this.model.now.length / SECTOR_BYTES;
    const at = this.random.below(sectors);
    const count = 1 + this.random.below(Math.min(20, sectors - at));
    const bytes = this.random.bytes(new Uint8Array(count * SECTOR_BYTES));
    if (this.random.below(8) === 0) {
      bytes.fill(0);
      now(this.pool.volume("m").discard(at * SECTOR_BYTES, bytes.length));
    } else now(this.pool.volume("m").write(at * SECTOR_BYTES, bytes));
    noteWrite(this.model, at * SECTOR_BYTES, bytes);
  }

  flush(): void {
    now(this.pool.volume("m").flush());
    settleModel(this.model);
  }

  snapshot(): void {
    if (this.pool.volumes.length > 1) now(this.pool.removeVolume("s"));
    else now(this.pool.snapshot("m", "s"));
    settleModel(this.model);
  }

  breakOne(): void {
    const well = this.pool.devices.filter(({ state }) => state === "healthy");
    const isBad = this.disks.some(({ isBroken }) => isBroken); // Noticed or not: two are one too many.
    if (isBad || well.length < 3 || this.pool.degradedChunks > 0) return;
    const name = this.random.pick(well).name;
    (this.disks[Number(name)] as FragileDisk).isBroken = true;
  }

  /** A new device in place of one that has failed, or the same one again: emptied, or as it was when it failed. */
  async mend(): Promise<void> {
    const failed = this.pool.devices.find(({ state }) => state === "failed");
    if (!failed) return;
    const disk = this.disks[Number(failed.name)] as FragileDisk;
    disk.isBroken = false;
    const back = this.random.below(2) === 0 ? await this.pool.bringBack() : [];
    this.seen.returned += back.length;
    if (back.length === 0) this.#replace(failed.name, disk);
    const before = this.pool.rebuiltChunks;
    while (now(this.pool.rebuild(1 + this.random.below(9))) > 0);
    settleModel(this.model);
    this.seen.rebuilt += this.pool.rebuiltChunks - before;
    assert.equal(this.pool.degradedChunks, 0, "not all was rebuilt");
  }

  #replace(name: string, disk: FragileDisk): void {
    disk.scribble(this.random);
    if (this.random.below(4) > 0 || this.disks.length > 50) {
      const id = this.random.below(2) > 0 ? `again ${this.seen.crashes}` : undefined;
      now(this.pool.addDevice({ name, backend: disk, id }));
    } else now(this.pool.addDevice(this.#newDisk()));
  }

  crash(): void {
    for (const disk of [this.metadata, ...this.disks]) disk.crash(this.random);
    this.pool = now(Pool.open(this.metadata, this.find));
    this.seen.crashes++;
    this.seen.mended += this.pool.resync.mended;
    this.#legsAreEqual();
    const found = this.#content();
    compareToModel("m after a crash", found, this.model);
    this.model.now = found;
  }

  /** Read past the pool: a leg that has failed says nothing. */
  #legsAreEqual(): void {
    const failed = this.pool.devices.filter(({ state }) => state === "failed");
    for (const { bytes, copies } of this.pool.volume("m").map()) {
      const legs = copies
        .filter(({ device }) => failed.every(({ name }) => name !== device))
        .map(({ device, offset }) =>
          this.disks[Number(device)]?.content.subarray(offset, offset + bytes),
        );
      if (legs[0] && legs[1]) assert(Buffer.compare(legs[0], legs[1]) === 0, "the legs differ");
    }
  }

  #content(): Uint8Array {
    const found = new Uint8Array(this.model.now.length);
    now(this.pool.volume("m").read(0, found));
    return found;
  }

  check(): void {
    assert.deepEqual(this.pool.check().problems, []);
    assert(Buffer.compare(this.#content(), this.model.now) === 0, "it reads otherwise");
  }
}

/** Returns what happened, so that a test can say that something did. */
export async function fuzzMirror(seed: number, steps: number): Promise<Life["seen"]> {
  const life = new Life(seed);
  for (let step = 0; step < steps; step++)
    try {
      const dice = life.random.below(40);
      if (dice < 26) life.write();
      else if (dice < 32) life.flush();
      else if (dice < 34) life.snapshot();
      else if (dice < 35) life.breakOne();
      else if (dice < 37) await life.mend();
      else if (dice < 39) life.crash();
      else life.check();
    } catch (cause) {
      throw new Error(`fuzz-mirror: seed ${seed}, step ${step}: ${(cause as Error).message}`, {
        cause,
      });
    }
  life.check();
  return life.seen;
}
