/**
 * Post-copy as a fluid: the writer, on the target by now, takes pages by faults; the push fills in the
 * rest. Both are flows of pages, which change as less and less is missing:
 *
 *   a write meets a missing page with some probability; it then waits for a round trip and the page
 *   the writer does what is due, but no more than these waits leave time for
 *   the push gets what the cap and the link leave, first around the faults: in the working set
 */
import { GUEST_PAGE_BYTES } from "../../machine/migratable.ts";
import { PUSH_POLICIES, windowEnd } from "../../migrate/policy/push.ts";
import { connectionBytesPerSec, ENGINE_PUSH, idlePush, pushedPages } from "../link.ts";
import type { Scenario } from "../scenario.ts";
import type { WrittenPages } from "./memory.ts";
import type { FluidMigration } from "./migration.ts";
import { idleNsOf } from "./push-ramp.ts";
import { FRAME } from "./window.ts";

/** In each step this share of the missing pages goes; a smaller one changes times by less than 0.1 %. */
const STEP_SHARE = 1 / 8;
const HEARTBEAT_NS = 10e6;
const TICK_NS = 1e6;

interface Flows {
  readonly faultsPerSec: number;
  readonly pushedPerSec: number;
  /** What the writer needs for the writes of one tick. */
  readonly tickNs: number;
}

/** What does not change while the pages follow. */
class Link {
  /** Of a frame. */
  readonly pushPages: number;
  /** Of the connection that pushes. */
  readonly #pushBytesPerSec: number;
  readonly #cap: number;
  readonly #pushedBytes: number;
  readonly #faultNs: number;
  /** A page that somebody waits for takes so much of the link from the push. */
  readonly #takenNs: number;

  constructor(scenario: Scenario) {
    const {
      bandwidthBytesPerSec,
      bandwidthCapBytesPerSec,
      channels = 1,
      latencyNs,
      wire,
    } = scenario;
    const connection = connectionBytesPerSec(scenario);
    this.#pushBytesPerSec = connection;
    this.#cap = Math.min(bandwidthCapBytesPerSec ?? Number.POSITIVE_INFINITY, connection);
    const pageBytes = wire.normalPageBytes + FRAME.pages;
    const pageNs = (pageBytes * 1e9) / connection;
    this.pushPages = pushedPages(scenario, ENGINE_PUSH, connection);
    this.#pushedBytes = wire.normalPageBytes + FRAME.pages / this.pushPages;
    const gapNs = 2 * latencyNs + ((FRAME.request + FRAME.credit) * 1e9) / connection;
    this.#faultNs = gapNs + pageNs;
    // Where requests follow each other fast the engine leaves the link free for the next one.
    const sharedNs = gapNs <= pageNs ? this.#faultNs + gapNs / 2 : pageNs;
    // With a connection of its own it takes from the push only what the link itself lacks.
    const spare = bandwidthBytesPerSec - connection;
    const ownNs = spare >= connection ? 0 : (pageNs * (connection - spare)) / connection;
    this.#takenNs = channels > 1 ? ownNs : sharedNs;
  }

  /** `wanted`: faults a second if none had to wait. */
  flows(wanted: number): Flows {
    const faultsPerSec = wanted * Math.min(1, 1e9 / Math.max(1, wanted * this.#faultNs));
    const free = Math.max(0, 1 - (faultsPerSec * this.#takenNs) / 1e9);
    return {
      faultsPerSec,
      pushedPerSec: Math.min(this.#cap, this.#pushBytesPerSec * free) / this.#pushedBytes,
      tickNs: (wanted * TICK_NS * this.#faultNs) / 1e9,
    };
  }

  /** Seconds for `bytes` with nothing else on the link. */
  seconds(bytes: number): number {
    return bytes / this.#cap;
  }
}

/** What post-copy reads and adds to of a guest on its way. */
export type PostCopyRun = Pick<
  FluidMigration,
  | "memory"
  | "scenario"
  | "postcopyRequests"
  | "normalPages"
  | "zeroPages"
  | "gapNs"
  | "bytes"
  | "nowNs"
>;

/** The pages that were left behind follow. */
export function postCopy(run: PostCopyRun): void {
  const { memory, scenario } = run;
  const { latencyNs, wire } = scenario;
  const link = new Link(scenario);
  const written = memory.written();
  const zeroPages = memory.zeroRemaining();
  const normalPages = memory.remaining - zeroPages;
  if (scenario.missingStores !== "wait") {
    follow(run, normalPages, zeroPages);
    return;
  }
  const outside = Math.max(0, normalPages - written.reduce((sum, { pages }) => sum + pages, 0));
  const ends = drain(written, link);
  const bytes = normalPages * wire.normalPageBytes + zeroPages * wire.zeroPageBytes;
  const seconds =
    PUSH_POLICIES[scenario.push ?? "around"].answers === "next-window"
      ? secondsOf(run, bytes, normalPages)
      : ends.seconds +
        outside / link.flows(0).pushedPerSec +
        link.seconds(zeroPages * wire.zeroPageBytes);
  run.postcopyRequests += ends.requests;
  run.normalPages += normalPages;
  run.zeroPages += zeroPages;
  run.gapNs = Math.max(run.gapNs, HEARTBEAT_NS + Math.max(0, ends.tickNs - TICK_NS));
  run.bytes += bytes + Math.ceil(normalPages / link.pushPages) * FRAME.pages;
  run.nowNs += seconds * 1e9 + idleNsOf(scenario, bytes) + 2 * latencyNs;
  memory.remaining = 0;
}

/**
 * Seconds for `bytes` under the cap, whatever is asked for meanwhile; the last of them without one, if the policy
 * lifts it where a window ends. Zero pages cost next to nothing: with data goes what is last.
 */
function secondsOf({ nowNs, scenario }: PostCopyRun, bytes: number, normalPages: number): number {
  const { bandwidthCapBytesPerSec, downtimeLimitNs, push = "around", wire } = scenario;
  const { lifts } = PUSH_POLICIES[push];
  const link = connectionBytesPerSec(scenario);
  const cap = Math.min(bandwidthCapBytesPerSec ?? Number.POSITIVE_INFINITY, link);
  if (cap === link) return bytes / cap;
  const fitting = (cap * downtimeLimitNs) / 1e9 / GUEST_PAGE_BYTES;
  if (!lifts({ remainingPages: fitting, bytesPerSec: cap, downtimeLimitNs })) return bytes / cap;
  const capped = Math.max(0, bytes - Math.min(normalPages, fitting) * wire.normalPageBytes);
  const liftNs = windowEnd(nowNs + Math.max(1, (capped * 1e9) / cap)) - nowNs;
  const left = bytes - (cap * liftNs) / 1e9;
  return left > 0 ? liftNs / 1e9 + left / link : bytes / cap;
}

/** Nobody waits for them. */
function follow(run: PostCopyRun, normalPages: number, zeroPages: number): void {
  const { memory, scenario } = run;
  const { latencyNs, wire } = scenario;
  const frames = idlePush(scenario);
  const framePages = pushedPages(scenario, frames, connectionBytesPerSec(scenario));
  const pagesBytes =
    normalPages * wire.normalPageBytes + Math.ceil(normalPages / framePages) * FRAME.pages;
  const bytes = pagesBytes + zeroPages * wire.zeroPageBytes;
  run.normalPages += normalPages;
  run.zeroPages += zeroPages;
  // The heartbeat comes as ever, but for the time that the guest stood still.
  run.gapNs += HEARTBEAT_NS;
  run.bytes += bytes;
  const idleNs = idleNsOf(scenario, bytes);
  run.nowNs += secondsOf(run, bytes, normalPages) * 1e9 + idleNs + 2 * latencyNs;
  memory.remaining = 0;
}

/** Until the working set has arrived. */
function drain(written: readonly WrittenPages[], link: Link) {
  const pages = Float64Array.from(written, (one) => one.pages);
  const total = { seconds: 0, requests: 0, tickNs: 0 };
  for (let missing = sum(pages); missing > 0.5; missing = sum(pages)) {
    let wanted = 0;
    for (let i = 0; i < pages.length; i++)
      wanted += (written[i] as WrittenPages).perPageSec * (pages[i] as number);
    const { faultsPerSec, pushedPerSec, tickNs } = link.flows(wanted);
    const flow = faultsPerSec + pushedPerSec;
    const gone = Math.max(0.5, missing * STEP_SHARE);
    take(pages, gone, (i) => {
      const share = (pages[i] as number) / missing;
      if (wanted === 0) return share;
      return ((written[i] as WrittenPages).perPageSec * (pages[i] as number)) / wanted;
    });
    total.seconds += gone / flow;
    total.requests += (faultsPerSec * gone) / flow;
    total.tickNs = Math.max(total.tickNs, tickNs);
  }
  return total;
}

const sum = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);

/** Takes `count` pages by shares; what one class does not have the others give. */
function take(pages: Float64Array, count: number, shareOf: (i: number) => number): void {
  let left = count;
  const wants = pages.map((_, i) => count * shareOf(i));
  for (let i = 0; i < pages.length; i++) {
    const some = Math.min(pages[i] as number, wants[i] as number);
    pages[i] = (pages[i] as number) - some;
    left -= some;
  }
  const rest = sum(pages);
  if (left <= 0 || rest === 0) return;
  const kept = Math.max(0, 1 - left / rest);
  for (let i = 0; i < pages.length; i++) pages[i] = (pages[i] as number) * kept;
}
