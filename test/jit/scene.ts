/** Small guests in assembly for the tests of the translator: on each engine, with page tables, compared. */
import { expect } from "vitest";
import { HART_MSTATUS, HART_SATP } from "../../bindings/abi.ts";
import type { Core } from "../../bindings/core.ts";
import { VirtualClock } from "../../ts/base/clock.ts";
import { Random } from "../../ts/base/random.ts";
import type { BlockBackend } from "../../ts/machine/block.ts";
import { type GuestRam, RAM_BASE } from "../../ts/vmm/guest-ram.ts";
import type { Vcpu } from "../../ts/vmm/vcpu.ts";
import { Vm } from "../../ts/vmm/vm.ts";
import { Assembler } from "../diff/asm.ts";
import { compareHarts } from "../diff/hart-fields.ts";
import { hashRam } from "../diff/lockstep.ts";
import { type CoreOptions, createCore, type Side } from "../diff/lockstep-guest.ts";

export const ENTRY = RAM_BASE + 0x1000;
export const RAM_BYTES = 4 << 20;
export const [ZERO, RA, SP, T0, T1, T2, S0, S1, A0, A1, A2, S2, S3, S4] = [
  0, 1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 18, 19, 20,
] as const;
export const [R, W, X, U] = [2, 4, 8, 16] as const;

/** The engines that are held against the interpreter: all translated, and what is hot in no time. */
export const TRANSLATORS: readonly (readonly [name: string, options: Partial<CoreOptions>])[] = [
  ["translator", { engine: "translator" }],
  ["auto", { engine: "auto", sampling: [50, 1] }],
];

export const newCore = (options: Partial<CoreOptions> = {}): Promise<Core> =>
  createCore({ engine: "interpreter", memoryBytes: 16 << 20, ...options });

/** Code from `at` on. */
export function assemble(at: number, write: (asm: Assembler) => void): Uint8Array {
  const asm = new Assembler(at);
  write(asm);
  return asm.finish();
}

/** The encoding of one instruction. */
export const word = (...line: Parameters<Assembler["emit"]>[0]): number =>
  new DataView(assemble(0, (asm) => asm.emit(line)).buffer).getUint32(0, true);

export interface Scene {
  /** What is in RAM: code at ENTRY, and whatever else. */
  readonly writes: readonly { readonly gpa: number; readonly bytes: Uint8Array }[];
  /** In M-mode if there is no root of a page table, else in S-mode behind it. */
  readonly satp?: bigint;
  readonly disks?: readonly BlockBackend[];
}

export const cpu = (side: Side): Vcpu => side.vm.vcpus[0] as Vcpu;
export const x = (side: Side, register: number): number => cpu(side).x(register).lo;

/** Another vm on the core of `side` with `ram`, in its state: a fork, or a copy. */
export function twin(side: Side, scene: Scene, ram?: GuestRam): Side {
  const other = start(side.core, { ...scene, writes: ram ? [] : scene.writes }, ram);
  other.vm.restore(side.vm.save());
  return other;
}

export function fork(side: Side, scene: Scene): Side {
  return twin(side, scene, side.vm.ram.fork());
}

export function start(core: Core, scene: Scene, ram?: GuestRam): Side {
  // Without firmware, S-mode may touch nothing: PMP grants it nothing.
  const isBare = scene.satp === undefined;
  const console: number[] = [];
  const vm = new Vm({
    core,
    memoryBytes: RAM_BYTES,
    vcpus: 1,
    clock: "virtual",
    mips: 100,
    wall: new VirtualClock(),
    random: new Random(1),
    disks: scene.disks ?? [],
    console: "uart",
    isBare,
    onConsole: (bytes) => console.push(...bytes),
    ram,
  });
  const plan = { entry: ENTRY, deviceTreeGpa: 0, firmwareInfoGpa: 0, elf: undefined };
  vm.boot({ ...plan, writes: scene.writes });
  const side = { core, vm, console };
  const vcpu = cpu(side);
  // Floating point on.
  vcpu.setU32(HART_MSTATUS, vcpu.getU32(HART_MSTATUS) | (3 << 13));
  if (scene.satp !== undefined)
    vcpu.setU64(HART_SATP, Number(scene.satp & 0xffffffffn), Number(scene.satp >> 32n));
  return side;
}

/** A guest on the interpreter and on `options`, ready to be run in step. */
export async function pair(scene: Scene, options: Partial<CoreOptions>): Promise<[Side, Side]> {
  return [start(await newCore(), scene), start(await newCore(options), scene)];
}

/** Both must agree in every field of their harts and every byte of RAM. */
export function expectSame([left, right]: readonly [Side, Side]): void {
  const differences = left.vm.vcpus.flatMap((vcpu, i) =>
    compareHarts(vcpu.save().registers, (right.vm.vcpus[i] as Vcpu).save().registers),
  );
  expect(differences).toEqual([]);
  expect(hashRam(right)).toBe(hashRam(left));
  expect(right.console).toEqual(left.console);
}

/** Runs both in chunks of `chunk` units, comparing after each. */
export function runBoth(sides: readonly [Side, Side], units: number, chunk = units): void {
  for (let left = units; left > 0; left -= chunk) {
    const [a, b] = sides.map(({ vm }) => vm.run(Math.min(chunk, left)));
    expect(b).toEqual(a);
    expectSame(sides);
  }
}

/** Sv39 page tables from `base` on, with RAM mapped where it is unless told otherwise. */
export class Tables {
  readonly #base: number;
  readonly #pages: BigUint64Array[] = [];

  constructor(base: number, hasRam = true) {
    this.#base = base;
    this.#page();
    if (hasRam) this.#at(0)[2] = (BigInt(RAM_BASE >>> 12) << 10n) | 0xcfn;
  }

  /** RAM is global from now on: the same in all address spaces. */
  shareRam(): this {
    this.#at(0)[2] = (this.#at(0)[2] ?? 0n) | 0x20n;
    return this;
  }

  get satp(): bigint {
    return (8n << 60n) | BigInt(this.#base / 4096);
  }

  get writes(): Scene["writes"] {
    const bytes = new Uint8Array(this.#pages.length * 4096);
    this.#pages.forEach((page, i) => {
      bytes.set(new Uint8Array(page.buffer), i * 4096);
    });
    return [{ gpa: this.#base, bytes }];
  }

  #at(page: number): BigUint64Array {
    return this.#pages[page] as BigUint64Array;
  }

  #page(): number {
    return this.#pages.push(new BigUint64Array(512)) - 1;
  }

  /** A leaf that maps to `gpa`. */
  static leaf(gpa: number, flags: number): bigint {
    return (BigInt(gpa / 4096) << 10n) | BigInt(flags | 0xc1);
  }

  /** Maps the page at `gva` (below 1 GiB) to `gpa`. Returns the address of its entry. */
  map(gva: number, gpa: number, flags: number): number {
    let page = 0;
    for (const shift of [30, 21]) {
      const index = Math.floor(gva / 2 ** shift) % 512;
      if (this.#at(page)[index] === 0n) {
        const next = this.#page();
        this.#at(page)[index] = (BigInt(this.#base / 4096 + next) << 10n) | 1n;
      }
      page = Number((this.#at(page)[index] ?? 0n) >> 10n) - this.#base / 4096;
    }
    const index = Math.floor(gva / 4096) % 512;
    this.#at(page)[index] = Tables.leaf(gpa, flags);
    return this.#base + page * 4096 + index * 8;
  }
}
