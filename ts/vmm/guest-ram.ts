import {
  PAGE_BYTES,
  PAGE_MISSING,
  PAGE_NO_MEMORY,
  PAGE_SHIFT,
  RAM_BASE_PAGE,
  SPACE_PENDING,
} from "../../bindings/abi.ts";
import type { Core } from "../../bindings/core.ts";
import { WasmvisorError } from "../base/errors.ts";
import type { GuestMemory } from "../machine/guest-memory.ts";

/** First gpa of every guest's RAM. */
export const RAM_BASE = RAM_BASE_PAGE * PAGE_BYTES;

/** Takes the contents of page `index`, if it waits for them. Throws `WV_NO_MEMORY`. */
export type PlacePage = (index: number, bytes: Uint8Array) => void;

/** Where the pages of a guest come from that have not arrived yet. Counted: every guest holds it once. */
export interface PageSource {
  /** Places page `index`, and neighbours as it likes. Throws `WV_BAD_SNAPSHOT`, naming the place. */
  fetch(index: number, place: PlacePage): void;
  retain(): void;
  release(): void;
}

/** What of a guest's memory is where, in pages. */
export interface RamSurvey {
  /** Pages with contents here. */
  readonly populatedPages: number;
  /** Pages that have not arrived yet. */
  readonly missingPages: number;
  /** Frames that come back when this guest goes: nobody else uses them. */
  readonly ownedFrames: number;
  /** Frames that `seen` did not have before. */
  readonly distinctFrames: number;
}

/** A guest's RAM: an address space of the core, reached a page at a time. */
export class GuestRam implements GuestMemory {
  readonly ramBase = RAM_BASE;
  readonly ramBytes: number;
  /** Address of the space in the core's memory. */
  readonly space: number;
  readonly #core: Core;
  #source: PageSource | undefined;
  /** Asks for a page that comes when it comes; see {@link awaitPages}. */
  #ask: ((index: number) => void) | undefined;
  #want: ((indices: readonly number[]) => void) | undefined;

  /** `space` is one that the core made with `ramBytes / 4096` pages. */
  private constructor(core: Core, space: number, ramBytes: number) {
    this.#core = core;
    this.space = space;
    this.ramBytes = ramBytes;
  }

  /** A fresh, empty address space. Throws `WV_NO_MEMORY`. */
  static create(core: Core, ramBytes: number): GuestRam {
    const space = core.exports.createSpace(ramBytes / PAGE_BYTES) >>> 0;
    if (space === 0)
      throw new WasmvisorError(
        "WV_NO_MEMORY",
        `no room for the page map of a guest with ${ramBytes} bytes; give the host more memory`,
      );
    return new GuestRam(core, space, ramBytes);
  }

  /** A copy that shares every page until one side writes it. Throws `WV_NO_MEMORY`. */
  fork(): GuestRam {
    if (this.#ask) throw new WasmvisorError("WV_STATE", "pages of the guest have not arrived yet");
    const space = this.#core.exports.forkSpace(this.space) >>> 0;
    if (space === 0) throw new WasmvisorError("WV_NO_MEMORY", "no room for the page map of a fork");
    const child = new GuestRam(this.#core, space, this.ramBytes);
    this.#source?.retain();
    child.#source = this.#source;
    return child;
  }

  /** Gives everything back to the host. */
  destroy(): void {
    this.#core.exports.destroySpace(this.space);
    this.#dropSource();
  }

  #dropSource(): void {
    this.#source?.release();
    this.#source = undefined;
  }

  /** From now on `source` is held; it is released when all pages are here, or with this RAM. */
  hold(source: PageSource): void {
    this.#source = source;
  }

  /**
   * The pages whose bit is set in `bitmap` come from the source when they are touched. The RAM must be
   * empty. Throws `WV_NO_MEMORY`.
   */
  expect(bitmap: Uint32Array): void {
    const { exports, u32 } = this.#core;
    const frames = Math.ceil(this.ramBytes / PAGE_BYTES / 8 / PAGE_BYTES);
    const at = exports.allocRegion(frames) >>> 0;
    if (at === 0)
      throw new WasmvisorError("WV_NO_MEMORY", "no room for the page map of a snapshot");
    u32.set(bitmap, at >>> 2);
    exports.expectPages(this.space, at);
  }

  /**
   * The pages in the core's `bitmap` come when they come: `ask` is called for each that somebody waits for,
   * `want` with those that are only stored to, which waits for nothing. Throws `WV_NO_MEMORY`.
   */
  awaitPages(
    bitmap: number,
    ask: (index: number) => void,
    want: (indices: readonly number[]) => void,
  ): void {
    if (this.#core.exports.awaitPages(this.space, bitmap) === 0)
      throw new WasmvisorError("WV_NO_MEMORY", "no room for the page map of a guest that moves in");
    this.#core.exports.openPending(this.space); // Without memory for that, stores wait as well.
    this.#ask = ask;
    this.#want = want;
  }

  /** All awaited pages are there. */
  awaitNoMore(): void {
    this.#core.exports.closePending(this.space);
    this.#ask = undefined;
    this.#want = undefined;
  }

  /** Says which missing pages the guest has stored to since the last call, in the order of the first stores. */
  tellWanted(): void {
    if (!this.#want) return;
    const { exports, u32 } = this.#core;
    const count = exports.takeWanted(this.space) >>> 0;
    if (count === 0) return;
    const at = ((u32[(this.space + SPACE_PENDING) >>> 2] as number) + PAGE_BYTES) >>> 2;
    this.#want([...u32.subarray(at, at + count)]);
  }

  /** Has page `index` not arrived? */
  isMissing(index: number): boolean {
    return this.#core.exports.peekPage(this.space, index) >>> 0 === PAGE_MISSING;
  }

  /** Brings page `index`, if that can be done at once, or asks for it. False: it comes later. */
  need(index: number): boolean {
    if (this.#ask) this.#ask(index);
    else this.arrive(index);
    return this.#ask === undefined;
  }

  isHere(gpa: number, bytes: number): boolean {
    if (!this.#ask) return true;
    const first = Math.floor((gpa - RAM_BASE) / PAGE_BYTES);
    const last = Math.floor((gpa + bytes - 1 - RAM_BASE) / PAGE_BYTES);
    if (!(first >= 0 && last < this.ramBytes / PAGE_BYTES)) return true;
    let isHere = true;
    for (let index = first; index <= last; index++) {
      if (!this.isMissing(index)) continue;
      this.#ask(index);
      isHere = false;
    }
    return isHere;
  }

  /** Brings page `index`, which has not arrived yet. Throws `WV_BAD_SNAPSHOT`, `WV_NO_MEMORY`. */
  arrive(index: number): void {
    if (this.#ask)
      throw new WasmvisorError("WV_STATE", `page ${index} of the guest has not arrived yet`);
    this.#source?.fetch(index, (page, bytes) => this.#place(page, bytes));
    if (this.#core.exports.peekPage(this.space, index) === PAGE_MISSING)
      throw new WasmvisorError("WV_BAD_SNAPSHOT", `page ${index} of the guest never arrived`);
  }

  #place(index: number, bytes: Uint8Array): void {
    const page = this.#core.exports.arrivePage(this.space, index) >>> 0;
    if (page === PAGE_NO_MEMORY)
      throw new WasmvisorError("WV_NO_MEMORY", "the host has no free memory for this vm");
    if (page !== 0) this.#core.u8.set(bytes, page);
  }

  /**
   * Brings pages that have not arrived, in order from `from` on, for about `pagesMax` pages. Returns
   * where to go on, or undefined when all are there: then their source is not needed any more.
   */
  arriveFrom(from: number, pagesMax: number): number | undefined {
    const pages = this.ramBytes / PAGE_BYTES;
    let at = from;
    while (at < Math.min(pages, from + pagesMax)) {
      at = this.#core.exports.nextMissing(this.space, at) >>> 0;
      if (at < pages) this.arrive(at);
    }
    if (at < pages) return at;
    if (this.survey().missingPages === 0) this.#dropSource();
    return undefined;
  }

  /** Brings all pages that have not arrived. Throws `WV_BAD_SNAPSHOT`, `WV_NO_MEMORY`. */
  arriveAll(): void {
    this.arriveFrom(0, this.ramBytes / PAGE_BYTES);
  }

  /** Counts pages. `seen`: a bitmap in the core's memory, one bit a machine frame, to which its frames are added. */
  survey(seen = 0): RamSurvey {
    const { exports } = this.#core;
    exports.surveySpace(this.space, seen);
    return {
      populatedPages: exports.surveyPopulated() >>> 0,
      missingPages: exports.surveyMissing() >>> 0,
      ownedFrames: exports.surveyOwned() >>> 0,
      distinctFrames: exports.surveyDistinct() >>> 0,
    };
  }

  read(gpa: number, into: Uint8Array): boolean {
    const { u8 } = this.#core;
    return this.#eachPage(gpa, into.length, (index, offset, at, bytes) => {
      const page = this.#pageAt(index, "peekPage");
      if (page === 0) into.fill(0, at, at + bytes);
      else into.set(u8.subarray(page + offset, page + offset + bytes), at);
    });
  }

  write(gpa: number, from: Uint8Array): boolean {
    const { u8 } = this.#core;
    return this.#eachPage(gpa, from.length, (index, offset, at, bytes) => {
      const page = this.#pageAt(index, "pageForWrite");
      u8.set(
        at === 0 && bytes === from.length ? from : from.subarray(at, at + bytes),
        page + offset,
      );
    });
  }

  piecesToFill(gpa: number, bytes: number): Uint8Array[] | undefined {
    const runs: { at: number; bytes: number }[] = [];
    const isInside = this.#eachPage(gpa, bytes, (index, offset, _, count) => {
      const at = this.#pageAt(index, "pageForWrite") + offset;
      const last = runs.at(-1);
      if (last && last.at + last.bytes === at) last.bytes += count;
      else runs.push({ at, bytes: count });
    });
    const { u8 } = this.#core; // Not before: a page that arrives may move it.
    return isInside ? runs.map((run) => u8.subarray(run.at, run.at + run.bytes)) : undefined;
  }

  /** Address of a page, which arrives first if need be. */
  #pageAt(index: number, how: "peekPage" | "pageForWrite"): number {
    const { exports } = this.#core;
    let page = exports[how](this.space, index) >>> 0;
    if (page === PAGE_MISSING) {
      this.arrive(index);
      page = exports[how](this.space, index) >>> 0;
    }
    if (page === PAGE_NO_MEMORY)
      throw new WasmvisorError("WV_NO_MEMORY", "the host has no free frame left");
    return page;
  }

  /** A 32-bit word, or 0 outside of RAM. */
  word(gpa: number): number {
    const bytes = new Uint8Array(4);
    return this.read(gpa, bytes) ? new DataView(bytes.buffer).getUint32(0, true) : 0;
  }

  #eachPage(
    gpa: number,
    length: number,
    visit: (index: number, offset: number, at: number, bytes: number) => void,
  ): boolean {
    const start = gpa - RAM_BASE;
    if (!(start >= 0 && start + length <= this.ramBytes)) return false;
    for (let at = 0; at < length; ) {
      const offset = (start + at) % PAGE_BYTES;
      const bytes = Math.min(PAGE_BYTES - offset, length - at);
      visit(Math.floor((start + at) / 2 ** PAGE_SHIFT), offset, at, bytes);
      at += bytes;
    }
    return true;
  }
}
