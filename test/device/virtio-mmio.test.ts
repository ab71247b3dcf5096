import { expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import { VirtioMmio } from "../../ts/device/virtio/mmio.ts";
import * as reg from "../../ts/device/virtio/registers.ts";
import { VirtioRng } from "../../ts/device/virtio/rng.ts";
import { FakeDriver, FakeLine, FakeMemory } from "./fakes.ts";

function makeRng() {
  const memory = new FakeMemory(4 << 20);
  const line = new FakeLine();
  let next = 0;
  const random = {
    fill: (into: Uint8Array) => into.set(Array.from(into, () => ++next & 0xff)),
  };
  const device = new VirtioMmio({ device: new VirtioRng({ random }), memory, irq: line.set });
  return { memory, line, device, driver: new FakeDriver(device, memory) };
}

test("it identifies itself as virtio-mmio version 2 with its device type", () => {
  const { driver } = makeRng();
  expect(driver.load(reg.MAGIC_VALUE)).toBe(0x74726976);
  expect(driver.load(reg.VERSION)).toBe(2);
  expect(driver.load(reg.DEVICE_ID)).toBe(4);
  expect(driver.load(reg.SHM_LEN_LOW)).toBe(0xffffffff);
});

test("negotiation offers indirect descriptors, event index and VERSION_1", () => {
  const { driver } = makeRng();
  driver.store(reg.DEVICE_FEATURES_SEL, 0);
  expect(driver.load(reg.DEVICE_FEATURES)).toBe(0x3000_0000);
  driver.store(reg.DEVICE_FEATURES_SEL, 1);
  expect(driver.load(reg.DEVICE_FEATURES)).toBe(1);
  driver.store(reg.DEVICE_FEATURES_SEL, 2);
  expect(driver.load(reg.DEVICE_FEATURES)).toBe(0);
});

test.each([
  ["without VERSION_1", [0, 0]],
  ["with a feature that was not offered", [1, 1]],
])("FEATURES_OK does not stay %s", (_, [lo, hi]) => {
  const { device, memory } = makeRng();
  const driver = new FakeDriver(device, memory, [lo ?? 0, hi ?? 0]).start();
  expect(driver.load(reg.STATUS) & (reg.STATUS_FEATURES_OK | reg.STATUS_DRIVER_OK)).toBe(0);
  expect(device.isLive).toBe(false);
});

test("a request is answered, interrupts, and the line falls with the acknowledgement", () => {
  const { driver, line } = makeRng();
  driver.start();
  const { gpas, head } = driver.add(0, [{ receive: 8 }]);
  driver.kick(0);
  expect(driver.takeUsed(0)).toEqual([{ head, bytes: 8 }]);
  expect([...driver.bytesAt(gpas[0] ?? 0, 8)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect([line.level, driver.load(reg.INTERRUPT_STATUS)]).toEqual([true, 1]);
  driver.store(reg.INTERRUPT_ACK, 1);
  expect([line.level, driver.load(reg.INTERRUPT_STATUS)]).toEqual([false, 0]);
});

test("buffers that were offered before DRIVER_OK are served when it comes", () => {
  const { driver, device } = makeRng();
  driver.start();
  driver.store(reg.STATUS, reg.STATUS_ACKNOWLEDGE | reg.STATUS_DRIVER | reg.STATUS_FEATURES_OK);
  driver.add(0, [{ receive: 4 }]);
  driver.kick(0);
  expect(driver.takeUsed(0)).toEqual([]);
  driver.store(reg.STATUS, 0x0f);
  expect(driver.takeUsed(0).length).toBe(1);
  expect(device.metrics().queues[0]?.chains).toBe(1);
});

test("the driver's NO_INTERRUPT flag keeps the line quiet", () => {
  const { driver, line, memory } = makeRng();
  driver.start();
  memory.view.setUint16(driver.ringsOf(0).avail - memory.ramBase, 1, true);
  driver.add(0, [{ receive: 4 }]);
  driver.kick(0);
  expect(driver.takeUsed(0).length).toBe(1);
  expect(line.level).toBe(false);
});

test("with event index it interrupts when used_event is passed, and asks for the next notification", () => {
  const { device, memory, line } = makeRng();
  const driver = new FakeDriver(device, memory, [1 << 29, 1]).start();
  const { avail, used, size } = driver.ringsOf(0);
  const usedEvent = avail - memory.ramBase + 4 + 2 * size;
  const availEvent = used - memory.ramBase + 4 + 8 * size;
  const request = () => {
    driver.store(reg.INTERRUPT_ACK, 3);
    driver.add(0, [{ receive: 4 }]);
    driver.kick(0);
    return line.level;
  };
  memory.view.setUint16(usedEvent, 0, true);
  expect(request()).toBe(true);
  expect(memory.view.getUint16(availEvent, true)).toBe(1);
  memory.view.setUint16(usedEvent, 2, true);
  expect([request(), request()]).toEqual([false, true]);
});

test("an indirect table carries a request", () => {
  const { device, memory } = makeRng();
  const driver = new FakeDriver(device, memory, [1 << 28, 1]).start();
  const table = new DataView(new ArrayBuffer(32));
  for (const [i, gpa] of [0x8020_0000, 0x8020_0100].entries()) {
    table.setUint32(16 * i, gpa, true);
    table.setUint32(16 * i + 8, 4, true);
    table.setUint16(16 * i + 12, i === 0 ? 3 : 2, true);
    table.setUint16(16 * i + 14, 1, true);
  }
  memory.write(0x8020_1000, new Uint8Array(table.buffer));
  driver.writeDesc(0, 0, { gpa: 0x8020_1000, bytes: 32, flags: 4 });
  driver.offer(0, 0);
  driver.kick(0);
  expect(driver.takeUsed(0)).toEqual([{ head: 0, bytes: 8 }]);
  expect([...driver.bytesAt(0x8020_0100, 4)]).toEqual([5, 6, 7, 8]);
});

test("ring addresses and size are frozen while the queue is ready", () => {
  const { driver, device } = makeRng();
  driver.start();
  driver.store(reg.QUEUE_DESC_LOW, 0);
  driver.store(reg.QUEUE_NUM, 2);
  expect(driver.load(reg.QUEUE_READY)).toBe(1);
  expect(device.queues[0]?.save()).toMatchObject({
    size: 8,
    addresses: [0x8000_0000, 0, 0x8000_1000, 0, 0x8000_2000, 0],
  });
});

test("reset forgets everything, NEEDS_RESET included", () => {
  const { driver, device, line } = makeRng();
  driver.start();
  driver.writeDesc(0, 0, { gpa: 0, bytes: 4, flags: 2 });
  driver.offer(0, 0);
  driver.kick(0);
  expect(driver.needsReset).toBe(true);
  expect([line.level, driver.load(reg.INTERRUPT_STATUS)]).toEqual([true, 2]);
  driver.store(reg.STATUS, 0x4f);
  expect(driver.needsReset).toBe(true);
  driver.start();
  expect(driver.needsReset).toBe(false);
  driver.add(0, [{ receive: 4 }]);
  driver.kick(0);
  expect(driver.takeUsed(0).length).toBe(1);
  expect(device.metrics().faults).toEqual({ buffer: 1 });
});

test.each([
  ["no power of two", (d: FakeDriver) => d.store(reg.QUEUE_NUM, 3), "queue-size"],
  ["of size 0", (d: FakeDriver) => d.store(reg.QUEUE_NUM, 0), "queue-size"],
  ["too large", (d: FakeDriver) => d.store(reg.QUEUE_NUM, 512), "queue-size"],
  ["misaligned", (d: FakeDriver) => d.store(reg.QUEUE_DESC_LOW, 0x8000_0008), "ring-address"],
  ["outside RAM", (d: FakeDriver) => d.store(reg.QUEUE_DEVICE_LOW, 0x7fff_f000), "ring-address"],
  ["beyond 2^53", (d: FakeDriver) => d.store(reg.QUEUE_DESC_LOW + 4, 0xffff_ffff), "ring-address"],
  ["over another", (d: FakeDriver) => d.store(reg.QUEUE_DRIVER_LOW, 0x8000_0040), "ring-address"],
])("a queue that is %s asks for a reset", (_, breakIt, fault) => {
  const { driver, device } = makeRng();
  driver.start();
  driver.store(reg.QUEUE_READY, 0);
  breakIt(driver);
  driver.store(reg.QUEUE_READY, 1);
  expect(driver.needsReset).toBe(true);
  expect(device.metrics().faults).toEqual({ [fault]: 1 });
});

test("saved between two requests and restored elsewhere, the next one comes out the same", () => {
  const { driver, device, memory } = makeRng();
  driver.start();
  driver.add(0, [{ receive: 4 }]);
  driver.kick(0);
  const line = new FakeLine();
  const random = { fill: (into: Uint8Array) => into.fill(9) };
  const twin = new VirtioMmio({ device: new VirtioRng({ random }), memory, irq: line.set });
  twin.restore(structuredClone(device.save()));
  expect(twin.save()).toEqual(device.save());
  expect(line.level).toBe(true);
  driver.takeUsed(0);
  const { head, gpas } = driver.add(0, [{ receive: 4 }]);
  twin.store(reg.QUEUE_NOTIFY, 4, 0);
  expect(driver.takeUsed(0)).toEqual([{ head, bytes: 4 }]);
  expect([...driver.bytesAt(gpas[0] ?? 0, 4)]).toEqual([9, 9, 9, 9]);
});

test("a state of another device, or with rings outside RAM, is refused", () => {
  const { device, driver } = makeRng();
  driver.start();
  const state = device.save();
  expect(() => device.restore({ ...state, name: "virtio-blk" })).toThrow(/"name"/);
  const [queue] = state.queues;
  const moved = { ...state, queues: [{ ...queue, addresses: [0, 0, 0, 0, 0, 0] }] };
  expect(() => device.restore(moved as typeof state)).toThrow(/queue.addresses/);
});

test("entropy goes on where it was, on the device that takes over", () => {
  const entropyOf = (random: Random) => ({
    fill: (into: Uint8Array) => void random.bytes(into),
    save: () => random.save(),
    restore: (words: readonly number[]) => random.restore(words),
  });
  const drawn = (random: Random): string =>
    Buffer.from(random.bytes(new Uint8Array(32))).toString("hex");
  const source = new Random(5);
  const state = new VirtioRng({ random: entropyOf(source) });
  drawn(source);
  const target = new Random(5);
  const twin = new VirtioRng({ random: entropyOf(target) });
  twin.restore(state.save());
  const split = target.split("a").u53();
  expect(drawn(target)).toBe(drawn(source));
  expect(split).toBe(new Random(5).split("a").u53());
  twin.restore({}); // A state from before sources were saved.
  expect(drawn(target)).toBe(drawn(source));
  expect(() => twin.restore({ words: [1, 2, 3] })).toThrow(/words/);
});
