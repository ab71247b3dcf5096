/** The migrations that bench/centre.ts gives to both simulators. */
import { MIGRATION as PLAIN } from "../test/centre/small-centre.ts";
import { Random } from "../ts/base/random.ts";
import { type Centre, type HostSpec, scenarioOf, type VmSpec } from "../ts/centre/model.ts";
import { Network } from "../ts/centre/network.ts";
import { CentreSimulation } from "../ts/centre/simulation.ts";
import type { Scenario } from "../ts/sweep/scenario.ts";
import type { Move } from "./simgrid/peer.ts";

const GB = 1e9;
const LINK = { bytesPerSec: 1.25e9, latencyNs: 20_000, migrationsMax: Number.POSITIVE_INFINITY };
/** What SimGrid lets a flow have of a link. */
const BANDWIDTH_FACTOR = 0.97;

/** SimGrid's rules: 30 ms of downtime, a writer that goes round, nothing but pages on the wire. */
const MIGRATION: Centre["migration"] = {
  ...PLAIN,
  downtimeLimitNs: 30e6,
  timeoutNs: 1e13,
  onLimit: "stop",
  wire: { ...PLAIN.wire, normalPageBytes: 4096 },
};

/** One after another: 0.25 to 8 GB, 32 to 1,000 MB/s, dirtied at up to 90 % of that. */
export function serialMoves(count: number, seed: number): Move[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => {
    const memoryBytes = Math.round((0.25 + 7.75 * random.float()) * GB);
    const bytesPerSec = (32 + 968 * random.float()) * 1e6;
    const dirtyShare = 0.9 * random.float();
    const workingSetBytes = Math.round(memoryBytes * 0.9);
    return { source: 0, target: 1, memoryBytes, bytesPerSec, dirtyShare, workingSetBytes };
  });
}

/** At once: 1 to 16 GB from host i to the one half of all hosts further on. */
export function fatTreeMoves(hosts: number, count: number, dirtyMax: number): Move[] {
  const random = new Random(hosts + count);
  return Array.from({ length: count }, (_, i) => {
    const source = i % (hosts === 1024 ? 1000 : hosts);
    const memoryBytes = Math.round((1 + 15 * random.float()) * GB);
    return {
      source,
      target: (source + hosts / 2) % hosts,
      memoryBytes,
      bytesPerSec: LINK.bytesPerSec,
      dirtyShare: dirtyMax * random.float(),
      workingSetBytes: Math.round(memoryBytes * 0.9),
    };
  });
}

/** Host 2i to host 2i + 1. */
export function pairMoves(pairs: number): Move[] {
  return fatTreeMoves(2 * pairs, pairs, 0.05).map((move, i) => ({
    ...move,
    source: 2 * i,
    target: 2 * i + 1,
  }));
}

const host = (h: number, rack: number): HostSpec => ({
  name: `host-${h}`,
  rack,
  cpus: 64,
  memoryBytes: 1e15,
  power: { watts: [100, 200], offWatts: 0 },
  outgoingMax: Number.POSITIVE_INFINITY,
  incomingMax: Number.POSITIVE_INFINITY,
});

const vmOf = (move: Move, v: number): VmSpec => ({
  name: `vm-${v}`,
  host: move.source,
  memoryBytes: move.memoryBytes,
  usedBytes: move.memoryBytes,
  cpus: 1,
  demand: [{ atNs: 0, cpus: 1 }],
  writer: {
    dirtyRate: (move.dirtyShare * move.bytesPerSec) / 4096,
    distribution: { kind: "sequential" },
    workingSetBytes: move.workingSetBytes,
    workingSetOffsetBytes: 0,
    phases: [],
  },
  affinity: "",
  antiAffinity: "",
});

/** The tree `2;16,8;1,4` or `2;32,32;1,8`, or one rack that joins every pair of hosts. */
export function centreOf(moves: readonly Move[], hosts: number, isTree: boolean): Centre {
  const perRack = isTree ? (hosts === 128 ? 16 : 32) : hosts;
  const uplinks = hosts === 128 ? 4 : 8;
  const link = { ...LINK, bytesPerSec: LINK.bytesPerSec * BANDWIDTH_FACTOR };
  const specs = Array.from({ length: hosts }, (_, h) => host(h, Math.floor(h / perRack)));
  const racks = Array.from({ length: Math.ceil(hosts / perRack) }, (_, r) => ({
    name: `rack-${r}`,
    site: 0,
  }));
  return {
    name: "bench",
    sites: ["here"],
    racks,
    hosts: specs,
    network: new Network(
      specs.map(({ name, rack }) => ({ name, rack, nic: link })),
      racks.map((rack) => ({ ...rack, uplink: link, uplinks })),
    ),
    vms: moves.map(vmOf),
    migration: MIGRATION,
  };
}

/** All at once; simulated seconds until the last one has arrived. */
export function runAtOnce(centre: Centre, moves: readonly Move[]): number {
  const simulation = new CentreSimulation(centre);
  moves.forEach(({ target }, v) => {
    simulation.migrate(v, target);
  });
  return finish(simulation);
}

/** Each when the one before has arrived. */
export function runInTurn(centre: Centre, moves: readonly Move[]): number {
  const simulation = new CentreSimulation(centre);
  let next = 0;
  const start = (): void => {
    const move = moves[next];
    if (move) simulation.migrate(next++, move.target);
  };
  simulation.onEnd = start;
  start();
  return finish(simulation);
}

function finish(simulation: CentreSimulation): number {
  simulation.run();
  const wrong = simulation.records.find(({ state }) => state !== "completed");
  if (wrong) throw new Error(`vm ${wrong.vm}: ${wrong.state}: ${wrong.error}`);
  return Math.max(...simulation.records.map(({ endNs }) => endNs)) / 1e9;
}

/** The same as scenarios of a sweep, each alone on its link. */
export function scenariosOf(moves: readonly Move[], downtimeLimitNs = 30e6): Scenario[] {
  return moves.map((move, v) => ({
    ...scenarioOf(
      vmOf(move, v),
      { ...MIGRATION, downtimeLimitNs },
      { bytesPerSec: move.bytesPerSec, latencyNs: LINK.latencyNs },
    ),
    index: v,
    seed: v,
  }));
}
