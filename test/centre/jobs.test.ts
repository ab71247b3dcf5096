/** Jobs from a file, as `wasmvisor centre` does them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { CentreFile, Job } from "../../ts/centre/centre-schema.ts";
import { runJob } from "../../ts/centre/jobs/jobs.ts";
import { loadCentre } from "../../ts/centre/load-centre.ts";
import { type CentreSummary, summarize } from "../../ts/centre/measures.ts";
import { ganttPage } from "../../ts/centre/output/gantt.ts";
import { perfettoTrace } from "../../ts/centre/output/perfetto.ts";
import type { PlacementRequest } from "../../ts/centre/planners/placement.ts";
import { PLANNERS, type PlannerName } from "../../ts/centre/planners/planners.ts";

const EXAMPLE = join(import.meta.dirname, "../../examples/data-centre.yaml");
const example = readFileSync(EXAMPLE, "utf8");

async function run(text: string, name?: string, planner?: PlannerName) {
  const { centre, file } = await loadCentre(text, EXAMPLE);
  const job = (name ? file.jobs.find((one) => one.name === name) : file.jobs[0]) as Job;
  const chosen = planner ?? job.planner;
  const done = runJob(centre, job, { name: chosen, plan: PLANNERS[chosen] });
  return { run: done, centre, summary: summarize(done, chosen, file.seed) };
}

const HEAD = `apiVersion: wasmvisor.dev/v1
kind: DataCentre
name: small
racks:
  - name: r
    uplink: { bandwidth: 100Gbit }
    hosts:
      - { count: 4, cpus: 8, memory: 16GiB, nic: { bandwidth: 10Gbit }, power: { idle: 100, max: 200, off: 10 } }
vms:
`;
const small = (vms: string, job: string): string => `${HEAD}${vms}\njobs: [{ name: j, ${job} }]\n`;

test("evacuation empties the rack, within the window and not within a shorter one", async () => {
  const { centre, run: done, summary } = await run(example, "evacuate-a");
  const rack = centre.hosts.flatMap((host, h) => (host.rack === 0 ? [h] : []));
  expect(done.vmsOn(new Set(rack))).toEqual([]);
  expect(summary).toMatchObject({ failed: 0, window_met: true, hosts_done: 8, unplaced: [] });
  expect(summary.migrations).toBeGreaterThan(20);
  const short = await run(example.replace("window: 10min", "window: 1s"), "evacuate-a");
  expect(short.summary).toMatchObject({ failed: 0, window_met: false });
});

test("at once, all jobs move who they move in a simulation, and nothing is sent", async () => {
  const { centre, file } = await loadCentre(example, EXAMPLE);
  for (const job of file.jobs) {
    const planner = { name: job.planner, plan: PLANNERS[job.planner] };
    const dry = runJob(centre, job, planner, "at-once");
    const { simulation } = dry;
    expect(
      simulation.linkBytes.every((bytes) => bytes === 0),
      job.name,
    ).toBe(true);
    expect(simulation.solvedFlows, job.name).toBe(0);
    const whole = runJob(centre, job, planner);
    const sorted = (run: typeof dry) => run.moves.map(({ target, vm }) => `${vm}>${target}`).sort();
    // Others' places may be free sooner where nobody takes time: only jobs that ask once are the same to the vm.
    if (job.kind === "evacuate" || job.kind === "consolidate")
      expect(sorted(dry), job.name).toEqual(sorted(whole));
    expect(dry.moves.length, job.name).toBeGreaterThan(0);
    expect(
      simulation.records.every(({ state }) => state === "completed"),
      job.name,
    ).toBe(whole.simulation.records.every(({ state }) => state === "completed"));
  }
});

test("planners are told of the lines between sites, each way", async () => {
  const { centre, file } = await loadCentre(example, EXAMPLE);
  const job = file.jobs.find(({ kind }) => kind === "follow-the-sun") as Job;
  let asked: PlacementRequest | undefined;
  runJob(centre, job, {
    name: "ours",
    plan: (request) => {
      asked ??= request;
      return PLANNERS["first-fit"](request);
    },
  });
  const [line] = file.links as [CentreFile["links"][number]];
  const [from, to] = line.between;
  const way = asked?.ways.find((one) => one.from === from && one.to === to);
  expect(way?.lines).toHaveLength(1);
  expect(asked?.lines[way?.lines[0] as number]?.bytesPerSec).toBe(line.bandwidth);
  const back = asked?.ways.find((one) => one.from === to && one.to === from);
  expect(back?.lines).not.toEqual(way?.lines);
});

test("an update reboots every host once and never two of more than may be down", async () => {
  const { run: done, summary } = await run(
    small(
      "  - { name: v, count: 6, memory: 2GiB }",
      "kind: update, parallel: 1, reboot: 100s, planner: worst-fit",
    ),
  );
  expect(summary).toMatchObject({ failed: 0, hosts_wanted: 4, hosts_done: 4 });
  // Four reboots one after the other, and the migrations between them.
  expect(done.simulation.nowNs).toBeGreaterThan(400e9);
  const offSec = done.simulation.hosts.map(({ load }) => (done.simulation.nowNs - load.onNs) / 1e9);
  for (const sec of offSec) expect(sec).toBeCloseTo(100, 6);
});

test("consolidation switches off what it can, and that saves what a host draws", async () => {
  const vms = "  - { name: v, count: 4, memory: 4GiB, cpus: 2, demand: 1 }";
  const { run: done, summary } = await run(small(vms, "kind: consolidate, duration: 1h"));
  expect(summary.hosts_done).toBe(3);
  expect(new Set(done.simulation.vms.map(({ host }) => host)).size).toBe(1);
  const stay = await run(small(vms, "kind: rebalance, duration: 1h"));
  expect(stay.summary.migrations).toBe(0);
  // Three hosts at 100 W or, off, at 10 W; what vms use is on the line either way.
  const savedWh = (stay.summary.energy_kwh - summary.energy_kwh) * 1000;
  expect(savedWh).toBeGreaterThan(3 * 90 * 0.98);
  expect(savedWh).toBeLessThanOrEqual(3 * 90);
});

test("consolidation goes on until nothing is gained: two that were filled go together, too", async () => {
  const vms = "  - { name: v, count: 4, memory: 2GiB, cpus: 2, demand: 1 }";
  const { run: done, summary } = await run(
    small(vms, "kind: consolidate, duration: 1h, planner: worst-fit"),
  );
  expect(summary.hosts_done).toBe(3);
  expect(new Set(done.simulation.vms.map(({ host }) => host)).size).toBe(1);
  // Whoever is to move on moves once.
  expect(summary.migrations).toBe(3);
});

test("rebalancing stops when loads are as near as was asked for", async () => {
  const vms = "  - { name: v, count: 4, memory: 2GiB, cpus: 2, demand: 1.5, place: pack }";
  const { run: done, summary } = await run(
    small(vms, "kind: rebalance, spread: 0.2, planner: worst-fit"),
  );
  const loads = done.simulation.hosts.map(({ load }) => load.wantedCpus / 8);
  expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(0.2);
  expect(summary.migrations).toBe(3);
});

test("follow the sun: the group is where the last stop was, the others never moved", async () => {
  const { centre, run: done } = await run(example, "sun");
  const siteOf = (vm: number) =>
    centre.racks[centre.hosts[done.simulation.vm(vm).host]?.rack ?? -1]?.site;
  centre.vms.forEach(({ host, name }, v) => {
    if (name.startsWith("web")) expect(siteOf(v)).toBe(0);
    else expect(done.simulation.vm(v).host).toBe(host);
  });
});

test("a failure without a warning costs each vm detection and boot, with one it costs little", async () => {
  const cut = "kind: fail-over, hosts: [r-0], at: 100s, detect: 30s, restart: 60s";
  const vms = "  - { name: v, count: 2, memory: 2GiB, on: [r-0] }";
  const hard = await run(small(vms, cut));
  expect(hard.summary).toMatchObject({
    restarts: 2,
    restart_downtime_max_s: 90,
    migrations: 0,
    lost: [],
  });
  expect(hard.summary.cpu_stopped_s).toBeCloseTo(2 * 0.5 * 90, 6);
  const soft = await run(small(vms, `${cut}, warning: 60s`));
  expect(soft.summary).toMatchObject({ restarts: 0, completed: 2 });
  expect(soft.summary.cpu_stopped_s).toBeLessThan(1);
});

test("vms for which nobody has room stay down, and are named", async () => {
  const vms = "  - { name: v, count: 4, memory: 12GiB }";
  const { summary } = await run(small(vms, "kind: fail-over, hosts: [r-0]"));
  expect(summary).toMatchObject({ restarts: 0, lost: ["v-0"] });
});

test("SLA is the product of its two parts, and energy the sum over hosts", async () => {
  const vms =
    "  - { name: v, count: 2, memory: 4GiB, demand: 12, on: [r-0] }\n  - { name: w, memory: 1GiB, on: [r-1] }";
  const { run: done, summary } = await run(
    small(vms, "kind: evacuate, hosts: [r-1], duration: 1000s"),
  );
  expect(summary.slatah).toBeCloseTo(1 / 4, 9);
  const downSec = (done.simulation.records[0]?.downtimeNs ?? 0) / 1e9;
  expect(summary.pdm).toBeCloseTo(downSec / 1000 / 3, 12);
  expect(summary.slav).toBeCloseTo(summary.slatah * summary.pdm, 15);
  expect(summary.cpu_contended_s).toBeCloseTo((24 - 8) * 1000, 3);
});

test("the same file and seed give the same bytes; every job of the example is done", async () => {
  for (const name of ["evacuate-a", "new-kernel", "night", "even-out", "sun", "power-cut"]) {
    const all: CentreSummary[] = [];
    const texts: string[] = [];
    for (let i = 0; i < 2; i++) {
      const { run: done, summary } = await run(example, name);
      all.push(summary);
      texts.push(
        [...perfettoTrace(done.simulation), ...ganttPage(done.simulation, summary)].join(""),
      );
    }
    expect(JSON.stringify(all[0])).toBe(JSON.stringify(all[1]));
    expect(texts[0]).toBe(texts[1]);
    expect(all[0]?.failed).toBe(0);
  }
});

test("the Perfetto trace has each migration, with its rounds inside", async () => {
  const { run: done } = await run(example, "evacuate-a");
  const { traceEvents } = JSON.parse([...perfettoTrace(done.simulation)].join("")) as {
    traceEvents: { ph: string; name: string; ts: number; dur: number; pid: number; tid: number }[];
  };
  const whole = traceEvents.filter(({ name, ph }) => ph === "X" && name.startsWith("to "));
  expect(whole.length).toBe(done.simulation.records.length);
  for (const one of whole) {
    const inside = traceEvents.filter(
      ({ name, pid, ph, tid }) =>
        ph === "X" && pid === one.pid && tid === one.tid && /^(setup|round|stop)/.test(name),
    );
    expect(inside.length).toBeGreaterThan(2);
    const end = Math.max(...inside.map(({ dur, ts }) => ts + dur));
    expect(end).toBeCloseTo(one.ts + one.dur, 1);
  }
});

test("the Gantt page loads nothing, and shows each migration", async () => {
  const { run: done, summary } = await run(example, "evacuate-a");
  const page = [...ganttPage(done.simulation, summary)].join("");
  expect(page).not.toMatch(/(src|href)=|url\(|@import|<script/);
  expect(page.match(/<g><title>/g)?.length).toBe(summary.migrations);
  expect(page).toContain("prefers-color-scheme: dark");
});

test.each([
  [
    "an unknown key",
    example.replace("seed: 1", "sead: 1"),
    /data-centre.yaml:6:1: sead: unknown key/,
  ],
  [
    "a wrong unit",
    example.replace("10Gbit, latency: 10us", "10Gb, latency: 10us"),
    /data-centre.yaml:16:27: racks\[0\].hosts\[0\].nic.bandwidth: .*expected a rate like/,
  ],
  ["a host without processors", example.replace("cpus: 32", "cpus: 0"), /cpus/],
  [
    "a site that is none",
    example.replace("[berlin, oslo]", "[berlin, rome]"),
    /two sites that racks are at: berlin, oslo/,
  ],
  [
    "vms without room",
    example.replace("count: 40", "count: 4000"),
    /no host has room for web-\d+: add hosts/,
  ],
  ["a rack that is none", example.replace("on: [oslo]", "on: [rome]"), /neither a rack nor a host/],
  ["a job that is none", example.replace("kind: update", "kind: upgrade"), /jobs\[1\]/],
])("a file with %s is refused, with the place", async (_, text, message) => {
  await expect(loadCentre(text, EXAMPLE)).rejects.toThrow(message);
});

test("a job of a rack that is not there is refused", async () => {
  await expect(
    run(example.replace(/(kind: evacuate,\s+)rack: berlin-a/, "$1rack: rome")),
  ).rejects.toThrow("job evacuate-a: there is no rack rome");
});
