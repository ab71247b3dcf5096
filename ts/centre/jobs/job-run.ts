/** What jobs have in common: they look at a simulation, ask the planner, and let vms move. */
import { WasmvisorError } from "../../base/errors.ts";
import type { Job } from "../centre-schema.ts";
import { requestOf } from "../plan-view.ts";
import { faultOf, type Move, type PlacementRequest, type Planner } from "../planners/placement.ts";
import type { MigrationRecord } from "../records.ts";
import type { CentreSimulation } from "../simulation.ts";

/** What a job says of itself when it is over. */
export interface JobReport {
  /** Vms for which the planner found no place, by name. */
  readonly unplaced: string[];
  /** Evacuation: were all out in time? Undefined: there was no window. */
  windowMet: boolean | undefined;
  /** Hosts that the job is about, and how many of them it is done with. */
  hostsWanted: number;
  hostsDone: number;
  /** Fail-over: vms that stay down. */
  readonly lost: string[];
}

/** A planner, and what its user calls it. */
export interface NamedPlanner {
  readonly name: string;
  readonly plan: Planner;
}

export class JobRun<J extends Job = Job> {
  readonly simulation: CentreSimulation;
  readonly job: J;
  readonly report: JobReport = {
    unplaced: [],
    windowMet: undefined,
    hostsWanted: 0,
    hostsDone: 0,
    lost: [],
  };
  /** All that planners said, for `--dry-run`. */
  readonly moves: Move[] = [];
  readonly #planner: NamedPlanner;
  readonly #onEnd = new Map<MigrationRecord, (record: MigrationRecord) => void>();

  constructor(simulation: CentreSimulation, job: J, planner: NamedPlanner) {
    this.simulation = simulation;
    this.job = job;
    this.#planner = planner;
    simulation.onEnd = (record) => {
      const tell = this.#onEnd.get(record);
      this.#onEnd.delete(record);
      tell?.(record);
    };
  }

  request(movers: readonly number[], mayTake: (host: number) => boolean): PlacementRequest {
    return requestOf(this.simulation, { movers, cpuShareMax: this.job.cpuShareMax, mayTake });
  }

  /** The planner's answer to a request; one that breaks a rule is an error. */
  ask(request: PlacementRequest): readonly Move[] {
    if (request.movers.length === 0) return [];
    const moves = this.#planner.plan(request);
    const fault = faultOf(request, moves);
    if (fault !== "")
      throw new WasmvisorError("WV_PLANNER", `planner ${this.#planner.name}: ${fault}`);
    return moves;
  }

  /** Asks where `movers` should go, and sends them there; `done` when the last of them has ended. */
  move(movers: readonly number[], mayTake: (host: number) => boolean, done?: () => void): void {
    const moves = this.ask(this.request(movers, mayTake));
    this.leftOut(movers, moves);
    this.send(moves, done);
  }

  send(moves: readonly Move[], done?: () => void): void {
    let left = moves.length;
    if (left === 0) done?.();
    for (const { target, vm } of moves) {
      this.moves.push({ vm, target });
      this.#onEnd.set(this.simulation.migrate(vm, target), () => {
        if (--left === 0) done?.();
      });
    }
  }

  /** Those without a place are told of. */
  leftOut(movers: readonly number[], moves: readonly Move[]): void {
    const placed = new Set(moves.map(({ vm }) => vm));
    for (const vm of movers) if (!placed.has(vm)) this.report.unplaced.push(this.vmName(vm));
  }

  vmName(vm: number): string {
    return this.simulation.centre.vms[vm]?.name ?? String(vm);
  }

  vmsOn(hosts: ReadonlySet<number>): number[] {
    const { vms } = this.simulation;
    return vms.flatMap(({ host, state }, v) => (hosts.has(host) && state !== "lost" ? [v] : []));
  }
}

/** The hosts that a job names, or those of the rack; all, if it names none and may. */
export function hostsOf(
  { centre }: CentreSimulation,
  job: {
    readonly name: string;
    readonly hosts?: string[] | undefined;
    readonly rack?: string | undefined;
  },
  whenNone: "all" | "error" = "error",
): number[] {
  const fail = (what: string): never => {
    throw new WasmvisorError("WV_BAD_PLAN", `job ${job.name}: ${what}`);
  };
  const rack = centre.racks.findIndex(({ name }) => name === job.rack);
  if (job.rack !== undefined && rack < 0) fail(`there is no rack ${job.rack}`);
  const found = centre.hosts.flatMap((host, h) => (host.rack === rack ? [h] : []));
  for (const name of job.hosts ?? []) {
    const host = centre.hosts.findIndex((one) => one.name === name);
    if (host < 0) fail(`there is no host ${name}`);
    found.push(host);
  }
  if (found.length === 0 && whenNone === "all") return centre.hosts.map((_, h) => h);
  if (found.length === 0) fail("it says no hosts and no rack");
  return [...new Set(found)];
}
