/** The writer of a page-level guest: what is due when, phase after phase, and where it goes. */
import { WasmvisorError } from "../base/errors.ts";
import { GUEST_PAGE_BYTES } from "../machine/migratable.ts";
import type { PageKernel } from "./page-kernel.ts";
import type { Scenario, WriterPhase } from "./scenario.ts";
import { TraceReplay } from "./trace/replay.ts";
import { startOf, writerPhases } from "./writer-phases.ts";

const WRITER_KINDS = { uniform: 0, "hot-cold": 1, sequential: 2, zipf: 3, trace: 4 } as const;

const pagesOf = (bytes: number): number => Math.ceil(bytes / GUEST_PAGE_BYTES);

/** How far a phase has come, over all its turns. */
interface Progress {
  ranNs: number;
  written: number;
  /** Where its sequential writer goes on. */
  next: number;
}

export class PageWriter {
  readonly #kernel: PageKernel;
  readonly #phases: readonly WriterPhase[];
  readonly #progress: readonly Progress[];
  #phase = 0;
  #leftNs: number;
  /** Instead of all of that. */
  readonly #replay: TraceReplay | undefined;

  /** Throws `WV_CONFIG` for a working set that is not in the guest's memory. */
  constructor(scenario: Scenario, kernel: PageKernel) {
    this.#kernel = kernel;
    this.#phases = writerPhases(scenario);
    this.#progress = this.#phases.map(() => ({ ranNs: 0, written: 0, next: 0 }));
    for (let i = this.#phases.length - 1; i >= 0; i--) this.#set(this.#phases[i] as WriterPhase);
    const first = this.#phases[0] as WriterPhase;
    this.#leftNs = first.durationNs;
    if (scenario.distribution.kind === "trace" && scenario.phases.length === 0)
      this.#replay = new TraceReplay(scenario, scenario.distribution, kernel);
    if (first.distribution.kind === "sequential")
      kernel.modelGoOn(
        startOf(Math.ceil(first.workingSetBytes / 4096), first.dirtyRate, scenario.settleNs),
      );
  }

  /** Page writes a second, at the moment. */
  get dirtyRate(): number {
    if (this.#replay) return this.#replay.dirtyRate;
    return (this.#phases[this.#phase] as WriterPhase).dirtyRate;
  }

  /** It runs for `ns`: `write` does what has come due, as often as the writer changes. */
  run(ns: number, write: (count: number) => void): void {
    if (this.#replay) {
      this.#replay.run(ns, write);
      return;
    }
    for (let left = ns; ; ) {
      const step = Math.min(left, this.#leftNs);
      const progress = this.#progress[this.#phase] as Progress;
      progress.ranNs += step;
      left -= step;
      this.#leftNs -= step;
      const due = Math.floor((this.dirtyRate * progress.ranNs) / 1e9);
      if (due > progress.written) write(due - progress.written);
      progress.written = due;
      if (this.#leftNs > 0) return;
      this.#turn();
    }
  }

  #turn(): void {
    (this.#progress[this.#phase] as Progress).next = this.#kernel.modelNext();
    this.#phase = (this.#phase + 1) % this.#phases.length;
    const phase = this.#phases[this.#phase] as WriterPhase;
    this.#leftNs = phase.durationNs;
    this.#set(phase);
    this.#kernel.modelGoOn((this.#progress[this.#phase] as Progress).next);
  }

  #set(phase: WriterPhase): void {
    const kernel = this.#kernel;
    const { distribution } = phase;
    const pages = pagesOf(phase.workingSetBytes);
    const base = Math.floor(phase.workingSetOffsetBytes / GUEST_PAGE_BYTES);
    if (kernel.modelWriter(WRITER_KINDS[distribution.kind], base, pages) !== 0)
      throw new WasmvisorError(
        "WV_CONFIG",
        "page model: the working set does not lie in the guest's memory",
      );
    if (distribution.kind === "hot-cold")
      kernel.modelHot(Math.round(pages * distribution.hotPages), distribution.hotWrites);
    if (distribution.kind === "zipf" && kernel.modelZipf(distribution.exponent) !== 0)
      throw new WasmvisorError("WV_NO_MEMORY", "page model: no room for the Zipf table");
  }
}
