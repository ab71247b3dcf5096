/**
 * The end of a TCP connection in the gateway, against a peer in the test that follows RFC 9293 by itself: over a line
 * that loses, doubles and reorders segments, as a seed says.
 */
import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../ts/base/clock.ts";
import { Random } from "../../ts/base/random.ts";
import { ACK, FIN, RST, type SegmentPlan, SYN, type TcpSegment } from "../../ts/net/tcp.ts";
import { TcpEndpoint } from "../../ts/net/user/tcp-endpoint.ts";

/** One end with what it was told, and the segments that it sends. */
class End {
  readonly sent: TcpSegment[] = [];
  readonly events: string[] = [];
  data: number[] = [];
  waitingBytes = 0;
  readonly tcp: TcpEndpoint;

  constructor(clock: VirtualClock, isn: number) {
    const owner = {
      transmit: (plan: Omit<SegmentPlan, "sourcePort" | "targetPort">) => {
        const data = new Uint8Array(plan.dataBytes);
        plan.fill?.(data);
        this.sent.push({ ...plan, sourcePort: 1, targetPort: 2, data });
      },
      onOpen: () => void this.events.push("open"),
      onData: (data: Uint8Array) => {
        for (const byte of data) this.data.push(byte);
      },
      onEnd: () => void this.events.push("end"),
      onDrain: () => undefined,
      onClose: (reason: string) => void this.events.push(reason),
      get waitingBytes() {
        return end.waitingBytes;
      },
    };
    const end = this;
    this.tcp = new TcpEndpoint({ owner, isn, mtu: 1500, nowNs: () => clock.nowNs() });
  }
  take(): TcpSegment[] {
    return this.sent.splice(0);
  }
}

function scene(isns: readonly [number, number] = [1000, 0xffff_fff0]) {
  const clock = new VirtualClock();
  const a = new End(clock, isns[0]);
  const b = new End(clock, isns[1]);
  /** Carries segments both ways until nobody has anything to say; `line` may change what passes. */
  const settle = (line: (segments: TcpSegment[]) => TcpSegment[] = (all) => all): void => {
    for (let rounds = 0; rounds < 10_000; rounds++) {
      const [toB, toA] = [line(a.take()), line(b.take())];
      if (toA.length + toB.length === 0) return;
      for (const segment of toB) deliver(b, segment);
      for (const segment of toA) deliver(a, segment);
      a.tcp.flush();
      b.tcp.flush();
    }
    throw new Error("they never stop talking");
  };
  const deliver = (to: End, segment: TcpSegment): void => {
    if (to === b && (segment.flags & (SYN | ACK)) === SYN && isFresh) {
      isFresh = false;
      b.tcp.listen(segment);
      b.tcp.accept();
    } else to.tcp.receive(segment);
  };
  let isFresh = true;
  a.tcp.connect();
  return { clock, a, b, settle };
}

const noise = (count: number, seed: number): Uint8Array =>
  new Random(seed).bytes(new Uint8Array(count));

test("opens, carries bytes both ways over a wrap of the sequence, and ends in order", () => {
  const { a, b, settle } = scene();
  settle();
  const [there, back] = [noise(300_000, 1), noise(70_000, 2)];
  a.tcp.write(there);
  b.tcp.write(back);
  a.tcp.end();
  settle();
  expect(b.events).toEqual(["open", "end"]);
  b.tcp.end();
  settle();
  expect(Buffer.compare(Uint8Array.from(b.data), there)).toBe(0);
  expect(Buffer.compare(Uint8Array.from(a.data), back)).toBe(0);
  expect([a.events, b.events]).toEqual([
    ["open", "end", "finished"],
    ["open", "end", "finished"],
  ]);
});

test.each(Array.from({ length: 20 }, (_, seed) => seed))("over a bad line, seed %i", (seed) => {
  const random = new Random(seed);
  const { a, b, clock, settle } = scene([random.u32(), random.u32()]);
  const bad = (all: TcpSegment[]): TcpSegment[] => {
    const out = all.filter(() => random.float() > 0.2);
    if (out.length > 0 && random.float() < 0.2) out.push(random.pick(out));
    if (random.float() < 0.2) out.reverse();
    return out;
  };
  const [there, back] = [noise(200_000, seed), noise(50_000, seed + 100)];
  a.tcp.write(there);
  b.tcp.write(back);
  a.tcp.end();
  let isEnding = false;
  for (let i = 0; i < 2000 && !(a.tcp.isClosed && b.tcp.isClosed); i++) {
    settle(bad);
    if (b.events.includes("end") && !isEnding) {
      isEnding = true;
      b.tcp.end();
    }
    clock.advance(100e6);
    if (!a.tcp.isClosed) a.tcp.tick();
    if (!b.tcp.isClosed) b.tcp.tick();
    // Who is closed answers as nobody does: what it missed cannot matter any more.
    if (
      a.tcp.isClosed !== b.tcp.isClosed &&
      a.events.includes("finished") &&
      b.data.length === there.length
    )
      break;
    if (b.tcp.isClosed && b.events.includes("finished") && a.data.length === back.length) break;
  }
  expect(Buffer.compare(Uint8Array.from(b.data), there)).toBe(0);
  expect(b.events).toContain("end");
});

describe("windows", () => {
  test("who reads slowly is not sent more than it has room for, and hears more when it has", () => {
    const { a, b, clock, settle } = scene();
    settle();
    b.waitingBytes = 4 << 20; // Nothing more, please.
    a.tcp.write(noise(1 << 20, 1));
    settle();
    expect(b.data.length).toBe(0);
    b.waitingBytes = 0;
    b.tcp.windowOpened();
    for (let i = 0; i < 10; i++) {
      clock.advance(1e9);
      a.tcp.tick();
      settle();
    }
    expect(b.data.length).toBe(1 << 20);
  });

  test("a guest that moved gets what it missed soon, and once; then the clock is the usual one again", () => {
    const { a, b, clock, settle } = scene();
    settle();
    a.tcp.write(noise(1000, 1));
    a.take(); // Lost.
    clock.advance(20e6);
    a.tcp.hurry();
    clock.advance(39e6);
    a.tcp.tick();
    expect(a.sent).toEqual([]);
    clock.advance(1e6);
    a.tcp.tick();
    expect(a.take()).toHaveLength(1); // Lost as well.
    a.tcp.hurry();
    clock.advance(60e6);
    a.tcp.tick();
    expect(a.sent).toEqual([]);
    clock.advance(60e6);
    a.tcp.tick();
    expect(a.sent).toHaveLength(1);
    settle();
    expect(b.data).toHaveLength(1000);
    a.tcp.write(noise(1000, 2));
    a.take();
    clock.advance(239e6);
    a.tcp.tick();
    expect(a.sent).toEqual([]);
    clock.advance(1e6);
    a.tcp.tick();
    expect(a.sent).toHaveLength(1);
  });

  test("a closed window is asked about, and its opening missed by nobody", () => {
    const { a, b, clock, settle } = scene();
    settle();
    b.waitingBytes = 4 << 20;
    b.tcp.write(Uint8Array.of(1)); // Tells of the window.
    settle();
    a.tcp.write(noise(100_000, 1));
    settle();
    const before = b.data.length;
    for (let i = 0; i < 300; i++) {
      clock.advance(1e9);
      a.tcp.tick();
      settle();
    }
    expect(a.events).toEqual(["open"]);
    expect(b.data.length).toBe(before);
    b.waitingBytes = 0;
    b.tcp.windowOpened();
    settle();
    expect(b.data.length).toBe(100_000);
  });
});

describe("who breaks off", () => {
  test("a reset at its place ends it, one elsewhere does not", () => {
    const { a, b, settle } = scene();
    settle();
    const base = { sourcePort: 1, targetPort: 2, ack: 0, window: 0, data: new Uint8Array(0) };
    b.tcp.receive({ ...base, seq: 1001 + 5000, flags: RST });
    expect(b.tcp.isClosed).toBe(false);
    b.tcp.receive({ ...base, seq: 1001, flags: RST });
    expect(b.events).toEqual(["open", "reset"]);
    a.tcp.abort();
    expect(a.take().at(-1)?.flags).toBe(RST | ACK);
  });

  test("nobody there: it gives up after some minutes", () => {
    const { a, clock } = scene();
    for (let i = 0; i < 3000 && !a.tcp.isClosed; i++) {
      clock.advance(100e6);
      a.tcp.tick();
    }
    expect(a.events).toEqual(["timeout"]);
    expect(clock.nowNs()).toBeGreaterThan(60e9);
  });

  test("acknowledgements of what was never sent, and FINs from the future, change nothing", () => {
    const { a, b, settle } = scene();
    settle();
    const base = { sourcePort: 1, targetPort: 2, window: 100, data: new Uint8Array(3) };
    b.tcp.receive({ ...base, seq: 1001, ack: 5, flags: ACK });
    b.tcp.receive({ ...base, seq: 9001, ack: 0xffff_fff1, flags: ACK | FIN });
    expect(b.data).toEqual([]);
    a.tcp.write(Uint8Array.of(1, 2, 3));
    settle();
    expect(b.data).toEqual([1, 2, 3]);
  });
});
