/**
 * A recorded trace as a writer at page level. The pages of an interval are written once, evenly over it; where it is
 * known which pages the guest had touched, these are the model's first ones, in their order.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { WasmvisorError } from "../../base/errors.ts";
import { Random } from "../../base/random.ts";
import type { DirtyTrace } from "../../migrate/trace/trace.ts";
import type { PageKernel } from "../page-kernel.ts";
import type { Distribution, Scenario } from "../scenario.ts";
import { readTrace } from "./read-trace.ts";

export type TraceDistribution = Extract<Distribution, { readonly kind: "trace" }>;

/** A trace as it is replayed. */
export interface Replayed {
  readonly tag: number;
  /** All writes, one after the other. */
  readonly writes: Uint32Array;
  /** The first write of each interval, and how many there are. */
  readonly firsts: readonly number[];
  readonly endsNs: readonly number[];
  readonly durationNs: number;
  readonly pageCount: number;
  /** The model's pages that are not zero. */
  readonly usedPages: number;
  readonly pagesPerSec: number;
}

/** The number that each page has in the model: pages that were used or written come first. */
function numbersOf(trace: DirtyTrace): Map<number, number> | undefined {
  const { used } = trace;
  if (!used) return undefined;
  const all = new Set<number>(used);
  for (const pages of trace.intervals) for (const page of pages) all.add(page);
  return new Map([...all].sort((a, b) => a - b).map((page, i) => [page, i]));
}

/** Makes a trace ready for {@link TraceReplay}. `tag`: another number for each. */
export function prepareReplay(trace: DirtyTrace, tag: number): Replayed {
  const numbers = numbersOf(trace);
  const { intervals, intervalNs, pageCount } = trace;
  const firsts = [0];
  for (const pages of intervals) firsts.push((firsts.at(-1) as number) + pages.length);
  const writes = new Uint32Array(firsts.at(-1) as number);
  const random = new Random(1).split("trace");
  for (const [i, pages] of intervals.entries()) {
    const first = firsts[i] as number;
    pages.forEach((page, k) => {
      writes[first + k] = numbers?.get(page) ?? page;
    });
    shuffle(writes.subarray(first, first + pages.length), random);
  }
  const endsNs = trace.endsNs ?? intervals.map((_, i) => (i + 1) * intervalNs);
  const durationNs = endsNs.at(-1) as number;
  return {
    tag,
    writes,
    firsts,
    endsNs,
    durationNs,
    pageCount,
    usedPages: numbers?.size ?? pageCount,
    pagesPerSec: (writes.length * 1e9) / durationNs,
  };
}

/** In which order an interval's pages were written nobody knows. */
function shuffle(pages: Uint32Array, random: Random): void {
  for (let i = pages.length - 1; i > 0; i--) {
    const k = random.u32() % (i + 1);
    const page = pages[i] as number;
    pages[i] = pages[k] as number;
    pages[k] = page;
  }
}

const loaded = new Map<string, Replayed>();
let tags = 0;
/** Traces kept; a plan has a few. */
const LOADED_MAX = 16;

export const sha256Of = (file: string): string =>
  createHash("sha256").update(readFileSync(file)).digest("hex");

/** The trace of a plan. Throws `WV_CONFIG` if the file is another than it was when the plan was read. */
export function replayOf({ file, sha256 }: Pick<TraceDistribution, "file" | "sha256">): Replayed {
  const key = `${sha256} ${file}`;
  let replay = loaded.get(key);
  if (!replay) {
    const trace = readTrace(file);
    if (sha256Of(file) !== sha256)
      throw new WasmvisorError(
        "WV_CONFIG",
        `${file}: not the trace that this plan was read with; give every worker the same file`,
      );
    replay = prepareReplay(trace, ++tags);
    if (loaded.size >= LOADED_MAX) loaded.clear();
    loaded.set(key, replay);
  }
  return replay;
}

/** What is due when: interval after interval, and from the beginning again. */
export class TraceReplay {
  readonly #trace: Replayed;
  readonly #speed: number;
  #interval = 0;
  /** Since the trace began, in its own time. */
  #nowNs = 0;
  #written = 0;

  constructor(scenario: Scenario, distribution: TraceDistribution, kernel: PageKernel) {
    const trace = replayOf(distribution);
    this.#trace = trace;
    if (trace.usedPages > Math.ceil(scenario.memoryBytes / 4096))
      throw new WasmvisorError(
        "WV_CONFIG",
        `page model: ${distribution.file} writes ${trace.usedPages} pages, more than the guest's memory has`,
      );
    this.#speed = trace.pagesPerSec > 0 ? scenario.dirtyRate / trace.pagesPerSec : 0;
    upload(trace, kernel);
    const { settleNs, seed } = scenario;
    const start =
      distribution.start === "random"
        ? (seed / 2 ** 53) * trace.durationNs
        : (settleNs * this.#speed) % trace.durationNs;
    this.#seek(start);
    kernel.modelReplay(this.#written);
  }

  #seek(ns: number): void {
    const { endsNs } = this.#trace;
    while ((endsNs[this.#interval] as number) <= ns) this.#interval++;
    this.#nowNs = ns;
    this.#written = this.#due();
  }

  get #beganNs(): number {
    return this.#interval > 0 ? (this.#trace.endsNs[this.#interval - 1] as number) : 0;
  }

  get #lengthNs(): number {
    return (this.#trace.endsNs[this.#interval] as number) - this.#beganNs;
  }

  get #count(): number {
    const { firsts } = this.#trace;
    return (firsts[this.#interval + 1] as number) - (firsts[this.#interval] as number);
  }

  /** Number of the first write of the trace that is not due yet. */
  #due(): number {
    const share = (this.#nowNs - this.#beganNs) / this.#lengthNs;
    return (this.#trace.firsts[this.#interval] as number) + Math.floor(share * this.#count);
  }

  /** Page writes a second, at the moment. */
  get dirtyRate(): number {
    return (this.#count * this.#speed * 1e9) / this.#lengthNs;
  }

  run(ns: number, write: (count: number) => void): void {
    const { endsNs, firsts } = this.#trace;
    for (let left = ns * this.#speed; left > 0; ) {
      const endNs = endsNs[this.#interval] as number;
      const step = Math.min(left, endNs - this.#nowNs);
      left -= step;
      this.#nowNs += step;
      const isOver = this.#nowNs >= endNs;
      const due = isOver ? (firsts[this.#interval + 1] as number) : this.#due();
      if (due > this.#written) write(due - this.#written);
      this.#written = due;
      if (!isOver) continue;
      this.#interval++;
      if (this.#interval < endsNs.length) continue;
      this.#interval = 0;
      this.#nowNs = 0;
      this.#written = 0;
    }
  }
}

/** The writes, where the kernel finds them: once, for all scenarios that follow each other. */
function upload({ tag, writes }: Replayed, kernel: PageKernel): void {
  if (kernel.modelTraceTag() === tag) return;
  const at = kernel.modelTrace(tag, writes.length) >>> 0;
  if (at === 0)
    throw new WasmvisorError("WV_NO_MEMORY", `page model: no room for ${writes.length} writes`);
  new Uint32Array(kernel.memory.buffer, at, writes.length).set(writes);
}
