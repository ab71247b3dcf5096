/**
 * A data centre in motion, event by event: legs of migrations, changes of demand, whatever a job has planned. Only
 * what an event touches is computed again: the flows that share short links with it, and two hosts.
 */

import type { ConvergenceLimits } from "../migrate/policy/state.ts";
import { Pieces } from "../sweep/fluid/pieces.ts";
import { Admission } from "./admission.ts";
import { EventQueue } from "./event-queue.ts";
import { Fleet, type HostState, type VmState } from "./fleet.ts";
import { type Buffers, type Leg, LiveMigration, limitsOf } from "./live-migration.ts";
import { LinkSharing } from "./max-min.ts";
import { type Centre, scenarioOf, type VmSpec } from "./model.ts";
import type { Route } from "./network.ts";
import type { MigrationRecord, RestartRecord, VmUsage } from "./records.ts";

/** Buffers for the memory of guests on their way, made by the hundred. */
const BUFFERS_AT_ONCE = 128;
const BUFFER_PIECES = 12;

interface Active {
  readonly slot: number;
  readonly record: MigrationRecord;
  readonly route: Route;
  readonly live: LiveMigration;
  readonly buffers: Buffers;
  /** It has bytes to send; else it waits. */
  sends: boolean;
  leftBytes: number;
  /** When its leg ends, if that is a wait. */
  waitEndNs: number;
  rate: number;
  limit: number;
  sinceNs: number;
  lackNs: number;
}

/**
 * How vms move: over links that they share; or `at-once`, in no time, which is all that a planner needs to say who moves
 * where.
 */
export type Moving = "simulated" | "at-once";

export class CentreSimulation {
  readonly centre: Centre;
  nowNs = 0;
  readonly records: MigrationRecord[] = [];
  readonly restarts: RestartRecord[] = [];
  readonly linkBytes: Float64Array;
  events = 0;
  /** Told of every migration that ends, well or not. */
  onEnd: (record: MigrationRecord) => void = () => undefined;
  readonly #fleet: Fleet;
  readonly #queue = new EventQueue();
  readonly #sharing: LinkSharing;
  /** What is due in a slot of the queue. */
  readonly #due = new Map<number, () => void>();
  readonly #active = new Map<number, Active>();
  readonly #admission: Admission;
  readonly #moving: Moving;
  readonly #nsOfWork: number;
  readonly #limits: ConvergenceLimits;
  readonly #lostAtNs = new Map<number, number>();
  #freeBuffers: Buffers[] = [];
  #waiting: MigrationRecord[] = [];
  #mayAdmit = false;
  /** Slots that are not just changes of demand. */
  #work = 0;
  #slots = 0;

  constructor(centre: Centre, moving: Moving = "simulated") {
    this.centre = centre;
    this.#moving = moving;
    const { migration, network, vms } = centre;
    this.#fleet = new Fleet(centre);
    this.#sharing = new LinkSharing(network.links.map(({ bytesPerSec }) => bytesPerSec));
    this.linkBytes = new Float64Array(network.links.length);
    this.#admission = new Admission(centre, this.#fleet);
    this.#limits = limitsOf(migration);
    this.#nsOfWork = migration.cpusPerGigabytePerSec / 1e9;
    vms.forEach((vm, v) => {
      this.#demand(vm, v, 0);
    });
  }

  get vms(): readonly VmState[] {
    return this.#fleet.vms;
  }
  get hosts(): readonly HostState[] {
    return this.#fleet.hosts;
  }
  get usage(): readonly VmUsage[] {
    return this.#fleet.usage;
  }

  host(index: number): HostState {
    return this.#fleet.host(index);
  }

  vm(index: number): VmState {
    return this.#fleet.vm(index);
  }

  /** Flows that were solved so far. */
  get solvedFlows(): number {
    return this.#sharing.solvedFlows;
  }

  /** Does something when the time comes; the run does not end before. */
  at(timeNs: number, run: () => void): void {
    this.#work++;
    this.#later(timeNs, () => {
      this.#work--;
      run();
    });
  }

  /** Asks for a migration. It begins when hosts and links have a place for it, in the order of asking. */
  migrate(vm: number, target: number): MigrationRecord {
    const record: MigrationRecord = {
      vm,
      source: this.vm(vm).host,
      target,
      requestedNs: this.nowNs,
      startNs: -1,
      endNs: this.nowNs,
      state: "queued",
      error: "",
      downtimeNs: 0,
      gapNs: 0,
      bytes: 0,
      rounds: 0,
      marks: [],
    };
    this.records.push(record);
    this.#waiting.push(record);
    this.#mayAdmit = true;
    return record;
  }

  /** Runs until nothing is left to be done, and at least until `untilNs`. */
  run(untilNs = 0): void {
    for (;;) {
      if (this.#mayAdmit) this.#admit();
      if (this.#queue.size === 0 || this.#queue.firstNs > this.nowNs)
        this.#sharing.settle(this.#onRate);
      const isIdle = this.#work === 0 && this.#active.size === 0;
      if (this.#queue.size === 0 || (isIdle && this.#queue.firstNs > untilNs)) {
        if (!this.#giveUp()) break;
        continue;
      }
      this.nowNs = Math.max(this.nowNs, this.#queue.firstNs);
      this.#step();
    }
    this.nowNs = Math.max(this.nowNs, untilNs);
    this.#fleet.settleAll(this.nowNs);
  }

  /** Switches a host on or off. */
  power(host: number, isOn: boolean): void {
    this.#fleet.power(host, isOn, this.nowNs);
  }

  /** A host is gone, with all that runs on it and all that was on its way from or to it. */
  fail(host: number): number[] {
    const state = this.host(host);
    state.isFailed = true;
    state.isClosed = true;
    const torn = new Set<number>();
    for (const one of [...this.#active.values()]) {
      if (one.record.source !== host && one.record.target !== host) continue;
      // Its pages were to follow.
      if (one.live.isSwitched) torn.add(one.record.vm);
      this.#advance(one);
      this.#end(one, "its host failed");
    }
    const lost: number[] = [];
    this.vms.forEach((vm, v) => {
      if ((vm.host !== host && !torn.has(v)) || vm.state === "lost") return;
      this.#fleet.stop(v, "lost", this.nowNs);
      this.#lostAtNs.set(v, this.nowNs);
      lost.push(v);
    });
    this.power(host, false);
    this.#mayAdmit = true;
    return lost;
  }

  /** A lost vm comes up again on another host after `delayNs`. */
  restart(vm: number, target: number, delayNs: number): void {
    const source = this.vm(vm).host;
    const failedNs = this.#lostAtNs.get(vm) ?? this.nowNs;
    this.host(target).freeBytes -= this.#fleet.spec(vm).memoryBytes;
    this.at(this.nowNs + delayNs, () => {
      this.#fleet.start(vm, target, this.nowNs);
      this.restarts.push({ vm, source, target, failedNs, upNs: this.nowNs });
    });
  }

  #later(timeNs: number, run: () => void): void {
    const slot = this.#slots++;
    this.#due.set(slot, run);
    this.#queue.set(slot, timeNs);
  }

  #step(): void {
    const slot = this.#queue.take();
    this.events++;
    const active = this.#active.get(slot);
    if (active) {
      this.#advance(active);
      this.#next(active);
      return;
    }
    const due = this.#due.get(slot);
    this.#due.delete(slot);
    due?.();
  }

  /** A vm's demand, one step after the other. */
  #demand(spec: VmSpec, v: number, step: number): void {
    const { cpus } = spec.demand[step] ?? { cpus: 0 };
    this.#fleet.want(v, cpus, this.nowNs);
    const next = spec.demand[step + 1];
    if (next) this.#later(next.atNs, () => this.#demand(spec, v, step + 1));
  }

  /** Begins what may begin. */
  #admit(): void {
    this.#mayAdmit = false;
    const left: MigrationRecord[] = [];
    for (const record of this.#waiting) {
      const why = this.#admission.refusal(record);
      if (why !== "") this.#refuse(record, why);
      else if (!this.#admission.hasPlace(record)) left.push(record);
      else if (this.#moving === "at-once") this.#moveAtOnce(record);
      else this.#begin(record);
    }
    this.#waiting = left;
  }

  #refuse(record: MigrationRecord, why: string): void {
    record.state = "failed";
    record.error = why;
    record.endNs = this.nowNs;
    this.onEnd(record);
  }

  /** Nothing moves, and some wait: there is no room for them. False: nobody waits. */
  #giveUp(): boolean {
    const stuck = this.#waiting;
    if (stuck.length === 0) return false;
    this.#waiting = [];
    for (const record of stuck) this.#refuse(record, "its target has no room for it");
    return this.#mayAdmit || this.#work > 0;
  }

  #moveAtOnce(record: MigrationRecord): void {
    this.host(record.target).freeBytes -= this.#fleet.spec(record.vm).memoryBytes;
    this.#switch(record);
    record.state = "completed";
    record.startNs = this.nowNs;
    record.endNs = this.nowNs;
    this.onEnd(record);
  }

  #begin(record: MigrationRecord): void {
    const { migration, network } = this.centre;
    const { source, target, vm } = record;
    const route = network.route(source, target) as Route;
    const spec = this.#fleet.spec(vm);
    const buffers = this.#buffers();
    const live = new LiveMigration(scenarioOf(spec, migration, route), buffers, this.#limits);
    record.state = "running";
    record.startNs = this.nowNs;
    this.#admission.enter(record, route);
    const slot = this.#slots++;
    const leg = live.next() as Leg;
    const { load } = this.host(source);
    load.advance(this.nowNs);
    const active: Active = {
      slot,
      record,
      route,
      live,
      buffers,
      sends: leg.bytes > 0,
      leftBytes: leg.bytes,
      waitEndNs: this.nowNs + leg.waitNs,
      rate: 0,
      limit: leg.capBytesPerSec,
      sinceNs: this.nowNs,
      lackNs: load.lackNs,
    };
    this.#active.set(slot, active);
    this.#sharing.add(slot, route.links, leg.capBytesPerSec);
    this.#queue.set(slot, active.waitEndNs);
  }

  #buffers(): Buffers {
    if (this.#freeBuffers.length === 0)
      this.#freeBuffers = Pieces.many(BUFFERS_AT_ONCE, BUFFER_PIECES);
    return this.#freeBuffers.pop() as Buffers;
  }

  /** Brings a migration up to now at the rate that it had. */
  #advance(one: Active): void {
    const ns = this.nowNs - one.sinceNs;
    if (ns <= 0) return;
    const { live, record } = one;
    const { load } = this.host(record.source);
    load.advance(this.nowNs);
    const bytes = one.sends ? Math.min(one.leftBytes, (one.rate * ns) / 1e9) : 0;
    one.leftBytes -= bytes;
    live.nowNs = this.nowNs - record.startNs;
    // A guest that does not get what it wants writes that much less.
    if (!live.isPaused) live.memory.run(Math.max(0, ns - (load.lackNs - one.lackNs)));
    live.sent(bytes);
    one.sinceNs = this.nowNs;
    one.lackNs = load.lackNs;
  }

  /** Its leg is over. */
  #next(one: Active): void {
    const { live, record, slot } = one;
    const wasPaused = live.isPaused;
    const wasSwitched = live.isSwitched;
    const leg = live.next();
    if (live.isPaused && !wasPaused) this.#fleet.stop(record.vm, "stopped", this.nowNs);
    if (live.isSwitched && !wasSwitched) this.#switch(record);
    if (!leg) {
      this.#end(one, live.error);
      return;
    }
    one.sends = leg.bytes > 0;
    one.leftBytes = leg.bytes;
    one.waitEndNs = this.nowNs + leg.waitNs;
    if (leg.capBytesPerSec !== one.limit) {
      one.limit = leg.capBytesPerSec;
      this.#sharing.limit(slot, leg.capBytesPerSec);
    }
    this.#schedule(one);
  }

  #schedule(one: Active): void {
    const { leftBytes, rate, sends } = one;
    if (!sends) this.#queue.set(one.slot, one.waitEndNs);
    else if (rate > 0) this.#queue.set(one.slot, this.nowNs + (leftBytes * 1e9) / rate);
    // Else its share is not known yet, and it hears of it before time goes on.
  }

  readonly #onRate = (slot: number, rate: number): void => {
    const one = this.#active.get(slot);
    if (!one) return;
    this.#advance(one);
    this.#burden(one, rate - one.rate);
    one.rate = rate;
    one.live.bytesPerSec = rate;
    this.#schedule(one);
  };

  /** Sending is work for both hosts. */
  #burden({ record }: Active, changeBytesPerSec: number): void {
    if (this.#nsOfWork === 0) return;
    for (const index of [record.source, record.target]) {
      const { load } = this.host(index);
      load.advance(this.nowNs);
      load.burden(changeBytesPerSec * this.#nsOfWork);
    }
  }

  /** The guest runs on the target from now on. */
  #switch({ source, target, vm }: MigrationRecord): void {
    this.#fleet.start(vm, target, this.nowNs);
    this.host(source).freeBytes += this.#fleet.spec(vm).memoryBytes;
    this.#mayAdmit = true;
  }

  #end(one: Active, error: string): void {
    const { live, record, route, slot } = one;
    const { memoryBytes } = this.#fleet.spec(record.vm);
    this.#burden(one, -one.rate);
    this.#active.delete(slot);
    this.#freeBuffers.push(one.buffers);
    this.#queue.delete(slot);
    this.#sharing.remove(slot);
    this.#admission.leave(record, route);
    const sent = error === "" ? live.bytes : live.bytes - one.leftBytes;
    for (const link of route.links) this.linkBytes[link] = (this.linkBytes[link] as number) + sent;
    if (!live.isSwitched) this.host(record.target).freeBytes += memoryBytes;
    const vm = this.vm(record.vm);
    // Whoever was cut off while it was stopped goes on where it is.
    if (error !== "" && vm.state === "stopped")
      this.#fleet.start(record.vm, record.source, this.nowNs);
    record.state = error === "" ? "completed" : "failed";
    record.error = error;
    record.endNs = this.nowNs;
    record.downtimeNs = live.downtimeNs;
    record.gapNs = live.gapNs;
    record.bytes = sent;
    record.rounds = live.syncs;
    record.marks = live.marks;
    this.#mayAdmit = true;
    this.onEnd(record);
  }
}
