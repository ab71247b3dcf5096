/**
 * A soak: many guests that were forked from one, on virtual clocks, for hours of their time, while a
 * schedule that is drawn from a seed forks, snapshots, restores, logs, shares and destroys them and a small
 * code cache goes round. Every step is checked; nothing depends on the time of day.
 */
import { createHash } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { Random } from "../../ts/base/random.ts";
import { Host } from "../../ts/host/host.ts";
import { audit, dirtyFaults } from "./checks.ts";
import { Slot } from "./slot.ts";
import type { Workload } from "./workloads.ts";

const NS = 1e9;
/** How long a fork and its parent, or a restored guest and its model, must go on alike. */
const TWINS_NS = 2 * NS;
const WAIT_MS = 600_000;

export interface SoakPlan {
  readonly workload: Workload;
  readonly seed: number;
  readonly guests: number;
  /** Virtual time of each guest in one epoch, and of one of its turns. */
  readonly epochNs: number;
  readonly turnNs: number;
  readonly epochs: number;
  readonly memory: string;
  readonly codeCache: string;
  /** Where snapshots go. */
  readonly scratch: string;
  /** Told of each epoch; true: it is enough. */
  readonly onEpoch: (report: EpochReport) => boolean;
}

export interface EpochReport {
  readonly epoch: number;
  /** Virtual seconds of all guests together since the start. */
  readonly guestSeconds: number;
  readonly counts: Readonly<Counts>;
  readonly digest: string;
  readonly rssBytes: number;
  readonly freeBytes: number;
  readonly evicted: number;
  readonly violations: readonly string[];
}

interface Counts {
  turns: number;
  forks: number;
  restores: number;
  harvests: number;
  dirtyPages: number;
  sharedPages: number;
  audits: number;
  beats: number;
}

export interface SoakResult {
  readonly digests: readonly string[];
  readonly violations: readonly string[];
}

export class Soak {
  readonly #plan: SoakPlan;
  readonly #host: Host;
  readonly #random: Random;
  readonly #slots: Slot[] = [];
  readonly #violations: string[] = [];
  readonly #counts: Counts = {
    turns: 0,
    forks: 0,
    restores: 0,
    harvests: 0,
    dirtyPages: 0,
    sharedPages: 0,
    audits: 0,
    beats: 0,
  };
  #names = 0;
  #guestNs = 0;

  private constructor(plan: SoakPlan, host: Host) {
    this.#plan = plan;
    this.#host = host;
    this.#random = new Random(plan.seed);
  }

  /** Runs a plan on a host of its own. */
  static async run(plan: SoakPlan): Promise<SoakResult> {
    const { codeCache, memory, seed } = plan;
    const core = await readFile("build/core.wasm");
    await using host = await Host.create({ core, memory, codeCache, seed });
    const free = host.freeBytes;
    const soak = new Soak(plan, host);
    await soak.#populate();
    const digests: string[] = [];
    for (let epoch = 0; epoch < plan.epochs; epoch++) {
      await soak.#epoch(epoch);
      const report = soak.#report(epoch);
      digests.push(report.digest);
      if (plan.onEpoch(report)) break;
    }
    for (const slot of soak.#slots) await slot.destroy();
    if (host.freeBytes !== free)
      soak.#complain(`${free - host.freeBytes} bytes of machine memory are lost`);
    return { digests, violations: soak.#violations };
  }

  readonly #complain = (what: string): void => {
    this.#violations.push(what);
  };

  #freshName(): string {
    return `g${++this.#names}`;
  }

  /** The base guest, and its forks with something to do. */
  async #populate(): Promise<void> {
    const { guests, workload } = this.#plan;
    const base = await this.#host.createVm(workload.guest);
    await base.start();
    await base.console.expect(workload.ready, { timeoutMs: WAIT_MS });
    await base.pause();
    // From where the event loop happened to stop it to a moment that is the same each time.
    base.machine.runFor(NS - ((base.machine.clock.ticks() * 100) % NS));
    for (let i = 0; i < guests; i++) {
      const slot = new Slot(await base.fork({ name: this.#freshName() }), workload, this.#complain);
      slot.vm.console.write(workload.begin(i));
      this.#slots.push(slot);
    }
    await base.destroy();
  }

  get #core() {
    return (this.#slots[0] as Slot).vm.machine.options.core;
  }

  #audit(when: string): void {
    const faults = audit(this.#core, this.#slots);
    this.#counts.audits++;
    if (faults > 0) this.#complain(`${when}: ${faults} faults in the host's memory`);
    const { cachedBytes } = this.#core.translated;
    const max = Number.parseInt(this.#plan.codeCache, 10) * 2 ** 20;
    if (cachedBytes > max) this.#complain(`${when}: ${cachedBytes} bytes of translated code`);
  }

  #run(slot: Slot, ns: number): void {
    const { beats } = slot;
    slot.run(ns);
    this.#note(slot, beats, ns);
  }

  #note(slot: Slot, beats: number, ns: number): void {
    this.#guestNs += ns;
    this.#counts.turns++;
    this.#counts.beats += slot.beats - beats;
  }

  /** Every guest gets the same time, a turn after the other; in between, something is done to some. */
  async #epoch(epoch: number): Promise<void> {
    const { epochNs, turnNs } = this.#plan;
    const actions = [
      () => this.#fork(),
      () => this.#fork(),
      () => this.#snapshot(),
      () => this.#harvest(),
      () => this.#ask(),
      ...(epoch % 5 === 2 ? [() => this.#share()] : []),
    ];
    for (let done = 0; done < epochNs; done += turnNs) {
      for (const slot of this.#slots) this.#run(slot, turnNs);
      this.#audit(`epoch ${epoch}`);
      const count = Math.ceil((actions.length * turnNs) / (epochNs - done));
      for (const action of actions.splice(0, count)) {
        await action();
        this.#audit(`epoch ${epoch}, after an action`);
      }
    }
  }

  #pick(): number {
    return this.#random.below(this.#slots.length);
  }

  #mustBeAlike(one: Slot, other: Slot, what: string): void {
    const names = one.differences(other);
    if (names.length > 0)
      this.#complain(`${what}: ${one.vm.name} and ${other.vm.name} differ in ${names.join(", ")}`);
  }

  /** One guest goes, a fork of another takes its place. */
  async #fork(): Promise<void> {
    const parent = this.#pick();
    const place = this.#pick();
    if (parent === place) return;
    await this.#slots[place]?.destroy();
    const slot = this.#slots[parent] as Slot;
    const child = slot.twin(await slot.vm.fork({ name: this.#freshName() }));
    this.#slots[place] = child;
    this.#counts.forks++;
    // Both go on for a while: they must stay alike.
    for (const one of [slot, child]) this.#run(one, TWINS_NS);
    this.#mustBeAlike(slot, child, "fork");
    child.vm.console.write(this.#plan.workload.begin(this.#random.below(100)));
  }

  /** A guest is saved, and what is restored from the file, lazily, takes its place. */
  async #snapshot(): Promise<void> {
    const place = this.#pick();
    const slot = this.#slots[place] as Slot;
    const file = join(this.#plan.scratch, `${slot.vm.name}.wvs`);
    await slot.vm.snapshot(file);
    const twin = slot.twin(await this.#host.restore(file, { name: this.#freshName() }));
    this.#run(twin, TWINS_NS); // With pages that arrive as they are touched.
    this.#slots.push(twin);
    this.#audit("a guest that waits for pages");
    this.#slots.pop();
    this.#run(slot, TWINS_NS);
    this.#mustBeAlike(slot, twin, "restore");
    this.#slots[place] = twin;
    await slot.destroy();
    await rm(file);
    this.#counts.restores++;
  }

  #harvest(): void {
    const slot = this.#slots[this.#pick()] as Slot;
    const { dirty, missed } = dirtyFaults(slot, () => this.#run(slot, this.#plan.turnNs));
    this.#counts.harvests++;
    this.#counts.dirtyPages += dirty;
    if (missed > 0) this.#complain(`${slot.vm.name}: ${missed} dirty pages are not in the log`);
  }

  #ask(): void {
    const slot = this.#slots[this.#pick()] as Slot;
    const { beats, seconds } = slot;
    slot.ask(1e7, 1000);
    this.#note(slot, beats, (slot.seconds - seconds) * NS);
  }

  async #share(): Promise<void> {
    const some = this.#slots.filter((_, i) => i % 7 === 0);
    const before = some.map((slot) => slot.memory());
    const { mergedPages, zeroPages } = await this.#host.sharePages();
    this.#counts.sharedPages += mergedPages + zeroPages;
    for (const [i, slot] of some.entries())
      if (slot.memory() !== before[i])
        this.#complain(`${slot.vm.name}: sharing pages changed its memory`);
  }

  #report(epoch: number): EpochReport {
    const hash = createHash("sha256");
    for (const slot of this.#slots) hash.update(slot.digest());
    return {
      epoch,
      guestSeconds: this.#guestNs / NS,
      counts: { ...this.#counts },
      digest: hash.digest("hex"),
      rssBytes: process.memoryUsage().rss,
      freeBytes: this.#host.freeBytes,
      evicted: this.#core.translated.evicted,
      violations: this.#violations,
    };
  }
}
