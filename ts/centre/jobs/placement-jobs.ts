/** Jobs that change where vms are for its own sake: fewer hosts, even load, the side of the earth where it is day. */
import { WasmvisorError } from "../../base/errors.ts";
import type { Job } from "../centre-schema.ts";
import type { Move, PlacementRequest, PlanHost, PlanVm } from "../planners/placement.ts";
import { applied } from "../planners/planners.ts";
import type { JobRun } from "./job-run.ts";

type Consolidate = Extract<Job, { kind: "consolidate" }>;
type Rebalance = Extract<Job, { kind: "rebalance" }>;
type FollowTheSun = Extract<Job, { kind: "follow-the-sun" }>;

const wantedOn = ({ cpus, freeCpus }: PlanHost): number => cpus - freeCpus;

/** Empties hosts, the least loaded first, as long as all of their vms fit on hosts that stay; then they are switched off. */
export function consolidate(run: JobRun<Consolidate>): void {
  const { report, simulation } = run;
  let state = run.request([], () => true);
  const emptied = new Set<number>();
  const plan = new Map<number, Move>();
  const order = state.hosts
    .map((_, h) => h)
    .sort((a, b) => load(state, a) - load(state, b) || a - b);
  report.hostsWanted = order.length;
  // What was filled in one pass may be emptied into others in the next: until nothing is gained any more.
  for (let before = -1; emptied.size > before; ) {
    before = emptied.size;
    state = pass(run, state, { order, emptied, plan });
  }
  const off = (host: number): void => {
    if (run.vmsOn(new Set([host])).length > 0) return;
    simulation.power(host, false);
    simulation.host(host).isClosed = true;
    report.hostsDone++;
  };
  for (const host of emptied) {
    const movers = [...plan.values()].filter(({ vm }) => simulation.vm(vm).host === host);
    run.send(movers, () => off(host));
  }
}

interface Consolidation {
  /** Hosts, in the order in which they are tried. */
  readonly order: readonly number[];
  readonly emptied: Set<number>;
  /** Where each vm ends up, whatever is between. */
  readonly plan: Map<number, Move>;
}

/** Tries to empty each host once; returns how things stand then. */
function pass(run: JobRun, from: PlacementRequest, its: Consolidation): PlacementRequest {
  const { emptied, order, plan } = its;
  const filled = new Set<number>();
  let state = from;
  for (const host of order) {
    if (filled.has(host) || emptied.has(host)) continue;
    const movers = state.vms.flatMap((vm, v) => (vm.host === host ? [v] : []));
    const request = { ...closed(state, new Set([...emptied, host])), movers };
    // A host without vms takes none: to fill it would empty none.
    const moves = run.ask(withoutEmpty(request));
    if (moves.length < movers.length) continue;
    emptied.add(host);
    for (const { target, vm } of moves) {
      filled.add(target);
      plan.set(vm, { vm, target });
    }
    state = { ...applied(state, moves), movers: [] };
  }
  return state;
}

const load = ({ hosts }: PlacementRequest, host: number): number =>
  wantedOn(hosts[host] as PlanHost) / (hosts[host] as PlanHost).cpus;

function closed(request: PlacementRequest, which: ReadonlySet<number>): PlacementRequest {
  return {
    ...request,
    hosts: request.hosts.map((host, h) => (which.has(h) ? { ...host, isOpen: false } : host)),
  };
}

function withoutEmpty(request: PlacementRequest): PlacementRequest {
  const used = new Set(request.vms.map(({ host }) => host));
  const empty = request.hosts.flatMap((_, h) => (used.has(h) ? [] : [h]));
  return closed(request, new Set(empty));
}

/** From the most loaded host to one below the mean, the vm that moves fastest, until loads are alike. */
export function rebalance(run: JobRun<Rebalance>): void {
  const { job } = run;
  let state = run.request([], () => true);
  const moved = new Set<number>();
  const moves: Move[] = [];
  while (moves.length < state.vms.length) {
    const loads = state.hosts.map((_, h) => load(state, h));
    const high = loads.indexOf(Math.max(...loads));
    const low = Math.min(...loads);
    if ((loads[high] as number) - low <= job.spread) break;
    const mean = loads.reduce((a, b) => a + b, 0) / loads.length;
    const move = relief(run, state, { high, mean, moved });
    if (!move) break;
    moved.add(move.vm);
    moves.push(move);
    state = applied(state, [move]);
  }
  run.send(moves);
}

/** One move that makes the most loaded host less so, and its target not as loaded as that was. */
function relief(
  run: JobRun<Rebalance>,
  state: PlacementRequest,
  at: { readonly high: number; readonly mean: number; readonly moved: ReadonlySet<number> },
): Move | undefined {
  const before = load(state, at.high);
  const candidates = state.vms
    .flatMap((vm, v) => (vm.host === at.high && vm.cpus > 0 && !at.moved.has(v) ? [v] : []))
    .sort(
      (a, b) =>
        (state.vms[a] as PlanVm).memoryBytes - (state.vms[b] as PlanVm).memoryBytes || a - b,
    );
  for (const vm of candidates) {
    const { cpus } = state.vms[vm] as PlanVm;
    const full = state.hosts.flatMap((host, h) =>
      load(state, h) > at.mean || load(state, h) + cpus / host.cpus >= before ? [h] : [],
    );
    const [move] = run.ask({ ...closed(state, new Set(full)), movers: [vm] });
    if (move) return move;
  }
  return undefined;
}

/** At each stop, all vms (or one group of them) go to the site where it is day. */
export function followTheSun(run: JobRun<FollowTheSun>): void {
  const { job, simulation } = run;
  const { hosts, racks, sites, vms } = simulation.centre;
  const siteOf = (host: number): number => racks[hosts[host]?.rack ?? -1]?.site ?? -1;
  const isOurs = (v: number): boolean => {
    const name = vms[v]?.name ?? "";
    return job.vms === undefined || name === job.vms || name.startsWith(`${job.vms}-`);
  };
  for (const { at, site: name } of job.stops) {
    const site = sites.indexOf(name);
    if (site < 0)
      throw new WasmvisorError("WV_BAD_PLAN", `job ${job.name}: there is no site ${name}`);
    simulation.at(at, () => {
      const movers = simulation.vms.flatMap((vm, v) =>
        isOurs(v) && siteOf(vm.host) !== site ? [v] : [],
      );
      run.move(movers, (host) => siteOf(host) === site);
    });
  }
}
