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
import { receiveMigration, type TargetResult } from "../../ts/migrate/target.ts";
import { FakeGuest } from "./fake-guest.ts";
import { type FaultPlan, FaultyChannel } from "./faulty-channel.ts";

export interface SceneOptions {
  readonly seed?: number;
  readonly pages?: number;
  readonly writesPerMs?: number;
  readonly source?: Partial<SourceOptions>;
  readonly target?: { readonly accept?: () => never; readonly signal?: AbortSignal };
  readonly faultToTarget?: FaultPlan;
  readonly faultToSource?: FaultPlan;
  /** The target's host dies with the fault: nothing of it answers for 3 s, then a new one does. */
  readonly targetDies?: boolean;
  readonly latencyNs?: number;
  /** Called on every write, for aborts at a given time. */
  readonly onTick?: (nowNs: number) => void;
}

export class Scene {
  readonly clock = new VirtualClock();
  readonly ledger = new MigrationLedger();
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

  constructor(options: SceneOptions) {
    this.#options = options;
    const pages = options.pages ?? 24;
    this.#random = new Random(options.seed ?? 1);
    this.source = new FakeGuest(pages);
    this.target = new FakeGuest(pages);
    this.source.fill(this.#random, 0.7);
    this.#random.bytes(this.source.state);
    this.source.isRunning = true;
    this.reference = this.source.memory.slice();
    const link = { clock: this.clock, bytesPerSec: 4e6, latencyNs: options.latencyNs ?? 50_000 };
    const [left, right] = simulatedLink(link);
    this.toTarget = new FaultyChannel(left, this.#plan(options.faultToTarget));
    this.toSource = new FaultyChannel(right, this.#plan(options.faultToSource));
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
      guest.write(at, value);
      this.reference[at] = value;
    }
    this.#options.onTick?.(this.clock.nowNs());
    if (this.result) return;
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

/** Throws unless exactly one guest runs, with all that was ever written. */
export function checkOneRuns(scene: Scene, what: string): void {
  const { source, target, result } = scene;
  const running = [source, target].filter((guest) => guest.isRunning);
  expect(running.length, `${what}: ${running.length} guests run, ${result?.state}`).toBe(1);
  expect(source.isRunning, `${what}: ${result?.state}`).toBe(result?.state !== "completed");
  expect(Buffer.compare(running[0]?.memory as Uint8Array, scene.reference), what).toBe(0);
  if (source.isRunning) {
    expect(source.isLogging, `${what}: still logging`).toBe(false);
    expect(source.isDestroyed, what).toBe(false);
  } else {
    expect(Buffer.compare(target.state, source.state), what).toBe(0);
    expect(source.isDestroyed, what).toBe(true);
  }
}
