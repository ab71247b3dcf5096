/** The H extension: world switches, the guest's memory from outside, its fences. */
import { address, item } from "./body.ts";
import { type Context, type Gadget, li } from "./context.ts";
import { instructionsOf } from "./isa.ts";

const HSTATUS = 0x600;
const HGATP = 0x680;
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
 * The guest's page tables change, and what is known of them is forgotten. The last of the values for satp
 * is refused; QEMU 7.2 takes it for vsatp, and aborts.
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
    ...FENCES,
  ];
  return { kind: "world", items };
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
