/**
 * Hostile guests: pages of random code in M-mode and behind page tables in S-mode, on all engines. Every
 * module validates, the engines agree, and no byte outside of the guest's frames is written or leaks.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as abi from "../../bindings/abi.ts";
import type { Core } from "../../bindings/core.ts";
import { Random } from "../../ts/base/random.ts";
import { RAM_BASE } from "../../ts/vmm/guest-ram.ts";
import type { Vm } from "../../ts/vmm/vm.ts";
import { compareHarts } from "../diff/hart-fields.ts";
import { hashRam } from "../diff/lockstep.ts";
import type { Side } from "../diff/lockstep-guest.ts";
import { randomCode } from "./random-code.ts";
import * as s from "./scene.ts";

const FIXED_SEED = 4000;
const FIXED = 40;
const FRESH_SEED = Math.floor(performance.timeOrigin) % 2 ** 31;
const FRESH = 10;
/** From a new place with new registers each time. */
const STARTS = 12;
const CHUNK = 700;

const CODE_BYTES = 4 * abi.PAGE_BYTES;
const DATA = RAM_BASE + 0x100000;
const DATA_BYTES = 2 * abi.PAGE_BYTES;
const HANDLER = RAM_BASE + 0x8000;
const GVA = 0x10000;
const CORE_BYTES = 6 << 20;
const POISON = 0xa5_5e_c2_e7;

/** Skips what trapped; T0 is lost. */
const handler = (epc: number, tvec: number, ret: "mret" | "sret"): Uint8Array =>
  s.assemble(HANDLER, (asm) => {
    asm.emit(["csrrs", s.T0, epc, 0], ["addi", s.T0, s.T0, 2], ["csrrw", 0, epc, s.T0]);
    asm.la(s.T0, HANDLER);
    asm.emit(["csrrw", 0, tvec, s.T0], [ret]);
  });

const code = (seed: number): s.Scene["writes"][0] => ({
  gpa: s.ENTRY,
  bytes: randomCode(new Random(seed), CODE_BYTES),
});

function machineScene(seed: number): s.Scene {
  const writes = [code(seed), { gpa: HANDLER, bytes: handler(0x341, 0x305, "mret") }];
  return { writes };
}

/** Code that may not be written, data that may not be executed, and nothing else. */
function pagedScene(seed: number): s.Scene {
  const tables = new s.Tables(RAM_BASE + 0x200000, false);
  for (let at = 0; at < CODE_BYTES; at += abi.PAGE_BYTES)
    tables.map(GVA + at, s.ENTRY + at, s.R | s.X);
  for (let at = 0; at < DATA_BYTES; at += abi.PAGE_BYTES)
    tables.map(0x40000 + at, DATA + at, s.R | s.W);
  tables.map(0x80000, HANDLER, s.R | s.X);
  const writes = [code(seed), { gpa: HANDLER, bytes: handler(0x141, 0x105, "sret") }];
  return { writes: [...writes, ...tables.writes], satp: tables.satp };
}

/** Registers that point at code, data, nowhere, and at what lies in the core's own memory. */
function setRegisters(side: Side, seed: number, victim: Vm): void {
  const isPaged = !side.vm.options.isBare;
  const random = new Random(seed).split("registers");
  const vcpu = s.cpu(side);
  vcpu.setU32(abi.HART_PRIV, isPaged ? abi.PRIV_S : abi.PRIV_M);
  vcpu.setU32(abi.HART_WAITING, 0);
  const [codeAt, dataAt, handlerAt] = isPaged ? [GVA, 0x40000, 0x80000] : [s.ENTRY, DATA, HANDLER];
  const hosts = [
    abi.HART_BASE,
    abi.TLB_LOAD_BASE,
    victim.ram.space,
    s.cpu({ ...side, vm: victim }).address,
  ];
  for (let register = 1; register < 32; register++) {
    const value = random.pick([
      dataAt + random.below(DATA_BYTES),
      dataAt + (random.below(DATA_BYTES) & ~7),
      dataAt + 0xff8,
      codeAt + (random.below(CODE_BYTES) & ~1),
      random.pick(hosts),
      random.u32(),
    ]);
    vcpu.setX(register, value, random.below(8) ? 0 : random.u32());
  }
  vcpu.setNumber(isPaged ? abi.HART_STVEC : abi.HART_MTVEC, handlerAt);
  vcpu.setNumber(abi.HART_PC, codeAt + (random.below(CODE_BYTES) & ~1));
}

/** All frames of a core, and the guest that must not be touched. */
class Neighbourhood {
  readonly core: Core;
  readonly victim: Vm;
  readonly #before: Uint8Array;

  constructor(core: Core) {
    this.core = core;
    this.victim = s.start(core, { writes: [] }).vm;
    this.#fill(this.victim, 1 << 20);
    // Frames that are free again keep what was in them.
    const gone = s.start(core, { writes: [] }).vm;
    this.#fill(gone, 2 << 20);
    gone.destroy();
    core.exports.unloadHart();
    this.#before = core.u8.slice(this.#first);
  }

  get #first(): number {
    return this.core.u8.length - this.core.frames * abi.PAGE_BYTES;
  }

  #fill(vm: Vm, bytes: number): void {
    const pattern = new Uint32Array(1024).fill(POISON);
    for (let at = 0; at < bytes; at += 4096)
      vm.ram.write(RAM_BASE + at, new Uint8Array(pattern.buffer));
  }

  /** Frames of `vm`: its pages, its map, its hart. */
  #framesOf(vm: Vm): Set<number> {
    const { exports, u32 } = this.core;
    const pages = vm.ram.ramBytes / abi.PAGE_BYTES;
    const chunk = u32[(vm.ram.space + abi.SPACE_BYTES) >>> 2] as number;
    const own = new Set([vm.ram.space, chunk, vm.vcpus[0]?.address ?? 0]);
    for (let i = 0; i < pages; i++) own.add(exports.peekPage(vm.ram.space, i) >>> 0);
    return own;
  }

  /** Addresses of frames that changed and are not those of `vm`; entries of TLBs that lead to others. */
  check(vm: Vm): void {
    const { core } = this;
    const own = this.#framesOf(vm);
    const changed: string[] = [];
    core.exports.unloadHart();
    for (let at = this.#first; at < core.u8.length; at += abi.PAGE_BYTES) {
      const then = at - this.#first;
      const isSame =
        Buffer.compare(
          core.u8.subarray(at, at + abi.PAGE_BYTES),
          this.#before.subarray(then, then + abi.PAGE_BYTES),
        ) === 0;
      if (!isSame && !own.has(at)) changed.push(at.toString(16));
    }
    expect(changed).toEqual([]);
    const text = Buffer.from(Uint32Array.of(POISON, POISON).buffer);
    for (const at of own)
      expect(Buffer.from(core.u8.buffer, at, abi.PAGE_BYTES).includes(text)).toBe(false);
    expect(this.#entriesOf(vm).filter((frame) => !own.has(frame))).toEqual([]);
  }

  /** Frames that the TLBs for loads and stores lead the guest of `vm` to. */
  #entriesOf(vm: Vm): number[] {
    const { u32 } = this.core;
    const frames: number[] = [];
    for (let at = abi.TLB_LOAD_BASE; at < abi.TLB_FETCH_BASE; at += abi.TLB_ENTRY_BYTES) {
      const slot = ((u32[at >>> 2] as number) >>> 6) & 63;
      const context = (abi.CONTEXT_BASE + slot * 32) >>> 2;
      const isDead = u32[context] === 0xffff_ffff && u32[context + 1] === 0xffff_ffff;
      if (slot && !isDead && u32[context + 4] === vm.ram.space)
        frames.push(u32[(at >>> 2) + 3] as number);
    }
    return frames;
  }

  /** Forgets what a guest that is gone left behind. */
  renew(): void {
    this.#before.set(this.core.u8.subarray(this.#first));
  }
}

const textOf = (vm: Vm): string => JSON.stringify(vm.run(CHUNK));
/** Did the guest change its own code without saying so? Then engines may differ. */
function hasNewCode({ vm }: Side, scene: s.Scene): boolean {
  const { gpa, bytes } = scene.writes[0] as s.Scene["writes"][0];
  const now = new Uint8Array(bytes.length);
  vm.ram.read(gpa, now);
  return Buffer.compare(now, bytes) !== 0;
}

describe.each(s.TRANSLATORS)("%s", (_, options) => {
  let reference: Neighbourhood;
  let tested: Neighbourhood;
  const invalid: Uint8Array[] = [];
  let modules = 0;
  let [compared, units] = [0, 0];

  beforeAll(async () => {
    reference = new Neighbourhood(await s.newCore({ memoryBytes: CORE_BYTES }));
    const onModule = (bytes: Uint8Array): void => {
      modules++;
      if (!WebAssembly.validate(bytes as BufferSource)) invalid.push(bytes);
    };
    tested = new Neighbourhood(await s.newCore({ ...options, memoryBytes: CORE_BYTES, onModule }));
  });
  afterAll(() => {
    console.log(
      `hostile: fresh seed ${FRESH_SEED}; ${modules} modules, ${units} units, ${compared} of ${2 * (FIXED + FRESH)} programs compared`,
    );
  });

  function check(seed: number, scene: s.Scene): void {
    const sides = [s.start(reference.core, scene), s.start(tested.core, scene)] as const;
    let isFree = true;
    for (let from = 0; from < STARTS; from++) {
      for (const [i, side] of sides.entries())
        setRegisters(side, seed * STARTS + from, (i ? tested : reference).victim);
      const [a, b] = [textOf(sides[0].vm), textOf(sides[1].vm)];
      isFree &&= !sides.some((side) => hasNewCode(side, scene));
      if (!isFree) continue;
      expect(b, `seed ${seed}`).toBe(a);
      const [left, right] = sides.map(({ vm }) => vm.vcpus[0]?.save().registers as Uint8Array);
      expect(compareHarts(left as Uint8Array, right as Uint8Array), `seed ${seed}`).toEqual([]);
    }
    if (isFree) expect(hashRam(sides[1]), `seed ${seed}`).toBe(hashRam(sides[0]));
    if (isFree) compared++;
    units += sides[1].vm.metrics().cycles;
    tested.check(sides[1].vm);
    for (const { vm } of sides) vm.destroy();
    tested.renew();
  }

  test.each([
    [`${FIXED} fixed programs`, FIXED_SEED, FIXED],
    [`${FRESH} fresh programs`, FRESH_SEED, FRESH],
  ])("%s", (_name, first, count) => {
    for (let seed = first; seed < first + count; seed++) {
      check(seed, machineScene(seed));
      check(seed, pagedScene(seed));
    }
    expect(invalid).toEqual([]);
    expect(modules).toBeGreaterThan(count);
  });
});
