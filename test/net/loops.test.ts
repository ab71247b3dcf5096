/** Loops, storms and frames that cannot be: what they may do to a switch, and to those beside it. */
import { afterEach, describe, expect, test } from "vitest";
import { VirtualClock, WallClock } from "../../ts/base/clock.ts";
import { Random } from "../../ts/base/random.ts";
import { MAC_BROADCAST } from "../../ts/net/mac.ts";
import { Switch } from "../../ts/net/switch.ts";
import type { SwitchPort } from "../../ts/net/switch-port.ts";
import { UdpSocket } from "../../ts/net/udp-socket.ts";
import { VxlanLink } from "../../ts/net/vxlan-link.ts";
import { frameOf, mac, Station } from "./fakes.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});
const trunk = { mode: "trunk", native: 1 } as const;

/** A cable between two switches: what goes in at one end comes out at the other a little later. */
function cable(clock: VirtualClock, ends: readonly [SwitchPort, SwitchPort]): void {
  for (const [from, to] of [ends, [ends[1], ends[0]]] as const)
    from.connect({
      receive: (frame) => {
        clock.after(50_000, () => {
          to.send(frame);
          to.flush();
        });
      },
      flush: () => undefined,
    });
}

describe("two switches with two cables between them", () => {
  function scene(seed: number) {
    const clock = new VirtualClock();
    const switches = [1, 2].map((i) => new Switch({ clock, random: new Random(seed * 10 + i) }));
    const [a, b] = switches as [Switch, Switch];
    const stations = switches.map((its, i) => {
      const port = its.addPort({ name: "guest", mac: mac(i + 1) });
      return { port, station: new Station(port) };
    });
    for (const name of ["vxlan0", "vxlan1"]) {
      const ends = [a.addPort({ name, vlans: trunk }), b.addPort({ name, vlans: trunk })] as const;
      cable(clock, ends);
    }
    return { clock, switches, stations };
  }

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "a frame for all does not go round for ever, seed %i",
    (seed) => {
      const { clock, stations, switches } = scene(seed);
      stations[0]?.station.send(frameOf(mac(1), MAC_BROADCAST));
      clock.advance(1e9);
      const shut = switches.flatMap((its) => its.metrics().shutPorts);
      expect(shut.length).toBeGreaterThanOrEqual(1);
      expect(stations[1]?.station.take().length).toBeLessThan(1000);
      clock.advance(1e9);
      expect(stations[1]?.station.take()).toEqual([]); // It is quiet.
      if (shut.length > 1) return; // Both shut a cable at the same moment: until one is open again, nobody hears anybody.
      stations[1]?.station.send(frameOf(mac(2), MAC_BROADCAST));
      clock.advance(1e6);
      stations[0]?.station.take();
      for (let i = 0; i < 20; i++) {
        stations[0]?.station.send(frameOf(mac(1), mac(2)));
        stations[1]?.station.send(frameOf(mac(2), mac(1)));
        clock.advance(1e6);
      }
      for (const { station } of stations) expect(station.take().length).toBeGreaterThanOrEqual(19); // The first may go to the cable that is shut.
    },
  );

  test("a cable is tried again, for shorter and shorter parts of the time", () => {
    const { clock, stations, switches } = scene(3);
    let heard = 0;
    for (let second = 0; second < 100; second++) {
      stations[0]?.station.send(frameOf(mac(1), MAC_BROADCAST));
      clock.advance(1e9);
      heard += stations[1]?.station.take().length ?? 0;
    }
    const loops = switches.reduce((sum, its) => sum + its.metrics().loops, 0);
    expect(loops).toBeGreaterThanOrEqual(3);
    expect(loops).toBeLessThanOrEqual(10);
    expect(heard).toBeLessThan(5000); // Of the million that the storm limit alone would let pass.
  });

  test("guests that move by the dozen are no loop", () => {
    const clock = new VirtualClock();
    const its = new Switch({ clock, random: new Random(1) });
    const [here, link] = [its.addPort({ name: "a" }), its.addPort({ name: "vxlan0" })];
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 200; i++)
        for (let again = 0; again < 5; again++)
          (round % 2 === 0 ? here : link).send({ bytes: frameOf(mac(i + 1), MAC_BROADCAST) });
      clock.advance(1.1e9);
    }
    expect(its.metrics()).toMatchObject({ loops: 0, shutPorts: [], knownMacs: 200 });
  });
});

test("two VXLAN links between two hosts do not melt them, on real sockets", async () => {
  const clock = new WallClock();
  const switches = [1, 2].map((i) => new Switch({ clock, random: new Random(i) }));
  for (const name of ["vxlan0", "vxlan1"]) {
    const ends: UdpSocket[] = [];
    const links: VxlanLink[] = [];
    for (const its of switches) {
      const datagrams = await UdpSocket.open({ address: "127.0.0.1", port: 0 });
      const port = its.addPort({ name, vlans: trunk });
      links.push(new VxlanLink({ peers: [] }, { port, clock, datagrams }));
      ends.push(datagrams);
    }
    const [a, b] = links as [VxlanLink, VxlanLink];
    a.addPeer({ address: "127.0.0.1", port: b.localPort });
    b.addPeer({ address: "127.0.0.1", port: a.localPort });
    closing.push(() => ends.map((end) => end.close()));
  }
  const stations = switches.map(
    (its, i) => new Station(its.addPort({ name: "g", mac: mac(i + 1) })),
  );
  stations[0]?.send(frameOf(mac(1), MAC_BROADCAST));
  await clock.sleep(1e9);
  stations[1]?.take();
  await clock.sleep(0.3e9);
  expect(stations[1]?.take().length).toBe(0);
  expect(switches.some((its) => its.metrics().loops > 0)).toBe(true);
});

test("cables that lead straight back end at a depth, without an error", () => {
  const clock = new VirtualClock();
  const its = new Switch({ clock, random: new Random(1) });
  const [a, b] = [its.addPort({ name: "a" }), its.addPort({ name: "b" })];
  a.connect({ receive: (frame) => b.send(frame), flush: () => undefined });
  b.connect({ receive: (frame) => a.send(frame), flush: () => undefined });
  const station = new Station(its.addPort({ name: "c" }));
  station.send(frameOf(mac(1), MAC_BROADCAST));
  expect(station.take().length).toBeLessThan(1000);
});

describe("frames that cannot be", () => {
  test.each([
    ["empty", 0],
    ["a header that is cut", 13],
    ["longer than any card takes", 65_535 + 14 + 9],
  ])("%s: refused and counted, and the next one passes", (_, bytes) => {
    const clock = new VirtualClock();
    const its = new Switch({ clock, random: new Random(1) });
    const [from, to] = [its.addPort({ name: "a" }), its.addPort({ name: "b" })];
    const heard = new Station(to);
    const frame = new Uint8Array(bytes);
    frame.set(frameOf(mac(1), mac(2)).subarray(0, Math.min(bytes, 14)));
    from.send({ bytes: frame });
    expect(heard.take()).toEqual([]);
    expect(from.metrics().refusedFrames).toBe(1);
    from.send({ bytes: frameOf(mac(1), mac(2)) });
    expect(heard.take().length).toBe(1);
  });

  test("spoofed ones do not move a guest's traffic to the spoofer", () => {
    const clock = new VirtualClock();
    const its = new Switch({ clock, random: new Random(1) });
    const [victim, spoofer, other] = [1, 2, 3].map(
      (i) => new Station(its.addPort({ name: `g${i}`, mac: mac(i) })),
    ) as [Station, Station, Station];
    victim.send(frameOf(mac(1), MAC_BROADCAST));
    for (let i = 0; i < 500; i++) spoofer.send(frameOf(mac(1), MAC_BROADCAST));
    for (const one of [victim, spoofer, other]) one.take();
    other.send(frameOf(mac(3), mac(1)));
    expect([victim, spoofer].map((one) => one.take().length)).toEqual([1, 0]);
    expect(its.ports[1]?.metrics().refusedFrames).toBe(500);
  });
});

test("a rate limits what a guest sends, and what it gets", () => {
  const clock = new VirtualClock();
  const its = new Switch({ clock, random: new Random(1) });
  const [a, b] = [its.addPort({ name: "a" }), its.addPort({ name: "b" })] as const;
  const [from, to] = [new Station(a), new Station(b)];
  const flood = (): void => {
    for (let i = 0; i < 1000; i++) from.send(frameOf(mac(1), mac(2), 966)); // 1000 bytes
  };
  for (const port of [a, b]) {
    its.impair(port, { rate: 1e6, queueBytesMax: 100_000 }, port === a ? "in" : "out");
    flood();
    clock.advance(50e6);
    expect(to.take().length).toBe(50);
    clock.run();
    expect(to.take().length).toBeLessThanOrEqual(52);
    expect(port.metrics().lostFrames).toBeGreaterThan(800);
    its.impair(port, {}, port === a ? "in" : "out");
  }
  flood();
  expect(to.take().length).toBe(1000);
});
