import { expect, test } from "vitest";
import { Ns16550a } from "../../ts/device/ns16550a.ts";
import { FakeLine } from "./fakes.ts";

function makeUart(inputBytesMax?: number) {
  const line = new FakeLine();
  const sent: number[] = [];
  const uart = new Ns16550a({
    irq: line.set,
    onTransmit: (bytes) => sent.push(...bytes),
    inputBytesMax,
  });
  return { uart, line, sent };
}

const text = (value: string) => new TextEncoder().encode(value);

test("bytes written to THR are transmitted in order", () => {
  const { uart, sent } = makeUart();
  for (const byte of text("hello")) uart.store(0, 1, byte);
  expect(String.fromCharCode(...sent)).toBe("hello");
  expect(uart.metrics().transmittedBytes).toBe(5);
  expect(uart.load(5, 1)).toBe(0x60);
});

test("enabling THRI interrupts each time, as Linux's THRE and TXEN probes demand", () => {
  const { uart, line } = makeUart();
  uart.store(1, 1, 2);
  expect(line.level).toBe(true);
  expect(uart.load(2, 1) & 0x0f).toBe(2);
  expect(line.level).toBe(false);
  expect(uart.load(2, 1) & 0x0f).toBe(1);
  uart.store(1, 1, 0);
  uart.store(1, 1, 2);
  expect(uart.load(2, 1) & 0x0f).toBe(2);
  uart.store(1, 1, 0);
  uart.store(1, 1, 2);
  expect(uart.load(5, 1) & 0x40).toBe(0x40);
  expect(uart.load(2, 1) & 0x01).toBe(0);
});

test("writing IER again with THRI still set does not interrupt again", () => {
  const { uart, line } = makeUart();
  uart.store(1, 1, 2);
  uart.load(2, 1);
  uart.store(1, 1, 3);
  expect(line.level).toBe(false);
});

test("each transmitted byte raises the THRE interrupt again", () => {
  const { uart, line } = makeUart();
  uart.store(1, 1, 2);
  uart.load(2, 1);
  uart.store(0, 1, 65);
  expect(line.level).toBe(true);
  expect(uart.load(2, 1) & 0x0f).toBe(2);
});

test("received bytes interrupt, come in order, and release the line when they are read", () => {
  const { uart, line } = makeUart();
  uart.store(2, 1, 1);
  uart.store(1, 1, 1);
  uart.receive(text("ab"));
  expect(line.level).toBe(true);
  expect(uart.load(2, 1)).toBe(0xc4);
  expect(uart.load(5, 1) & 1).toBe(1);
  expect([uart.load(0, 1), uart.load(0, 1)]).toEqual([97, 98]);
  expect(line.level).toBe(false);
  expect(uart.load(5, 1) & 1).toBe(0);
  expect(uart.load(0, 1)).toBe(0);
});

test("below the trigger level the receiver reports a timeout, at it data available", () => {
  const { uart } = makeUart();
  uart.store(2, 1, 0x81); // FIFO, trigger at 8 bytes.
  uart.store(1, 1, 1);
  uart.receive(text("1234567"));
  expect(uart.load(2, 1)).toBe(0xcc);
  uart.receive(text("8"));
  expect(uart.load(2, 1)).toBe(0xc4);
});

test("received data goes before the transmitter's interrupt", () => {
  const { uart } = makeUart();
  uart.store(1, 1, 3);
  uart.receive(text("x"));
  expect(uart.load(2, 1)).toBe(4);
  uart.load(0, 1);
  expect(uart.load(2, 1)).toBe(2);
});

test("a paste of 100000 bytes arrives whole, whatever the guest's FIFO settings", () => {
  const { uart } = makeUart();
  const paste = Uint8Array.from({ length: 100_000 }, (_, i) => i & 0xff);
  expect(uart.receive(paste)).toBe(paste.length);
  const got: number[] = [];
  while (uart.load(5, 1) & 1) {
    if (got.length === 5000) uart.store(2, 1, 0x07); // FIFO on, and cleared.
    got.push(uart.load(0, 1));
  }
  expect(got.length).toBe(paste.length);
  expect(got.findIndex((byte, i) => byte !== paste[i])).toBe(-1);
  expect(uart.metrics().droppedBytes).toBe(0);
});

test("input beyond the queue is refused and counted, not lost in silence", () => {
  const { uart } = makeUart(10);
  expect(uart.receive(new Uint8Array(12))).toBe(10);
  expect(uart.metrics()).toMatchObject({ receivedBytes: 10, droppedBytes: 2 });
  expect(uart.waitingBytes).toBe(10);
});

test("loopback returns bytes and MCR lines, and overruns after 16 bytes", () => {
  const { uart, line, sent } = makeUart();
  uart.store(2, 1, 1);
  uart.store(1, 1, 4);
  uart.store(4, 1, 0x1a); // LOOP, OUT2, RTS: Linux's presence test.
  expect(uart.load(6, 1) & 0xf0).toBe(0x90);
  for (let i = 0; i < 17; i++) uart.store(0, 1, i);
  expect(sent).toEqual([]);
  expect(uart.metrics().overrunBytes).toBe(1);
  expect(line.level).toBe(true);
  expect(uart.load(2, 1)).toBe(0xc6);
  expect(uart.load(5, 1) & 2).toBe(2);
  expect(uart.load(5, 1) & 2).toBe(0);
  expect(Array.from({ length: 16 }, () => uart.load(0, 1))).toEqual([...Array(16).keys()]);
});

test("entering loopback sets the modem deltas, and reading MSR clears them", () => {
  const { uart, line } = makeUart();
  uart.store(1, 1, 8);
  uart.store(4, 1, 0x10);
  expect(line.level).toBe(true);
  expect(uart.load(2, 1)).toBe(0);
  expect(uart.load(6, 1)).toBe(0x0b);
  expect(line.level).toBe(false);
  expect(uart.load(6, 1)).toBe(0);
});

test("DLAB switches to the divisor, and neither side disturbs the other", () => {
  const { uart, sent } = makeUart();
  uart.store(3, 1, 0x83);
  uart.store(0, 1, 0x12);
  uart.store(1, 1, 0x34);
  expect([uart.load(0, 1), uart.load(1, 1)]).toEqual([0x12, 0x34]);
  uart.store(3, 1, 0x03);
  expect([sent.length, uart.load(1, 1)]).toEqual([0, 0]);
});

test("the scratch register keeps a byte, IER its low four bits", () => {
  const { uart } = makeUart();
  uart.store(7, 1, 0xa5);
  uart.store(1, 1, 0xff);
  expect([uart.load(7, 1), uart.load(1, 1)]).toEqual([0xa5, 0x0f]);
});

test("a restored UART goes on exactly where the saved one was", () => {
  const { uart } = makeUart();
  uart.store(2, 1, 0x41);
  uart.store(1, 1, 3);
  uart.receive(text("some input that waits"));
  uart.load(0, 1);
  const twin = makeUart();
  twin.uart.restore(structuredClone(uart.save()));
  expect(twin.line.level).toBe(true);
  expect(twin.uart.save()).toEqual(uart.save());
  const read = (from: Ns16550a) =>
    Array.from({ length: 25 }, () => [from.load(2, 1), from.load(5, 1), from.load(0, 1)]);
  expect(read(twin.uart)).toEqual(read(uart));
});

test("a state that does not fit is refused by the name of the field", () => {
  const { uart } = makeUart();
  const state = { ...uart.save(), ier: 300 };
  expect(() => uart.restore(state)).toThrow(/"uart.ier"/);
  expect(() => uart.restore({ ...state, ier: 0, input: "x" as never })).toThrow(/"uart.input"/);
});

test("a guest listens once it takes interrupts, or once it polls", () => {
  const { uart } = makeUart();
  for (let i = 0; i < 1000; i++) {
    uart.load(5, 1);
    uart.store(0, 1, 0x2e);
  }
  expect(uart.isListening).toBe(false);
  uart.store(1, 1, 1);
  expect(uart.isListening).toBe(true);
  uart.store(1, 1, 0);
  for (let i = 0; i < 64; i++) uart.load(5, 1);
  expect(uart.isListening).toBe(true);
  uart.store(0, 1, 0x2e);
  expect(uart.isListening).toBe(true);
});
