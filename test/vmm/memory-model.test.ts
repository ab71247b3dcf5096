/**
 * Guest memory against a model: random writes, forks, discards, pages that arrive late, passes that share
 * equal pages, dirty logs; after each step what a guest reads is what it wrote, and at the end every
 * frame is back.
 */
import { expect, test } from "vitest";
import type { Core } from "../../bindings/core.ts";
import { Random } from "../../ts/base/random.ts";
import { GuestRam, type PageSource, RAM_BASE } from "../../ts/vmm/guest-ram.ts";
import * as code from "./guest-code.ts";

/** Over three chunks of the map, the last one cut. */
const PAGES = 2500;
const PAGE = 4096;
const STEPS = 2500;
const GUESTS_MAX = 6;

/** A page's content in the model: all of its bytes are functions of this number; 0: a page of zeros. */
type Content = number;

/** 32 pages that come together, as in a snapshot, with contents of the model's. */
class FakeSource implements PageSource {
  users = 1;
  fetches = 0;
  readonly contents: ReadonlyMap<number, Content>;

  constructor(contents: ReadonlyMap<number, Content>) {
    this.contents = contents;
  }
  fetch(index: number, place: (index: number, bytes: Uint8Array) => void): void {
    this.fetches++;
    const first = index - (index % 32);
    for (let at = first; at < first + 32; at++) {
      const content = this.contents.get(at);
      if (content !== undefined) place(at, new Uint8Array(PAGE).fill(content));
    }
  }
  retain(): void {
    this.users++;
  }
  release(): void {
    this.users--;
  }
}

interface Guest {
  readonly ram: GuestRam;
  /** What each page holds; absent: zeros. */
  readonly pages: Map<number, Content>;
  readonly log: Set<number> | undefined;
}

class Model {
  readonly guests: Guest[] = [];
  readonly sources: FakeSource[] = [];
  readonly #core: Core;
  readonly #random: Random;
  #sharing: { readonly guests: Guest[]; at: number } | undefined;

  constructor(core: Core, seed: number) {
    this.#core = core;
    this.#random = new Random(seed);
  }

  /** Few places, so that things meet; now and then any. */
  #page(): number {
    const random = this.#random;
    return random.below(4) === 0
      ? random.below(PAGES)
      : ([0, 1, 31, 32, 1023, 1024, 2499][random.below(7)] ?? 0);
  }

  step(): void {
    const random = this.#random;
    if (this.guests.length === 0) this.#create();
    const guest = random.pick(this.guests);
    const actions: (() => void)[] = [
      () => this.#write(guest),
      () => this.#write(guest),
      () => this.#write(guest),
      () => this.#read(guest),
      () => this.#read(guest),
      () => this.#readNothing(guest),
      () => this.#discard(guest),
      () => this.#share(),
      () => this.#share(),
      () => this.#harvest(guest),
    ];
    if (this.guests.length < GUESTS_MAX)
      actions.push(
        () => this.#create(),
        () => this.#fork(guest),
      );
    else actions.push(() => this.#destroy(guest));
    random.pick(actions)();
  }

  #create(): void {
    const ram = GuestRam.create(this.#core, PAGES * PAGE);
    const pages = new Map<number, Content>();
    if (this.#random.below(2) === 0) {
      const bitmap = new Uint32Array(Math.ceil(PAGES / 32));
      for (let i = 0; i < 60; i++) pages.set(this.#page(), 1 + this.#random.below(3));
      for (const page of pages.keys())
        bitmap[page >> 5] = (bitmap[page >> 5] ?? 0) | (1 << (page & 31));
      const source = new FakeSource(new Map(pages));
      this.sources.push(source);
      ram.hold(source);
      ram.expect(bitmap);
    }
    const log = this.#random.below(2) === 0 ? new Set<number>() : undefined;
    if (log) expect(this.#core.exports.logDirty(ram.space, 1)).toBe(1);
    this.guests.push({ ram, pages, log });
  }

  #fork({ pages, ram }: Guest): void {
    this.guests.push({ ram: ram.fork(), pages: new Map(pages), log: undefined });
  }

  destroyAll(): void {
    while (this.guests.length > 0) this.#destroy(this.guests[0] as Guest);
    this.#core.exports.endSharing();
  }

  #destroy(guest: Guest): void {
    this.guests.splice(this.guests.indexOf(guest), 1);
    const sharing = this.#sharing;
    if (sharing?.guests.includes(guest)) this.#sharing = undefined;
    guest.ram.destroy();
  }

  #write({ log, pages, ram }: Guest): void {
    const page = this.#page();
    const content = this.#random.below(4);
    // Written, or filled by somebody who was handed the memory itself.
    if (this.#random.below(2) === 0)
      ram.write(RAM_BASE + page * PAGE, new Uint8Array(PAGE).fill(content));
    else
      for (const piece of ram.piecesToFill(RAM_BASE + page * PAGE, PAGE) ?? []) piece.fill(content);
    if (content === 0) pages.delete(page);
    else pages.set(page, content);
    log?.add(page);
  }

  #read({ pages, ram }: Guest, page = this.#page()): void {
    const bytes = new Uint8Array(PAGE);
    ram.read(RAM_BASE + page * PAGE, bytes);
    const content = pages.get(page) ?? 0;
    expect(bytes.every((byte) => byte === content)).toBe(true);
  }

  /** A load of the guest populates a page that reads as zeros. */
  #readNothing(guest: Guest): void {
    const page = this.#page();
    if (!guest.pages.has(page)) this.#core.exports.pageForRead(guest.ram.space, page);
  }

  #discard({ pages, ram }: Guest): void {
    const page = this.#page();
    this.#core.exports.discardPage(ram.space, page);
    pages.delete(page);
  }

  /** Begins a pass, or goes on with it for a few pages, or ends it. */
  #share(): void {
    const { exports } = this.#core;
    const sharing = this.#sharing;
    if (!sharing) {
      expect(exports.beginSharing(4)).toBe(1);
      this.#sharing = { guests: [...this.guests], at: 0 };
      return;
    }
    const [guest] = sharing.guests;
    if (!guest) {
      exports.endSharing();
      this.#sharing = undefined;
      return;
    }
    sharing.at = exports.sharePages(guest.ram.space, sharing.at, 1 + this.#random.below(20)) >>> 0;
    if (sharing.at < PAGES) return;
    sharing.guests.shift();
    sharing.at = 0;
  }

  #harvest({ log, ram }: Guest): void {
    if (!log) return;
    const { exports, u8 } = this.#core;
    const set = exports.allocRegion(1) >>> 0;
    expect(exports.harvestDirty(ram.space, set) >>> 0).toBe(log.size);
    for (const page of log) expect((u8[set + (page >> 3)] ?? 0) & (1 << (page & 7))).not.toBe(0);
    log.clear();
    exports.freeRegion(set, 1);
  }

  /** Everything that every guest has. */
  check(): void {
    for (const guest of this.guests) {
      const { missingPages, ownedFrames, populatedPages } = guest.ram.survey();
      expect(populatedPages + missingPages).toBeGreaterThanOrEqual(guest.pages.size);
      expect(ownedFrames).toBeGreaterThan(0);
      for (const page of guest.pages.keys()) this.#read(guest, page);
    }
  }
}

test.each([1, 2, 3, 4])(
  "seed %i: nobody sees what others write, and all frames come back",
  async (seed) => {
    const core = await code.core(48 << 20);
    const free = core.exports.freeFrames();
    const model = new Model(core, seed);
    for (let i = 0; i < STEPS; i++) {
      model.step();
      if (i % 250 === 249) model.check();
    }
    model.check();
    model.destroyAll();
    expect(core.exports.freeFrames()).toBe(free);
    expect(model.sources.length).toBeGreaterThan(3);
    expect(model.sources.every((source) => source.users === 0)).toBe(true);
  },
);

test("what a fork costs is its directory; what it owns comes back", async () => {
  const core = await code.core();
  const parent = GuestRam.create(core, 256 << 20);
  const page = new Uint8Array(PAGE).fill(7);
  for (let i = 0; i < 2000; i++) parent.write(RAM_BASE + i * 32 * PAGE, page);
  const before = core.exports.freeFrames();
  const forks = Array.from({ length: 100 }, () => parent.fork());
  expect(before - core.exports.freeFrames()).toBe(100);
  const [first] = forks as [GuestRam];
  first.write(RAM_BASE, Uint8Array.of(1));
  expect(before - core.exports.freeFrames()).toBe(102); // One chunk of its map, one page.
  expect(first.survey()).toMatchObject({ populatedPages: 2000, ownedFrames: 3 });
  first.destroy();
  expect(before - core.exports.freeFrames()).toBe(99);
});

test("forks that wait for the same pages get them once", async () => {
  const core = await code.core();
  const ram = GuestRam.create(core, 4 << 20);
  const source = new FakeSource(new Map(Array.from({ length: 64 }, (_, i) => [i, 5])));
  ram.hold(source);
  ram.expect(Uint32Array.of(0xffff_ffff, 0xffff_ffff));
  const forks = Array.from({ length: 10 }, () => ram.fork());
  expect(ram.survey()).toMatchObject({ populatedPages: 0, missingPages: 64 });
  for (const one of [ram, ...forks]) expect(one.word(RAM_BASE + 40 * PAGE)).toBe(0x0505_0505);
  expect(source.fetches).toBe(1);
  expect(forks[3]?.survey()).toMatchObject({ populatedPages: 32, missingPages: 32 });
  ram.arriveAll();
  expect([source.fetches, source.users]).toEqual([2, 10]); // The parent does not need it any more.
  for (const one of forks) one.arriveAll();
  expect([source.fetches, source.users]).toEqual([2, 0]);
});

test("memory to be filled comes in pieces: what lies in a row as one, and nothing outside of RAM", async () => {
  const core = await code.core();
  const ram = GuestRam.create(core, 16 * PAGE);
  const pieces = ram.piecesToFill(RAM_BASE + 100, 8 * PAGE) ?? [];
  expect(pieces.reduce((sum, { length }) => sum + length, 0)).toBe(8 * PAGE);
  expect(pieces.length).toBeLessThan(9);
  let next = 0;
  for (const piece of pieces) for (let i = 0; i < piece.length; i++) piece[i] = next++ % 251;
  const back = new Uint8Array(8 * PAGE);
  ram.read(RAM_BASE + 100, back);
  expect(back.findIndex((byte, i) => byte !== i % 251)).toBe(-1);
  expect(ram.piecesToFill(RAM_BASE + 15 * PAGE, PAGE + 1)).toBeUndefined();
  expect(ram.piecesToFill(RAM_BASE - 1, 1)).toBeUndefined();
});
