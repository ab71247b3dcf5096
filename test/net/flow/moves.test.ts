/**
 * Two hosts' switches joined by VXLAN on real UDP, and a controller on real TCP that makes their rules: a station moves
 * from one to the other while it is spoken to, and nothing but rules changes.
 */
import { afterEach, expect, test } from "vitest";
import { WallClock } from "../../../ts/base/clock.ts";
import { Random } from "../../../ts/base/random.ts";
import { rarpAnnouncement } from "../../../ts/net/arp.ts";
import { formatRule } from "../../../ts/net/flow/text.ts";
import { getMac, MAC_BROADCAST } from "../../../ts/net/mac.ts";
import { OpenFlowAgent } from "../../../ts/net/openflow/agent.ts";
import { controllerSide } from "../../../ts/net/openflow/controller.ts";
import { LearningController } from "../../../ts/net/openflow/learning-controller.ts";
import { OpenFlowCaller, OpenFlowListener } from "../../../ts/net/openflow/sockets.ts";
import { StationController } from "../../../ts/net/openflow/station-controller.ts";
import { Switch } from "../../../ts/net/switch.ts";
import type { SwitchPort } from "../../../ts/net/switch-port.ts";
import { UdpSocket } from "../../../ts/net/udp-socket.ts";
import { VxlanLink } from "../../../ts/net/vxlan-link.ts";
import { frameOf, mac } from "../fakes.ts";

const clock = new WallClock();
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0).reverse()) close();
});

const until = async (isSo: () => boolean): Promise<void> => {
  for (let tries = 0; !isSo(); tries++) {
    if (tries > 2000) throw new Error("it did not happen");
    await clock.sleep(5e6);
  }
};

function switchOf(name: string, datapathId: bigint) {
  const made = new Switch({ clock, random: new Random(1) });
  const agent = new OpenFlowAgent({ name, switch: made, clock, datapathId });
  closing.push(() => agent.close());
  return { switch: made, agent };
}

async function joined(switches: readonly Switch[]): Promise<VxlanLink[]> {
  const links: VxlanLink[] = [];
  const ends: UdpSocket[] = [];
  for (const its of switches) {
    const port = its.addPort({ name: "vxlan0", vlans: { mode: "trunk", native: 1 } });
    const datagrams = await UdpSocket.open({ address: "127.0.0.1", port: 0 });
    links.push(new VxlanLink({ peers: [] }, { port, clock, datagrams }));
    ends.push(datagrams);
  }
  for (const [i, link] of links.entries())
    for (const [j, end] of ends.entries())
      if (i !== j) link.addPeer({ address: "127.0.0.1", port: end.localPort });
  closing.push(() => ends.map((end) => end.close()));
  return links;
}

/** A card that says all again that it is told, to whoever told it. */
function echo(port: SwitchPort, own: number): void {
  const answers: Uint8Array[] = [];
  port.connect({
    receive: ({ bytes }) => {
      if (getMac(bytes, 0) !== own) return;
      const back = bytes.slice();
      back.set(bytes.subarray(6, 12), 0);
      back.set(bytes.subarray(0, 6), 6);
      answers.push(back);
    },
    flush: () => {
      for (const bytes of answers.splice(0)) port.send({ bytes });
      port.flush();
    },
  });
}

test("a station moves to another host and back under traffic, and only rules change", async () => {
  const a = switchOf("a", 10n);
  const b = switchOf("b", 11n);
  await joined([a.switch, b.switch]);
  const moves: string[] = [];
  const app = new StationController({
    onPlaced: (_, to, before) =>
      void moves.push(`${before?.datapath ?? "nowhere"} to ${to.datapath}`),
  });
  const listener = await OpenFlowListener.open({ host: "127.0.0.1", port: 0 }, controllerSide(app));
  closing.push(() => listener.close());
  for (const { agent } of [a, b]) {
    const caller = new OpenFlowCaller(listener.place, agent.side(), clock);
    closing.push(() => caller.close());
  }
  await until(() => app.datapaths.length === 2);
  await Promise.all(app.datapaths.map((one) => one.barrier()));

  const vlans = { mode: "access", vlan: 10 } as const;
  const [client, mover] = [mac(1), mac(2)];
  const clientPort = a.switch.addPort({ name: "client", vlans, mac: client });
  const stranger = b.switch.addPort({ name: "stranger", vlans: { mode: "access", vlan: 20 } });
  const overheard: Uint8Array[] = [];
  stranger.connect({ receive: ({ bytes }) => void overheard.push(bytes), flush: () => undefined });
  let heard = 0;
  clientPort.connect({
    receive: ({ bytes }) => {
      if (getMac(bytes, 0) === client) heard++;
    },
    flush: () => undefined,
  });
  let home = a.switch.addPort({ name: "mover", vlans, mac: mover });
  echo(home, mover);
  const announce = (): void => {
    home.send({ bytes: rarpAnnouncement(mover) });
    home.flush();
  };
  announce();
  clientPort.send({ bytes: frameOf(client, MAC_BROADCAST) });
  await until(() => moves.length === 2);
  await Promise.all(app.datapaths.map((one) => one.barrier()));

  const say = async (count: number): Promise<void> => {
    const wanted = heard + count;
    for (let i = 0; i < count; i++) {
      clientPort.send({ bytes: frameOf(client, mover, 100 + i) });
      clientPort.flush();
    }
    await until(() => heard >= wanted);
    expect(heard).toBe(wanted);
  };
  await say(100);
  const before = app.datapaths.map((one) => one.metrics());
  for (const [from, to] of [
    [a, b],
    [b, a],
    [a, b],
  ] as const) {
    const known = moves.length;
    from.switch.removePort(home);
    home = to.switch.addPort({ name: "mover", vlans, mac: mover });
    echo(home, mover);
    announce();
    await until(() => moves.length > known);
    await Promise.all(app.datapaths.map((one) => one.barrier()));
    await say(100);
  }
  const after = app.datapaths.map((one) => one.metrics());
  for (const [i, its] of after.entries()) {
    expect(its.framesOut).toBe(0);
    expect(its.errors).toBe(0);
    // At each move the place where it was is forgotten, and the new one told.
    expect(its.flowMods - (before[i]?.flowMods ?? 0)).toBeLessThanOrEqual(2 * 3);
    expect(its.flowMods - (before[i]?.flowMods ?? 0)).toBeGreaterThanOrEqual(3);
  }
  expect(a.switch.metrics().knownMacs).toBe(0); // Nothing was learned by switches.
  expect(b.switch.metrics().knownMacs).toBe(0);
  const rules = (its: typeof a): string[] =>
    [...(its.agent.flows.tables[0]?.entries() ?? [])].map(({ rule }) => formatRule(rule));
  const tunnel = a.switch.ports.find((port) => port.name === "vxlan0")?.number;
  expect(rules(a)).toContain(
    `table=0,priority=200,eth_dst=52:54:00:00:00:02,actions=output:${tunnel}`,
  );
  expect(rules(b)).toContain(
    `table=0,priority=200,eth_dst=52:54:00:00:00:02,actions=output:${home.number}`,
  );
  expect(overheard).toEqual([]); // VLAN 20 heard nothing of VLAN 10, on either host.

  listener.close(); // Without a controller all goes on.
  await say(50);
});

test("a learning controller: pairs that talk get rules, stations that move get others", async () => {
  const a = switchOf("a", 12n);
  const app = new LearningController(clock);
  const sides = controllerSide(app);
  const listener = await OpenFlowListener.open({ host: "127.0.0.1", port: 0 }, sides);
  closing.push(() => listener.close());
  const caller = new OpenFlowCaller(listener.place, a.agent.side(), clock);
  closing.push(() => caller.close());
  const table = (): string[] =>
    [...(a.agent.flows.tables[0]?.entries() ?? [])].map(({ rule }) => formatRule(rule));
  await until(() => table().join().includes("controller"));
  const ports = [0, 1, 2].map((i) => a.switch.addPort({ name: `p${i}` }));
  const heard = [0, 0, 0];
  for (const [i, port] of ports.entries())
    port.connect({
      receive: () => {
        heard[i] = (heard[i] ?? 0) + 1;
      },
      flush: () => undefined,
    });
  const send = (from: number, bytes: Uint8Array): void => ports[from]?.send({ bytes });
  send(0, frameOf(mac(1), mac(2)));
  await until(() => heard[1] === 1 && heard[2] === 1);
  send(1, frameOf(mac(2), mac(1)));
  await until(() => heard[0] === 1);
  send(0, frameOf(mac(1), mac(2)));
  await until(() => heard[1] === 2);
  await until(() => table().length === 3);
  expect(heard).toEqual([1, 2, 1]);
  send(0, frameOf(mac(1), mac(2))); // By its rule, at once.
  expect(heard).toEqual([1, 3, 1]);
  send(2, frameOf(mac(2), MAC_BROADCAST)); // It moved.
  await until(() => !table().join().includes("eth_dst=52:54:00:00:00:02"));
  await until(() => heard[0] === 2);
  send(0, frameOf(mac(1), mac(2)));
  await until(() => heard[2] === 2);
  a.switch.removePort(ports[0] as SwitchPort);
  await until(() => !table().join().includes("output:1"));
});
