import { expect, test } from "vitest";
import { WasmvisorError } from "../../ts/base/errors.ts";
import { VirtioBlk } from "../../ts/device/virtio/blk.ts";
import { VirtioMmio } from "../../ts/device/virtio/mmio.ts";
import * as reg from "../../ts/device/virtio/registers.ts";
import type { BlockBackend } from "../../ts/machine/block.ts";
import { MemoryDisk } from "../../ts/storage/memory-disk.ts";
import { type Buffer, FakeDriver, FakeLine, FakeMemory } from "./fakes.ts";

const IN = 0;
const OUT = 1;
const FLUSH = 4;
const GET_ID = 8;
const DISCARD = 11;
const WRITE_ZEROES = 13;

function header(type: number, sector: number): Uint8Array {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(0, type, true);
  new DataView(bytes.buffer).setBigUint64(8, BigInt(sector), true);
  return bytes;
}

function range(sector: number, sectors: number, flags = 0): Uint8Array {
  const bytes = header(sector, 0);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(sector), true);
  new DataView(bytes.buffer).setUint32(8, sectors, true);
  new DataView(bytes.buffer).setUint32(12, flags, true);
  return bytes;
}

function makeBlk(backend: BlockBackend, serial?: string) {
  const memory = new FakeMemory(4 << 20);
  const blk = new VirtioBlk({ backend, serial });
  const device = new VirtioMmio({ device: blk, memory, irq: new FakeLine().set });
  const driver = new FakeDriver(device, memory, [0x3000_0200, 1]).start();
  const request = (type: number, sector: number, ...data: Buffer[]) => {
    const buffers = [{ send: header(type, sector) }, ...data, { receive: 1 }];
    const { gpas } = driver.add(0, buffers);
    driver.kick(0);
    const [used] = driver.takeUsed(0);
    const status = driver.bytesAt(gpas.at(-1) ?? 0, 1)[0];
    return { status, used, data: driver.bytesAt(gpas[1] ?? 0, 512), gpas };
  };
  return { blk, driver, device, request };
}

const counting = (bytes: number) => Uint8Array.from({ length: bytes }, (_, i) => i % 251);

test("a sector comes back as it is on the disk, across several buffers", () => {
  const content = counting(4096);
  const { request, driver } = makeBlk(new MemoryDisk({ content }));
  const { status, used, gpas } = request(IN, 2, { receive: 100 }, { receive: 924 });
  expect([status, used?.bytes]).toEqual([0, 1025]);
  expect(driver.bytesAt(gpas[1] ?? 0, 1024)).toEqual(content.slice(1024, 2048));
});

test("a write larger than any internal buffer reaches the disk whole", () => {
  const disk = new MemoryDisk({ content: 1 << 20 });
  const { request, blk } = makeBlk(disk);
  const data = counting(700 * 512);
  expect(request(OUT, 3, { send: data }).status).toBe(0);
  const back = new Uint8Array(data.length);
  disk.read(3 * 512, back);
  expect(back.findIndex((byte, i) => byte !== data[i])).toBe(-1);
  expect(blk.metrics()).toMatchObject({ writes: 1, writtenBytes: data.length, errors: 0 });
});

test("the configuration tells capacity, limits and block size, in any access width", () => {
  const { device } = makeBlk(new MemoryDisk({ content: 8192 }));
  const config = (at: number, bytes: 1 | 2 | 4 = 4) => device.load(reg.CONFIG + at, bytes);
  expect([config(0), config(4), config(0, 1), config(0, 2)]).toEqual([16, 0, 16, 16]);
  expect([config(8), config(12), config(20), config(34, 2)]).toEqual([131072, 510, 512, 1]);
  expect(config(4000)).toBe(0);
});

test.each([
  ["a read that begins beyond the end", IN, 16, { receive: 512 }],
  ["a read that ends beyond the end", IN, 15, { receive: 1024 }],
  ["a read of a sector near 2^64", IN, 2 ** 54, { receive: 512 }],
  ["a read of half a sector", IN, 0, { receive: 256 }],
  ["a write beyond the end", OUT, 16, { send: new Uint8Array(512) }],
])("%s is an IO error, not a fault", (_, type, sector, data) => {
  const { request, driver } = makeBlk(new MemoryDisk({ content: 8192 }));
  expect(request(type, sector, data).status).toBe(1);
  expect(driver.needsReset).toBe(false);
  expect(request(IN, 0, { receive: 512 }).status).toBe(0);
});

test("a read-only disk says so and refuses writes", () => {
  const { request, blk } = makeBlk(new MemoryDisk({ content: 8192, readOnly: true }));
  expect(blk.features & (1 << 5)).toBe(1 << 5);
  expect(request(OUT, 0, { send: new Uint8Array(512) }).status).toBe(1);
  expect(request(WRITE_ZEROES, 0, { send: range(0, 1) }).status).toBe(2);
});

test("GET_ID gives 20 bytes of serial number, padded with zeros", () => {
  const { request } = makeBlk(new MemoryDisk({ content: 8192 }), "disk-7");
  const { status, data } = request(GET_ID, 0, { receive: 20 });
  expect(status).toBe(0);
  expect(new TextDecoder().decode(data.slice(0, 20))).toBe("disk-7".padEnd(20, "\0"));
});

test("DISCARD and WRITE_ZEROES clear exactly their ranges", () => {
  const disk = new MemoryDisk({ content: counting(8192) });
  const { request } = makeBlk(disk);
  expect(request(DISCARD, 0, { send: range(1, 2) }).status).toBe(0);
  expect(request(WRITE_ZEROES, 0, { send: range(8, 1, 1) }).status).toBe(0);
  const content = new Uint8Array(8192);
  disk.read(0, content);
  const expected = counting(8192).fill(0, 512, 1536).fill(0, 4096, 4608);
  expect(content).toEqual(expected);
  expect(request(DISCARD, 0, { send: range(15, 2) }).status).toBe(1);
  expect(request(DISCARD, 0, { send: range(0, 1, 1) }).status).toBe(2);
});

test("an unknown request is unsupported; a request without room for a status asks for a reset", () => {
  const { request, driver, device } = makeBlk(new MemoryDisk({ content: 8192 }));
  expect(request(99, 0, { receive: 512 }).status).toBe(2);
  driver.add(0, [{ send: header(FLUSH, 0) }]);
  driver.kick(0);
  expect(driver.needsReset).toBe(true);
  expect(device.metrics().faults).toEqual({ request: 1 });
});

test("a backend that fails becomes an IO error; the next request works", () => {
  let isBroken = true;
  const backend: BlockBackend = {
    bytes: 8192,
    readOnly: false,
    read: (_offset, into) => {
      if (isBroken) throw new WasmvisorError("WV_DISK", "no more magnetism");
      into.fill(7);
    },
    write: () => undefined,
    flush: () => {
      throw new WasmvisorError("WV_DISK", "cannot flush");
    },
  };
  const { request, blk } = makeBlk(backend);
  expect(request(IN, 0, { receive: 512 }).status).toBe(1);
  expect(request(FLUSH, 0).status).toBe(1);
  isBroken = false;
  const { status, data } = request(IN, 0, { receive: 512 });
  expect([status, data[0]]).toEqual([0, 7]);
  expect(blk.metrics()).toMatchObject({ errors: 2, flushes: 1 });
});

test("a state of a disk of another size is refused", () => {
  const { blk } = makeBlk(new MemoryDisk({ content: 8192 }));
  expect(() => blk.restore({ bytes: 4096 })).toThrow(/virtio-blk.bytes/);
});

test("a request whose pages have not arrived waits for all of them, and nothing of it is done before", () => {
  const disk = new MemoryDisk({ content: 1 << 16 });
  const { driver, device } = makeBlk(disk);
  const { memory } = driver;
  const data = counting(8192);
  const { gpas } = driver.add(0, [{ send: header(OUT, 0) }, { send: data }, { receive: 1 }]);
  const pages = [gpas[0], gpas[1], (gpas[1] ?? 0) + 8191].map((gpa) => (gpa ?? 0) >>> 12);
  for (const page of pages) memory.missing.add(page);
  driver.kick(0);
  const content = new Uint8Array(8192);
  for (const page of new Set(pages)) {
    expect(driver.takeUsed(0)).toEqual([]);
    disk.read(0, content);
    expect(content.every((byte) => byte === 0)).toBe(true);
    memory.missing.delete(page);
    device.retry();
  }
  expect(driver.takeUsed(0)).toHaveLength(1);
  disk.read(0, content);
  expect(content).toEqual(data);
  device.retry();
  expect(driver.takeUsed(0)).toEqual([]);
});

test("a queue whose rings have not arrived is not looked at", () => {
  const { driver, device } = makeBlk(new MemoryDisk({ content: 1 << 16 }));
  const state = device.save();
  const { memory } = driver;
  driver.add(0, [{ send: header(IN, 0) }, { receive: 512 }, { receive: 1 }]);
  const ring = (state.queues[0]?.addresses[2] ?? 0) >>> 12;
  // As on the target of a post-copy: the device is restored, its rings are still to come.
  memory.missing.add(ring);
  device.restore(state);
  driver.kick(0);
  expect(driver.takeUsed(0)).toEqual([]);
  memory.missing.delete(ring);
  device.retry();
  expect(driver.takeUsed(0)).toHaveLength(1);
});

test("a disk that can reads straight into the guest's memory, and a failure is an IO error", () => {
  const disk = new MemoryDisk({ content: counting(4096) });
  const filled: number[] = [];
  const backend = Object.assign(disk, {
    readPieces(offset: number, into: readonly Uint8Array[]): void {
      if (offset === 0) throw new WasmvisorError("WV_DISK", "a bad sector");
      let at = offset;
      for (const piece of into) {
        disk.read(at, piece);
        filled.push(piece.length);
        at += piece.length;
      }
    },
  });
  const { blk, driver, request } = makeBlk(backend);
  const { memory } = driver;
  const direct = Object.assign(memory, {
    // In pieces of 300 bytes, as if frames were not in a row.
    piecesToFill(gpa: number, bytes: number): Uint8Array[] {
      const { ram, ramBase } = memory;
      return Array.from({ length: Math.ceil(bytes / 300) }, (_, i) =>
        ram.subarray(gpa - ramBase + 300 * i, gpa - ramBase + Math.min(bytes, 300 * (i + 1))),
      );
    },
  });
  expect(direct).toBe(memory);
  const { gpas, status, used } = request(IN, 2, { receive: 500 }, { receive: 524 });
  expect([status, used?.bytes]).toEqual([0, 1025]);
  expect(filled).toEqual([300, 200, 300, 224]);
  expect(driver.bytesAt(gpas[1] ?? 0, 500)).toEqual(counting(4096).slice(1024, 1524));
  expect(driver.bytesAt(gpas[2] ?? 0, 524)).toEqual(counting(4096).slice(1524, 2048));
  expect(request(IN, 0, { receive: 512 }).status).toBe(1);
  expect(blk.metrics()).toMatchObject({ reads: 2, readBytes: 1024, errors: 1 });
});
