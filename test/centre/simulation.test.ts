/** Data centres in motion against arithmetic, and a migration that is alone against the sweeps' own model. */
import { expect, test } from "vitest";
import { wattsAt } from "../../ts/centre/host-load.ts";
import { scenarioOf, type VmSpec } from "../../ts/centre/model.ts";
import { CentreSimulation } from "../../ts/centre/simulation.ts";
import { simulateFluid } from "../../ts/sweep/fluid/migration.ts";
import type { Distribution } from "../../ts/sweep/scenario.ts";
import { centre, GIB, host, MIB, type MIGRATION, vm } from "./small-centre.ts";

const writing = (
  dirtyRate: number,
  distribution: Distribution = { kind: "uniform" },
  share = 1,
) => ({
  dirtyRate,
  distribution,
  workingSetBytes: share * GIB,
  workingSetOffsetBytes: 0,
  phases: [],
});

/** Bytes that 1 GiB takes on the wire. */
const WIRE = 262_144 * 4104;

test("a guest that writes nothing takes what its pages take", () => {
  const simulation = new CentreSimulation(
    centre({ hosts: [host("a", 0), host("b", 0)], vms: [vm("v", 0)] }),
  );
  const record = simulation.migrate(0, 1);
  simulation.run();
  expect(record.state).toBe("completed");
  expect(record.endNs / 1e9).toBeCloseTo(WIRE / 125e6, 3);
  expect(simulation.vm(0).host).toBe(1);
  expect(simulation.linkBytes[0]).toBe(record.bytes);
});

test("two that share a network card take twice as long, and the third that does not is not touched", () => {
  const hosts = [host("a", 0), host("b", 0), host("c", 0), host("d", 0)];
  const simulation = new CentreSimulation(
    centre({ hosts, vms: [vm("v", 0), vm("w", 0), vm("x", 2)] }),
  );
  const records = [simulation.migrate(0, 1), simulation.migrate(1, 1), simulation.migrate(2, 3)];
  simulation.run();
  const [v, w, x] = records.map(({ endNs }) => endNs / 1e9);
  expect(v).toBeCloseTo((2 * WIRE) / 125e6, 2);
  expect(w).toBeCloseTo((2 * WIRE) / 125e6, 2);
  expect(x).toBeCloseTo(WIRE / 125e6, 2);
});

test("one that is half done when another comes: the rest goes at half the rate", () => {
  const simulation = new CentreSimulation(
    centre({ hosts: [host("a", 0), host("b", 0)], vms: [vm("v", 0), vm("w", 0)] }),
  );
  const aloneSec = WIRE / 125e6;
  const first = simulation.migrate(0, 1);
  simulation.at((aloneSec / 2) * 1e9, () => simulation.migrate(1, 1));
  simulation.run();
  expect(first.endNs / 1e9).toBeCloseTo(aloneSec * 1.5, 2);
  // The other had half of the link for as long, then all of it.
  expect((simulation.records[1]?.endNs ?? 0) / 1e9).toBeCloseTo(aloneSec * 2, 2);
});

test.each<readonly [string, Partial<VmSpec>, Partial<typeof MIGRATION>]>([
  ["uniform writes", { writer: writing(8000) }, {}],
  [
    "hot and cold pages",
    { writer: writing(20_000, { kind: "hot-cold", hotPages: 0.1, hotWrites: 0.9 }) },
    {},
  ],
  ["Zipf", { writer: writing(10_000, { kind: "zipf", exponent: 1 }) }, {}],
  ["a sequential writer", { writer: writing(9000, { kind: "sequential" }, 0.5) }, {}],
  [
    "half of memory zero",
    { usedBytes: GIB / 2, writer: writing(6000, { kind: "uniform" }, 0.25) },
    {},
  ],
  ["five rounds of Xen", { writer: writing(8000) }, { policy: "xen" }],
  ["auto-converge", { writer: writing(40_000) }, { slowdown: "auto-converge" }],
  ["a cap", { writer: writing(4000) }, { bandwidthCapBytesPerSec: 64 * MIB }],
  ["stop-and-copy", { writer: writing(8000) }, { strategy: "stop-and-copy" }],
  ["post-copy", { writer: writing(2000) }, { strategy: "post-copy" }],
  ["hybrid", { writer: writing(20_000) }, { strategy: "hybrid" }],
])("alone on its links a migration is what the fluid model says: %s", (_, change, migration) => {
  const hosts = [host("a", 0), host("b", 0)];
  const built = centre({ hosts, vms: [vm("v", 0, change)], migration, latencyNs: 50_000 });
  const simulation = new CentreSimulation(built);
  const record = simulation.migrate(0, 1);
  simulation.run();
  const route = { bytesPerSec: 125e6, latencyNs: 100_000 };
  const fluid = simulateFluid(scenarioOf(built.vms[0] as VmSpec, built.migration, route));
  expect(record.state === "completed").toBe(fluid.isCompleted);
  // Windows of 100 ms begin elsewhere, and a cap is kept at any time, not in bursts.
  expect(Math.abs(record.endNs - fluid.totalNs)).toBeLessThan(0.02 * fluid.totalNs + 100e6);
  expect(record.bytes / fluid.transferredBytes).toBeCloseTo(1, 1);
  expect(Math.abs(record.rounds - fluid.dirtySyncCount)).toBeLessThanOrEqual(1);
});

test("a writer that is faster than its share of the link is given up, alone it converges", () => {
  const vms = [
    vm("v", 0, { writer: writing(15_000, { kind: "sequential" }) }),
    vm("w", 0),
    vm("x", 0),
  ];
  const hosts = [host("a", 0), host("b", 0)];
  const run = (movers: readonly number[]) => {
    const simulation = new CentreSimulation(centre({ hosts, vms, migration: { timeoutNs: 25e9 } }));
    const [first] = movers.map((v) => simulation.migrate(v, 1));
    simulation.run();
    return first?.error;
  };
  expect(run([0])).toBe("");
  expect(run([0, 1, 2])).toBe("pre-copy did not converge");
});

test("hosts take as many at a time as they may, in the order of asking", () => {
  const hosts = [host("a", 0, { outgoingMax: 1 }), host("b", 0)];
  const simulation = new CentreSimulation(centre({ hosts, vms: [vm("v", 0), vm("w", 0)] }));
  const [first, second] = [simulation.migrate(0, 1), simulation.migrate(1, 1)];
  simulation.run();
  expect(second.startNs).toBe(first.endNs);
});

test("a target without room fails the migration, and says so; one that gets room does not", () => {
  const small = { memoryBytes: 2.5 * GIB };
  const hosts = [
    host("a", 0, small),
    host("b", 0, small),
    host("c", 0, { memoryBytes: 0.5 * GIB }),
  ];
  const vms = [vm("v", 0), vm("w", 1), vm("x", 1), vm("y", 0)];
  const simulation = new CentreSimulation(centre({ hosts, vms }));
  const refused = simulation.migrate(0, 2);
  simulation.run();
  expect(refused).toMatchObject({ state: "failed", error: "it is larger than its target" });
  const full = simulation.migrate(0, 1);
  simulation.run();
  expect(full).toMatchObject({ state: "failed", error: "its target has no room for it" });
  expect(simulation.host(1).freeBytes).toBe(0.5 * GIB);
});

test("a host that fails takes its vms and what was on its way; they come up elsewhere", () => {
  const hosts = [host("a", 0), host("b", 0), host("c", 0)];
  const simulation = new CentreSimulation(centre({ hosts, vms: [vm("v", 0), vm("w", 0)] }));
  const record = simulation.migrate(0, 1);
  simulation.at(2e9, () => {
    for (const lost of simulation.fail(0)) simulation.restart(lost, 2, 60e9);
  });
  simulation.run();
  expect(record).toMatchObject({ state: "failed", error: "its host failed", endNs: 2e9 });
  expect(simulation.restarts.map(({ failedNs, target, upNs }) => [failedNs, target, upNs])).toEqual(
    [
      [2e9, 2, 62e9],
      [2e9, 2, 62e9],
    ],
  );
  expect(simulation.host(1).freeBytes).toBe(64 * GIB);
  // Each wanted one CPU for the 60 s that it was down.
  expect(simulation.usage[0]?.stoppedCpuSec).toBeCloseTo(60, 9);
});

test("power between two points is on the line", () => {
  const power = { watts: [100, 150, 300], offWatts: 0 };
  expect([0, 0.25, 0.5, 0.75, 1, 2].map((share) => wattsAt(power, share))).toEqual([
    100, 125, 150, 225, 300, 300,
  ]);
});

test("energy, and what guests take from each other, is what arithmetic says", () => {
  // 8 processors; 4 wanted for 100 s, then 12 for 100 s: everybody has two thirds.
  const demand = (before: number, after: number) => [
    { atNs: 0, cpus: before },
    { atNs: 100e9, cpus: after },
  ];
  const vms = [vm("v", 0, { demand: demand(1, 3) }), vm("w", 0, { demand: demand(3, 9) })];
  const simulation = new CentreSimulation(centre({ hosts: [host("a", 0), host("b", 0)], vms }));
  simulation.power(1, false);
  simulation.run(200e9);
  const [a, b] = simulation.hosts;
  expect(a?.load.joules).toBeCloseTo(200 * 100 + 300 * 100, 6);
  expect(b?.load.joules).toBeCloseTo(10 * 200, 6);
  expect([a?.load.onNs, a?.load.fullNs]).toEqual([200e9, 100e9]);
  expect(simulation.usage[0]).toEqual({
    requestedCpuSec: 400,
    contendedCpuSec: expect.closeTo(100, 9),
    stoppedCpuSec: 0,
  });
  expect(simulation.usage[1]?.contendedCpuSec).toBeCloseTo(300, 9);
});

test("a guest that gets half of its processors dirties half as fast", () => {
  const bytes = (cpus: number): number => {
    const vms = [
      vm("v", 0, { writer: writing(12_000) }),
      vm("w", 0, { demand: [{ atNs: 0, cpus }] }),
    ];
    const simulation = new CentreSimulation(centre({ hosts: [host("a", 0), host("b", 0)], vms }));
    const record = simulation.migrate(0, 1);
    simulation.run();
    return record.bytes;
  };
  const half = centre({
    hosts: [host("a", 0), host("b", 0)],
    vms: [vm("v", 0, { writer: writing(6000) })],
  });
  const alone = new CentreSimulation(half);
  const record = alone.migrate(0, 1);
  alone.run();
  expect(bytes(15)).toBeCloseTo(record.bytes, 0);
  expect(bytes(1)).toBeGreaterThan(1.2 * record.bytes);
});

test("what migrations send takes processors, and so from guests", () => {
  const busy = vm("v", 0, { demand: [{ atNs: 0, cpus: 8 }] });
  const run = (cpusPerGigabytePerSec: number): number => {
    const vms = [busy, vm("w", 0, { demand: [{ atNs: 0, cpus: 0 }] })];
    const built = centre({
      hosts: [host("a", 0), host("b", 0)],
      vms,
      migration: { cpusPerGigabytePerSec },
    });
    const simulation = new CentreSimulation(built);
    simulation.migrate(1, 1);
    simulation.run();
    return simulation.usage[0]?.contendedCpuSec ?? 0;
  };
  expect(run(0)).toBe(0);
  // 0.125 GB/s take one of eight processors for as long as the migration.
  expect(run(8)).toBeCloseTo(WIRE / 125e6, 1);
});
