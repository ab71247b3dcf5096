/** The H extension: world switches, the guest's memory from outside, its fences. */
import { address, type Group, item } from "./body.ts";
import { type Context, type Gadget, li } from "./context.ts";
import { onlyInM } from "./gadgets-system.ts";
import { instructionsOf } from "./isa.ts";
import * as at from "./layout.ts";
import type { Slot } from "./paging.ts";
import type { SecondStage } from "./second-stage.ts";

const MSTATUS = 0x300;
const HSTATUS = 0x600;
const HGATP = 0x680;
const VSSTATUS = 0x200;
const VSATP = 0x280;
const SPV = 1n << 7n;
const SPVP = 1n << 8n;
const MPV = 1n << 39n;

const FENCES = [item("hfence.gvma", 0, 0), item("hfence.vvma", 0, 0)];

/** HLV, HLVX and HSV at pinned addresses, with either privilege. */
export const guestMemory: Gadget = (context) => {
  const { prng, registers } = context;
  const items = [];
  if (prng.chance(40)) {
    const other = registers.temporary();
    const op = prng.pick(["csrrs", "csrrc"]);
    items.push(...li(other, SPVP), item(op, registers.target(), HSTATUS, other));
  }
  for (let n = prng.between(1, 4); n > 0; n -= 1) {
    const { name } = prng.pick(instructionsOf("guest-memory"));
    const pointer = registers.pointer();
    const isStore = name.startsWith("hsv");
    items.push(
      isStore ? item(name, pointer, registers.source()) : item(name, registers.target(), pointer),
    );
  }
  return { kind: "guest-memory", items };
};

/**
 * The guest gets other page tables (or the same under another ASID or VMID, or none). What is known of them
 * may stay, since none of them change. The last of the values for satp is refused; QEMU 7.2 takes it
 * for vsatp, and aborts.
 */
export const world: Gadget = (context) => {
  const { prng, registers, limits } = context;
  const other = registers.temporary();
  const [csr, values] = prng.chance(50)
    ? [HGATP, limits.hgatps]
    : [VSATP, limits.satps.slice(0, -1)];
  const items = [
    ...li(other, prng.pick(values)),
    item("csrrw", registers.target(), csr, other),
    ...(prng.chance(40) ? FENCES : []),
  ];
  return { kind: "world", items };
};

/** An access of M-mode as the guest's, with privilege `mpp`. */
function accessAsGuest({ prng, registers }: Context, pointer: number, mpp: bigint): Group["items"] {
  const bits = registers.temporary();
  const load = item(prng.pick(["ld", "lw", "lbu"]), registers.target(), pointer, 0);
  const store = item(prng.pick(["sd", "sh"]), registers.source(), pointer, 0);
  const switched = BigInt(at.MSTATUS_MPRV) | MPV;
  return [
    ...li(bits, 3n << 11n),
    item("csrrc", 0, MSTATUS, bits),
    ...li(bits, switched | (mpp << 11n)),
    item("csrrs", 0, MSTATUS, bits),
    prng.chance(75) ? load : store,
    ...li(bits, switched),
    item("csrrc", 0, MSTATUS, bits),
  ];
}

/** Some bits of the PTE at `address` change. */
function flip({ prng, registers }: Context, address: bigint): Group["items"] {
  const { control } = registers;
  const pte = registers.temporary();
  return [
    ...li(control, address),
    item("ld", pte, control, 0),
    item("xori", pte, pte, prng.between(1, 255)),
    item("sd", pte, control, 0),
  ];
}

/** A PTE of the first stage changes, with a fence: of everything, or of an address in the same superpage. */
function changeFirst(context: Context, slot: Slot): Group["items"] {
  const { prng, registers } = context;
  const isNamed = slot.isSuperpage && prng.chance(60);
  return [
    ...flip(context, BigInt(prng.pick(slot.ptes))),
    ...li(registers.control, slot.pointer ^ 0x100000n),
    item("hfence.vvma", isNamed ? registers.control : 0, 0),
  ];
}

/** A PTE of the second stage changes, with a fence of everything or of its page. */
function changeSecond(context: Context, leaf: SecondStage["leaves"][number]): Group["items"] {
  const { prng, registers } = context;
  return [
    ...flip(context, BigInt(leaf.pte)),
    ...li(registers.control, leaf.gpa >> 2n),
    item("hfence.gvma", prng.chance(50) ? registers.control : 0, 0),
  ];
}

/** What a guest's accesses go by changes, and wants no fence: SUM and MXR, vsatp, hgatp. */
function changeWorld({ prng, registers, limits }: Context): Group["items"] {
  const other = registers.temporary();
  const [csr, value] = prng.pick([
    [VSSTATUS, prng.pick([1n << 18n, 1n << 19n])],
    [HGATP, prng.pick(limits.hgatps)],
    [VSATP, prng.pick(limits.satps.slice(0, -1))],
  ] as const);
  // Of vsstatus nothing is read: QEMU 7.2 does not show its SD.
  const [op, rd] =
    csr === VSSTATUS ? [prng.pick(["csrrs", "csrrc"]), 0] : ["csrrw", registers.target()];
  return [...li(other, value), item(op, rd, csr, other)];
}

/**
 * Something changes between two accesses as the guest's. In M-mode, which can do all of it in a row: if the
 * program is not there, it mostly asks to be.
 */
export const guestChange: Gadget = (context) => {
  const { prng, registers, space, guest } = context;
  if (!guest || !space || space.slots.length === 0) return guestMemory(context);
  const { control } = registers;
  const slot = prng.pick(space.slots);
  const leaf = prng.pick(guest.leaves);
  const [where, change] = prng.weighted<() => [bigint, Group["items"]]>([
    [3, () => [slot.pointer, changeFirst(context, slot)]],
    [3, () => [leaf.gpa + BigInt(prng.below(4088)), changeSecond(context, leaf)]],
    [4, () => [prng.pick([slot.pointer, leaf.gpa]), changeWorld(context)]],
  ])();
  const mpp = prng.chance(70) ? 1n : 0n;
  const raise = [item("addi", control, 0, at.CALL_M), item("ecall")];
  const before = context.mode !== 3 && prng.chance(60) ? raise : [];
  if (before.length > 0) context.mode = 3;
  const inside = [
    ...li(control, where),
    ...accessAsGuest(context, control, mpp),
    ...change,
    ...li(control, where),
    ...accessAsGuest(context, control, mpp),
    item("addi", control, 0, 0),
  ];
  return { kind: "guest-change", items: [...before, ...onlyInM(context, inside, before.length)] };
};

/** Fences of every kind, allowed or not. */
export const guestFence: Gadget = ({ prng, registers }) => {
  const one = prng.pick([
    item("hfence.vvma", registers.source(), registers.source()),
    item("hfence.gvma", registers.source(), registers.source()),
    item("hinval.vvma", registers.source(), registers.source()),
    item("hinval.gvma", registers.source(), registers.source()),
    item("sinval.vma", registers.source(), registers.source()),
    item("sfence.w.inval"),
    item("sfence.inval.ir"),
    ...FENCES,
  ]);
  return { kind: "guest-fence", items: [one] };
};

/** Into the guest at the next group: by sret from HS-mode, by mret from M-mode. */
export const enterGuest: Gadget = (context) => {
  const { prng, registers, space, group } = context;
  const { control } = registers;
  const other = registers.temporary();
  const to = prng.pick([0, 1, 1]);
  const byMachine = context.mode === 3;
  const items = [...address(control, [group + 1, 0])];
  if (to === 0 && space?.userBase !== undefined) {
    items.push(item("slli", control, control, 51), item("srli", control, control, 51));
    items.push(...li(other, space.userBase), item("add", control, control, other));
  }
  items.push(item("csrrw", 0, byMachine ? 0x341 : 0x141, control), item("addi", control, 0, 0));
  const status = byMachine ? 0x300 : 0x100;
  items.push(...li(other, byMachine ? 3n << 11n : 1n << 8n), item("csrrc", 0, status, other));
  const mode = BigInt(to) << (byMachine ? 11n : 8n);
  items.push(...li(other, mode | (byMachine ? MPV : 0n)), item("csrrs", 0, status, other));
  if (!byMachine) items.push(...li(other, SPV), item("csrrs", 0, HSTATUS, other));
  items.push(item(byMachine ? "mret" : "sret"));
  context.mode = to as 0 | 1;
  return { kind: "enter-guest", items };
};

/** Loads and stores of M-mode as the guest's (MPRV with MPV): both bits go on and off around `inner`. */
export const asGuest = (context: Context, inner: Gadget): ReturnType<Gadget> => {
  const { registers } = context;
  const other = registers.temporary();
  const items = [
    ...li(other, MPV),
    item("csrrs", 0, 0x300, other),
    ...inner(context).items,
    ...li(other, MPV),
    item("csrrc", 0, 0x300, other),
  ];
  return { kind: "as-guest", items };
};
