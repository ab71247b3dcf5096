/**
 * One migration on a virtual clock with a guest that writes all the time, wherever it runs; and,
 * apart from it, the checker: exactly one side runs, and its memory is what the guest wrote.
 */
import { expect } from "vitest";
import { VirtualClock } from "../../ts/base/clock.ts";
import { Random } from "../../ts/base/random.ts";
import { MigrationLedger } from "../../ts/migrate/ledger.ts";
import type { SourceOptions } from "../../ts/migrate/options.ts";
import { simulatedLink } from "../../ts/migrate/sim-link.ts";
import { type MigrationResult, migrate } from "../../ts/migrate/source.ts";
import type { MigrationStats } from "../../ts/migrate/stats.ts";
import {
  receiveMigration,
  type TargetOptions,
  type TargetResult,
} from "../../ts/migrate/target.ts";
import { FakeGuest } from "./fake-guest.ts";
import { type FaultPlan, FaultyChannel } from "./faulty-channel.ts";

export interface SceneOptions {
  readonly seed?: number;
  readonly pages?: number;
  readonly writesPerMs?: number;
  readonly source?: Partial<SourceOptions>;
  readonly target?: Partial<TargetOptions>;
  readonly faultToTarget?: FaultPlan;
  readonly faultToSource?: FaultPlan;
  /** The target's host dies with the fault: nothing of it answers for 3 s, then a new one does. */
  readonly targetDies?: boolean;
  readonly latencyNs?: number;
  /** Of the first channel and the further ones. */
  readonly latenciesNs?: readonly number[];
  /** Post-copy: the source finds another channel, with these faults, one after the other. */
  readonly recovers?: boolean;
  readonly laterFaults?: readonly {
    readonly toTarget?: FaultPlan;
    readonly toSource?: FaultPlan;
  }[];
  readonly vcpus?: number;
  /** The source's guest can say what it reads. */
  readonly tellsReads?: boolean;
  /** Bytes a second of each link. */
  readonly bytesPerSec?: number;
  /** Further channels, with these faults, in the order in which they are opened. */
  readonly besideFaults?: readonly (
    | {
        readonly toTarget?: FaultPlan;
        readonly toSource?: FaultPlan;
      }
    | undefined
  )[];
  /** Called on every write, for aborts at a given time. */
  readonly onTick?: (nowNs: number) => void;
}

export class Scene {
  readonly clock = new VirtualClock();
  readonly ledger = new MigrationLedger();
  /** Of the host that takes the place of one that died. */
  readonly newLedger = new MigrationLedger();
  /** What the guest was when it left. */
  atSwitch: Uint8Array | undefined;
  /** What the guest was at each checkpoint, and when. */
  readonly checkpoints: { readonly atNs: number; readonly memory: Uint8Array }[] = [];
  phases: string[] = [];
  reconnects = 0;
  /** Further channels: the source's ends. */
  readonly beside: FaultyChannel[] = [];
  readonly source: FakeGuest;
  readonly target: FakeGuest;
  readonly reference: Uint8Array;
  readonly toTarget: FaultyChannel;
  readonly toSource: FaultyChannel;
  result: MigrationResult | undefined;
  targetResult: TargetResult | undefined;
  readonly #options: SceneOptions;
  readonly #random: Random;
  #diedAtNs: number | undefined;
  #links = 0;

  constructor(options: SceneOptions) {
    this.#options = options;
    const pages = options.pages ?? 24;
    this.#random = new Random(options.seed ?? 1);
    this.source = new FakeGuest(pages);
    this.target = new FakeGuest(pages);
    this.source.fill(this.#random, 0.7);
    this.#random.bytes(this.source.state);
    this.source.isRunning = true;
    if (options.tellsReads) this.source.tellReads();
    this.reference = this.source.memory.slice();
    this.#watchSource();
    [this.toTarget, this.toSource] = this.#link(options.faultToTarget, options.faultToSource);
  }

  #link(toTarget?: FaultPlan, toSource?: FaultPlan): readonly [FaultyChannel, FaultyChannel] {
    const each = this.#options.latenciesNs?.[this.#links++];
    const latencyNs = each ?? this.#options.latencyNs ?? 50_000;
    const { bytesPerSec = 4e6 } = this.#options;
    const [left, right] = simulatedLink({ clock: this.clock, bytesPerSec, latencyNs });
    return [
      new FaultyChannel(left, this.#plan(toTarget)),
      new FaultyChannel(right, this.#plan(toSource)),
    ];
  }

  /** Keeps what the guest was when it left: that is what it is again if it comes back. */
  #watchSource(): void {
    const { source } = this;
    const pause = source.pause.bind(source);
    source.pause = () => {
      pause();
      this.atSwitch = source.memory.slice();
    };
    const { target } = this;
    const saveState = target.saveState.bind(target);
    target.saveState = () => {
      this.checkpoints.push({ atNs: this.clock.nowNs(), memory: this.reference.slice() });
      return saveState();
    };
    const resume = source.resume.bind(source);
    source.resume = () => {
      if (this.atSwitch) this.reference.set(this.atSwitch);
      resume();
    };
  }

  /** Goes on with a post-copy that is paused, over another channel. */
  recover(paused: MigrationResult & { state: "paused" }): MigrationResult {
    this.result = undefined;
    this.#live();
    paused.recover(this.#reconnect()).observe((o) => {
      if (!o.ok) throw o.reason;
      this.result = o.value;
    });
    this.clock.run(() => this.result !== undefined);
    this.clock.advance(30e9);
    if (!this.result) throw new Error("the migration hangs");
    return this.result;
  }

  /** Another channel to the target's host, once it lives. */
  #reconnect() {
    if (this.#diedAtNs !== undefined && this.clock.nowNs() < this.#diedAtNs + 3e9)
      throw new Error("no route to host");
    const faults = this.#options.laterFaults?.[this.reconnects];
    this.reconnects++;
    const [toTarget, toSource] = this.#link(faults?.toTarget, faults?.toSource);
    const ledger = this.#diedAtNs === undefined ? this.ledger : this.newLedger;
    const accept = (): never => {
      throw new Error("no second guest");
    };
    receiveMigration(toSource, { clock: this.clock, ledger, accept });
    return toTarget;
  }

  /** A further channel to the target's host. */
  #openChannel() {
    if (this.#diedAtNs !== undefined && this.clock.nowNs() < this.#diedAtNs + 3e9)
      throw new Error("no route to host");
    const faults = this.#options.besideFaults?.[this.beside.length];
    const [toTarget, toSource] = this.#link(faults?.toTarget, faults?.toSource);
    this.beside.push(toTarget);
    const ledger = this.#diedAtNs === undefined ? this.ledger : this.newLedger;
    const accept = (): never => {
      throw new Error("no second guest");
    };
    receiveMigration(toSource, { clock: this.clock, ledger, accept });
    return toTarget;
  }

  /** What it took. */
  get snapshot(): MigrationStats {
    if (!this.result) throw new Error("it did not run yet");
    return this.result.stats;
  }

  #plan(plan: FaultPlan | undefined): FaultPlan | undefined {
    if (!plan || !this.#options.targetDies) return plan;
    const onFault = (): void => {
      this.#diedAtNs ??= this.clock.nowNs();
      this.target.isRunning = false;
      this.target.isDestroyed = true;
    };
    return { ...plan, onFault };
  }

  /** Writes by whoever runs; the reference sees them too. */
  #live(): void {
    const guest = [this.source, this.target].find((one) => one.isRunning);
    for (let i = this.#options.writesPerMs ?? 1; guest && i > 0; i--) {
      const at = this.#random.below(this.reference.length);
      const value = this.#random.below(256);
      const done = (): void => {
        this.reference[at] = value;
      };
      guest.write(at, value, done, this.#random.below(this.#options.vcpus ?? 1));
    }
    this.#options.onTick?.(this.clock.nowNs());
    if (this.result && this.result.state !== "paused") return;
    // A long silence is not worth a thousand writes a second.
    this.clock.after(this.clock.nowNs() < 1e9 ? 1e6 : 1e8, () => this.#live());
  }

  #askOutcome(id: string) {
    if (this.#diedAtNs === undefined) return this.ledger.query(id);
    if (this.clock.nowNs() < this.#diedAtNs + 3e9) throw new Error("no route to host");
    return "not-running" as const;
  }

  run(): MigrationResult {
    const { clock, ledger } = this;
    receiveMigration(this.toSource, {
      clock,
      ledger,
      accept: () => this.target,
      ...this.#options.target,
    }).observe((o) => {
      if (!o.ok) throw o.reason;
      this.targetResult = o.value;
    });
    migrate(this.source, this.toTarget, {
      clock,
      id: "m1",
      strategy: "pre-copy",
      downtimeLimitNs: 5e6,
      batchPages: 4,
      verify: "memory",
      askOutcome: (id) => this.#askOutcome(id),
      openChannel: () => this.#openChannel(),
      reconnect: this.#options.recovers ? () => this.#reconnect() : undefined,
      onPhase: (phase) => this.phases.push(phase),
      ...this.#options.source,
    }).observe((o) => {
      if (!o.ok) throw o.reason;
      this.result = o.value;
    });
    if (this.#options.writesPerMs !== 0) this.#live();
    clock.run(() => this.result !== undefined || clock.nowNs() > 200e9);
    clock.advance(30e9); // The target's watchdog must have spoken by then, too.
    if (!this.result) throw new Error("the migration hangs");
    return this.result;
  }
}

/** States in which the guest runs at the source, at the target, or is held at the source. */
const AT_SOURCE = ["failed", "aborted", "rolled-back"];
const AT_TARGET = ["completed", "paused"];

/**
 * Throws unless exactly one guest runs with all that was ever written, or, where the target died with
 * it, can be resumed as it was when it left.
 */
export function checkOneRuns(scene: Scene, what: string): void {
  const { source, target, result } = scene;
  const state = result?.state ?? "none";
  const where = `${what}: ${state}`;
  expect(source.isRunning, where).toBe(AT_SOURCE.includes(state));
  expect(target.isRunning, where).toBe(AT_TARGET.includes(state));
  if (state !== "completed") expect(source.isDestroyed, where).toBe(false);
  if (AT_SOURCE.includes(state)) checkSource(scene, where);
  else if (AT_TARGET.includes(state)) checkTarget(scene, where);
  else {
    expect(state, where).toBe("target-lost");
    expect(target.isDestroyed, where).toBe(true);
    expect(Buffer.compare(source.memory, scene.atSwitch as Uint8Array), where).toBe(0);
  }
}

function checkSource({ reference, source }: Scene, where: string): void {
  expect(Buffer.compare(source.memory, reference), where).toBe(0);
  expect(source.isLogging, `${where}: still logging`).toBe(false);
}

function checkTarget({ reference, result, source, target }: Scene, where: string): void {
  expect(Buffer.compare(target.state, source.state), where).toBe(0);
  if (result?.state === "completed") {
    expect(source.isDestroyed, where).toBe(true);
    expect(target.missing.size, where).toBe(0);
  }
  // What has not arrived is at the source, as it was.
  const memory = target.memory.slice();
  for (const gfn of target.missing)
    memory.set(source.memory.subarray(gfn * 4096, (gfn + 1) * 4096), gfn * 4096);
  expect(Buffer.compare(memory, reference), where).toBe(0);
}
