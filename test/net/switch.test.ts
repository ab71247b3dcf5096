/** The switch: it learns, floods, keeps VLANs apart (seen by sniffing every port), and bounds what one port may do. */
import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../ts/base/clock.ts";
import { Random } from "../../ts/base/random.ts";
import { tagged, tagOf, untagged } from "../../ts/net/ethernet.ts";
import { MAC_BROADCAST } from "../../ts/net/mac.ts";
import { type PortOptions, Switch, type SwitchOptions } from "../../ts/net/switch.ts";
import { frameOf, mac, Station } from "./fakes.ts";

function scene(ports: readonly Partial<PortOptions>[], options: Partial<SwitchOptions> = {}) {
  const clock = new VirtualClock();
  const made = new Switch({ clock, random: new Random(1), ...options });
  const all = ports.map((port, i) => made.addPort({ name: `p${i}`, ...port }));
  const stations = all.map((port) => new Station(port));
  const counts = (): number[] => stations.map((station) => station.take().length);
  return { clock, switch: made, ports: all, stations, counts };
}

describe("learning", () => {
  test("floods until it knows a station, then sends to it alone", () => {
    const { counts, stations } = scene([{}, {}, {}]);
    stations[0]?.send(frameOf(mac(1), mac(2)));
    expect(counts()).toEqual([0, 1, 1]);
    stations[1]?.send(frameOf(mac(2), mac(1)));
    expect(counts()).toEqual([1, 0, 0]);
    stations[0]?.send(frameOf(mac(1), mac(2)));
    expect(counts()).toEqual([0, 1, 0]);
    stations[0]?.send(frameOf(mac(1), MAC_BROADCAST));
    expect(counts()).toEqual([0, 1, 1]);
  });

  test("follows a station that moved, at its first frame there", () => {
    const { counts, stations } = scene([{}, {}, {}]);
    stations[0]?.send(frameOf(mac(1), MAC_BROADCAST));
    stations[2]?.send(frameOf(mac(1), MAC_BROADCAST));
    counts();
    stations[1]?.send(frameOf(mac(2), mac(1)));
    expect(counts()).toEqual([0, 0, 1]);
  });

  test("forgets a station that was quiet for five minutes", () => {
    const { clock, counts, stations } = scene([{}, {}, {}]);
    stations[0]?.send(frameOf(mac(1), MAC_BROADCAST));
    counts();
    clock.advance(301e9);
    stations[1]?.send(frameOf(mac(2), mac(1)));
    expect(counts()).toEqual([1, 0, 1]);
  });

  test("a port that makes stations up fills its own share of the table only", () => {
    const { stations, switch: made } = scene([{}, {}], { portEntriesMax: 10, entriesMax: 12 });
    for (let i = 0; i < 100; i++) stations[0]?.send(frameOf(mac(100 + i), mac(1)));
    expect(made.metrics()).toMatchObject({ knownMacs: 10, unlearnedMacs: 90 });
    stations[1]?.send(frameOf(mac(2), mac(1)));
    expect(made.metrics().knownMacs).toBe(11);
  });

  test("what a port learned goes with it", () => {
    const { ports, stations, switch: made } = scene([{}, {}]);
    stations[0]?.send(frameOf(mac(1), MAC_BROADCAST));
    made.removePort(ports[0] as (typeof ports)[0]);
    expect(made.metrics().knownMacs).toBe(0);
  });
});

describe("what it refuses", () => {
  test.each([
    ["a frame without a whole header", new Uint8Array(13)],
    ["a group as its source", frameOf(MAC_BROADCAST, mac(2))],
    ["nobody as its source", frameOf(0, mac(2))],
    ["what is for the next bridge alone", frameOf(mac(1), 0x0180_c200_0000)],
  ])("%s", (_, bytes) => {
    const { counts, ports, stations } = scene([{}, {}]);
    stations[0]?.send(bytes);
    expect(counts()).toEqual([0, 0]);
    expect(ports[0]?.metrics().refusedFrames).toBe(1);
  });

  test("another's address on a port that has one", () => {
    const { counts, ports, stations } = scene([{ mac: mac(1) }, {}]);
    stations[0]?.send(frameOf(mac(7), MAC_BROADCAST));
    stations[0]?.send(frameOf(mac(1), MAC_BROADCAST));
    expect(counts()).toEqual([0, 1]);
    expect(ports[0]?.metrics().refusedFrames).toBe(1);
  });

  test("a storm, beyond what a port may flood in a second; stations that are known still hear", () => {
    const { clock, counts, ports, stations } = scene([{}, {}], { stormFramesPerSec: 100 });
    stations[1]?.send(frameOf(mac(2), mac(9)));
    counts();
    for (let i = 0; i < 1000; i++) stations[0]?.send(frameOf(mac(1), MAC_BROADCAST));
    expect(counts()).toEqual([0, 100]);
    expect(ports[0]?.metrics().stormFrames).toBe(900);
    stations[0]?.send(frameOf(mac(1), mac(2)));
    expect(counts()).toEqual([0, 1]);
    clock.advance(0.5e9);
    for (let i = 0; i < 1000; i++) stations[0]?.send(frameOf(mac(1), MAC_BROADCAST));
    expect(counts()).toEqual([0, 50]);
  });

  test("VLANs that cannot be, names that are taken", () => {
    const { switch: made } = scene([{}]);
    expect(() => made.addPort({ name: "p0" })).toThrow(/exists already/);
    for (const vlan of [0, 4095, 1.5])
      expect(() => made.addPort({ name: "x", vlans: { mode: "access", vlan } })).toThrow(/vlan/);
  });
});

describe("VLANs", () => {
  const access = (vlan: number) => ({ vlans: { mode: "access", vlan } }) as const;
  const trunk = { vlans: { mode: "trunk", native: 1 } } as const;
  const narrow = { vlans: { mode: "trunk", allowed: new Set([10]) } } as const;

  test("no port hears a frame of another VLAN, whoever sends it", () => {
    const vlans = [10, 10, 20, 20, 1];
    const { counts, stations } = scene(vlans.map(access));
    for (const [from, station] of stations.entries()) {
      station.send(frameOf(mac(from + 1), MAC_BROADCAST));
      station.send(frameOf(mac(from + 1), mac(99)));
      for (const other of stations.keys()) station.send(frameOf(mac(from + 1), mac(other + 1)));
      const heard = counts();
      for (const [to, count] of heard.entries()) {
        const isSame = to !== from && vlans[to] === vlans[from];
        expect(count > 0, `${from} to ${to}`).toBe(isSame);
      }
    }
  });

  test("a station with one address on two VLANs is two stations", () => {
    const { counts, stations } = scene([access(10), access(20), access(10), access(20)]);
    stations[0]?.send(frameOf(mac(1), MAC_BROADCAST));
    stations[1]?.send(frameOf(mac(1), MAC_BROADCAST));
    counts();
    stations[2]?.send(frameOf(mac(3), mac(1)));
    expect(counts()).toEqual([1, 0, 0, 0]);
    stations[3]?.send(frameOf(mac(4), mac(1)));
    expect(counts()).toEqual([0, 1, 0, 0]);
  });

  test("a trunk has tags but for its native VLAN; tags come off at access ports", () => {
    const { stations } = scene([access(10), access(1), trunk, trunk]);
    const sent = frameOf(mac(1), MAC_BROADCAST);
    stations[0]?.send(sent);
    const [onTrunk] = stations[2]?.take() ?? [];
    expect(onTrunk && tagOf(onTrunk)).toBe(10);
    expect(onTrunk && untagged({ bytes: onTrunk }).bytes).toEqual(sent);
    expect(stations[1]?.take()).toEqual([]);
    stations[1]?.send(sent);
    expect(stations[2]?.take()).toEqual([sent]);
    stations[3]?.take();
    stations[2]?.send(tagged({ bytes: frameOf(mac(5), MAC_BROADCAST) }, 0xa00a).bytes);
    expect(stations[0]?.take()).toEqual([frameOf(mac(5), MAC_BROADCAST)]);
    expect(stations[3]?.take().map(tagOf)).toEqual([0xa00a]);
  });

  test("a tag that is cut is none of the VLAN that the frame came in on, and goes nowhere", () => {
    const { counts, ports, stations } = scene([access(10), access(10), trunk]);
    const whole = tagged({ bytes: frameOf(mac(1), MAC_BROADCAST) }, 20).bytes;
    for (const bytes of [14, 15, 16, 17]) stations[0]?.send(whole.subarray(0, bytes));
    expect(counts()).toEqual([0, 0, 0]);
    expect(ports[0]?.metrics().refusedFrames).toBe(4);
  });

  test("hopping by a second tag, by a tag on an access port, and by VLAN 4095 leads nowhere else", () => {
    const { counts, stations } = scene([access(10), access(20), trunk, narrow]);
    const plain = { bytes: frameOf(mac(1), MAC_BROADCAST) };
    stations[0]?.send(tagged(plain, 20).bytes);
    stations[0]?.send(tagged(tagged(plain, 20), 10).bytes);
    expect(counts()).toEqual([0, 0, 0, 0]);
    stations[2]?.send(tagged(plain, 4095).bytes);
    stations[3]?.send(tagged(plain, 20).bytes);
    stations[3]?.send(plain.bytes);
    expect(counts()).toEqual([0, 0, 0, 0]);
    stations[0]?.send(tagged(plain, 0x6000).bytes); // Only a priority.
    expect(counts()).toEqual([0, 0, 1, 1]);
  });
});

describe("mirrors and lines", () => {
  test("a mirror hears both ways of a port, and says nothing", () => {
    const { counts, ports, stations, switch: made } = scene([{}, {}, {}]);
    made.mirror(ports[2] as (typeof ports)[0], ports[0]);
    stations[0]?.send(frameOf(mac(1), mac(2)));
    stations[1]?.send(frameOf(mac(2), mac(1)));
    expect(counts()).toEqual([1, 1, 2]);
    stations[2]?.send(frameOf(mac(3), mac(1)));
    expect(counts()).toEqual([0, 0, 0]);
  });

  test("a line is as late, as lossy and as slow as it is told to be", () => {
    const { clock, ports, stations, switch: made } = scene([{}, {}]);
    const to = ports[1] as (typeof ports)[0];
    const send = (count: number): void => {
      for (let i = 0; i < count; i++) stations[0]?.send(frameOf(mac(1), mac(2), 966)); // 1000 bytes
    };
    made.impair(to, { latencyNs: 5e6, jitterNs: 1e6 });
    send(1);
    clock.advance(5e6 - 1);
    expect(stations[1]?.take().length).toBe(0);
    clock.advance(1e6 + 1);
    expect(stations[1]?.take().length).toBe(1);
    made.impair(to, { lossRatio: 0.25 });
    send(4000);
    clock.run();
    expect(stations[1]?.take().length).toBeGreaterThan(2800);
    expect(to.metrics().lostFrames).toBeGreaterThan(800);
    made.impair(to, { rate: 1e6, queueBytesMax: 100_000 });
    send(1000);
    clock.advance(50e6);
    expect(stations[1]?.take().length).toBe(50);
    clock.run();
    expect(stations[1]?.take().length).toBeLessThanOrEqual(52);
    made.impair(to, {});
    send(3);
    expect(stations[1]?.take().length).toBe(3);
  });
});
