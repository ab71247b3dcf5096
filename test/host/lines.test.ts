/** Cards whose lines are bad ones (`--net lan,rate=..,loss=..,latency=..,jitter=..`), measured on a virtual clock. */
import { afterEach, describe, expect, test } from "vitest";
import { VirtualClock } from "../../ts/base/clock.ts";
import { decodeState, encodeState, type Plain } from "../../ts/base/codec.ts";
import { Random } from "../../ts/base/random.ts";
import { networks as netOptions } from "../../ts/cli/network-option.ts";
import { createOptions } from "../../ts/host/daemon/fields.ts";
import { HostNetworks } from "../../ts/host/networks/host-networks.ts";
import { decodeNics, resolveNics } from "../../ts/host/networks/nic-config.ts";
import { VmNic } from "../../ts/host/networks/vm-nic.ts";
import { StateFields } from "../../ts/machine/state-fields.ts";
import { ARP_REQUEST, arpFrame } from "../../ts/net/arp.ts";
import { MAC_BROADCAST, parseMac } from "../../ts/net/mac.ts";
import { DEFAULT_SUBNET } from "../../ts/net/user/subnet.ts";
import { frameOf, Station } from "../net/fakes.ts";

const closing: HostNetworks[] = [];
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close();
});

function scene() {
  const clock = new VirtualClock();
  const networks = new HostNetworks(clock, new Random(1));
  closing.push(networks);
  /** A guest's card as `--net` asks for it, gone through the config that moves with it. */
  const plugged = async (name: string, option: string) => {
    const asked = resolveNics(netOptions([option]), new Random(name.charCodeAt(0)));
    const saved = encodeState({ networks: asked } as unknown as Plain, 1);
    const nics = decodeNics(new StateFields("config", decodeState(saved, { version: 1 })));
    expect(nics).toEqual(asked);
    const config = nics[0] as (typeof nics)[0];
    const plug = await networks.plug(name, 0, config);
    if (!plug) throw new Error("no plug");
    const mac = parseMac(config.mac);
    const info = (): string | undefined => new VmNic({ config, index: 0, plug, clock }).info().line;
    return { mac, plug, info, station: new Station(plug.port) };
  };
  return { clock, networks, plugged };
}

describe("a card's line", () => {
  test("is late each way by its latency, and by its jitter at most more", async () => {
    const { clock, plugged } = scene();
    const a = await plugged("a", "switch=s,latency=20ms,jitter=4ms");
    const b = await plugged("b", "switch=s");
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      from.station.send(frameOf(from.mac, to.mac));
      clock.advance(20e6 - 1);
      expect(to.station.take().length).toBe(0);
      clock.advance(4e6 + 1);
      expect(to.station.take().length).toBe(1);
    }
    expect([a.info(), b.info()]).toEqual(["20ms late, up to 4ms more", undefined]);
  });

  test("carries no more than its rate each way, while others are as fast as ever", async () => {
    const { clock, plugged } = scene();
    const a = await plugged("a", "switch=s,rate=8Mbit"); // 1000 bytes a millisecond.
    const b = await plugged("b", "switch=s");
    const c = await plugged("c", "switch=s");
    for (const one of [a, b, c]) one.station.send(frameOf(one.mac, MAC_BROADCAST));
    clock.run();
    for (const one of [a, b, c]) one.station.take();
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      for (let i = 0; i < 200; i++) from.station.send(frameOf(from.mac, to.mac, 966));
      clock.advance(100e6);
      expect(to.station.take().length).toBe(100);
      clock.run();
      expect(to.station.take().length).toBe(100);
    }
    for (let i = 0; i < 200; i++) b.station.send(frameOf(b.mac, c.mac, 966));
    expect(c.station.take().length).toBe(200);
  });

  test("loses its share of frames each way, and counts them at its port", async () => {
    const { clock, networks, plugged } = scene();
    const a = await plugged("a", "switch=s,loss=10%");
    const b = await plugged("b", "switch=s");
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      for (let i = 0; i < 10_000; i++) from.station.send(frameOf(from.mac, to.mac));
      clock.run();
      const { length } = to.station.take();
      expect(length).toBeGreaterThan(8800);
      expect(length).toBeLessThan(9200);
    }
    const [its] = await networks.control.list();
    const lost = its?.ports.find(({ mac }) => parseMac(mac ?? "") === a.mac)?.lostFrames ?? 0;
    expect(lost).toBeGreaterThan(1600);
    expect(lost).toBeLessThan(2400);
  });

  test("is the way to the gateway of a network of one's own, too: there and back", async () => {
    const { clock, plugged } = scene();
    const { mac, station } = await plugged("a", "user,latency=30ms");
    station.send(
      arpFrame(
        {
          operation: ARP_REQUEST,
          senderMac: mac,
          senderIp: DEFAULT_SUBNET.firstLease,
          targetMac: 0,
          targetIp: DEFAULT_SUBNET.gateway,
        },
        MAC_BROADCAST,
      ),
    );
    clock.advance(60e6 - 1);
    expect(station.take().length).toBe(0);
    clock.advance(1);
    expect(station.take().length).toBe(1);
  });

  test("takes what is under way with it when its guest leaves", async () => {
    const { clock, networks, plugged } = scene();
    const a = await plugged("a", "switch=s,latency=20ms");
    const b = await plugged("b", "switch=s");
    a.station.send(frameOf(a.mac, b.mac));
    a.plug.unplug("moved");
    clock.run();
    expect(b.station.take().length).toBe(0);
    const [its] = await networks.control.list();
    expect(its?.knownMacs).toBe(0);
  });
});

test.each([
  ["loss=2", /--net: loss: expected a share like 1%, got "2"/],
  ["loss=101%", /--net: expected a loss of 0 to 100%/],
  ["latency=20", /--net: latency.*"20"/],
  ["latency=2min", /--net: .*up to a minute/],
  ["jitter=", /--net: jitter/],
  ["rate=fast", /--net: rate.*"fast"/],
  ["rate=10bit", /--net: .*from 1kbit on/],
])("%s is refused", (setting, message) => {
  const refusal = { code: "WV_CONFIG", message: expect.stringMatching(message) };
  expect(() => netOptions([`lan,${setting}`])).toThrow(expect.objectContaining(refusal));
});

test("a daemon takes lines in words and in numbers", () => {
  const nic = { kind: "lan", loss: 0.01, latency: "20ms", jitter: 5e6, rate: "10Mbit" };
  const { networks } = createOptions({ networks: [nic] });
  const [config] = resolveNics(networks, new Random(1));
  expect(config?.line).toEqual({ lossRatio: 0.01, latencyNs: 20e6, jitterNs: 5e6, rate: 1.25e6 });
  expect(() => createOptions({ networks: [{ ...nic, loss: true }] })).toThrow(/loss/);
  expect(() => resolveNics([{ kind: "lan", rate: -1 }], new Random(1))).toThrow(/1kbit/);
});
