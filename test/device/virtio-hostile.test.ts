/**
 * Drivers that mean harm, one crime at a time: no exception, the host goes on, and the driver reads
 * NEEDS_RESET.
 */
import { expect, test } from "vitest";
import { VirtioBlk } from "../../ts/device/virtio/blk.ts";
import { VirtioConsole } from "../../ts/device/virtio/console.ts";
import type { VirtioDevice } from "../../ts/device/virtio/device.ts";
import { VirtioMmio } from "../../ts/device/virtio/mmio.ts";
import { VirtioRng } from "../../ts/device/virtio/rng.ts";
import { MemoryDisk } from "../../ts/storage/memory-disk.ts";
import { FakeDriver, FakeLine, FakeMemory } from "./fakes.ts";

const makeRng = () => new VirtioRng({ random: { fill: (into) => into.fill(1) } });
const DEVICES: Record<string, () => VirtioDevice> = {
  blk: () => new VirtioBlk({ backend: new MemoryDisk({ content: 64 * 1024 }) }),
  console: () => new VirtioConsole({ onTransmit: () => undefined }),
  rng: makeRng,
};

function attack(make: () => VirtioDevice, features: readonly [number, number] = [0, 1]) {
  const memory = new FakeMemory(2 << 20);
  const device = new VirtioMmio({ device: make(), memory, irq: new FakeLine().set });
  return { memory, device, driver: new FakeDriver(device, memory, features).start() };
}

const RAM = 0x8000_0000;
const DATA = 0x8010_0000;
type Desc = { gpa: number; bytes: number; flags: number; next?: number };

const CRIMES: readonly (readonly [string, string, readonly Desc[], number])[] = [
  ["a chain that loops", "chain-loop", [{ gpa: DATA, bytes: 16, flags: 1, next: 0 }], 0],
  ["a head beyond the table", "descriptor-index", [], 16],
  [
    "a next beyond the table",
    "descriptor-index",
    [{ gpa: DATA, bytes: 16, flags: 1, next: 200 }],
    0,
  ],
  ["an address below RAM", "buffer", [{ gpa: RAM - 1, bytes: 16, flags: 2 }], 0],
  ["a buffer that leaves RAM", "buffer", [{ gpa: RAM + (2 << 20) - 8, bytes: 16, flags: 2 }], 0],
  ["an address near 2^64", "buffer", [{ gpa: 2 ** 64 - 4096, bytes: 8192, flags: 2 }], 0],
  ["a length of 4 GiB - 1", "buffer", [{ gpa: DATA, bytes: 0xffff_ffff, flags: 2 }], 0],
  ["an empty buffer", "buffer", [{ gpa: DATA, bytes: 0, flags: 2 }], 0],
  [
    "an indirect table that was not negotiated",
    "indirect",
    [{ gpa: DATA, bytes: 16, flags: 4 }],
    0,
  ],
  [
    "a readable buffer after a writable one",
    "chain-order",
    [
      { gpa: DATA, bytes: 16, flags: 3, next: 1 },
      { gpa: DATA, bytes: 16, flags: 0 },
    ],
    0,
  ],
];

for (const [name, make] of Object.entries(DEVICES))
  test.each(CRIMES)(`${name} asks for a reset on %s`, (_, fault, descs, head) => {
    const { driver, device } = attack(make);
    for (const [i, desc] of descs.entries()) driver.writeDesc(0, i, desc);
    driver.offer(0, head);
    driver.kick(0);
    if (name === "console") {
      // It takes receive buffers only when there is input: try the other queue.
      for (const [i, desc] of descs.entries()) driver.writeDesc(1, i, desc);
      driver.offer(1, head);
      driver.kick(1);
    }
    expect(driver.needsReset).toBe(true);
    expect(device.metrics().faults).toEqual({ [fault]: 1 });
    driver.kick(0);
    expect(device.metrics().faults).toEqual({ [fault]: 1 });
  });

test("buffers that overlap each other, the status and the ring are filled in order, and that is all", () => {
  const content = new Uint8Array(4096).fill(0xab);
  const { driver, device, memory } = attack(
    () => new VirtioBlk({ backend: new MemoryDisk({ content }) }),
  );
  memory.write(DATA, new Uint8Array(16)); // Reads sector 0.
  const table = driver.ringsOf(0).desc;
  driver.writeDesc(0, 0, { gpa: DATA, bytes: 16, flags: 1, next: 1 });
  driver.writeDesc(0, 1, { gpa: DATA + 256, bytes: 512, flags: 3, next: 2 });
  driver.writeDesc(0, 2, { gpa: DATA + 300, bytes: 512, flags: 3, next: 3 });
  driver.writeDesc(0, 3, { gpa: table + 16 * 8, bytes: 512, flags: 3, next: 4 });
  driver.writeDesc(0, 4, { gpa: DATA + 400, bytes: 1, flags: 2 });
  driver.offer(0, 0);
  driver.kick(0);
  expect(driver.needsReset).toBe(false);
  expect(device.metrics().faults).toEqual({});
  expect(driver.takeUsed(0).map(({ bytes }) => bytes)).toEqual([3 * 512 + 1]);
  const bytes = new Uint8Array(600);
  memory.read(DATA + 256, bytes);
  expect([bytes[0], bytes[143], bytes[144], bytes[145], bytes[555], bytes[556]]).toEqual([
    0xab, 0xab, 0, 0xab, 0xab, 0,
  ]);
  // Descriptor 8 is disk contents now: whoever offers it is refused.
  driver.offer(0, 8);
  driver.kick(0);
  expect(driver.needsReset).toBe(true);
});

test("an available index that runs ahead of the ring asks for a reset", () => {
  const { driver, device, memory } = attack(
    () => new VirtioRng({ random: { fill: () => undefined } }),
  );
  memory.view.setUint16(driver.ringsOf(0).avail - RAM + 2, 0x8000, true);
  driver.kick(0);
  expect(device.metrics().faults).toEqual({ "avail-index": 1 });
});

test("chains longer than the device takes at once ask for a reset", () => {
  const memory = new FakeMemory(2 << 20);
  const blk = new VirtioBlk({ backend: new MemoryDisk({ content: 64 * 1024 }) });
  const device = new VirtioMmio({
    device: blk,
    memory,
    irq: () => undefined,
    chainBytesMax: 1 << 20,
  });
  const driver = new FakeDriver(device, memory).start();
  for (const i of [0, 1])
    driver.writeDesc(0, i, { gpa: RAM + 0x8000, bytes: 1 << 19, flags: 3, next: i + 1 });
  driver.writeDesc(0, 2, { gpa: DATA, bytes: 1, flags: 2 });
  driver.offer(0, 0);
  driver.kick(0);
  expect(device.metrics().faults).toEqual({ "chain-bytes": 1 });
});

test("nested indirect tables ask for a reset", () => {
  const { driver, device, memory } = attack(makeRng, [1 << 28, 1]);
  const table = new Uint8Array(16);
  new DataView(table.buffer).setUint32(0, DATA, true);
  new DataView(table.buffer).setUint32(8, 16, true);
  new DataView(table.buffer).setUint16(12, 4, true);
  memory.write(DATA, table); // The table names itself.
  driver.writeDesc(0, 0, { gpa: DATA, bytes: 16, flags: 4 });
  driver.offer(0, 0);
  driver.kick(0);
  expect(device.metrics().faults).toEqual({ indirect: 1 });
});

test("requests that make the disk read new requests into its own ring cannot hold the host", () => {
  let count = 1;
  const backend = {
    bytes: 512,
    readOnly: true,
    read: (_offset: number, into: Uint8Array) => into.fill(0).set([0, 0, ++count, 0]),
    write: () => undefined,
    flush: () => undefined,
  };
  const memory = new FakeMemory(2 << 20);
  const device = new VirtioMmio({
    device: new VirtioBlk({ backend }),
    memory,
    irq: () => undefined,
  });
  const driver = new FakeDriver(device, memory).start();
  driver.writeDesc(0, 0, { gpa: DATA, bytes: 16, flags: 1, next: 1 });
  driver.writeDesc(0, 1, { gpa: driver.ringsOf(0).avail, bytes: 512, flags: 3, next: 2 });
  driver.writeDesc(0, 2, { gpa: DATA + 64, bytes: 1, flags: 2 });
  driver.offer(0, 0);
  driver.kick(0);
  expect(device.metrics().faults).toEqual({ runaway: 1 });
  expect(driver.needsReset).toBe(true);
});
