/** Requests whose backend answers later: in flight, out of order, across resets, and when the vm rests. */
import { expect, test } from "vitest";
import { WasmvisorError } from "../../ts/base/errors.ts";
import { VirtioBlk } from "../../ts/device/virtio/blk.ts";
import { VirtioMmio } from "../../ts/device/virtio/mmio.ts";
import type { BlockBackend } from "../../ts/machine/block.ts";
import { MemoryDisk } from "../../ts/storage/memory-disk.ts";
import { type Buffer, FakeDriver, FakeLine, FakeMemory } from "./fakes.ts";

const IN = 0;
const OUT = 1;
const FLUSH = 4;

interface Pending {
  readonly what: string;
  readonly finish: (error?: Error) => Promise<void>;
}

/** A disk that does what it is asked when the test says so. */
class LateDisk implements BlockBackend {
  readonly bytes = 1 << 20;
  readonly readOnly = false;
  readonly inner = new MemoryDisk({ content: 1 << 20 });
  readonly pending: Pending[] = [];

  #later(what: string, action: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = async (error?: Error): Promise<void> => {
        this.pending.splice(this.pending.indexOf(pending), 1);
        if (error) reject(error);
        else {
          action();
          resolve();
        }
        await new Promise((done) => setImmediate(done));
      };
      const pending = { what, finish };
      this.pending.push(pending);
    });
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    return this.#later(`read ${offset}`, () => this.inner.read(offset, into));
  }
  write(offset: number, from: Uint8Array): Promise<void> {
    return this.#later(`write ${offset}`, () => this.inner.write(offset, from));
  }
  flush(): Promise<void> {
    return this.#later("flush", () => undefined);
  }
  get asked(): string[] {
    return this.pending.map(({ what }) => what);
  }
  async finish(what: string, error?: Error): Promise<void> {
    await this.pending.find((one) => one.what === what)?.finish(error);
  }
}

function header(type: number, sector: number): Uint8Array {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(0, type, true);
  new DataView(bytes.buffer).setUint32(8, sector, true);
  return bytes;
}

function makeLate() {
  const disk = new LateDisk();
  const memory = new FakeMemory(8 << 20);
  const line = new FakeLine();
  const blk = new VirtioBlk({ backend: disk });
  const device = new VirtioMmio({ device: blk, memory, irq: line.set });
  const driver = new FakeDriver(device, memory, [1 << 9, 1]).start();
  const ask = (type: number, sector: number, ...data: Buffer[]) => {
    const request = driver.add(0, [{ send: header(type, sector) }, ...data, { receive: 1 }]);
    driver.kick(0);
    const status = (): number | undefined => driver.bytesAt(request.gpas.at(-1) ?? 0, 1)[0];
    return { ...request, status };
  };
  return { disk, memory, line, blk, device, driver, ask };
}

const sectors = (fill: number, count = 1) => new Uint8Array(512 * count).fill(fill);

test("requests are in flight together and are answered as they end", async () => {
  const { ask, disk, driver, line } = makeLate();
  disk.inner.write(512, sectors(7));
  const read = ask(IN, 1, { receive: 512 });
  const write = ask(OUT, 8, { send: sectors(3) });
  expect(disk.asked).toEqual(["read 512", "write 4096"]);
  expect(driver.takeUsed(0)).toEqual([]);
  await disk.finish("write 4096");
  expect(driver.takeUsed(0)).toEqual([{ head: write.head, bytes: 1 }]);
  expect(line.level).toBe(true);
  await disk.finish("read 512");
  expect(driver.takeUsed(0)).toEqual([{ head: read.head, bytes: 513 }]);
  expect(driver.bytesAt(read.gpas[1] ?? 0, 512)).toEqual(sectors(7));
});

test("a promise that rejects, with whatever, is an IO error", async () => {
  const { ask, blk, disk } = makeLate();
  const first = ask(OUT, 0, { send: sectors(1) });
  await disk.finish("write 0", new WasmvisorError("WV_DISK", "no space left"));
  const second = ask(IN, 0, { receive: 512 });
  await disk.finish("read 0", new Error("a bug"));
  expect([first.status(), second.status(), blk.metrics().errors]).toEqual([1, 1, 2]);
});

test("a request that fails in part is answered when its other parts are done, too", async () => {
  const { ask, disk, driver } = makeLate();
  const request = ask(OUT, 0, { send: sectors(1, 600) });
  expect(disk.asked).toEqual(["write 0", "write 262144"]);
  await disk.finish("write 0", new WasmvisorError("WV_DISK", "no space left"));
  expect(driver.takeUsed(0)).toEqual([]);
  await disk.finish("write 262144");
  expect(driver.takeUsed(0)).toHaveLength(1);
  expect(request.status()).toBe(1);
});

test("an answer of before a reset reaches neither memory nor ring, and what comes next waits for it", async () => {
  const { ask, disk, driver, memory } = makeLate();
  disk.inner.write(0, sectors(9));
  const read = ask(IN, 0, { receive: 512 });
  ask(OUT, 1, { send: sectors(1) });
  driver.start();
  const after = ask(OUT, 1, { send: sectors(2) });
  expect(disk.asked).toEqual(["read 0", "write 512"]);
  await disk.finish("read 0");
  expect(driver.bytesAt(read.gpas[1] ?? 0, 512)).toEqual(sectors(0));
  expect(disk.asked).toEqual(["write 512"]);
  await disk.finish("write 512");
  expect(driver.takeUsed(0)).toEqual([]);
  expect(disk.asked).toEqual(["write 512"]);
  await disk.finish("write 512");
  expect(driver.takeUsed(0)).toEqual([{ head: after.head, bytes: 1 }]);
  const content = sectors(0);
  disk.inner.read(512, content);
  expect(content).toEqual(sectors(2));
  expect(memory.ramBytes).toBe(8 << 20);
});

test("drain waits for what is in flight, then for a flush; what comes meanwhile waits for resume", async () => {
  const { ask, blk, device, disk, driver } = makeLate();
  ask(OUT, 0, { send: sectors(1) });
  let isDrained = false;
  const drained = Promise.resolve(device.drain()).then(() => {
    isDrained = true;
  });
  ask(OUT, 1, { send: sectors(2) });
  expect([disk.asked, device.inFlight]).toEqual([["write 0"], 1]);
  await disk.finish("write 0");
  expect([disk.asked, device.inFlight, isDrained]).toEqual([["flush"], 0, false]);
  await disk.finish("flush");
  await drained;
  expect(driver.takeUsed(0)).toHaveLength(1);

  const twin = new VirtioMmio({
    device: new VirtioBlk({ backend: disk }),
    memory: driver.memory,
    irq: new FakeLine().set,
  });
  twin.restore(device.save());
  twin.resume();
  expect(disk.asked).toEqual(["write 512"]);
  await disk.finish("write 512");
  expect(driver.takeUsed(0)).toHaveLength(1);
  expect(blk.metrics()).toMatchObject({ writes: 1, flushes: 1 });
});

test("drain needs no flush when nothing was written since the last, and fails when the flush does", async () => {
  const { ask, device, disk } = makeLate();
  expect(device.drain()).toBeUndefined();
  device.resume();
  ask(OUT, 0, { send: sectors(1) });
  await disk.finish("write 0");
  ask(FLUSH, 0);
  ask(OUT, 1, { send: sectors(1) });
  await disk.finish("write 512"); // Done while the flush is under way: not covered by it.
  await disk.finish("flush");
  const drained = Promise.resolve(device.drain());
  expect(disk.asked).toEqual(["flush"]);
  const failed = expect(drained).rejects.toThrow("no space left");
  await disk.finish("flush", new WasmvisorError("WV_DISK", "no space left"));
  await failed;
  expect(disk.pending).toHaveLength(0);
});

test("a drain that is still waiting when the guest goes on fails", async () => {
  const { ask, device, disk } = makeLate();
  ask(OUT, 0, { send: sectors(1) });
  const drained = Promise.resolve(device.drain());
  device.resume();
  await expect(drained).rejects.toMatchObject({ code: "WV_STATE" });
  await disk.finish("write 0");
});

test("the bytes in flight are bounded; what is left over starts as others end", async () => {
  const { disk, driver } = makeLate();
  // All requests are the same one, offered again while it is in flight: no driver that is honest does so.
  const { head } = driver.add(0, [
    { send: header(OUT, 0) },
    { send: sectors(1, 2048) },
    { receive: 1 },
  ]);
  for (let i = 1; i < 24; i++) {
    driver.kick(0);
    driver.offer(0, head);
  }
  driver.kick(0);
  expect(disk.pending).toHaveLength(16 * 4);
  for (const one of disk.pending.slice(0, 4)) await one.finish();
  expect(disk.pending).toHaveLength(16 * 4);
  while (disk.pending.length > 0) await disk.pending[0]?.finish();
  expect(driver.takeUsed(0)).toHaveLength(24);
  expect(driver.needsReset).toBe(false);
});
