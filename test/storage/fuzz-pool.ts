/** Random work on a pool, next to plain arrays that do the same; crashes forget what was not flushed. */
import { WasmvisorError } from "../../ts/base/errors.ts";
import { Random } from "../../ts/base/random.ts";
import type { BlockBackend } from "../../ts/machine/block.ts";
import { Pool } from "../../ts/storage/pool/pool.ts";
import {
  compareToModel,
  isSameSector,
  type Model,
  newModel,
  noteLoose,
  noteWrite,
  settleModel,
} from "./sector-model.ts";

const CHUNK_BYTES = 4096;
const DEVICE_BYTES = 40 * CHUNK_BYTES;
const SECTOR_BYTES = 512;

/** A disk that loses, when it crashes, any of the sectors that were written since the last flush. */
export class FragileDisk implements BlockBackend {
  readonly readOnly = false;
  readonly content: Uint8Array;
  readonly #safe: Uint8Array;
  /** Sectors that were written since the last flush: most crashes and flushes come soon, and disks are large. */
  readonly #unsafe = new Set<number>();
  isBroken = false;

  constructor(bytes: number) {
    this.content = new Uint8Array(bytes);
    this.#safe = new Uint8Array(bytes);
  }

  get bytes(): number {
    return this.content.length;
  }

  #mustWork(): void {
    if (this.isBroken) throw new WasmvisorError("WV_DISK", "it is broken");
  }

  read(offset: number, into: Uint8Array): void {
    this.#mustWork();
    into.set(this.content.subarray(offset, offset + into.length));
  }

  write(offset: number, from: Uint8Array): void {
    this.#mustWork();
    if (offset + from.length > this.bytes) throw new Error("beyond the end");
    this.content.set(from, offset);
    const first = Math.floor(offset / SECTOR_BYTES);
    const end = Math.ceil((offset + from.length) / SECTOR_BYTES);
    for (let sector = first; sector < end; sector++) this.#unsafe.add(sector);
  }

  flush(): void {
    this.#mustWork();
    this.#settle();
  }

  #settle(): void {
    for (const sector of this.#unsafe) copySector(this.content, this.#safe, sector);
    this.#unsafe.clear();
  }

  crash(random: Random): void {
    for (const sector of this.#unsafe)
      if (random.below(2) === 0) copySector(this.#safe, this.content, sector);
    this.#settle();
  }

  /** Somebody else has used it. */
  scribble(random: Random): void {
    this.content.fill(1 + random.below(255));
    this.#safe.set(this.content);
    this.#unsafe.clear();
  }
}

function copySector(from: Uint8Array, to: Uint8Array, sector: number): void {
  const at = sector * SECTOR_BYTES;
  to.set(from.subarray(at, at + SECTOR_BYTES), at);
}

interface VolumeModel extends Model {
  readonly isSnapshot: boolean;
}

const now = <T>(value: T | PromiseLike<T>): T => {
  if (value instanceof Promise) throw new Error("it waits");
  return value as T;
};

/** One life of a pool; throws an error that says what is wrong. */
export function fuzzPool(seed: number, steps: number): void {
  const random = new Random(seed).split("pool");
  const metadata = new FragileDisk(256 * 1024);
  const disks = [0, 1, 2].map(() => new FragileDisk(DEVICE_BYTES));
  const find = (name: string): BlockBackend => disks[Number(name)] as BlockBackend;
  const devices = disks.map((backend, i) => ({ name: String(i), backend }));
  let pool = now(Pool.create({ metadata, devices, chunkBytes: CHUNK_BYTES }));
  const models = new Map<string, VolumeModel>();
  let named = 0;

  const settle = (): void => {
    for (const model of models.values()) settleModel(model);
  };
  const pick = (): [string, VolumeModel] | undefined => [...models][random.below(models.size || 1)];
  const range = (bytes: number): [number, number] => {
    const sectors = bytes / SECTOR_BYTES;
    const from = random.below(sectors);
    const count = 1 + random.below(Math.min(24, sectors - from));
    return [from * SECTOR_BYTES, count * SECTOR_BYTES];
  };

  const actions: (() => void)[] = [
    () => {
      if (models.size >= 6) return;
      const name = `v${named++}`;
      const bytes = (1 + random.below(20)) * CHUNK_BYTES - SECTOR_BYTES * random.below(3);
      const layout = (["linear", "striped", "mirrored"] as const)[random.below(3)];
      now(
        pool.createVolume({ name, bytes, layout, room: random.below(8) === 0 ? "full" : "thin" }),
      );
      settle();
      models.set(name, { ...newModel(bytes), isSnapshot: false });
    },
    () => {
      const [name, model] = pick() ?? [];
      if (name === undefined || !model || models.size >= 8) return;
      const copy = `s${named++}`;
      now(pool.snapshot(name, copy));
      settle();
      const kept = model.now.slice();
      models.set(copy, { now: kept, safe: kept.slice(), loose: new Map(), isSnapshot: true });
    },
    () => {
      const [name] = pick() ?? [];
      if (name === undefined || random.below(3) > 0) return;
      now(pool.removeVolume(name));
      models.delete(name);
      settle();
    },
    () => {
      now(pool.flush());
      settle();
    },
    () => {
      if (random.below(4) > 0) return;
      for (const disk of [metadata, ...disks]) disk.crash(random);
      pool = now(Pool.open(metadata, find));
      for (const [name, model] of models) {
        const found = new Uint8Array(model.now.length);
        now(pool.volume(name).read(0, found));
        compareToModel(`${name} after a crash`, found, model);
        model.now = found;
      }
      now(pool.flush());
      settle();
    },
  ];
  const write = (): void => {
    const [name, model] = pick() ?? [];
    if (name === undefined || !model || model.isSnapshot) return;
    const [offset, count] = range(model.now.length);
    const bytes = random.bytes(new Uint8Array(count));
    const isDiscard = random.below(5) === 0;
    if (isDiscard) now(pool.volume(name).discard(offset, count));
    else now(pool.volume(name).write(offset, bytes));
    noteWrite(model, offset, isDiscard ? new Uint8Array(count) : bytes);
  };

  for (let step = 0; step < steps; step++) {
    const action = random.below(3) > 0 ? write : actions[random.below(actions.length)];
    const before = new Map([...models].map(([name, model]) => [name, model.now.slice()]));
    try {
      action?.();
    } catch (error) {
      if (!(error instanceof WasmvisorError) || error.code !== "WV_NO_SPACE") throw error;
      // What did not fit may be there in part.
      for (const [name, model] of models) {
        now(pool.volume(name).read(0, model.now));
        const old = before.get(name) as Uint8Array;
        for (let at = 0; at < old.length; at += SECTOR_BYTES)
          if (!isSameSector(old, model.now, at)) noteLoose(model, at);
      }
      const [name] = pick() ?? [];
      if (name !== undefined) {
        now(pool.removeVolume(name));
        models.delete(name);
        settle();
      }
    }
    const { problems } = pool.check();
    if (problems.length > 0) throw new Error(`seed ${seed}, step ${step}: ${problems.join("; ")}`);
    if (step % 8 === 0)
      for (const [name, model] of models) {
        const found = new Uint8Array(model.now.length);
        now(pool.volume(name).read(0, found));
        if (Buffer.compare(found, model.now) !== 0)
          throw new Error(`seed ${seed}, step ${step}: ${name} reads otherwise`);
      }
  }
}
