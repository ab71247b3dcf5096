/** The wire, seen from the switch: versions, errors, roles, what is told to whom, and bounds. */
import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { VirtualClock, WallClock } from "../../../ts/base/clock.ts";
import { Random } from "../../../ts/base/random.ts";
import { NO_INSTRUCTIONS, output, PORT_CONTROLLER } from "../../../ts/net/flow/actions.ts";
import { ruleOf } from "../../../ts/net/flow/text.ts";
import { OpenFlowAgent } from "../../../ts/net/openflow/agent.ts";
import * as of from "../../../ts/net/openflow/constants.ts";
import { DEFAULT_FLOW_MOD, encodeFlowMod } from "../../../ts/net/openflow/flow-mod.ts";
import { OpenFlowListener, parsePlace } from "../../../ts/net/openflow/sockets.ts";
import {
  MessageCutter,
  message,
  OpenFlowError,
  WireReader,
} from "../../../ts/net/openflow/wire.ts";
import { Switch } from "../../../ts/net/switch.ts";
import { frameOf, mac, Station } from "../fakes.ts";
import { fuzzOpenFlow } from "./fuzz-openflow.ts";

const greeting = message(of.HELLO, 0, (writer) =>
  writer
    .u16(1)
    .u16(8)
    .u32(1 << of.VERSION),
);

function scene(controllers = 1) {
  const clock = new VirtualClock();
  const made = new Switch({ clock, random: new Random(1) });
  const stations = [0, 1].map((i) => new Station(made.addPort({ name: `p${i}` })));
  const agent = new OpenFlowAgent({ name: "s", switch: made, clock, datapathId: 5n });
  const lines = Array.from({ length: controllers }, () => {
    const told: { type: number; xid: number; body: WireReader }[] = [];
    const line = {
      waitingBytes: 0,
      isClosed: false,
      send: (bytes: Uint8Array) => {
        const reader = new WireReader(bytes);
        reader.skip(1);
        const type = reader.u8();
        reader.skip(2);
        told.push({ type, xid: reader.u32(), body: reader });
      },
      close: () => {
        line.isClosed = true;
      },
    };
    const session = agent.attach(line);
    const take = () => told.splice(0);
    const types = (): number[] => take().map(({ type }) => type);
    /** Type and code of the errors that came. */
    const errors = () =>
      take().flatMap(({ body, type }) => (type === of.ERROR ? [[body.u16(), body.u16()]] : []));
    return { line, session, take, types, errors };
  });
  const [first] = lines as [(typeof lines)[0]];
  return { clock, switch: made, stations, agent, lines, ...first };
}

const send = (
  to: { receive(bytes: Uint8Array): void },
  type: number,
  write?: Parameters<typeof message>[2],
): void => to.receive(message(type, 9, write));

describe("the beginning", () => {
  test("HELLO goes first; nothing is served before the other's", () => {
    const { errors, session, types } = scene();
    expect(types()).toEqual([of.HELLO]);
    send(session, of.FEATURES_REQUEST);
    expect(errors()).toEqual([[1, 1]]);
    session.receive(greeting);
    send(session, of.FEATURES_REQUEST);
    expect(types()).toEqual([of.FEATURES_REPLY]);
  });

  test.each([
    ["an older version", (bytes: Uint8Array) => bytes.fill(1, 0, 1).subarray(0, 8), false],
    ["a newer one whose bitmap has ours", (bytes: Uint8Array) => bytes.fill(6, 0, 1), true],
    [
      "a newer one without a bitmap",
      (bytes: Uint8Array) => bytes.fill(5, 0, 1).subarray(0, 8),
      true,
    ],
    ["a bitmap without ours", (bytes: Uint8Array) => bytes.fill(1, 15, 16), false],
  ])("%s", (_, change, isGood) => {
    const { errors, line, session, take } = scene();
    take();
    session.receive(change(greeting.slice()));
    expect(session.isGreeted).toBe(isGood);
    expect(line.isClosed).toBe(!isGood);
    expect(errors()).toEqual(isGood ? [] : [[0, 0]]);
  });
});

describe("errors", () => {
  test.each<[string, number, Parameters<typeof message>[2], [number, number]]>([
    ["an unknown type", 77, undefined, [1, 1]],
    ["an experimenter", of.EXPERIMENTER, (w) => w.u32(1).u32(2), [1, 3]],
    ["a cut FLOW_MOD", of.FLOW_MOD, (w) => w.u64(1), [1, 6]],
    ["an unknown multipart", of.MULTIPART_REQUEST, (w) => w.u16(99).u16(0).pad(4), [1, 2]],
    ["a multipart in pieces", of.MULTIPART_REQUEST, (w) => w.u16(0).u16(1).pad(4), [1, 2]],
    [
      "statistics of no port",
      of.MULTIPART_REQUEST,
      (w) => w.u16(4).u16(0).pad(4).u32(77).pad(4),
      [1, 11],
    ],
    [
      "a frame kept here",
      of.PACKET_OUT,
      (w) => w.u32(5).u32(PORT_CONTROLLER).u16(0).pad(6),
      [1, 8],
    ],
    [
      "a frame from no port",
      of.PACKET_OUT,
      (w) => w.u32(of.NO_BUFFER).u32(77).u16(0).pad(6),
      [1, 11],
    ],
    [
      "a frame too short",
      of.PACKET_OUT,
      (w) => w.u32(of.NO_BUFFER).u32(1).u16(0).pad(6).pad(13),
      [1, 12],
    ],
    ["no such port", of.PORT_MOD, (w) => w.u32(77).pad(28), [7, 0]],
    ["fragments put together", of.SET_CONFIG, (w) => w.u16(2).u16(0), [10, 0]],
    ["no such role", of.ROLE_REQUEST, (w) => w.u32(9).pad(4).u64(0), [11, 2]],
    ["other tables", of.MULTIPART_REQUEST, (w) => w.u16(12).u16(0).pad(4).pad(64), [13, 5]],
  ])("%s", (_, type, write, kind) => {
    const { errors, session, take } = scene();
    session.receive(greeting);
    take();
    send(session, type, write);
    expect(errors()).toEqual([kind]);
    send(session, of.BARRIER_REQUEST);
    expect(take()).toMatchObject([{ type: of.BARRIER_REPLY, xid: 9 }]);
  });
});

describe("several controllers", () => {
  const role = (to: { receive(bytes: Uint8Array): void }, its: number, generation: number): void =>
    send(to, of.ROLE_REQUEST, (writer) => writer.u32(its).pad(4).u64(generation));

  test("one is primary, the others only look; an old generation is refused", () => {
    const { lines, stations } = scene(3);
    const [a, b, c] = lines as [(typeof lines)[0], (typeof lines)[0], (typeof lines)[0]];
    for (const { session } of lines) session.receive(greeting);
    role(a.session, of.ROLE_PRIMARY, 5);
    role(b.session, of.ROLE_PRIMARY, 6);
    role(c.session, of.ROLE_PRIMARY, 4);
    expect(c.errors()).toEqual([[11, 0]]);
    expect(lines.map(({ session }) => session.role)).toEqual([
      of.ROLE_SECONDARY,
      of.ROLE_PRIMARY,
      of.ROLE_EQUAL,
    ]);
    for (const one of lines) one.take();
    a.session.receive(encodeFlowMod(1, DEFAULT_FLOW_MOD));
    expect(a.errors()).toEqual([[1, 10]]);
    const toController = { ...NO_INSTRUCTIONS, apply: [output(PORT_CONTROLLER)] };
    b.session.receive(encodeFlowMod(1, { ...DEFAULT_FLOW_MOD, instructions: toController }));
    stations[0]?.send(frameOf(mac(1), mac(2)));
    expect(lines.map(({ types }) => types())).toEqual([[], [of.PACKET_IN], [of.PACKET_IN]]);
  });

  test("each hears of what it asked for", () => {
    const { agent, lines, switch: made } = scene(2);
    for (const { session, take } of lines) {
      session.receive(greeting);
      take();
    }
    const nothing = (to: { receive(bytes: Uint8Array): void }): void =>
      send(to, of.SET_ASYNC, (writer) => writer.pad(24));
    nothing(lines[0]?.session as never);
    agent.flows.add({ ...ruleOf("priority=3,in_port=1,actions=drop"), isRemovalTold: true });
    agent.flows.remove({ table: 0, match: [], priority: undefined });
    made.addPort({ name: "new" });
    expect(lines[0]?.types()).toEqual([]);
    expect(lines[1]?.types()).toEqual([of.FLOW_REMOVED, of.PORT_STATUS]);
  });
});

describe("bounds", () => {
  test("frames for a controller are limited, and lost where it takes nothing", () => {
    const { agent, clock, line, session, stations, types } = scene();
    session.receive(greeting);
    agent.flows.add(ruleOf("priority=9,actions=controller"));
    types();
    const storm = (): number => {
      for (let i = 0; i < 5000; i++) stations[0]?.send(frameOf(mac(1), mac(2)));
      return types().length;
    };
    expect(storm()).toBe(2000);
    expect(storm()).toBe(0);
    clock.advance(0.5e9);
    expect(storm()).toBe(1000);
    clock.advance(5e9);
    line.waitingBytes = 5 << 20;
    expect(storm()).toBe(0);
    expect(session.metrics().lost).toBe(4 * 5000 - 3000);
  });

  test("ten thousand rules are listed in messages below 64 KiB", () => {
    const { agent, session, take } = scene();
    session.receive(greeting);
    for (let i = 0; i < 10_000; i++)
      agent.flows.add(ruleOf(`ip,ipv4_dst=10.0.${i >> 8}.${i & 255},actions=output:1`));
    take();
    send(session, of.MULTIPART_REQUEST, (writer) => {
      writer.u16(of.MULTIPART_FLOW).pad(6);
      writer.u8(0xff).pad(3).u32(0xffff_ffff).u32(0xffff_ffff).pad(4).u64(0).u64(0);
      writer.u16(1).u16(4).pad(4);
    });
    const parts = take();
    expect(parts.length).toBeGreaterThan(10);
    let rules = 0;
    for (const [i, { body }] of parts.entries()) {
      expect(body.end).toBeLessThan(65_536);
      body.skip(2);
      expect(body.u16()).toBe(i < parts.length - 1 ? 1 : 0);
      body.skip(4);
      while (body.left > 0) {
        const bytes = body.u16();
        body.skip(bytes - 2);
        rules++;
      }
    }
    expect(rules).toBe(10_001);
  });

  test("a stream is cut into messages wherever it comes apart", () => {
    const stream = Buffer.concat([greeting, message(of.ECHO_REQUEST, 3), greeting]);
    for (let size = 1; size < 20; size++) {
      const cutter = new MessageCutter();
      const got: number[] = [];
      for (let at = 0; at < stream.length; at += size)
        for (const one of cutter.push(stream.subarray(at, at + size))) got.push(one.length);
      expect(got).toEqual([16, 8, 16]);
    }
    const short = new MessageCutter().push(Uint8Array.of(4, 0, 0, 7, 0, 0, 0, 0));
    expect(() => [...short]).toThrow(OpenFlowError);
  });

  test("a peer that sends no OpenFlow is cut off; there are so many at most; others are served on", async () => {
    const clock = new WallClock();
    const made = new Switch({ clock, random: new Random(1) });
    const agent = new OpenFlowAgent({ name: "s", switch: made, clock, datapathId: 5n });
    const listener = await OpenFlowListener.open({ host: "127.0.0.1", port: 0 }, agent.side());
    const place = listener.place as { host: string; port: number };
    const dial = () => connect(place.port, place.host);
    const closed = (socket: ReturnType<typeof dial>): Promise<void> =>
      new Promise((resolve) => {
        socket.on("error", () => undefined);
        socket.on("data", () => undefined);
        socket.on("close", () => resolve());
      });
    const web = dial();
    web.write(Uint8Array.of(4, 0, 0, 3, 1, 2, 3, 4));
    await closed(web);
    const many = Array.from({ length: 17 }, dial);
    await Promise.race(many.map(closed));
    const open = many.find((one) => !one.destroyed) as (typeof many)[0];
    const answers: number[] = [];
    open.on("data", (bytes) => answers.push(...bytes));
    open.write(greeting);
    open.write(message(of.ECHO_REQUEST, 7, (writer) => writer.u32(1)));
    while (!answers.join().includes([4, 3, 0, 12, 0, 0, 0, 7].join())) await clock.sleep(5e6);
    expect(agent.sessions.size).toBe(16);
    for (const one of many) one.destroy();
    listener.close();
    agent.close();
  });
});

test("places are written like Open vSwitch's", () => {
  expect(parsePlace("tcp:127.0.0.1:6633", "x")).toEqual({ host: "127.0.0.1", port: 6633 });
  expect(parsePlace("tcp:host2", "x")).toEqual({ host: "host2", port: 6653 });
  expect(parsePlace("unix:/run/x", "x")).toEqual({ path: "/run/x" });
  for (const wrong of ["udp:1", "tcp:", "tcp:a:99999", "unix:"])
    expect(() => parsePlace(wrong, "x")).toThrow(expect.objectContaining({ code: "WV_CONFIG" }));
});

test("anybody may say anything (more: npm run test:fuzz -- --target openflow)", () => {
  const seed = Number(process.env["WV_FUZZ_SEED"] ?? 20261128);
  fuzzOpenFlow(seed, 6000);
});
