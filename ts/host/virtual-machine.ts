import type { Core } from "../../bindings/core.ts";
import { onAbort, throwIfAborted } from "../base/abort.ts";
import type { Clock } from "../base/clock.ts";
import { WasmvisorError } from "../base/errors.ts";
import { TypedEventTarget } from "../base/events.ts";
import { andThen } from "../base/task.ts";
import { turnPassed } from "../base/turns.ts";
import type { Arrival } from "../migrate/messages.ts";
import type { RecordedTrace } from "../migrate/trace/record.ts";
import { MigratableVm } from "../vmm/migratable-vm.ts";
import type { RunOutcome, Vm, VmEnd } from "../vmm/vm.ts";
import type { Abortable, VmApi, VmInfo, VmStatus } from "./api.ts";
import type { CaptureOptions, CaptureResult } from "./capture.ts";
import { checkArrived, diskInfos } from "./disk-info.ts";
import type { MigrationOutcome } from "./migration.ts";
import type { MigrateOptions } from "./migrations/options.ts";
import type { VmNic } from "./networks/vm-nic.ts";
import { type RecordTraceOptions, recordVm } from "./recording.ts";
import type { RunLoop, Runnable, Turn } from "./run-loop.ts";
import { withSeen } from "./shares.ts";
import { saveSnapshotFile, snapshotBytes } from "./snapshot-writer.ts";
import { TurnLength } from "./turn-length.ts";
import { encodeConfig, type VmConfig } from "./vm-config.ts";
import type { VmConsole } from "./vm-console.ts";
import { waitForEnd } from "./wait-for-end.ts";

/** How often a guest on a virtual clock may wake up in one turn. */
const IDLE_STEPS = 8;
/** Pages that `loadPages` looks at between two turns of the event loop. */
const PAGES_AT_ONCE = 4096;

/** What the host gives a vm. */
export interface VmContext {
  readonly core: Core;
  readonly clock: Clock;
  readonly loop: RunLoop;
  /** Forks `vm` under a new name. */
  readonly fork: (vm: VirtualMachine, name: string | undefined) => Promise<VirtualMachine>;
  readonly migrate: (move: {
    readonly vm: VirtualMachine;
    readonly target: string;
    readonly options: MigrateOptions;
    readonly onTurn: (hasTurn: boolean) => void;
  }) => Promise<MigrationOutcome>;
  /** The vm's memory has gone back: forget it. */
  readonly forget: (vm: VirtualMachine) => void;
}

/** A virtual machine on a {@link Host}. */
export class VirtualMachine implements Runnable, VmApi {
  readonly name: string;
  readonly console: VmConsole;
  /** `status`: it started, paused, ended, left. */
  readonly events = new TypedEventTarget<{ status: { readonly status: VmStatus } }>();
  /** The machine itself, for tools that look inside. */
  readonly machine: Vm;
  readonly config: VmConfig;
  readonly #nics: readonly VmNic[];
  readonly #context: VmContext;
  readonly #turnLength: TurnLength;
  #status: VmStatus = "created";
  #last: VmInfo | undefined;
  /** It runs at another host, which lacks pages that are here: a post-copy that is paused. */
  #isAway = false;
  /** Set while it moves to another host, or waits for its turn. */
  #leaving: { readonly abort: AbortController; readonly done: Promise<unknown> } | undefined;
  #isMoving = false;
  /** Its state is another's, or will be. */
  #isTwin = false;
  /** Set while its dirty trace is taken: whoever else needs the dirty log ends that. */
  #recording: { readonly abort: AbortController; readonly done: Promise<unknown> } | undefined;

  /** @internal Made by `Host`. */
  constructor(parts: {
    readonly config: VmConfig;
    readonly machine: Vm;
    readonly console: VmConsole;
    readonly nics: readonly VmNic[];
    readonly context: VmContext;
  }) {
    this.config = parts.config;
    this.name = parts.config.name;
    this.machine = parts.machine;
    this.console = parts.console;
    this.#nics = parts.nics;
    this.#context = parts.context;
    this.#turnLength = new TurnLength(parts.config.vcpus);
  }

  get status(): VmStatus {
    return this.#status;
  }

  /** How it ended, once it has. */
  get end(): VmEnd | undefined {
    return this.machine.end;
  }

  #become(status: VmStatus): void {
    if (this.#status === status) return;
    this.#status = status;
    this.events.emit("status", { status });
  }

  #mustBe(allowed: readonly VmStatus[], action: string): void {
    if (this.#isMoving)
      throw new WasmvisorError("WV_STATE", `${this.name}: cannot ${action} while it migrates`);
    if (this.#isAway && action !== "migrate")
      throw new WasmvisorError(
        "WV_STATE",
        `${this.name}: cannot ${action}: it runs at its target, and pages of it are only here; ` +
          "migrate it again to recover",
      );
    if (!allowed.includes(this.#status))
      throw new WasmvisorError(
        "WV_STATE",
        `${this.name}: cannot ${action} while it is ${this.#status} (only ${allowed.join(" or ")})`,
      );
  }

  /** Lets a created vm run. Throws `WV_STATE` in any other state. */
  async start(): Promise<void> {
    this.#mustBe(["created"], "start");
    this.#run();
  }

  /**
   * Stops a running vm between two instructions; its clock stands still. Harmless when it is paused. Resolves when
   * its disks have done what it asked; rejects with `WV_DISK`, paused, when they cannot keep what it wrote.
   */
  async pause(): Promise<void> {
    this.#mustBe(["running", "paused"], "pause");
    this.#halt();
    await this.machine.drain();
  }

  /** Lets a paused vm go on. Harmless when it runs. */
  async resume(): Promise<void> {
    this.#mustBe(["running", "paused", "created"], "resume");
    this.#run();
  }

  #run(): void {
    if (this.#status === "running" || this.#status === "ended") return;
    if (this.machine.end) {
      this.#finish(this.machine.end); // It ended while it was paused: input met a page that is damaged.
      return;
    }
    this.machine.clock.resume();
    this.machine.resume();
    const isNew = this.#status === "created" && !this.#isTwin;
    this.#become("running");
    this.#context.loop.add(this);
    for (const nic of this.#nics) nic.open(isNew);
  }

  #halt(): void {
    if (this.#status !== "running") return;
    this.#context.loop.remove(this);
    this.machine.clock.pause();
    for (const nic of this.#nics) nic.close("rests");
    this.#become("paused");
  }

  /** @internal It has the state of a vm that ran before: it is paused, not new. */
  restored(): void {
    this.#become("paused");
  }

  /** @internal A turn of the run loop. */
  turn(): Turn {
    let used = 0;
    const cycles = this.#turnLength.cycles(this.#isMoving);
    for (let steps = 0; steps < IDLE_STEPS && used < cycles; steps++) {
      const outcome = this.#measured(cycles);
      used += outcome.used;
      this.console.flush();
      if (outcome.state === "runnable") return "busy";
      if (outcome.state === "ended") {
        this.#finish(outcome.end);
        return "ended";
      }
      if (this.config.clock === "wall") return { wakeInNs: outcome.wakeInNs };
      // While a disk works for it, a guest that waits stands still: its time is what it did.
      if (this.machine.board.inFlight > 0) return { wakeInNs: Number.POSITIVE_INFINITY };
      // Virtual time that nobody uses passes at once, not only when everybody else has had a turn.
      if (this.#status !== "running") return "busy";
      if (!this.machine.skipIdle()) return { wakeInNs: Number.POSITIVE_INFINITY };
    }
    return "busy";
  }

  #measured(cycles: number): RunOutcome {
    const { loop } = this.#context;
    const fromNs = loop.nowNs();
    const outcome = this.machine.run(cycles);
    if (outcome.state === "runnable") this.#turnLength.note(cycles, loop.nowNs() - fromNs);
    return outcome;
  }

  #finish(end: VmEnd): void {
    this.machine.clock.pause();
    for (const nic of this.#nics) nic.close("ended");
    this.console.end(describeEnd(end));
    void this.#keepDisks();
    this.#leaving?.abort.abort(new WasmvisorError("WV_GUEST", `${this.name}: it has ended`));
    this.#recording?.abort.abort();
    this.#become("ended");
  }

  /** What a guest that has ended wrote is not lost with this process. There is nobody to tell if it is. */
  async #keepDisks(): Promise<void> {
    try {
      await this.machine.drain();
    } catch {
      // As when a computer is switched off.
    }
  }

  /** Settles when the guest has ended. Rejects with `WV_STATE` if it leaves this host instead. */
  wait(signal?: AbortSignal): Promise<VmEnd> {
    return waitForEnd(this, signal);
  }

  /** Runs `action` with the guest at rest, and lets it go on afterwards if it ran before. */
  async #atRest<T>(action: () => T | Promise<T>): Promise<T> {
    const wasRunning = this.#status === "running";
    this.#halt();
    try {
      await this.machine.drain();
      return await action();
    } finally {
      if (wasRunning && this.#status === "paused") this.#run();
    }
  }

  /**
   * A second vm that goes on from where this one is: memory is shared until one of them writes it.
   * It runs if this one does. Throws `WV_STATE`, or `WV_NO_MEMORY`.
   */
  async fork(options: { readonly name?: string | undefined } = {}): Promise<VirtualMachine> {
    this.#mustBe(["running", "paused"], "fork");
    const isRunning = this.#status === "running";
    const child = await this.#atRest(() => this.#context.fork(this, options.name));
    if (isRunning) await child.resume();
    return child;
  }

  /**
   * Writes the whole vm to a file that `Host.restore` takes, on any machine. The guest rests
   * meanwhile. An abort leaves the guest as it was and no file.
   */
  async snapshot(path: string, options: Abortable = {}): Promise<void> {
    this.#mustBe(["running", "paused"], "take a snapshot");
    throwIfAborted(options.signal);
    await this.#saved((guest) => saveSnapshotFile(guest, path, options.signal));
  }

  /** The whole vm as bytes that `Host.restore` takes: for places without files. */
  async snapshotBytes(options: Abortable = {}): Promise<Uint8Array> {
    this.#mustBe(["running", "paused"], "take a snapshot");
    throwIfAborted(options.signal);
    return this.#saved((guest) => snapshotBytes(guest, options.signal));
  }

  async #saved<T>(save: (guest: MigratableVm) => Promise<T>): Promise<T> {
    const guest = this.migratable();
    try {
      return await this.#atRest(() => save(guest));
    } finally {
      guest.release();
    }
  }

  /**
   * Reads what still waits in the snapshot that the vm was restored from, a few milliseconds at a time;
   * then its file is closed. Throws `WV_BAD_SNAPSHOT`, `WV_NO_MEMORY`; the guest goes on as it was.
   */
  async loadPages(options: Abortable = {}): Promise<void> {
    for (let at: number | undefined = 0; at !== undefined; await turnPassed()) {
      throwIfAborted(options.signal);
      this.#mustBe(["created", "running", "paused", "ended"], "load pages");
      at = this.machine.ram.arriveFrom(at, PAGES_AT_ONCE);
    }
  }

  /**
   * Moves the running guest to another host, `tcp://ADDRESS:PORT` or `tls://`, as soon as the host's
   * limit of migrations lets it. Resolves with how it went: unless that is `completed`, the guest runs on
   * here. An abort before the switch-over is `aborted`, or rejects with `WV_ABORTED` before it has begun.
   * After `paused` (the channel of a post-copy broke) the same call, to the same target, goes on where it
   * was, as it was asked for then.
   */
  async migrate(target: string, options: MigrateOptions = {}): Promise<MigrationOutcome> {
    const movable: readonly VmStatus[] = ["running", "paused"];
    this.#mustBe(movable, "migrate");
    if (this.#leaving)
      throw new WasmvisorError("WV_STATE", `${this.name}: cannot migrate while it waits for that`);
    checkArrived(this.name, this.info().disks);
    await this.#endRecording();
    const abort = new AbortController();
    const forget = onAbort(options.signal, () => abort.abort(options.signal?.reason));
    const done = this.#context.migrate({
      vm: this,
      target,
      options: { ...options, signal: abort.signal },
      onTurn: (hasTurn) => {
        if (hasTurn) this.#mustBe(movable, "migrate");
        this.#isMoving = hasTurn;
      },
    });
    this.#leaving = { abort, done };
    try {
      const outcome = await done;
      this.#isAway = outcome.state === "paused";
      return outcome;
    } finally {
      this.#leaving = undefined;
      this.#isMoving = false;
      forget();
    }
  }

  /**
   * Tells which pages the guest writes, interval by interval, as the bytes of a trace's file, while it runs on. An
   * abort, the guest's end or a migration ends the trace early: it is whole until there. Throws `WV_STATE`
   * while it moves or another trace of it is taken, `WV_NO_MEMORY`.
   */
  async recordTrace(options: RecordTraceOptions): Promise<RecordedTrace> {
    this.#mustBe(["running", "paused"], "record a trace");
    if (this.#leaving || this.#recording)
      throw new WasmvisorError(
        "WV_STATE",
        `${this.name}: cannot record a trace while ${this.#leaving ? "it migrates" : "one is taken"}`,
      );
    const abort = new AbortController();
    const forget = onAbort(options.signal, () => abort.abort());
    const guest = this.migratable();
    const done = recordVm(guest, this.#context.clock, { ...options, signal: abort.signal });
    this.#recording = { abort, done };
    try {
      return await done;
    } finally {
      this.#recording = undefined;
      guest.release();
      forget();
    }
  }

  /** What passes its cards, as the bytes of a pcap file. Throws `WV_CONFIG`, `WV_STATE`. */
  async capture(options: CaptureOptions): Promise<CaptureResult> {
    this.#mustBe(["created", "running", "paused"], "capture");
    const { captureNics } = await import("./capture.ts");
    return captureNics(this.#nics, this.#context.clock, options);
  }

  async #endRecording(): Promise<void> {
    this.#recording?.abort.abort();
    await this.#recording?.done.catch(() => undefined);
  }

  /** @internal This vm as the migration engine sees it. `arrives`: what a twin does when it has its state. */
  migratable(arrives: Arrival = "running"): MigratableVm {
    const isNew = this.#status === "created";
    this.#isTwin ||= isNew;
    const mayRun = this.#status === "running" || (isNew && arrives === "running");
    return new MigratableVm(this.machine, {
      config: encodeConfig(withSeen(this.config, this.machine.options.shares ?? [])),
      onArrival: () => this.#context.loop.wake(this),
      pause: () => {
        this.#halt();
        return this.machine.drain();
      },
      resume: () =>
        andThen(isNew ? this.machine.refreshDisks() : undefined, () => {
          if (mayRun) this.#run();
          else if (isNew) this.restored();
        }),
      destroy: () => this.#discard("moved"),
    });
  }

  /** What it is and how it fares. */
  info(): VmInfo {
    if (this.#last) return this.#last;
    const metrics = this.machine.metrics();
    const { clock, memoryBytes, name, vcpus } = this.config;
    return {
      name,
      status: this.#status,
      memoryBytes,
      populatedBytes: metrics.populatedPages * 4096,
      ownBytes: metrics.ownedFrames * 4096,
      missingBytes: metrics.missingPages * 4096,
      vcpus,
      clock,
      disks: diskInfos(this.config, this.machine.options.disks),
      networks: this.#nics.map((nic) => nic.info()),
      end: this.end,
      metrics,
    };
  }

  /** Ends it, whatever it does, and gives its memory back. Harmless when it is gone. */
  async destroy(): Promise<void> {
    if (this.#leaving) {
      this.#leaving.abort.abort(new WasmvisorError("WV_STATE", `${this.name}: destroyed`));
      await this.#leaving.done.catch(() => undefined);
    }
    await this.#endRecording();
    this.#discard();
  }

  #discard(why: "moved" | "ended" = "ended"): void {
    if (this.#status === "gone") return;
    this.#context.loop.remove(this);
    this.#last = { ...this.info(), status: "gone" };
    for (const nic of this.#nics) nic.unplug(why);
    this.machine.destroy();
    this.console.end("destroyed");
    this.#context.forget(this);
    this.#become("gone");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.destroy();
  }
}

/** An end in words. */
export function describeEnd(end: VmEnd): string {
  if (end.type === "exit") return `exit status ${end.status}`;
  if (end.type !== "crash") return end.type;
  const { cause, hart, pc, reason, tval } = end.fault;
  if (reason === "no-memory") return `crash: the host has no free memory (hart ${hart}, pc ${pc})`;
  if (reason === "device" || reason === "missing-page")
    return `crash: ${end.fault.message} (hart ${hart}, pc ${pc})`;
  const what = end.fault.instruction?.replace("\t", " ");
  const place = what === undefined ? pc : `${pc} (${what})`;
  return `crash: hart ${hart} at pc ${place}, cause ${cause}, tval ${tval}`;
}
