/** Programs: drawn from a seed, laid out, packed many to an ELF. */
import { type Group, item, type layOut as LayOut, layOut, RegisterPlan } from "./body.ts";
import type { Context, Gadget } from "./context.ts";
import {
  ADUE,
  type CsrLimits,
  csrRules,
  DELEGABLE,
  GUEST_DELEGABLE,
  guestRules,
  HEDELEG_MASK,
  HSTATUS_MASK,
  MIE,
  MSTATUS_MASK,
  pmpAddress,
  pmpConfig,
  SSTATUS_MASK,
  together,
} from "./csrs.ts";
import { pointerValues } from "./gadgets-memory.ts";
import * as at from "./layout.ts";
import { type AddressSpace, buildAddressSpace } from "./paging.ts";
import { Prng } from "./prng.ts";
import { drawGadget, FLAVOURS, type Flavour } from "./recipes.ts";
import { buildSecondStage, type SecondStage } from "./second-stage.ts";
import { floatValue, integerValue } from "./values.ts";

export interface Program {
  readonly seed: number;
  /** Number of the program in its ELF; addresses depend on it. */
  readonly index: number;
  readonly flavour: Flavour;
  readonly mode: 0 | 1 | 3;
  readonly groups: readonly Group[];
  readonly start: number;
  readonly record: Uint8Array;
  readonly space: AddressSpace | undefined;
  readonly guest: SecondStage | undefined;
  readonly laidOut: ReturnType<typeof LayOut>;
}

export interface ElfPlan {
  readonly seed: number;
  readonly programs: number;
  readonly exactCounters: boolean;
}

/** The registers that the harness owns in the ELF of `seed`. */
export function harnessRegisters(seed: number): { reserved: number; control: number } {
  const prng = new Prng(seed, 0xe1f);
  const reserved = prng.between(3, 31);
  for (;;) {
    const control = prng.between(1, 31);
    if (control !== 2 && control !== reserved) return { reserved, control };
  }
}

function planRegisters(prng: Prng, owned: { reserved: number; control: number }): RegisterPlan {
  const taken = new Set([owned.reserved, owned.control]);
  const pinned = prng.chance(85) ? [2] : [];
  const add = (low: number, high: number) => {
    let n = prng.between(low, high);
    while (taken.has(n) || pinned.includes(n)) n = prng.between(low, high);
    pinned.push(n);
  };
  add(8, 15);
  add(8, 15);
  add(1, 31);
  add(3, 31);
  return new RegisterPlan(prng, { ...owned, pinned });
}

interface Setting {
  readonly prng: Prng;
  readonly index: number;
  readonly flavour: Flavour;
  readonly mode: 0 | 1 | 3;
  readonly limits: CsrLimits;
  readonly space: AddressSpace | undefined;
  readonly guest: SecondStage | undefined;
}

const isSystem = (flavour: Flavour): boolean => flavour === "system" || flavour === "guest";

/** mstatus at the start; MPP is the mode to start in. No interrupt may come before that. */
function initialStatus({ prng, flavour, mode, limits, guest }: Setting): bigint {
  const random = isSystem(flavour) ? prng.u64() & prng.u64() & MSTATUS_MASK & ~MIE : 0n;
  const fs = BigInt(
    prng.weighted([
      [isSystem(flavour) ? 2 : 0, 0],
      [2, 1],
      [2, 2],
      [8, 3],
    ]),
  );
  const tsr = limits.directSret || prng.chance(70) ? 0n : 1n << 22n;
  const mpv = guest && mode < 3 && prng.chance(70) ? 1n << 39n : 0n;
  return (random & ~(3n << 13n)) | (fs << 13n) | tsr | mpv | (BigInt(mode) << 11n);
}

/** Initial values of the CSRs, by name; what is missing is 0. */
function initialCsrs(setting: Setting): Map<string, bigint> {
  const { prng, flavour, limits, space, guest } = setting;
  const some = (mask: bigint) => (isSystem(flavour) ? prng.u64() & mask : 0n);
  const csrs = new Map<string, bigint>([
    ["fcsr", BigInt(prng.chance(70) ? prng.below(5) << 5 : prng.below(256))],
    ["mscratch", integerValue(prng)],
    ["sscratch", integerValue(prng)],
    ["stval", integerValue(prng)],
    ["medeleg", together(some(DELEGABLE)) & ~(1n << BigInt(limits.escape))],
    ["mideleg", some(0x222n)],
    ["mie", some(0xaaan)],
    ["mip", prng.chance(50) ? some(0x222n) : 0n],
    ["mcounteren", some(7n)],
    ["scounteren", some(7n)],
    ["mtvec", BigInt(at.VECTORS_M + prng.below(2))],
    ["stvec", BigInt(at.VECTORS_S + prng.below(2))],
    ["satp", space?.satp ?? 0n],
    ["menvcfg", ADUE],
    ["pmpaddr0", BigInt(at.RAM / 4 + at.HARNESS_BYTES / 8 - 1)],
    ["pmpaddr15", (1n << 54n) - 1n],
    ["pmpcfg0", 0x1fn],
    ["pmpcfg2", 0x1fn << 56n],
  ]);
  // Never 0: QEMU 7.2 takes a TOR entry that ends at 0 for one that holds everything.
  for (let n = 1; n < 15; n += 1) csrs.set(`pmpaddr${n}`, pmpAddress(prng, at.SCRATCH));
  if (guest) for (const [name, value] of guestCsrs(setting, guest)) csrs.set(name, value);
  if (flavour === "system" && prng.chance(40))
    csrs.set("pmpcfg0", pmpConfig(prng, 0, limits.mayLock));
  return csrs;
}

/** Initial values of what belongs to the guest. */
function guestCsrs({ prng, limits, space }: Setting, guest: SecondStage): [string, bigint][] {
  const medeleg = together(prng.u64() & (DELEGABLE | GUEST_DELEGABLE));
  return [
    ["medeleg", medeleg & ~(1n << BigInt(limits.escape))],
    ["mideleg", 0x222n],
    ["hstatus", prng.u64() & prng.u64() & HSTATUS_MASK],
    ["hedeleg", together(prng.u64() & HEDELEG_MASK)],
    ["hideleg", prng.u64() & 0x444n],
    ["hie", prng.u64() & 0x444n],
    ["hvip", prng.u64() & 4n],
    ["hcounteren", prng.u64() & 7n],
    ["henvcfg", ADUE],
    ["hgatp", prng.chance(90) ? guest.hgatp : 0n],
    ["vsatp", prng.chance(80) ? (space?.satp ?? 0n) : 0n],
    ["vsstatus", prng.u64() & (SSTATUS_MASK & ~2n)],
    ["vstvec", BigInt(at.VECTORS_VS + prng.below(2))],
    ["vstval", integerValue(prng)],
  ];
}

function writeRecord(setting: Setting, registers: RegisterPlan, pointers: readonly bigint[]) {
  const { prng, index, mode, limits, space } = setting;
  const record = new Uint8Array(at.RECORD_BYTES);
  const view = new DataView(record.buffer);
  const put = (offset: number, value: bigint) =>
    view.setBigUint64(offset, BigInt.asUintN(64, value), true);
  for (let n = 1; n < 32; n += 1) {
    const value = registers.pinned.includes(n) ? prng.pick(pointers) : integerValue(prng);
    put(at.RECORD_X + 8 * n, n === registers.control ? 0n : value);
  }
  for (let n = 0; n < 32; n += 1) put(at.RECORD_F + 8 * n, floatValue(prng));
  const csrs = initialCsrs(setting);
  at.INIT_CSRS.forEach(([name], n) => {
    put(at.RECORD_CSRS + 8 * n, csrs.get(name) ?? 0n);
  });
  const code = BigInt(at.CODE + index * at.CODE_BYTES);
  const bases = [space?.userBase ?? code, code, 0n, code];
  const plan = [...bases, BigInt(limits.escape), limits.directSret ? 1n : 0n];
  // What locked entries of PMP may keep even from M-mode is not hashed.
  const hashed = limits.mayLock ? [0, 0] : [at.SCRATCH_PAGES, space?.exposedPages ?? 0];
  plan.push(...hashed.map(BigInt));
  plan.forEach((value, n) => {
    put(at.RECORD_PLAN + 8 * n, value);
  });
  put(at.RECORD_MSTATUS, initialStatus(setting));
  return { record, put, base: bases[mode] as bigint };
}

/** Groups until the body is long enough; the last one ends the program. */
function growBody(context: Context, flavour: Flavour, wanted: number): Group[] {
  const groups: Group[] = [];
  let count = 0;
  while (count < wanted) {
    context.group = groups.length;
    const gadget: Gadget = drawGadget(context.prng, flavour);
    const group = gadget(context);
    count += group.items.length;
    groups.push(group);
  }
  const { control } = context.registers;
  groups.push({ kind: "end", items: [item("addi", control, 0, at.CALL_END), item("ecall")] });
  return groups;
}

/** What S-mode may write to satp without losing the ground under its feet; the right one first. */
function satpsOf(prng: Prng, satp = 0n): bigint[] {
  const unsupported = prng.pick([1n, 7n, 11n, 15n]) << 60n;
  const refused = (satp & ~(15n << 60n)) | unsupported;
  return satp === 0n ? [0n, refused] : [satp, satp ^ (5n << 44n), refused];
}

/** Program `index` of the ELF that `plan` describes. */
export function drawProgram(plan: ElfPlan, index: number): Program {
  const prng = new Prng(plan.seed, index);
  const flavour = prng.weighted(FLAVOURS);
  const mode = prng.pick([0, 1, 3] as const);
  const code = at.CODE + index * at.CODE_BYTES;
  const wantsPaging = prng.chance(isSystem(flavour) ? 70 : flavour === "memory" ? 40 : 0);
  const space = wantsPaging ? buildAddressSpace(prng, index, code) : undefined;
  const guest = flavour === "guest" ? buildSecondStage(prng, index) : undefined;
  const limits: CsrLimits = {
    escape: prng.pick([9, 9, 3, 2]),
    directSret: prng.chance(65),
    mayLock: isSystem(flavour) && index === plan.programs - 1,
    satps: satpsOf(prng, space?.satp),
    hasGuest: guest !== undefined,
    hgatps: guest ? [guest.hgatp, guest.hgatp ^ (5n << 44n), 0n] : [0n],
  };
  const registers = planRegisters(prng, harnessRegisters(plan.seed));
  const pointers = pointerValues({ prng, space });
  if (guest) pointers.push(...guest.pointers);
  const setting = { prng, index, flavour, mode, limits, space, guest };
  const { record, put, base } = writeRecord(setting, registers, pointers);
  const { exactCounters } = plan;
  const rules = guest ? [...csrRules(limits), ...guestRules()] : csrRules(limits);
  const common = { prng, registers, limits, rules, space, guest, pointers, exactCounters };
  const groups = growBody({ ...common, group: 0, mode }, flavour, prng.between(20, 160));
  // Some bodies lie across the page boundary.
  const start = prng.chance(50) ? 2 * prng.below(64) : at.PAGE - 2 * prng.between(1, 300);
  put(at.RECORD_MEPC, base + BigInt(start));
  const laidOut = layOut(groups, { start, bytes: at.CODE_BYTES });
  return { seed: plan.seed, index, flavour, mode, groups, start, record, space, guest, laidOut };
}
