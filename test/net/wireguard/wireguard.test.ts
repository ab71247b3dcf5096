/** WireGuard's state machine on a simulated line: sessions, their end, and what bad peers get. */
import { describe, expect, test } from "vitest";
import { parsePrefix } from "../../../ts/net/wireguard/allowed-ips.ts";
import { newPrivateKey, publicKeyOf } from "../../../ts/net/wireguard/crypto.ts";
import { formatKey } from "../../../ts/net/wireguard/keys.ts";
import { MacMaker } from "../../../ts/net/wireguard/macs.ts";
import { makeInitiation, tai64n } from "../../../ts/net/wireguard/noise.ts";
import { A_IP, B_IP, Line, packetOf, pair, REAL_NS } from "./pair.ts";

const [INITIATION, RESPONSE, COOKIE, DATA] = [1, 2, 3, 4];
const ab = (bytes?: number): Uint8Array => packetOf(A_IP, B_IP, bytes);
const ba = (bytes?: number): Uint8Array => packetOf(B_IP, A_IP, bytes);

describe("a session", () => {
  test("begins with the first packet, which is not lost", () => {
    const { a, b, line } = pair();
    a.wireguard.send(ab());
    expect(b.take()).toEqual([ab()]);
    expect(line.types()).toEqual([INITIATION, RESPONSE, DATA]);
    b.wireguard.send(ba(1400));
    expect(a.take()).toEqual([ba(1400)]);
    expect(line.types()).toEqual([DATA]);
  });

  test("hides lengths up to 16 bytes, and fits the MTU", () => {
    const { a, line } = pair();
    for (const bytes of [1, 12, 13, 1400]) a.wireguard.send(ab(bytes));
    const data = line.log.filter(({ bytes }) => bytes[0] === DATA);
    expect(data.map(({ bytes }) => bytes.length - 32)).toEqual([32, 32, 48, 1420]);
  });

  test("with a key that both share beside; not if one has another", () => {
    const presharedKey = new Uint8Array(32).fill(9);
    const same = pair({ a: { presharedKey }, b: { presharedKey } });
    same.a.wireguard.send(ab());
    expect(same.b.take()).toHaveLength(1);
    const other = pair({ a: { presharedKey }, b: {} });
    other.a.wireguard.send(ab());
    expect(other.b.take()).toEqual([]);
    expect(other.a.wireguard.metrics().peers[0]?.forgedMessages).toBe(1);
  });

  test("both may begin at the same time", () => {
    const { a, b, line } = pair();
    const held: (() => void)[] = [];
    line.filter = (datagram) => {
      const to = datagram.to.port === 1 ? a : b;
      held.push(() => to.wireguard.receive(datagram.bytes, datagram.from));
      return false;
    };
    a.wireguard.send(ab());
    b.wireguard.send(ba());
    while (held.length > 0) for (const one of held.splice(0)) one();
    expect([a.take(), b.take()]).toEqual([[ba()], [ab()]]);
    line.filter = () => true;
    line.types();
    a.wireguard.send(ab());
    b.wireguard.send(ba());
    expect([a.take(), b.take(), line.types()]).toEqual([[ba()], [ab()], [DATA, DATA]]);
  });

  test("asks again when nobody answers, every five seconds for ninety", () => {
    const { a, line } = pair();
    line.filter = () => false;
    a.wireguard.send(ab());
    line.pass(4.9);
    expect(line.types()).toEqual([INITIATION]);
    line.pass(0.6);
    expect(line.types()).toEqual([INITIATION]);
    line.pass(200);
    const { length } = line.types();
    expect(length).toBeGreaterThanOrEqual(15);
    expect(length).toBeLessThanOrEqual(18);
    expect(a.wireguard.metrics().peers[0]?.droppedPackets).toBe(1);
    line.filter = () => true;
    a.wireguard.send(ab());
    expect(line.types()).toEqual([INITIATION, RESPONSE, DATA]);
  });

  test("keeps 128 packets while it waits, the newest", () => {
    const { a, b, line } = pair();
    line.filter = ({ bytes }) => bytes[0] !== INITIATION;
    for (let i = 0; i < 200; i++) a.wireguard.send(ab(i));
    line.filter = () => true;
    line.pass(6);
    expect(b.take().map((packet) => packet.length - 20)).toEqual(
      Array.from({ length: 128 }, (_, i) => 72 + i),
    );
  });
});

describe("keys", () => {
  test("are renewed by who began, after 120 s, without losing a packet", () => {
    const { a, b, line } = pair();
    a.wireguard.send(ab());
    line.types();
    const handshakes: number[] = [];
    for (let second = 1; second <= 400; second++) {
      line.pass(1);
      a.wireguard.send(ab());
      b.wireguard.send(ba());
      if (line.types().includes(INITIATION)) handshakes.push(second);
    }
    expect(handshakes).toHaveLength(3);
    expect(handshakes[0]).toBeGreaterThanOrEqual(120);
    expect(handshakes[0]).toBeLessThanOrEqual(122);
    expect(b.take()).toHaveLength(401);
    expect(a.take()).toHaveLength(400);
  });

  test("are renewed in time by one that only receives", () => {
    const { a, b, line } = pair();
    a.wireguard.send(ab());
    line.types();
    let first = 0;
    for (let second = 1; second <= 175 && first === 0; second++) {
      line.pass(1);
      b.wireguard.send(ba());
      const asked = line.log
        .splice(0)
        .some(({ bytes, from }) => bytes[0] === INITIATION && from.port === 1);
      if (asked) first = second;
    }
    // Its keepalives are packets, too: 120 s by what it sends, 165 s at the latest by what it receives.
    expect(first).toBeGreaterThanOrEqual(120);
    expect(first).toBeLessThanOrEqual(166);
  });

  test("are no more used after 180 s: packets then wait for new ones", () => {
    const { a, b, line } = pair();
    a.wireguard.send(ab());
    a.wireguard.send(ab());
    const old = line.log.at(-1);
    if (!old) throw new Error("nothing was sent");
    line.pass(181);
    line.types();
    b.take();
    b.wireguard.receive(old.bytes, old.from);
    a.wireguard.send(ab());
    expect(line.types()).toEqual([INITIATION, RESPONSE, DATA]);
    expect(b.take()).toEqual([ab()]);
  });

  test("are forgotten after nine minutes without new ones", () => {
    const { a, b, line } = pair();
    a.wireguard.send(ab());
    const old = line.log.at(-1);
    if (!old) throw new Error("nothing was sent");
    line.pass(560);
    const before = b.wireguard.metrics().refusedMessages;
    b.wireguard.receive(old.bytes, old.from);
    // No peer counts it as forged: its index is nobody's.
    expect(b.wireguard.metrics().refusedMessages).toBe(before + 1);
    expect(b.wireguard.metrics().peers[0]?.forgedMessages).toBe(0);
  });
});

describe("a quiet line", () => {
  test("hears a keepalive ten seconds after data that nobody answered", () => {
    const { a, b, line } = pair();
    a.wireguard.send(ab());
    line.types();
    line.pass(9.8);
    expect(line.types()).toEqual([]);
    line.pass(0.4);
    expect(line.log.map(({ bytes, from }) => [from.port, bytes.length])).toEqual([[2, 32]]);
    line.pass(60);
    expect(line.log).toHaveLength(1);
    expect([...a.take(), ...b.take()]).toEqual([ab()]);
  });

  test("is asked for new keys when what is sent is not answered for 15 seconds", () => {
    const { a, line } = pair();
    a.wireguard.send(ab());
    line.pass(11);
    line.filter = () => false;
    line.types();
    a.wireguard.send(ab());
    line.pass(14.9);
    expect(line.types()).toEqual([DATA]);
    line.pass(0.6);
    expect(line.types()).toEqual([INITIATION]);
  });

  test("is kept open by persistent keepalives", () => {
    const { line } = pair({ a: { keepaliveNs: 25e9 } });
    line.pass(0.1);
    expect(line.types()).toEqual([INITIATION, RESPONSE, DATA]);
    line.pass(99);
    expect(line.types()).toEqual([DATA, DATA, DATA]);
  });
});

describe("where a peer is", () => {
  test("is learned from what is authentic, and from nothing else", () => {
    const { a, b, line } = pair();
    a.wireguard.send(ab());
    a.endpoint = { address: "198.51.100.9", port: 3 };
    a.wireguard.send(ab());
    expect(b.wireguard.endpointOf(a.publicKey)).toEqual(a.endpoint);
    const last = line.log.at(-1);
    if (!last) throw new Error("nothing was sent");
    const elsewhere = { address: "203.0.113.5", port: 5 };
    b.wireguard.receive(last.bytes, elsewhere); // Replayed.
    const forged = last.bytes.slice();
    forged[40] = (forged[40] as number) ^ 1;
    b.wireguard.receive(forged, elsewhere);
    expect(b.wireguard.endpointOf(a.publicKey)).toEqual(a.endpoint);
  });

  test("need not be known beforehand: it may come", () => {
    const line = new Line();
    const [a, b] = [line.end(1), line.end(2)];
    a.knows(b, B_IP);
    b.knows(a, A_IP, { endpoint: undefined });
    b.wireguard.send(ba());
    expect(line.types()).toEqual([]);
    a.wireguard.send(ab());
    expect(a.take()).toEqual([ba()]);
    expect(b.take()).toEqual([ab()]);
  });

  test("its inner address is its own: others' are refused", () => {
    const { a, b } = pair();
    a.wireguard.send(packetOf(0x0a09_0077, B_IP));
    expect(b.take()).toEqual([]);
    expect(b.wireguard.metrics().refusedPackets).toBe(1);
    a.wireguard.send(packetOf(A_IP, 0x0a09_0099));
    expect(a.wireguard.metrics().unroutedPackets).toBe(1);
  });

  test("the longest prefix wins", () => {
    const line = new Line();
    const [a, b, c] = [line.end(1), line.end(2), line.end(3)];
    a.knows(b, 0, { allowedIps: [parsePrefix("0.0.0.0/0")] });
    a.knows(c, 0, { allowedIps: [parsePrefix("10.9.0.0/24")] });
    for (const end of [b, c]) end.knows(a, A_IP);
    a.wireguard.send(packetOf(A_IP, 0x0a09_0003));
    a.wireguard.send(packetOf(A_IP, 0x0b09_0003));
    expect([b.take().length, c.take().length]).toEqual([1, 1]);
  });
});

describe("who is not our peer", () => {
  test("gets no answer, whatever it knows", () => {
    const { b, line } = pair();
    const stranger = line.end(9);
    stranger.knows(b, B_IP);
    stranger.wireguard.send(packetOf(A_IP, B_IP));
    expect(line.types()).toEqual([INITIATION]);
    expect(b.wireguard.metrics().refusedMessages).toBe(1);
  });

  test("replays nothing: no initiation, no response, no data", () => {
    const { a, b, line } = pair();
    a.wireguard.send(ab());
    const seen = line.log.splice(0);
    b.take();
    line.pass(1);
    for (const { bytes, from, to } of seen) (to.port === 1 ? a : b).wireguard.receive(bytes, from);
    expect([a.take(), b.take(), line.types()]).toEqual([[], [], []]);
    expect(b.wireguard.metrics().peers[0]?.replayedMessages).toBe(2);
    a.wireguard.send(ab(5));
    expect(b.take()).toEqual([ab(5)]);
  });

  test("changes nothing: each bit of each message counts", () => {
    const { a, b, line } = pair();
    for (let at = 0; at < 148; at++) {
      line.filter = ({ bytes }) => {
        bytes[at % bytes.length] = (bytes[at % bytes.length] as number) ^ (1 << (at % 8));
        return true;
      };
      a.wireguard.send(ab());
      line.pass(5.5);
    }
    expect([a.take(), b.take()]).toEqual([[], []]);
    line.filter = () => true;
    line.pass(6);
    a.wireguard.send(ab());
    expect(b.take().length).toBeGreaterThan(0);
  });
});

describe("a flood of initiations", () => {
  const floodOf = (victim: Uint8Array) => {
    const line = new Line();
    const privateKey = newPrivateKey((into) => line.random.bytes(into));
    const self = { privateKey, publicKey: publicKeyOf(privateKey) };
    const random = (into: Uint8Array): Uint8Array => line.random.bytes(into);
    return (i: number): Uint8Array => {
      const made = makeInitiation(self, victim, { index: i, timestamp: tai64n(REAL_NS), random });
      if (!made) throw new Error("no initiation");
      new MacMaker(victim).sign(made.message, 0);
      return made.message;
    };
  };

  test("is answered by cookies, smaller than what was sent; who has one is heard", {
    timeout: 60_000,
  }, () => {
    const { a, b, line } = pair();
    const initiation = floodOf(b.publicKey)(1);
    for (let i = 0; i < 40; i++)
      b.wireguard.receive(initiation, { address: "203.0.113.1", port: 1000 + i });
    const replies = line.log.splice(0);
    expect(replies.length).toBe(8); // The first 32 were looked at.
    for (const { bytes } of replies) expect([bytes[0], bytes.length]).toEqual([COOKIE, 64]);
    a.wireguard.send(ab());
    expect(line.types()).toEqual([INITIATION, COOKIE]);
    line.pass(5.4); // Busy no more, but the flood begins anew.
    line.types();
    expect(b.take()).toEqual([ab()]);
    const flooded = pair();
    flooded.line.filter = ({ bytes }) => bytes[0] !== INITIATION || bytes.length !== 148;
    const more = floodOf(flooded.b.publicKey)(1);
    const flood = (): void => {
      for (let i = 0; i < 40; i++)
        flooded.b.wireguard.receive(more, { address: "203.0.113.1", port: 1000 + i });
    };
    flood();
    flooded.line.filter = () => true;
    flooded.a.wireguard.send(ab());
    flooded.line.log.splice(0);
    let isThrough = false;
    for (let tenth = 0; tenth < 60 && !isThrough; tenth++) {
      flooded.line.pass(0.1);
      isThrough = flooded.b.take().length > 0;
      flood();
    }
    expect(isThrough).toBe(true);
  });

  test("keeps nothing: memory and keys in use do not grow", () => {
    const { b } = pair();
    const make = floodOf(b.publicKey);
    for (let i = 0; i < 60; i++)
      b.wireguard.receive(make(i), { address: `198.51.100.${i}`, port: i });
    expect(b.wireguard.metrics().cookieReplies).toBe(28);
    expect(b.wireguard.metrics().peers).toHaveLength(1);
  });
});

test("a key that is ours, known, or no point at all is no peer's", () => {
  const { a, b } = pair();
  const wrong = [a.publicKey, b.publicKey, new Uint8Array(32), new Uint8Array(5)];
  for (const publicKey of wrong)
    expect(() => a.wireguard.addPeer({ publicKey, allowedIps: [] })).toThrow(
      expect.objectContaining({ code: "WV_CONFIG" }),
    );
  expect(formatKey(a.publicKey)).toHaveLength(44);
});
