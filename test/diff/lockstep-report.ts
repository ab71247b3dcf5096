/** A difference of two engines for people: which fields, and which instructions wrote them last. */
import * as abi from "../../bindings/abi.ts";
import { disassemble } from "../../ts/isa/disassemble.ts";
import type { Vcpu } from "../../ts/vmm/vcpu.ts";
import { compareHarts, type FieldDifference } from "./hart-fields.ts";
import { type LockstepDifference, type LockstepPlan, replay } from "./lockstep.ts";
import type { Side } from "./lockstep-guest.ts";

/** The last stretch of a budget always runs in the interpreter: what is wrong happened before it. */
const STEPS = 320;
const LEVELS: Readonly<Record<string, number>> = { "8": 3, "9": 4, "10": 5 };

/** Guest physical address of `pc` in the address space of `vcpu`; undefined: not mapped, or a guest's. */
function physicalOf({ vm }: Side, vcpu: Vcpu, pc: bigint): number | undefined {
  const satp = vcpu.getBig(abi.HART_SATP);
  const levels = LEVELS[String(satp >> 60n)];
  if (vcpu.getU32(abi.HART_VIRT)) return undefined;
  if (vcpu.getU32(abi.HART_PRIV) === abi.PRIV_M || levels === undefined) return Number(pc);
  let table = Number(satp & 0xfff_ffff_ffffn) * abi.PAGE_BYTES;
  for (let level = levels - 1; level >= 0; level--) {
    const shift = BigInt(12 + 9 * level);
    const at = table + Number((pc >> shift) & 511n) * 8;
    const entry = BigInt(vm.ram.word(at)) | (BigInt(vm.ram.word(at + 4)) << 32n);
    if (!(entry & 1n)) return undefined;
    const base = Number((entry >> 10n) & 0xfff_ffff_ffffn) * abi.PAGE_BYTES;
    if (entry & 0xen) return base + Number(pc & ((1n << shift) - 1n));
    table = base;
  }
  return undefined;
}

/** The instruction at `pc`: address, encoding, text. */
function instructionAt(side: Side, vcpu: Vcpu, pc: bigint): string {
  const low = physicalOf(side, vcpu, pc);
  const high = physicalOf(side, vcpu, pc + 2n);
  if (low === undefined) return `${pc.toString(16)}: (not mapped)`;
  const half = (at: number | undefined): number => {
    const word = at === undefined ? 0 : side.vm.ram.word(at - (at % 4));
    return at !== undefined && at % 4 ? word >>> 16 : word & 0xffff;
  };
  const raw = (half(low) & 3) === 3 ? ((half(high) << 16) | half(low)) >>> 0 : half(low);
  const text = raw.toString(16).padStart((raw & 3) === 3 ? 8 : 4, "0");
  return `${pc.toString(16)}: ${text.padStart(8)}  ${disassemble(raw, pc).replace("\t", " ")}`;
}

const hex = (value: bigint): string => `0x${value.toString(16).padStart(16, "0")}`;

/** Which instructions of the last stretch wrote each of `fields` last, by the engine that is right. */
async function lastWriters(
  plan: LockstepPlan,
  { chunks, budget }: LockstepDifference,
  fields: readonly FieldDifference[],
): Promise<ReadonlyMap<string, string>> {
  const side = await replay(plan, 0, { chunks, budget: Math.max(0, budget - STEPS) });
  const [vcpu] = side.vm.vcpus;
  const writers = new Map<string, string>();
  if (!vcpu) return writers;
  const names = new Set(fields.map(({ name }) => name));
  let before = vcpu.save().registers;
  for (let i = Math.max(0, budget - STEPS); i < budget; i++) {
    const line = instructionAt(side, vcpu, vcpu.getBig(abi.HART_PC));
    side.vm.run(1);
    const after = vcpu.save().registers;
    for (const { name } of compareHarts(before, after))
      if (names.has(name)) writers.set(name, `unit ${i}  ${line}`);
    before = after;
  }
  return writers;
}

/** What differs and since when. */
export async function describeDifference(
  plan: LockstepPlan,
  difference: LockstepDifference,
): Promise<string> {
  const { chunks, budget, at, fields } = difference;
  const writers = await lastWriters(plan, difference, fields);
  const side = await replay(plan, 0, { chunks, budget });
  const [vcpu] = side.vm.vcpus;
  const next = vcpu ? instructionAt(side, vcpu, vcpu.getBig(abi.HART_PC)) : "";
  return [
    `differ after ${at} units: ${chunks} chunks of seed ${plan.seed}, then ${budget} units`,
    `next instruction  ${next}`,
    ...fields.map(
      ({ name, left, right }) =>
        `  ${name.padEnd(12)} ${hex(left)} ${hex(right)}  last written at ${writers.get(name) ?? `a distance of more than ${STEPS} units`}`,
    ),
  ].join("\n");
}
