/**
 * Page tables of one program. The identity mapping of harness, scratch and tables lives in safe
 * pages and never faults in S-mode. Everything else ("slots") is random: leaf sizes, permissions,
 * reserved bits, misaligned superpages, broken tables. Slots lead to scratch memory or nowhere.
 */
import * as at from "./layout.ts";
import type { Prng } from "./prng.ts";

const V = 1;
const R = 2;
const W = 4;
const X = 8;
const U = 16;
const G = 32;
const A = 64;
const D = 128;

interface Mode {
  readonly satp: bigint;
  readonly levels: number;
}
const MODES: readonly (readonly [number, Mode])[] = [
  [5, { satp: 8n, levels: 3 }],
  [3, { satp: 9n, levels: 4 }],
  [2, { satp: 10n, levels: 5 }],
];

/** One random mapping: where programs may point, and the PTEs they may change. */
export interface Slot {
  readonly pointer: bigint;
  readonly ptes: readonly number[];
  readonly path: readonly number[];
  readonly isSuperpage: boolean;
}

export interface AddressSpace {
  readonly satp: bigint;
  readonly safe: Uint8Array;
  readonly exposed: Uint8Array;
  readonly exposedPages: number;
  readonly userBase: bigint;
  readonly slots: readonly Slot[];
  /** VAs of pages that lead to the pads, if they can be fetched from at all. */
  readonly pads: readonly Slot[];
}

/** Grows a tree of tables in two pools of pages and writes PTEs into it. */
class Tables {
  readonly safe = new Uint8Array(at.SAFE_PAGES * at.PAGE);
  readonly exposed = new Uint8Array(at.EXPOSED_PAGES * at.PAGE);
  exposedPages = 0;
  readonly root: number;
  readonly #levels: number;
  readonly #safeBase: number;
  readonly #exposedBase: number;
  /** Which table a PTE leads to, whatever has become of the PTE. */
  readonly #children = new Map<number, number>();
  #safePages = 0;

  constructor(index: number, levels: number) {
    this.#levels = levels;
    this.#safeBase = at.SAFE_TABLES + index * at.SAFE_PAGES * at.PAGE;
    this.#exposedBase = at.EXPOSED_TABLES + index * at.EXPOSED_PAGES * at.PAGE;
    this.root = this.#safeBase;
    this.#safePages = 1;
  }

  #view(pte: number): DataView {
    return pte >= this.#exposedBase
      ? new DataView(this.exposed.buffer, pte - this.#exposedBase, 8)
      : new DataView(this.safe.buffer, pte - this.#safeBase, 8);
  }

  read(pte: number): bigint {
    return this.#view(pte).getBigUint64(0, true);
  }

  write(pte: number, value: bigint): void {
    this.#view(pte).setBigUint64(0, BigInt.asUintN(64, value), true);
  }

  #allocate(pool: "safe" | "exposed"): number | undefined {
    if (pool === "safe") {
      if (this.#safePages === at.SAFE_PAGES) return undefined;
      this.#safePages += 1;
      return this.#safeBase + (this.#safePages - 1) * at.PAGE;
    }
    if (this.exposedPages === at.EXPOSED_PAGES) return undefined;
    this.exposedPages += 1;
    return this.#exposedBase + (this.exposedPages - 1) * at.PAGE;
  }

  /** The addresses of the PTEs on the way to `va`, leaf last; undefined where there is no room. */
  walk(va: bigint, leafLevel: number, pool: "safe" | "exposed"): number[] | undefined {
    const path: number[] = [];
    let table = this.root;
    for (let level = this.#levels - 1; ; level -= 1) {
      const index = Number((va >> BigInt(12 + 9 * level)) & 511n);
      const pte = table + 8 * index;
      path.push(pte);
      if (level === leafLevel) return this.read(pte) === 0n ? path : undefined;
      const known = this.#children.get(pte);
      if (known === undefined && this.read(pte) !== 0n) return undefined;
      const page = known ?? this.#allocate(pool);
      if (page === undefined) return undefined;
      if (known === undefined) this.write(pte, leaf(page, V));
      this.#children.set(pte, page);
      table = page;
    }
  }
}

const leaf = (pa: number, flags: number): bigint => BigInt(pa / at.PAGE) * 1024n + BigInt(flags);

function flagsOf(prng: Prng): bigint {
  const rwx = prng.weighted([
    [6, R | W],
    [5, R | W | X],
    [4, R],
    [2, X],
    [2, R | X],
    [1, W],
    [1, W | X],
    [1, 0],
  ]);
  let flags = rwx;
  if (prng.chance(97)) flags |= V;
  if (prng.chance(50)) flags |= U;
  if (prng.chance(20)) flags |= G;
  if (prng.chance(75)) flags |= A;
  if (prng.chance(60)) flags |= D;
  if (prng.chance(20)) flags |= prng.below(4) << 8;
  const high = prng.chance(4) ? 1n << BigInt(prng.between(54, 63)) : 0n;
  return BigInt(flags) | high;
}

/** Where a page of `level` leads: scratch (with that page's alignment), or trouble. */
function targetOf(prng: Prng, level: number): bigint {
  const aligned = [
    at.SCRATCH / at.PAGE + prng.below(at.SCRATCH_PAGES),
    at.SCRATCH / at.PAGE,
    at.RAM / at.PAGE,
    0,
    0,
  ][level] as number;
  if (prng.chance(level > 0 ? 80 : 93)) return BigInt(aligned) << 10n;
  // A PTE of an upper level may become a pointer to a table, which must be in RAM: of a table
  // outside QEMU 7.2 makes a page fault, where the manual has an access fault.
  if (level > 0) return BigInt(aligned + (1 << prng.below(Math.min(9 * level, 13)))) << 10n;
  return prng.pick([BigInt(at.RAM_END / at.PAGE), (1n << 44n) - 512n, 0x90000n]) << 10n;
}

/** Distance of scratch from the start of a page of `level` that leads there. */
const scratchOffset = (level: number): number =>
  level < 2 ? 0 : level === 2 ? at.SCRATCH - at.RAM : at.SCRATCH;

/** Random VAs that share upper indices, so that few tables carry many slots. */
class Addresses {
  readonly #prng: Prng;
  readonly #choices: readonly (readonly number[])[];

  constructor(prng: Prng, levels: number) {
    this.#prng = prng;
    this.#choices = Array.from({ length: levels }, (_, level) => {
      const low = level === levels - 1 ? 32 : 0;
      const count = level === 0 ? 12 : level === 1 ? 2 : level === levels - 1 ? 2 : 1;
      return Array.from({ length: count }, () => prng.between(low, 510));
    });
  }

  /** An address for a leaf of `level`; superpages get an index of their own there. */
  pick(level: number): bigint {
    let va = 0n;
    this.#choices.forEach((indices, n) => {
      if (n < level) return;
      const isTop = n === this.#choices.length - 1;
      const own = n === level && level > 0;
      const index = own ? this.#prng.between(isTop ? 32 : 0, 510) : this.#prng.pick(indices);
      va |= BigInt(index) << BigInt(12 + 9 * n);
    });
    const bits = 12 + 9 * this.#choices.length;
    return BigInt.asUintN(64, BigInt.asIntN(bits, va));
  }
}

function addIdentity(tables: Tables, prng: Prng): void {
  const rwx = V | R | W | X | A | D | (prng.chance(30) ? G : 0);
  const regions: readonly (readonly [number, number])[] = [
    [at.RAM, rwx],
    [at.RAM + 0x200000, rwx],
    [at.SCRATCH, rwx & ~X],
    [at.EXPOSED_TABLES, rwx & ~X],
    [at.EXPOSED_TABLES + 0x200000, rwx & ~X],
    [at.EXPOSED_TABLES + 0x400000, rwx & ~X],
  ];
  for (const [pa, flags] of regions) {
    const path = tables.walk(BigInt(pa), 1, "safe");
    if (!path) throw new RangeError("no room for the identity mapping");
    tables.write(path.at(-1) as number, leaf(pa, flags));
  }
}

/** Maps the code for U-mode, with slightly random permissions. Returns its VA. */
function addUserCode(tables: Tables, prng: Prng, options: { va: bigint; code: number }): void {
  for (let page = 0; page < 2; page += 1) {
    const va = options.va + BigInt(page * at.PAGE);
    const pte = tables.walk(va, 0, "exposed")?.at(-1);
    if (pte === undefined) return;
    let flags = V | U | X;
    if (prng.chance(60)) flags |= R;
    if (prng.chance(30)) flags |= R | W | D;
    if (prng.chance(50)) flags |= A;
    if (page === 1 && prng.chance(10)) flags &= ~X;
    tables.write(pte, leaf(options.code + page * at.PAGE, flags));
  }
}

function addSlot(tables: Tables, prng: Prng, addresses: Addresses): Slot | undefined {
  const level = prng.weighted([
    [14, 0],
    [4, 1],
    [3, 2],
  ]);
  const va = addresses.pick(level);
  const path = tables.walk(va, level, "exposed");
  if (!path) return undefined;
  const pte = path.at(-1) as number;
  tables.write(pte, targetOf(prng, level) | flagsOf(prng));
  const ptes = [pte];
  if (level === 0) {
    const next = tables.walk(va + BigInt(at.PAGE), 0, "exposed")?.at(-1);
    if (next !== undefined) {
      tables.write(next, targetOf(prng, 0) | flagsOf(prng));
      ptes.push(next);
    }
    return { pointer: va + BigInt(prng.between(0xf40, 0x10c0)), ptes, path, isSuperpage: false };
  }
  const offset = scratchOffset(level) + prng.between(0x800, 0x3400);
  return { pointer: va + BigInt(offset), ptes, path, isSuperpage: true };
}

/**
 * Gives a table on the way to a slot a bit that must be zero there. (A table outside of RAM is an
 * access fault; QEMU 7.2 makes a page fault of it, so there are none.)
 */
function breakTable(tables: Tables, prng: Prng, slot: Slot): void {
  const above = slot.path.at(-2);
  if (above === undefined) return;
  const bad = prng.pick([BigInt(A), BigInt(D), BigInt(U), BigInt(W), 1n << 54n, 1n << 61n]);
  tables.write(above, tables.read(above) | bad);
}

/** Two pages in a row that lead to the pads. */
function addPad(tables: Tables, prng: Prng, addresses: Addresses): Slot | undefined {
  const va = addresses.pick(0);
  const ptes: number[] = [];
  let path: number[] | undefined;
  for (let page = 0; page < at.PAD_PAGES; page += 1) {
    path = tables.walk(va + BigInt(page * at.PAGE), 0, "exposed");
    const pte = path?.at(-1);
    if (pte === undefined) return undefined;
    const executable = prng.chance(70) ? BigInt(V | R | X | A | (prng.chance(50) ? U : 0)) : 0n;
    tables.write(pte, leaf(at.PADS + page * at.PAGE, 0) | (executable || flagsOf(prng)));
    ptes.push(pte);
  }
  return path && { pointer: va, ptes, path, isSuperpage: false };
}

/** Random page tables for program `index`, whose code lies at physical address `code`. */
export function buildAddressSpace(prng: Prng, index: number, code: number): AddressSpace {
  const { satp, levels } = prng.weighted(MODES);
  const tables = new Tables(index, levels);
  addIdentity(tables, prng);
  const addresses = new Addresses(prng, levels);
  // The code is two pages, aligned to their size, as everywhere else.
  const userBase = addresses.pick(0) & ~BigInt(at.CODE_BYTES - 1);
  addUserCode(tables, prng, { va: userBase, code });
  const [slots, pads]: [Slot[], Slot[]] = [[], []];
  for (let n = 0; n < 3; n += 1) {
    const pad = addPad(tables, prng, addresses);
    if (pad) pads.push(pad);
  }
  for (let n = 0; n < 10; n += 1) {
    const slot = addSlot(tables, prng, addresses);
    if (slot) slots.push(slot);
  }
  if (slots.length > 0 && prng.chance(20)) breakTable(tables, prng, prng.pick(slots));
  const asid = prng.chance(50) ? 0n : BigInt(prng.below(1 << 16));
  return {
    satp: (satp << 60n) | (asid << 44n) | BigInt(tables.root / at.PAGE),
    safe: tables.safe,
    exposed: tables.exposed,
    exposedPages: tables.exposedPages,
    userBase,
    slots,
    pads,
  };
}
