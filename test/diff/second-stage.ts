/**
 * Second-stage tables of one program: guest physical addresses are those of the machine, as far as they
 * lead anywhere. Code, harness and safe tables always can be reached; scratch, pads and exposed tables
 * with random permissions, so that walks of the first stage fault in the second.
 */
import * as at from "./layout.ts";
import type { Prng } from "./prng.ts";

const V = 1;
const R = 2;
const W = 4;
const X = 8;
const U = 16;
const A = 64;
const D = 128;
const ALL = V | R | W | X | U | A | D;
const MEGA = 0x200000;
/** The root is four pages. */
const ROOT_PAGES = 4;
/** A second way to scratch: guest physical addresses from here on. */
const GUEST_ALIAS = 0xc000_0000;

export interface SecondStage {
  readonly hgatp: bigint;
  readonly bytes: Uint8Array;
  /** Guest physical addresses worth pointing at where the first stage is off. */
  readonly pointers: readonly bigint[];
  /** Pages of scratch and the pads, and where their PTEs are. */
  readonly leaves: readonly { readonly gpa: bigint; readonly pte: number }[];
}

const MODES: readonly (readonly [number, number])[] = [
  [5, 3],
  [3, 4],
  [2, 5],
];

function flagsOf(prng: Prng): number {
  const rwx = prng.weighted([
    [8, R | W | X],
    [4, R | W],
    [3, R],
    [2, X],
    [2, R | X],
    [1, W],
    [1, 0],
  ]);
  return (
    rwx |
    (prng.chance(95) ? V : 0) |
    (prng.chance(93) ? U : 0) |
    (prng.chance(75) ? A : 0) |
    (prng.chance(65) ? D : 0)
  );
}

/** The tables of program `index`. */
export function buildSecondStage(prng: Prng, index: number): SecondStage {
  const levels = prng.weighted(MODES);
  const base = at.GUEST_TABLES + index * at.GUEST_PAGES * at.PAGE;
  const bytes = new Uint8Array(at.GUEST_PAGES * at.PAGE);
  const view = new DataView(bytes.buffer);
  const put = (page: number, entry: number, address: number, flags: number) =>
    view.setBigUint64(
      page * at.PAGE + 8 * entry,
      (BigInt(address / at.PAGE) << 10n) | BigInt(flags),
      true,
    );
  const leaves: { gpa: bigint; pte: number }[] = [];
  // From the root down to the table of 2 MiB leaves of the gigabyte at RAM.
  let page = ROOT_PAGES;
  let table = 0;
  for (let level = levels - 1; level > 1; level -= 1) {
    const entry = level === 2 ? at.RAM / 2 ** 30 : 0;
    put(table, entry, base + page * at.PAGE, V);
    if (level === 2)
      put(table, GUEST_ALIAS / 2 ** 30, at.RAM, prng.chance(50) ? ALL : flagsOf(prng)); // the alias
    table = page;
    page += 1;
  }
  put(table, 0, at.RAM, ALL);
  put(table, 1, at.RAM + MEGA, ALL);
  put(table, (at.SCRATCH - at.RAM) / MEGA, base + page * at.PAGE, V);
  for (let n = 0; n < 8; n += 1) {
    const flags = prng.chance(60) ? ALL : flagsOf(prng);
    put(page, n, at.SCRATCH + n * at.PAGE, flags);
    leaves.push({ gpa: BigInt(at.SCRATCH + n * at.PAGE), pte: base + page * at.PAGE + 8 * n });
  }
  for (let n = 0; n < 3; n += 1) {
    const address = at.EXPOSED_TABLES + n * MEGA;
    const flags = prng.weighted([
      [12, ALL],
      [2, ALL & ~W],
      [1, ALL & ~R & ~W],
      [1, ALL & ~D],
      [1, ALL & ~U],
      [1, 0],
    ]);
    put(table, (address - at.RAM) / MEGA, address, flags);
  }
  const vmid = prng.chance(50) ? 0 : prng.below(1 << 14);
  const mode = BigInt(levels + 5) << 60n;
  return {
    hgatp: mode | (BigInt(vmid) << 44n) | BigInt(base / at.PAGE),
    bytes,
    pointers: pointersOf(prng, levels),
    leaves,
  };
}

function pointersOf(prng: Prng, levels: number): bigint[] {
  const near = (address: number) => BigInt(address + prng.between(0x800, 0x3800));
  const wide = 1n << BigInt(12 + 9 * levels + 2);
  return [
    near(at.SCRATCH),
    near(GUEST_ALIAS + at.SCRATCH - at.RAM),
    near(at.SCRATCH) | (prng.chance(50) ? wide : wide >> 1n),
    near(at.EXPOSED_TABLES),
    near(at.SCRATCH + 0x100000),
  ];
}
