/**
 * How the push of post-copy begins. It does not know what the link moves, and keeps no more on its way than was seen to
 * arrive: the engine's own rule (`ts/migrate/in-flight.ts`), frame by frame, until the link is never left idle for a
 * round trip. Over a long link that is some thirty round trips; over a short one the first frame is on its
 * way for longer than its credit.
 */
import { InFlight } from "../../migrate/in-flight.ts";
import { BURST_NS } from "../../migrate/pacer.ts";
import { connectionBytesPerSec, idlePush, isLongLink, pushedPages } from "../link.ts";
import type { Scenario } from "../scenario.ts";
import { FRAME } from "./window.ts";

/** Of a frame's header, which does not count as on its way. */
const HEADER_BYTES = 16;
/** After so many what is left goes on as the later half of them. */
const FRAMES_MAX = 1 << 16;
/** The engine's clock has run for long when the push begins. */
const START_NS = 1e12;

/** The ramp of the last link: scenarios of a sweep share few links. */
let last: { readonly key: string; readonly ramp: Ramp } | undefined;

/** Time that the link is left idle while so many bytes of pages are pushed, because nobody knows what it moves. */
export function idleNsOf(scenario: Scenario, pageBytes: number): number {
  if (!isLongLink(scenario)) return 0;
  const { bandwidthCapBytesPerSec, latencyNs, wire } = scenario;
  const rate = connectionBytesPerSec(scenario);
  const key = [rate, bandwidthCapBytesPerSec, latencyNs, wire.normalPageBytes].join(" ");
  if (last?.key !== key) last = { key, ramp: new Ramp(scenario) };
  return last.ramp.idleNsAt(pageBytes / wire.normalPageBytes);
}

interface Credit {
  readonly sequence: number;
  readonly atNs: number;
}

/** As far as somebody asked. */
class Ramp {
  readonly #scenario: Scenario;
  readonly #nsPerByte: number;
  readonly #paidNsPerByte: number;
  readonly #roundTripNs: number;
  readonly #inFlight: InFlight;
  readonly #credits: Credit[] = [];
  #nextCredit = 0;
  #nowNs = START_NS;
  #busySinceNs = START_NS;
  #paidAtNs = START_NS;
  /** What the bytes sent so far take at the cap and the link's rate. */
  #dueNs = START_NS;
  /** After each frame: pages that have left, and the time that the link was idle. */
  readonly #pages = [0];
  readonly #idleNs = [0];
  #isOver = false;

  constructor(scenario: Scenario) {
    const { bandwidthCapBytesPerSec, latencyNs } = scenario;
    const bytesPerSec = connectionBytesPerSec(scenario);
    this.#scenario = scenario;
    this.#inFlight = new InFlight(0, bandwidthCapBytesPerSec ?? Number.POSITIVE_INFINITY);
    this.#nsPerByte = 1e9 / bytesPerSec;
    this.#paidNsPerByte = 1e9 / Math.min(bytesPerSec, bandwidthCapBytesPerSec ?? bytesPerSec);
    this.#roundTripNs = 2 * latencyNs + FRAME.credit * this.#nsPerByte;
  }

  idleNsAt(pages: number): number {
    while (!this.#isOver && this.#sentPages < pages) this.#goOn();
    if (this.#sentPages < pages) return this.#idleBehind(pages);
    let low = 0;
    let high = this.#pages.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#pages[middle] as number) < pages) low = middle;
      else high = middle;
    }
    return this.#idleNs[high] as number;
  }

  get #sentPages(): number {
    return this.#pages.at(-1) as number;
  }

  /** Busy from here on; or, where that was not reached, as idle as in the later half. */
  #idleBehind(pages: number): number {
    const end = this.#idleNs.at(-1) as number;
    const half = this.#pages.length >> 1;
    if (this.#pages.length <= FRAMES_MAX) return end;
    const idlePerPage =
      (end - (this.#idleNs[half] as number)) / (this.#sentPages - (this.#pages[half] as number));
    return end + idlePerPage * (pages - this.#sentPages);
  }

  #goOn(): void {
    this.#awaitRoom();
    const isBusy = this.#nowNs - this.#busySinceNs > 2 * this.#roundTripNs;
    this.#isOver = isBusy || this.#pages.length > FRAMES_MAX;
    if (!this.#isOver) this.#send();
  }

  #awaitRoom(): void {
    this.#hear();
    while (!this.#inFlight.hasRoom) {
      this.#nowNs = (this.#credits[this.#nextCredit] as Credit).atNs;
      this.#busySinceNs = this.#nowNs;
      this.#hear();
    }
  }

  /** The credits that have come by now. */
  #hear(): void {
    for (; ; this.#nextCredit++) {
      const credit = this.#credits[this.#nextCredit];
      if (!credit || credit.atNs > this.#nowNs) return;
      this.#inFlight.credited(credit.sequence, credit.atNs);
    }
  }

  #send(): void {
    const sequence = this.#pages.length;
    const frames = idlePush(this.#scenario);
    const pages = pushedPages(this.#scenario, frames, this.#inFlight.bytesPerSec);
    const bytes = pages * this.#scenario.wire.normalPageBytes + FRAME.pages;
    const sinceNs = this.#nowNs;
    this.#inFlight.sent(sequence, bytes - HEADER_BYTES, sinceNs);
    this.#paidAtNs = Math.max(this.#paidAtNs, sinceNs - BURST_NS) + bytes * this.#paidNsPerByte;
    this.#dueNs += bytes * this.#paidNsPerByte;
    const leftNs = sinceNs + bytes * this.#nsPerByte;
    this.#credits.push({ sequence, atNs: leftNs + this.#roundTripNs });
    this.#nowNs = Math.max(leftNs, this.#paidAtNs);
    this.#pages.push(this.#sentPages + pages);
    this.#idleNs.push(Math.max(0, this.#nowNs - this.#dueNs));
  }
}
