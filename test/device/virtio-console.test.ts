import { expect, test } from "vitest";
import { VirtioConsole } from "../../ts/device/virtio/console.ts";
import { VirtioMmio } from "../../ts/device/virtio/mmio.ts";
import * as reg from "../../ts/device/virtio/registers.ts";
import { FakeDriver, FakeLine, FakeMemory } from "./fakes.ts";

const text = (value: string) => new TextEncoder().encode(value);

function makeConsole(memory = new FakeMemory(4 << 20)) {
  const line = new FakeLine();
  let output = "";
  const inner = new VirtioConsole({
    onTransmit: (bytes) => {
      output += new TextDecoder().decode(bytes);
    },
    size: { columns: 80, rows: 25 },
  });
  const device = new VirtioMmio({ device: inner, memory, irq: line.set });
  const driver = new FakeDriver(device, memory, [1, 1]);
  return { inner, device, driver, line, memory, output: () => output };
}

test("what the guest sends comes out in order, over all buffers", () => {
  const { driver, output } = makeConsole();
  driver.start();
  driver.add(1, [{ send: text("hel") }, { send: text("lo ") }]);
  driver.add(1, [{ send: text("world".repeat(1000)) }]);
  driver.kick(1);
  expect(output()).toBe(`hello ${"world".repeat(1000)}`);
  expect(driver.takeUsed(1).map(({ bytes }) => bytes)).toEqual([0, 0]);
});

test("input waits for buffers, and fills each as far as it goes", () => {
  const { driver, inner, line } = makeConsole();
  expect(inner.receive(text("typed before the driver came"))).toBe(28);
  driver.start();
  const first = driver.add(0, [{ receive: 20 }]);
  const second = driver.add(0, [{ receive: 20 }]);
  driver.kick(0);
  expect(driver.takeUsed(0)).toEqual([
    { head: first.head, bytes: 20 },
    { head: second.head, bytes: 8 },
  ]);
  expect(new TextDecoder().decode(driver.bytesAt(second.gpas[0] ?? 0, 8))).toBe("ver came");
  expect([line.level, inner.waitingBytes]).toEqual([true, 0]);
});

test("input goes at once to a buffer that waits for it", () => {
  const { driver, inner } = makeConsole();
  driver.start();
  driver.add(0, [{ receive: 64 }]);
  driver.kick(0);
  expect(driver.takeUsed(0)).toEqual([]);
  inner.receive(text("ls\n"));
  expect(driver.takeUsed(0)).toEqual([{ head: 0, bytes: 3 }]);
});

test("a new terminal size is announced by a configuration interrupt and generation", () => {
  const { driver, inner, device } = makeConsole();
  driver.start();
  const generation = driver.load(reg.CONFIG_GENERATION);
  inner.resize({ columns: 132, rows: 50 });
  expect(driver.load(reg.INTERRUPT_STATUS)).toBe(2);
  expect(driver.load(reg.CONFIG_GENERATION)).not.toBe(generation);
  expect([device.load(reg.CONFIG, 2), device.load(reg.CONFIG + 2, 2)]).toEqual([132, 50]);
});

test("a restored console delivers the input that was waiting", () => {
  const { driver, inner, device, memory } = makeConsole();
  driver.start();
  inner.receive(text("pending"));
  const twin = makeConsole(memory);
  twin.device.restore(structuredClone(device.save()));
  expect(twin.device.save()).toEqual(device.save());
  driver.add(0, [{ receive: 64 }]);
  twin.device.store(reg.QUEUE_NOTIFY, 4, 0);
  expect(driver.takeUsed(0)).toEqual([{ head: 0, bytes: 7 }]);
});
