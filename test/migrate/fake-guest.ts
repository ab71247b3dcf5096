/** A guest of a few pages of real memory, for tests of the engine. */
import { createHash } from "node:crypto";
import { WasmvisorError } from "../../ts/base/errors.ts";
import type { Random } from "../../ts/base/random.ts";
import type {
  BatchLimit,
  GuestShape,
  Migratable,
  PageBatch,
  PageSet,
} from "../../ts/machine/migratable.ts";

const PAGE = 4096;
const ZERO = 1 << 30;
const ZERO_PAGE = new Uint8Array(PAGE);

class FakeSet implements PageSet {
  readonly gfns = new Set<number>();
  count(): number {
    return this.gfns.size;
  }
  release(): void {
    this.gfns.clear();
  }
}

export class FakeGuest implements Migratable {
  readonly shape: GuestShape;
  readonly memory: Uint8Array;
  isRunning = false;
  isDestroyed = false;
  isLogging = false;
  state = new Uint8Array(300);
  readonly #dirty = new Set<number>();

  constructor(pageCount: number) {
    this.shape = { kind: "fake/1", pageCount, config: new Uint8Array([1, 2, 3]) };
    this.memory = new Uint8Array(pageCount * PAGE);
  }

  /** What a running guest does. */
  write(at: number, value: number): void {
    if (!this.isRunning) throw new Error("a paused guest wrote");
    this.memory[at] = value;
    this.#dirty.add(Math.floor(at / PAGE));
  }

  fill(random: Random, share: number): void {
    for (let gfn = 0; gfn < this.shape.pageCount; gfn++)
      if (random.float() < share) random.bytes(this.memory.subarray(gfn * PAGE, gfn * PAGE + 64));
  }

  newPageSet(): FakeSet {
    return new FakeSet();
  }

  startDirtyLog(set: PageSet): void {
    this.isLogging = true;
    this.#dirty.clear();
    for (let gfn = 0; gfn < this.shape.pageCount; gfn++) (set as FakeSet).gfns.add(gfn);
  }

  stopDirtyLog(): void {
    this.isLogging = false;
  }

  harvest(set: PageSet): number {
    if (!this.isLogging) throw new Error("harvest without a log");
    for (const gfn of this.#dirty) (set as FakeSet).gfns.add(gfn);
    const count = this.#dirty.size;
    this.#dirty.clear();
    return count;
  }

  takeBatch(set: PageSet, fromGfn: number, limit: BatchLimit): PageBatch {
    const { gfns } = set as FakeSet;
    const records: Uint8Array[] = [];
    let [normalPages, zeroPages, gfn] = [0, 0, fromGfn];
    for (; gfn < this.shape.pageCount; gfn++) {
      if (normalPages >= limit.normalPagesMax || zeroPages >= limit.zeroPagesMax) break;
      if (!gfns.delete(gfn)) continue;
      const page = this.memory.subarray(gfn * PAGE, (gfn + 1) * PAGE);
      const isZero = Buffer.compare(page, ZERO_PAGE) === 0;
      const word = isZero ? gfn | ZERO : gfn;
      records.push(new Uint8Array(new Uint32Array([word]).buffer));
      if (!isZero) records.push(page);
      if (isZero) zeroPages++;
      else normalPages++;
    }
    return { normalPages, zeroPages, nextGfn: gfn, records: Buffer.concat(records) };
  }

  applyBatch(batch: Omit<PageBatch, "nextGfn">): void {
    const { records } = batch;
    const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
    let [at, pages] = [0, 0];
    while (at < records.length) {
      if (records.length - at < 4) throw new WasmvisorError("WV_BAD_STREAM", "record cut");
      const word = view.getUint32(at, true);
      const gfn = word & (ZERO - 1);
      at += 4;
      if (gfn >= this.shape.pageCount) throw new WasmvisorError("WV_BAD_STREAM", "gfn");
      const page = this.memory.subarray(gfn * PAGE, (gfn + 1) * PAGE);
      if (word & ZERO) page.fill(0);
      else {
        if (records.length - at < PAGE) throw new WasmvisorError("WV_BAD_STREAM", "page cut");
        page.set(records.subarray(at, at + PAGE));
        at += PAGE;
      }
      pages++;
    }
    if (pages !== batch.normalPages + batch.zeroPages)
      throw new WasmvisorError("WV_BAD_STREAM", "counts");
  }

  pause(): void {
    this.isRunning = false;
  }

  resume(): void {
    if (this.isDestroyed) throw new Error("a destroyed guest was started");
    this.isRunning = true;
  }

  saveState(): Uint8Array {
    if (this.isRunning) throw new Error("state of a running guest");
    return this.state;
  }

  restoreState(state: Uint8Array): void {
    this.state = state.slice();
  }

  memoryHash(): string {
    return createHash("sha256").update(this.memory).digest("hex").slice(0, 16);
  }

  destroy(): void {
    this.isRunning = false;
    this.isDestroyed = true;
  }
}
