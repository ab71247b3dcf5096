/**
 * What a hostile controller, a hostile switch and hostile guests send: OpenFlow messages of all kinds with bits turned,
 * lengths that lie and ends cut off, and frames with any headers through whatever rules came of that. Nothing throws but
 * what a peer is told of, nothing grows without bound, and the cache says what the tables say.
 */
import { VirtualClock } from "../../../ts/base/clock.ts";
import { Random } from "../../../ts/base/random.ts";
import { output, PORT_CONTROLLER, PORT_FLOOD } from "../../../ts/net/flow/actions.ts";
import { FIELDS, KEY_WORDS } from "../../../ts/net/flow/fields.ts";
import { readKey } from "../../../ts/net/flow/key.ts";
import { formatRule, ruleOf } from "../../../ts/net/flow/text.ts";
import { OpenFlowAgent } from "../../../ts/net/openflow/agent.ts";
import { writeActions, writeInstructions, writeMatch } from "../../../ts/net/openflow/codec.ts";
import * as of from "../../../ts/net/openflow/constants.ts";
import { controllerSide, type Datapath } from "../../../ts/net/openflow/controller.ts";
import { DEFAULT_FLOW_MOD, encodeFlowMod } from "../../../ts/net/openflow/flow-mod.ts";
import { StationController } from "../../../ts/net/openflow/station-controller.ts";
import { MessageCutter, message, OpenFlowError } from "../../../ts/net/openflow/wire.ts";
import { Switch } from "../../../ts/net/switch.ts";
import { frameOf, mac, Station, segmentOf } from "../fakes.ts";

type Write = Parameters<typeof message>[2];

const big = (random: Random): bigint =>
  BigInt(random.u32()) * 0x1_0000_0000n + BigInt(random.u32());

/** A match that may well be nonsense. */
function someMatch(random: Random) {
  return Array.from({ length: random.below(4) }, () => {
    const field = random.pick(FIELDS);
    const all = (1n << BigInt(field.bits)) - 1n;
    const value = random.float() < 0.5 ? BigInt(random.below(20)) & all : big(random) & all;
    const mask = random.float() < 0.2 ? big(random) & all : undefined;
    return { field, value: mask === undefined ? value : value & mask, mask };
  });
}

const RULES = [
  "priority=1,actions=normal",
  "priority=0,actions=controller,flood",
  "priority=7,tcp,ipv4_dst=0.0.0.2/0.0.0.3,actions=set_field:10.1.1.1->ipv4_src,set_field:7->tcp_dst,output:2",
  "priority=9,vlan_vid=any,actions=pop_vlan,goto_table:1",
  "table=1,priority=3,udp,actions=push_vlan:0x8100,set_field:9->vlan_vid,all",
  "table=1,priority=0,actions=in_port,output:3",
];

function flowMod(random: Random): Uint8Array {
  const text = ruleOf(random.pick(RULES));
  const isOwn = random.float() < 0.5;
  return encodeFlowMod(random.below(100), {
    ...DEFAULT_FLOW_MOD,
    ...(isOwn ? text : { match: someMatch(random), table: random.below(10) }),
    command: random.float() < 0.7 ? 0 : random.below(6),
    priority: random.below(10),
    idleSec: random.below(3),
    hardSec: random.below(3),
    flags: random.below(8),
    cookie: big(random),
    cookieMask: random.float() < 0.9 ? 0n : big(random),
    instructions: text.instructions,
  });
}

function body(type: number, random: Random): Write {
  const noise = random.bytes(new Uint8Array(random.below(60)));
  if (type === of.HELLO && random.float() < 0.9)
    return (writer) =>
      writer
        .u16(1)
        .u16(8)
        .u32(1 << of.VERSION);
  if (type === of.SET_CONFIG) return (writer) => writer.u16(random.below(2)).u16(128);
  if (type === of.ROLE_REQUEST)
    return (writer) => writer.u32(random.below(5)).pad(4).u64(random.below(3));
  if (type === of.MULTIPART_REQUEST)
    return (writer) => {
      writer.u16(random.below(15)).u16(0).pad(4);
      if (random.float() < 0.3) writer.bytes(noise);
      else {
        writer.u8(0xff).pad(3).u32(0xffff_ffff).u32(0xffff_ffff).pad(4).u64(0).u64(0);
        writeMatch(writer, random.float() < 0.5 ? [] : someMatch(random));
      }
    };
  if (type === of.PORT_MOD)
    return (writer) =>
      writer
        .u32(1 + random.below(4))
        .pad(4)
        .pad(8)
        .u32(random.u32())
        .u32(random.float() < 0.9 ? 0 : 0xff)
        .pad(8);
  if (type === of.PACKET_OUT)
    return (writer) => {
      writer
        .u32(of.NO_BUFFER)
        .u32(random.pick([1, 2, PORT_CONTROLLER]))
        .u16(0)
        .pad(6);
      const from = writer.length;
      writeActions(
        writer,
        random.pick([[], [output(PORT_FLOOD)], [output(0xffff_fff9)], [output(2)]]),
      );
      writer.setU16(from - 8, writer.length - from).bytes(someFrame(random));
    };
  if (type === of.MULTIPART_REPLY && random.float() < 0.5)
    return (writer) =>
      writer
        .u16(of.MULTIPART_PORT_DESC)
        .pad(6)
        .u32(random.below(5))
        .pad(12)
        .text("vxlan0", 16)
        .pad(32);
  if (type === of.PORT_STATUS)
    return (writer) =>
      writer.u8(random.below(4)).pad(7).u32(random.below(5)).pad(12).text("p", 16).pad(32);
  if (type === of.PACKET_IN)
    return (writer) => {
      writer.u32(of.NO_BUFFER).u16(0).u8(random.below(3)).u8(0).u64(0);
      writeMatch(writer, [
        { field: FIELDS[0] as (typeof FIELDS)[0], value: BigInt(random.below(5)) },
      ]);
      writer.pad(2).bytes(someFrame(random));
    };
  return (writer) => {
    writer.bytes(noise);
    if (random.float() < 0.1) writeInstructions(writer, ruleOf(random.pick(RULES)).instructions);
  };
}

function someMessage(random: Random): Uint8Array {
  if (random.float() < 0.4) return flowMod(random);
  const type = random.below(32);
  return message(type, random.u32(), body(type, random));
}

function someFrame(random: Random): Uint8Array {
  const kind = random.below(4);
  if (kind === 0) return random.bytes(new Uint8Array(14 + random.below(80)));
  const bytes =
    kind === 1
      ? segmentOf(new Uint8Array(random.below(40))).bytes.slice()
      : frameOf(mac(1 + random.below(4)), mac(1 + random.below(4)), 20 + random.below(40));
  if (kind === 3) {
    const types = [0x0800, 0x0806, 0x86dd, 0x8100, 0x88a8];
    bytes.set([random.pick(types) >> 8, random.pick(types) & 255], 12);
    bytes[14] = random.pick([0x45, 0x60, 0x4f, random.below(256)]);
    bytes[23] = random.pick([1, 6, 17, 58, 44, 0]);
  }
  return bytes;
}

function damaged(bytes: Uint8Array, random: Random): Uint8Array {
  const out = bytes.slice();
  if (random.float() < 0.4) return out;
  for (let flips = random.below(3); flips > 0; flips--)
    out[random.below(out.length)] = random.below(256);
  if (random.float() < 0.7) return out; // With a length that lies, perhaps.
  const cut = out.subarray(0, 8 + random.below(out.length - 7));
  cut[2] = cut.length >> 8;
  cut[3] = cut.length & 255;
  return cut;
}

const fail = (what: string): never => {
  throw new Error(what);
};

/** Throws what must not be. */
export function fuzzOpenFlow(seed: number, inputs: number): void {
  const random = new Random(seed);
  let done = 0;
  while (done < inputs) {
    const count = Math.min(2000, inputs - done);
    life(random, count);
    done += count;
  }
}

/** One switch with two controllers, and one controller with a switch that lies. */
function life(random: Random, inputs: number): void {
  const clock = new VirtualClock();
  const made = new Switch({ clock, random: random.split("switch") });
  const ports = [0, 1, 2].map((i) => made.addPort({ name: `p${i}` }));
  const stations = ports.map((port) => new Station(port));
  const agent = new OpenFlowAgent({ name: "s", switch: made, clock, datapathId: 1n });
  let sent = 0;
  const line = {
    waitingBytes: 0,
    send: (bytes: Uint8Array) => {
      sent += bytes.length;
      if (((bytes[2] as number) << 8) + (bytes[3] as number) !== bytes.length)
        fail("a length lies");
    },
    close: () => undefined,
  };
  const sessions = [agent.attach(line), agent.attach(line)];
  const app = new StationController();
  const side = controllerSide(app);
  let datapath = side.open(line);
  const greeting = message(of.HELLO, 0, (writer) =>
    writer
      .u16(1)
      .u16(8)
      .u32(1 << of.VERSION),
  );
  for (const session of sessions) session.receive(greeting);
  datapath.receive(greeting);
  const cutter = new MessageCutter();
  for (let i = 0; i < inputs; i++) {
    const bytes = damaged(someMessage(random), random);
    random.pick(sessions).receive(bytes); // It throws nothing.
    try {
      for (const one of cutter.push(bytes.subarray(0, 1 + random.below(bytes.length))))
        if (one.length < 8) fail("a message without a header");
    } catch (error) {
      if (!(error instanceof OpenFlowError)) throw error;
    }
    try {
      datapath.receive(bytes);
    } catch (error) {
      if (!(error instanceof OpenFlowError)) throw error;
      side.closed(datapath);
      datapath = side.open(line);
    }
    stations[random.below(3)]?.send(someFrame(random));
    for (const station of stations) station.take();
    if (random.float() < 0.02) clock.advance(random.below(2e9));
    if (random.float() < 0.01) for (const port of ports) made.configure(port, 0);
  }
  if ((datapath as Datapath).ports.size > 4096) fail("ports without end");
  for (const entry of agent.flows.tables.flatMap((table) => [...table.entries()]))
    formatRule(entry.rule);
  agree(random, agent, stations);
  if (sent === 0) fail("nothing was answered");
  agent.close();
}

/** What a frame comes to now is what it comes to when nothing was worked out before. */
function agree(random: Random, agent: OpenFlowAgent, stations: readonly Station[]): void {
  const key = new Uint32Array(KEY_WORDS);
  for (let i = 0; i < 50; i++) {
    const frame = someFrame(random);
    readKey(key, frame, 1, 4);
    const best = agent.flows.tables[0]?.find(key);
    let slow: typeof best;
    for (const entry of agent.flows.tables[0]?.entries() ?? []) {
      const { masks, values } = entry.words;
      const isFor = values.every(
        (value, word) => ((key[word] as number) & (masks[word] as number)) >>> 0 === value,
      );
      if (isFor && (!slow || entry.rule.priority > slow.rule.priority)) slow = entry;
    }
    if (best?.rule.priority !== slow?.rule.priority) fail("the table found another rule");
    const twice = [0, 1].map(() => {
      stations[0]?.send(frame);
      return stations
        .map((station) =>
          station
            .take()
            .map((bytes) => bytes.join())
            .join("|"),
        )
        .join("/");
    });
    if (
      twice[0] !== twice[1] &&
      best?.rule.instructions.apply.every((one) => one.type !== "output" || one.port < 256)
    )
      fail("a frame came to something else the second time");
  }
}
