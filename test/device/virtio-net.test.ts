/** The network card, driven by an honest driver over the register interface. */
import { describe, expect, test } from "vitest";
import { VirtioMmio } from "../../ts/device/virtio/mmio.ts";
import { VirtioNet } from "../../ts/device/virtio/net.ts";
import { gratuitousArp } from "../../ts/net/arp.ts";
import { macBytes } from "../../ts/net/mac.ts";
import { FakePort, frameOf, mac, segmentOf } from "../net/fakes.ts";
import { FakeDriver, FakeLine, FakeMemory } from "./fakes.ts";

const RECEIVE = 0;
const TRANSMIT = 1;
const CSUM = 1 << 0;
const GUEST_CSUM = 1 << 1;
const GUEST_TSO4 = 1 << 7;
const HOST_TSO4 = 1 << 11;
const MRG_RXBUF = 1 << 15;
const HEADER = 12;

function scene(features = 0, mtu = 1500) {
  const memory = new FakeMemory(4 << 20);
  const line = new FakeLine();
  const port = new FakePort();
  const net = new VirtioNet({ port, mac: macBytes(mac(1)), mtu });
  const device = new VirtioMmio({ device: net, memory, irq: line.set });
  const driver = new FakeDriver(device, memory, [features, 1]).start();
  const send = (bytes: Uint8Array, header: readonly number[] = []): void => {
    const head = new Uint8Array(HEADER);
    head.set(header);
    driver.add(TRANSMIT, [{ send: head }, ...(bytes.length > 0 ? [{ send: bytes }] : [])]);
    driver.kick(TRANSMIT);
  };
  return { memory, line, port, net, device, driver, send };
}

const u16 = (bytes: Uint8Array | undefined, at: number): number =>
  ((bytes?.[at + 1] ?? 0) << 8) | (bytes?.[at] ?? 0);

test("says its address, link and MTU", () => {
  const { device } = scene(0, 9000);
  const config = Array.from({ length: 12 }, (_, i) => device.load(0x100 + i, 1));
  expect(config).toEqual([0x52, 0x54, 0, 0, 0, 1, 1, 0, 1, 0, 0x28, 0x23]);
});

describe("from the guest", () => {
  test("frames arrive whole, in order, and the batch is over once", () => {
    const { driver, port, send } = scene();
    const frames = [frameOf(mac(1), mac(2)), frameOf(mac(1), mac(2), 1480)];
    for (const frame of frames) send(frame);
    expect(port.take().map(({ bytes }) => bytes)).toEqual(frames);
    expect(port.flushes).toBe(1 + 2); // Once when the driver is ready.
    expect(driver.takeUsed(TRANSMIT).map(({ bytes }) => bytes)).toEqual([0, 0]);
  });

  test.each([
    ["less than a header", new Uint8Array(0), []],
    ["a frame of 13 bytes", new Uint8Array(13), []],
    ["a frame beyond the MTU", frameOf(mac(1), mac(2), 1485), []],
    ["a sum that was not negotiated", frameOf(mac(1), mac(2)), [1, 0, 0, 0, 0, 0, 34, 0, 16, 0]],
    [
      "cutting that was not negotiated",
      frameOf(mac(1), mac(2)),
      [1, 1, 54, 0, 180, 5, 34, 0, 16, 0],
    ],
    ["cutting UDP", frameOf(mac(1), mac(2)), [1, 3, 54, 0, 180, 5, 34, 0, 16, 0]],
  ])("%s is refused, given back and counted", (_, bytes, header) => {
    const { driver, net, port, send } = scene();
    send(bytes, header);
    expect(port.take()).toEqual([]);
    expect(net.metrics()).toMatchObject({ sentFrames: 0, refusedFrames: 1 });
    expect(driver.takeUsed(TRANSMIT).length).toBe(1);
    expect(driver.needsReset).toBe(false);
    send(frameOf(mac(1), mac(2)));
    expect(port.take().length).toBe(1);
  });

  test("a long segment goes as one frame that says how it is to be cut", () => {
    const { port, send } = scene(CSUM | HOST_TSO4);
    const { bytes } = segmentOf(new Uint8Array(60_000));
    send(bytes, [1, 1, 54, 0, 180, 5, 34, 0, 16, 0]);
    const [sent] = port.take();
    expect(sent?.bytes.length).toBe(bytes.length);
    expect(sent?.offload).toEqual({ checksumStart: 34, checksumOffset: 16, segmentBytes: 1460 });
  });
});

describe("to the guest", () => {
  const room = (driver: FakeDriver, bytes: number) => driver.add(RECEIVE, [{ receive: bytes }]);

  test("a frame comes with its header, and interrupts", () => {
    const { driver, line, port } = scene();
    const { gpas } = room(driver, 1600);
    const frame = frameOf(mac(2), mac(1));
    port.receiver?.receive({ bytes: frame });
    port.receiver?.flush();
    expect(driver.takeUsed(RECEIVE)).toEqual([{ head: 0, bytes: HEADER + frame.length }]);
    const got = driver.bytesAt(gpas[0] ?? 0, HEADER + frame.length);
    expect(u16(got, 10)).toBe(1);
    expect(got.subarray(HEADER)).toEqual(frame);
    expect(line.level).toBe(true);
  });

  test("frames wait for buffers, as many as may; the others are dropped and counted", () => {
    const { driver, net, port } = scene();
    for (let i = 0; i < 2000; i++) port.receiver?.receive({ bytes: frameOf(mac(2), mac(1), 46) });
    expect(net.metrics()).toMatchObject({ receivedFrames: 0, droppedFrames: 2000 - 1024 });
    for (let i = 0; i < 3; i++) room(driver, 1600);
    driver.kick(RECEIVE);
    expect(net.metrics().receivedFrames).toBe(3);
  });

  test("a long one is spread over buffers if the guest merges them, all or none", () => {
    const { driver, net, port } = scene(MRG_RXBUF | GUEST_CSUM | GUEST_TSO4);
    const frame = segmentOf(new Uint8Array(5000).fill(7));
    const first = room(driver, 2000);
    room(driver, 2000);
    port.receiver?.receive(frame);
    expect(driver.takeUsed(RECEIVE)).toEqual([]);
    room(driver, 2000);
    driver.kick(RECEIVE);
    const total = HEADER + frame.bytes.length;
    expect(driver.takeUsed(RECEIVE).map(({ bytes }) => bytes)).toEqual([2000, 2000, total - 4000]);
    const header = driver.bytesAt(first.gpas[0] ?? 0, HEADER);
    expect([...header.subarray(0, 2)]).toEqual([1, 1]);
    expect([2, 4, 6, 8, 10].map((at) => u16(header, at))).toEqual([54, 1460, 34, 16, 3]);
    expect(net.metrics()).toMatchObject({ receivedFrames: 1, droppedFrames: 0 });
  });

  test("a guest that cuts and sums nothing gets plain packets", () => {
    const { driver, net, port } = scene();
    for (let i = 0; i < 4; i++) room(driver, 1600);
    port.receiver?.receive(segmentOf(new Uint8Array(5000)));
    expect(driver.takeUsed(RECEIVE).map(({ bytes }) => bytes - HEADER - 54)).toEqual([
      1460, 1460, 1460, 620,
    ]);
    expect(net.metrics().receivedFrames).toBe(4);
  });

  test("one that fits no buffer is dropped, and the next comes", () => {
    const { driver, net, port } = scene();
    room(driver, 100);
    port.receiver?.receive({ bytes: frameOf(mac(2), mac(1), 500) });
    port.receiver?.receive({ bytes: frameOf(mac(2), mac(1), 46) });
    expect(net.metrics()).toMatchObject({ receivedFrames: 1, droppedFrames: 1 });
    expect(driver.takeUsed(RECEIVE)).toEqual([{ head: 0, bytes: HEADER + 80 }]);
  });

  test("buffers to read in the receive queue break the rules", () => {
    const { driver, port } = scene();
    driver.add(RECEIVE, [{ send: new Uint8Array(100) }, { receive: 100 }]);
    port.receiver?.receive({ bytes: frameOf(mac(2), mac(1)) });
    expect(driver.needsReset).toBe(true);
  });
});

test("a saved card goes on as a twin with the same address, and knows the guest's", () => {
  const { device, send } = scene();
  send(gratuitousArp(mac(1), 0x0a00_020f));
  send(gratuitousArp(mac(3), 0x0a00_0210)); // Not its own.
  const state = device.save();
  const twin = new VirtioNet({ port: new FakePort(), mac: macBytes(mac(1)) });
  const memory = new FakeMemory(4 << 20);
  new VirtioMmio({ device: twin, memory, irq: () => undefined }).restore(state);
  expect(twin.addresses).toEqual([0x0a00_020f]);
  const other = new VirtioNet({ port: new FakePort(), mac: macBytes(mac(2)) });
  const wrong = new VirtioMmio({ device: other, memory, irq: () => undefined });
  expect(() => wrong.restore(state)).toThrow(/mac/);
});
