/**
 * Frames a second through a switch with rules, beside the same switch that learns: 64-byte and 1500-byte TCP frames of
 * `STREAMS` connections, from one port to another. Rules by layer 2 (what a controller of stations makes), by layer 4,
 * a thousand of them, and frames that no cache knows.
 */
import { WallClock } from "../ts/base/clock.ts";
import { Random } from "../ts/base/random.ts";
import { put16 } from "../ts/net/bytes.ts";
import { ruleOf } from "../ts/net/flow/text.ts";
import { putMac } from "../ts/net/mac.ts";
import { Switch } from "../ts/net/switch.ts";
import { tcpFrame } from "../ts/net/tcp.ts";
import { type BenchRow, inTurn } from "./harness.ts";

const STREAMS = 64;
const FRAMES = 400_000;
const MAC = 0x5254_0000_0000;

interface Line {
  /** Frames a second. */
  run(): number;
}

function frames(dataBytes: number, streams: number): Uint8Array[] {
  return Array.from({ length: streams }, (_, i) => {
    const { bytes } = tcpFrame(
      { mac: MAC + 1, ip: 0x0a00_0001 },
      { mac: MAC + 2, ip: 0x0a00_0002 },
      {
        sourcePort: 1000 + i,
        targetPort: 80,
        seq: 1,
        ack: 0,
        flags: 16,
        window: 1000,
        dataBytes,
        fill: () => undefined,
        segmentBytes: 1460,
      },
    );
    return bytes.slice();
  });
}

function line(rules: readonly string[], dataBytes: number, streams = STREAMS): Line {
  const clock = new WallClock();
  const its = new Switch({ clock, random: new Random(1) });
  const ports = [0, 1, 2].map((i) => its.addPort({ name: `p${i}` }));
  let heard = 0;
  for (const port of ports)
    port.connect({
      receive: () => {
        heard++;
      },
      flush: () => undefined,
    });
  if (rules.length > 0) for (const rule of rules) its.flows().add(ruleOf(rule));
  const back = new Uint8Array(64);
  putMac(back, 0, MAC + 1);
  putMac(back, 6, MAC + 2);
  put16(back, 12, 0x0800);
  ports[1]?.send({ bytes: back }); // Who is where is known.
  const all = frames(dataBytes, streams).map((bytes) => ({ bytes }));
  const from = ports[0] as (typeof ports)[0];
  return {
    run: () => {
      heard = 0;
      const sinceNs = clock.nowNs();
      for (let i = 0; i < FRAMES; i++) from.send(all[i % streams] as (typeof all)[0]);
      from.flush();
      const rate = (FRAMES * 1e9) / (clock.nowNs() - sinceNs);
      if (heard < FRAMES) throw new Error(`${FRAMES - heard} frames were lost`);
      return rate;
    },
  };
}

const station = "priority=200,eth_dst=52:54:00:00:00:02,actions=output:2";
const many = Array.from(
  { length: 1000 },
  (_, i) => `priority=${300 + (i % 7)},tcp,ipv4_dst=10.1.${i >> 8}.${i & 255},actions=drop`,
);
const PAIR = ["priority=8,tcp,tcp_dst=80,actions=output:2"];
const CASES: readonly (readonly [string, readonly string[], number, number?])[] = [
  ["normal", ["priority=0,actions=normal"], 10],
  ["a rule for each station", [station, "priority=0,actions=flood"], 10],
  ["the same, 1500 bytes", [station, "priority=0,actions=flood"], 1446],
  ["a rule for a TCP port", ["priority=9,tcp,tcp_dst=80,actions=output:2"], 10],
  ["a thousand rules more", [station, ...many], 10],
  ["an address is set", ["priority=9,ip,actions=set_field:10.0.0.9->ipv4_dst,output:2"], 10],
  [
    "60,000 connections by port (misses)",
    ["priority=9,tcp,tcp_src=1,actions=drop", ...PAIR],
    10,
    60_000,
  ],
];

export async function benchSwitch(runs: number, log: (text: string) => void): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const [name, rules, dataBytes, streams] of CASES) {
    const [ours, plain] = [line(rules, dataBytes, streams), line([], dataBytes, streams)];
    for (const one of [ours, plain]) one.run(); // Warm.
    log(`switch: ${name}`);
    rows.push(
      await inTurn({
        bench: `switch/${name}`,
        unit: "frames/s",
        better: "higher",
        runs,
        ours: () => ours.run(),
        peer: { name: "learning", run: () => plain.run() },
      }),
    );
  }
  return rows;
}
