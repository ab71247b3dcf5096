/** Flow tables of a switch: which rule is for a frame, what it does, what it counts, and when it goes. */
import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../../ts/base/clock.ts";
import { Random } from "../../../ts/base/random.ts";
import { checksum, pseudoSum } from "../../../ts/net/checksum.ts";
import { tagged, tagOf, untagged } from "../../../ts/net/ethernet.ts";
import type { FrameIn } from "../../../ts/net/flow/pipeline.ts";
import { formatRule, ruleOf, selectionOf } from "../../../ts/net/flow/text.ts";
import { IPV4_AT, parseIp, parseIpv4 } from "../../../ts/net/ipv4.ts";
import { formatMac, getMac, MAC_BROADCAST } from "../../../ts/net/mac.ts";
import { plainFrames } from "../../../ts/net/offload.ts";
import { type PortOptions, Switch } from "../../../ts/net/switch.ts";
import { parseUdp, udpFrame } from "../../../ts/net/udp.ts";
import { frameOf, mac, Station, segmentOf } from "../fakes.ts";

function scene(rules: readonly string[], ports: readonly Partial<PortOptions>[] = [{}, {}, {}]) {
  const clock = new VirtualClock();
  const made = new Switch({ clock, random: new Random(1) });
  const all = ports.map((port, i) => made.addPort({ name: `p${i}`, ...port }));
  const stations = all.map((port) => new Station(port));
  const flows = made.flows();
  for (const rule of rules) flows.add(ruleOf(rule));
  const counts = (): number[] => stations.map((station) => station.take().length);
  const framesIn: FrameIn[] = [];
  const removed: string[] = [];
  flows.listen({
    onFrame: (frame) => void framesIn.push(frame),
    onRemoved: (entry, reason) => void removed.push(`${reason} ${formatRule(entry.rule)}`),
  });
  return { clock, switch: made, flows, stations, counts, framesIn, removed };
}

const udp = (source: string, target: string, port = 53): Uint8Array =>
  udpFrame(
    { mac: mac(1), ip: parseIp(source) },
    { mac: mac(2), ip: parseIp(target) },
    { sourcePort: 1000, targetPort: port, data: new Uint8Array([1, 2, 3]) },
  );

describe("which rule is for a frame", () => {
  test("that with the highest priority; without one the frame goes nowhere", () => {
    const { counts, flows, stations } = scene([
      "priority=10,actions=output:2",
      "priority=20,ipv4_dst=10.0.0.0/8,eth_type=0x0800,actions=output:3",
      "priority=30,udp,ipv4_dst=10.0.0.1,udp_dst=53,actions=drop",
    ]);
    stations[0]?.send(frameOf(mac(1), mac(2)));
    expect(counts()).toEqual([0, 1, 0]);
    stations[0]?.send(udp("192.168.0.1", "10.0.0.9"));
    expect(counts()).toEqual([0, 0, 1]);
    stations[0]?.send(udp("192.168.0.1", "10.0.0.1"));
    expect(counts()).toEqual([0, 0, 0]);
    stations[0]?.send(udp("192.168.0.1", "10.0.0.1", 54));
    expect(counts()).toEqual([0, 0, 1]);
    flows.remove(selectionOf(""));
    stations[0]?.send(frameOf(mac(1), mac(2)));
    expect(counts()).toEqual([0, 0, 0]);
  });

  test("what was worked out for a frame holds until a rule changes, and no longer", () => {
    const { counts, flows, stations } = scene(["priority=1,actions=output:2"]);
    for (let i = 0; i < 3; i++) stations[0]?.send(frameOf(mac(1), mac(2)));
    expect(counts()).toEqual([0, 3, 0]);
    flows.add(ruleOf(`priority=2,eth_dst=${formatMac(mac(2))},actions=output:3`));
    stations[0]?.send(frameOf(mac(1), mac(2)));
    expect(counts()).toEqual([0, 0, 1]);
    flows.modify(
      selectionOf("table=0,eth_dst=52:54:00:00:00:02"),
      ruleOf("actions=output:2,output:3").instructions,
    );
    stations[0]?.send(frameOf(mac(1), mac(2)));
    expect(counts()).toEqual([0, 1, 1]);
  });

  test("agrees with looking at every rule in turn, over random rules and frames", () => {
    const random = new Random(7);
    const words = [
      () => `in_port=${1 + random.below(3)}`,
      () => `eth_src=${formatMac(mac(1 + random.below(3)))}`,
      () => `eth_dst=00:00:00:00:00:0${random.below(4)}/00:00:00:00:00:03`,
      () => "ip",
      () => `ip,ipv4_src=10.0.0.${random.below(4)}/31`,
      () => `ip,ipv4_dst=10.0.0.${random.below(4)}`,
      () => `udp,udp_dst=${50 + random.below(3)}`,
      () => "vlan_vid=any",
    ];
    for (let round = 0; round < 40; round++) {
      // Priorities differ: which of two equal ones is taken is nobody's business.
      const rules = Array.from({ length: 12 }, (_, i) => {
        const match = [random.pick(words)(), random.pick(words)()].join(",");
        return ruleOf(`priority=${100 - i},${match},actions=output:${1 + random.below(3)}`);
      });
      const { flows, stations } = scene([]);
      for (const rule of rules) flows.add(rule);
      const entries = flows.tables.flatMap((table) => [...table.entries()]);
      for (let i = 0; i < 40; i++) {
        const from = random.below(3);
        const [source, target] = [`10.0.0.${random.below(4)}`, `10.0.0.${random.below(4)}`];
        const frame = udp(source, target, 50 + random.below(3));
        frame[11] = 1 + random.below(3);
        stations[from]?.send(frame);
        const got = stations.map((station) => station.take().length);
        const names = { from: from + 1, source, target, frame };
        const best = entries
          .filter(({ rule }) => isFor(formatRule(rule), names))
          .sort((a, b) => b.rule.priority - a.rule.priority)[0];
        const action = best?.rule.instructions.apply[0];
        const port = action?.type === "output" ? action.port : 0;
        expect(got).toEqual([1, 2, 3].map((p) => (p === port && p !== from + 1 ? 1 : 0)));
      }
    }
  });

  test.each([
    ["tcp_dst=80,actions=drop", "bad-prerequisite"],
    ["eth_type=0x0800/0xff00,actions=drop", "bad-mask"],
    ["ip,set=1,actions=drop", undefined],
    ["table=9,actions=drop", "bad-table"],
    ["table=3,actions=goto_table:3", "bad-goto"],
    ["actions=goto_table:9", "bad-goto"],
    ["vlan_pcp=3,actions=drop", "bad-prerequisite"],
    ["actions=set_field:80->tcp_dst", "bad-prerequisite"],
    ["actions=set_field:1->eth_type", "bad-action-argument"],
    ["actions=push_vlan:0x9100", "bad-action-argument"],
    ["actions=output:4294967040", undefined],
  ])("%s: %s", (rule, refusal) => {
    const { flows } = scene([]);
    const add = (): void => flows.add(ruleOf(rule));
    if (refusal) expect(add).toThrow(expect.objectContaining({ refusal }));
    else if (rule.startsWith("ip,set")) expect(add).toThrow(/no such field/);
    else expect(add).not.toThrow();
  });

  test("a table has room for so many, and says when it is full", () => {
    const { flows } = scene([]);
    const add = (i: number): void =>
      flows.add(
        ruleOf(
          `eth_dst=52:54:00:00:${(i >> 8).toString(16).padStart(2, "0")}:${(i & 255).toString(16).padStart(2, "0")},actions=drop`,
        ),
      );
    for (let i = 0; i < 16_384; i++) add(i);
    expect(() => add(16_384)).toThrow(
      expect.objectContaining({ code: "WV_LIMIT", refusal: "table-full" }),
    );
    add(5); // In the place of one that is there.
    expect(flows.tables[0]?.size).toBe(16_384);
  });
});

/** The same, word by word from the text of a rule. */
function isFor(
  text: string,
  its: {
    readonly from: number;
    readonly source: string;
    readonly target: string;
    readonly frame: Uint8Array;
  },
): boolean {
  const words = text.slice(0, text.indexOf(",actions")).split(",");
  return words.every((word) => {
    const [name = "", value = ""] = word.split("=");
    if (name === "table" || name === "priority") return true;
    if (name === "in_port") return value === String(its.from);
    if (name === "eth_src") return value === formatMac(getMac(its.frame, 6));
    if (name === "eth_dst") return Number(value.slice(16, 17)) === (getMac(its.frame, 0) & 3);
    if (name === "eth_type") return value === "0x800";
    if (name === "ip_proto") return value === "17";
    if (name === "ipv4_src")
      return (Number(value.split(/[./]/)[3]) ^ Number(its.source.at(-1))) < 2;
    if (name === "ipv4_dst") return value === its.target;
    if (name === "udp_dst") return Number(value) === its.frame[37];
    return false; // No frame has a tag.
  });
}

describe("what a rule does", () => {
  test("several tables: what one keeps is done at the end, unless another forgets it", () => {
    const { counts, flows, stations } = scene([
      "table=0,priority=1,actions=set_field:52:54:00:00:00:09->eth_dst,goto_table:2",
      "table=2,priority=1,eth_dst=52:54:00:00:00:09,actions=output:2,goto_table:3",
    ]);
    stations[0]?.send(frameOf(mac(1), mac(2)));
    expect(stations[1]?.take().map((bytes) => getMac(bytes, 0))).toEqual([mac(9)]); // Table 3 has no rule.
    const rule = ruleOf("table=3,priority=1,actions=drop");
    flows.add({
      ...rule,
      instructions: {
        apply: [],
        write: ruleOf("actions=output:3").instructions.apply,
        isClearing: false,
        goto: 4,
      },
    });
    flows.add(ruleOf("table=4,priority=1,actions=drop"));
    stations[0]?.send(frameOf(mac(1), mac(2)));
    expect(counts()).toEqual([0, 1, 1]);
    flows.add({
      ...ruleOf("table=4,priority=1,actions=drop"),
      instructions: { apply: [], write: [], isClearing: true },
    });
    stations[0]?.send(frameOf(mac(1), mac(2)));
    expect(counts()).toEqual([0, 1, 0]);
    expect(flows.tables.map((table) => [table.lookups, table.matched]).slice(0, 5)).toEqual([
      [3, 3],
      [0, 0],
      [3, 3],
      [3, 2],
      [2, 2],
    ]);
  });

  test("metadata that one table writes is seen by another", () => {
    const { counts, flows, stations } = scene([
      "table=1,priority=1,metadata=0x5/0xf,actions=output:3",
    ]);
    flows.add({
      ...ruleOf("priority=1,in_port=1,actions=drop"),
      instructions: {
        apply: [],
        write: [],
        isClearing: false,
        metadata: { value: 0x25n, mask: 0xffn },
        goto: 1,
      },
    });
    flows.add(ruleOf("priority=1,in_port=2,actions=goto_table:1"));
    stations[0]?.send(frameOf(mac(1), mac(2)));
    stations[1]?.send(frameOf(mac(1), mac(2)));
    expect(counts()).toEqual([0, 0, 1]);
  });

  test("addresses and ports are set with their checksums, and nobody else's frame is changed", () => {
    const { stations } = scene([
      "priority=9,udp,actions=output:2,set_field:10.9.9.9->ipv4_dst,set_field:9999->udp_dst,set_field:12->ip_dscp,output:3",
    ]);
    const sent = udp("10.0.0.1", "10.0.0.2");
    const before = sent.slice();
    stations[0]?.send(sent);
    expect(sent).toEqual(before);
    expect(stations[1]?.take()).toEqual([before]);
    const [changed = new Uint8Array(0)] = stations[2]?.take() ?? [];
    const packet = parseIpv4(changed, IPV4_AT); // It looks at the sum of the header.
    expect(packet?.target).toBe(parseIp("10.9.9.9"));
    expect(changed[15]).toBe(12 << 2);
    expect(packet && parseUdp(changed, packet, false)?.targetPort).toBe(9999);
  });

  test("so are sums that a card was to make, of frames that are to be cut", () => {
    const clock = new VirtualClock();
    const made = new Switch({ clock, random: new Random(1) });
    const [from, to] = [made.addPort({ name: "a" }), made.addPort({ name: "b" })];
    const heard: Uint8Array[] = [];
    to.connect({
      receive: (frame) => void heard.push(...plainFrames(frame).map((one) => one.bytes)),
      flush: () => undefined,
    });
    made
      .flows()
      .add(ruleOf("tcp,actions=set_field:10.9.9.9->ipv4_src,set_field:7->tcp_dst,output:2"));
    from.send(segmentOf(new Uint8Array(5000).fill(7)));
    expect(heard.length).toBe(4);
    for (const bytes of heard) {
      const packet = parseIpv4(bytes, IPV4_AT);
      if (!packet) throw new Error("a wrong header");
      expect(packet.source).toBe(parseIp("10.9.9.9"));
      const count = packet.end - packet.payloadAt;
      expect(checksum(bytes, packet.payloadAt, packet.end, pseudoSum(bytes, IPV4_AT, count))).toBe(
        0,
      );
    }
  });

  test("tags: put on, changed, taken off, and those below seen then", () => {
    const trunk = { vlans: { mode: "trunk", native: 1 } } as const;
    const { stations } = scene(
      [
        "priority=5,in_port=1,vlan_vid=none,actions=push_vlan:0x8100,set_field:30->vlan_vid,set_field:5->vlan_pcp,output:2",
        "priority=5,in_port=3,vlan_vid=40,actions=pop_vlan,goto_table:1",
        "table=1,priority=5,vlan_vid=50,actions=output:2",
        "table=1,priority=4,actions=output:1",
      ],
      [trunk, trunk, trunk],
    );
    const plain = frameOf(mac(1), mac(2));
    stations[0]?.send(plain);
    const [out = new Uint8Array(0)] = stations[1]?.take() ?? [];
    expect(tagOf(out)).toBe(0xa01e);
    expect(untagged({ bytes: out }).bytes).toEqual(plain);
    const inner = tagged({ bytes: plain }, 50).bytes;
    stations[2]?.send(tagged({ bytes: inner }, 40).bytes);
    expect(stations[1]?.take()).toEqual([inner]);
    stations[2]?.send(tagged({ bytes: tagged({ bytes: plain }, 51).bytes }, 40).bytes);
    expect(stations[0]?.take().map(tagOf)).toEqual([51]);
    stations[2]?.send(tagged({ bytes: plain }, 40).bytes);
    expect(stations[0]?.take()).toEqual([plain]);
  });

  test("reserved ports: normal learns, flood and all leave out where it came from, in_port does not", () => {
    const {
      counts,
      flows,
      framesIn,
      stations,
      switch: made,
    } = scene(["priority=0,actions=normal"]);
    stations[0]?.send(frameOf(mac(1), mac(2)));
    stations[1]?.send(frameOf(mac(2), mac(1)));
    stations[0]?.send(frameOf(mac(1), mac(2)));
    expect(counts()).toEqual([1, 2, 1]);
    expect(made.metrics().knownMacs).toBe(2);
    for (const [action, expected] of [
      ["flood", [0, 1, 1]],
      ["all", [0, 1, 1]],
      ["in_port", [1, 0, 0]],
      ["output:1", [0, 0, 0]],
      ["output:77", [0, 0, 0]],
      ["controller", [0, 0, 0]],
    ] as const) {
      flows.add(ruleOf(`priority=0,actions=${action}`));
      stations[0]?.send(frameOf(mac(1), mac(2)));
      expect(counts(), action).toEqual(expected);
    }
    expect(framesIn).toMatchObject([{ inPort: 1, reason: "no-match", table: 0 }]);
  });

  test("no rule leads out of a VLAN, but one that says so itself", () => {
    const vlans = (vlan: number) => ({ vlans: { mode: "access", vlan } }) as const;
    const trunk = { vlans: { mode: "trunk", native: 1 } } as const;
    const { counts, flows, stations } = scene(
      ["priority=1,actions=output:1,output:2,output:3,output:4"],
      [vlans(10), vlans(20), vlans(10), trunk],
    );
    stations[0]?.send(frameOf(mac(1), MAC_BROADCAST));
    expect(stations[3]?.take().map(tagOf)).toEqual([10]);
    expect(counts()).toEqual([0, 0, 1, 0]);
    stations[3]?.send(tagged({ bytes: frameOf(mac(4), MAC_BROADCAST) }, 20).bytes);
    expect(counts()).toEqual([0, 1, 0, 0]);
    flows.add(ruleOf("priority=1,actions=all"));
    stations[1]?.send(frameOf(mac(2), MAC_BROADCAST));
    expect(counts()).toEqual([0, 0, 0, 1]);
  });

  test("a storm is limited, whatever the rules say", () => {
    const { counts, flows, stations } = scene(["priority=0,actions=all"]);
    for (let i = 0; i < 12_000; i++) stations[0]?.send(frameOf(mac(1), MAC_BROADCAST));
    expect(counts()).toEqual([0, 10_000, 10_000]);
    flows.add(ruleOf("priority=0,actions=flood"));
    for (let i = 0; i < 12_000; i++) stations[1]?.send(frameOf(mac(1), MAC_BROADCAST));
    expect(counts()).toEqual([10_000, 0, 10_000]);
  });
});

describe("what it counts, and when it goes", () => {
  test("frames and bytes; a rule in its place goes on counting", () => {
    const { flows, stations } = scene(["priority=3,cookie=0x77,actions=output:2"]);
    stations[0]?.send(frameOf(mac(1), mac(2)));
    stations[0]?.send(frameOf(mac(1), mac(2)));
    flows.add(ruleOf("priority=3,actions=output:3"));
    stations[0]?.send(frameOf(mac(1), mac(2)));
    const [entry] = [...flows.select(selectionOf(""))];
    expect(entry).toMatchObject({ frames: 3, bytes: 3 * 80 });
    flows.add(ruleOf("priority=3,actions=output:3"), { counters: "reset" });
    expect([...flows.select(selectionOf(""))][0]?.frames).toBe(0);
  });

  test("idle and hard timeouts, on time", () => {
    const { clock, removed, stations } = scene([
      "priority=1,in_port=1,idle_timeout=5,actions=output:2",
      "priority=2,in_port=2,hard_timeout=3,actions=output:1",
    ]);
    for (let i = 0; i < 4; i++) {
      clock.advance(2e9);
      stations[0]?.send(frameOf(mac(1), mac(2)));
    }
    expect(removed.map((one) => one.split(" ")[0])).toEqual(["hard"]);
    clock.advance(7e9);
    expect(removed.map((one) => one.split(" ")[0])).toEqual(["hard", "idle"]);
  });

  test("rules are chosen by what they cover, cookie, output, or strictly", () => {
    const rules = [
      "priority=1,ip,cookie=0x1,actions=output:2",
      "priority=2,ip,ipv4_dst=10.0.0.0/8,cookie=0x2,actions=output:3",
      "priority=3,arp,cookie=0x2,actions=output:2",
    ];
    const left = (text: string): string[] => {
      const { flows } = scene(rules);
      flows.remove(selectionOf(text));
      return [...flows.select(selectionOf(""))].map(({ rule }) => String(rule.priority)).sort();
    };
    expect(left("ip")).toEqual(["3"]);
    expect(left("priority=1,ip")).toEqual(["2", "3"]);
    expect(left("priority=2,ip")).toEqual(["1", "2", "3"]);
    expect(left("cookie=0x2")).toEqual(["1"]);
    expect(left("out_port=2")).toEqual(["2"]);
    expect(left("ip,ipv4_dst=10.0.0.0/9")).toEqual(["1", "2", "3"]);
    expect(left("table=1")).toEqual(["1", "2", "3"]);
  });

  test("overlap is refused to whoever asks for that", () => {
    const { flows } = scene(["priority=5,in_port=1,actions=drop"]);
    const rule = ruleOf("priority=5,ip,actions=drop");
    expect(() => flows.add(rule, { overlap: "refuse" })).toThrow(
      expect.objectContaining({ refusal: "overlap" }),
    );
    flows.add({ ...rule, priority: 6 }, { overlap: "refuse" });
  });
});

test.each([
  "table=0,priority=32768,in_port=1,eth_dst=52:54:00:00:00:01,eth_type=0x800,ip_proto=6,ipv4_src=10.0.0.0/255.0.0.0,tcp_dst=80,actions=set_field:10.0.0.1->ipv4_src,output:3",
  "table=2,priority=1,cookie=0x12,idle_timeout=5,hard_timeout=6,vlan_vid=any,vlan_pcp=3,actions=pop_vlan,controller,goto_table:3",
  "table=0,priority=0,vlan_vid=none,actions=push_vlan:0x8100,set_field:7->vlan_vid,in_port",
  "table=0,priority=7,in_port=local,eth_type=0x86dd,ipv6_dst=fe80:0:0:0:0:0:0:1,actions=drop",
  "table=0,priority=7,eth_type=0x806,arp_op=1,arp_tpa=10.0.2.2,actions=normal,flood,all",
])("a rule written and read is the same: %s", (text) => {
  expect(formatRule(ruleOf(text))).toBe(text);
});
