/** CSRs, mode switches, traps on purpose, memory protection, interrupts, counters. */
import { address, type Group, item, late } from "./body.ts";
import { type Context, type Gadget, li } from "./context.ts";
import { COUNTERS, csrOperand, MISSING, pmpAddress, pmpConfig, READ_ONLY } from "./csrs.ts";
import { memory } from "./gadgets-memory.ts";
import * as at from "./layout.ts";

const MSTATUS = 0x300;
const SATP = 0x180;
const MHARTID = 0xf14;

/** A CSR instruction on a CSR of the table, mostly one that the mode may touch. */
export const csr: Gadget = (context) => {
  const { prng, registers, rules, mode } = context;
  const near = rules.filter(({ level }) => level <= mode);
  const one = prng.weighted(
    (prng.chance(85) ? near : rules).map((rule) => [rule.weight, rule] as const),
  );
  const op = one.values ? prng.pick(["csrrw", "csrrs"]) : prng.pick(["csrrw", "csrrs", "csrrc"]);
  const rd = one.isHidden ? 0 : registers.target();
  if (one.values && op === "csrrs")
    return { kind: "csr", items: [item("csrrs", rd, one.number, 0)] };
  const value = csrOperand(prng, one, op);
  if (value < 32n && prng.chance(60)) {
    return { kind: "csr", items: [item(`${op}i`, rd, one.number, Number(value))] };
  }
  const from = registers.temporary();
  return { kind: "csr", items: [...li(from, value), item(op, rd, one.number, from)] };
};

/** Read-only and missing CSRs, written and read. */
export const oddCsr: Gadget = ({ prng, registers }) => {
  const rd = registers.target();
  const one = prng.weighted<() => ReturnType<typeof item>>([
    [3, () => item("csrrs", rd, prng.pick(READ_ONLY), 0)],
    [1, () => item("csrrsi", rd, prng.pick(READ_ONLY.slice(0, 1)), 0)],
    [2, () => item("csrrw", rd, prng.pick([0xf14, 0xc00, 0xc02]), registers.source())],
    // Not with a register that holds 0: QEMU 7.2 takes that for no write.
    [1, () => item("csrrc", rd, 0xf14, registers.pointer())],
    [4, () => item(prng.pick(["csrrw", "csrrs"]), rd, prng.pick(MISSING), registers.source())],
    [2, () => item("csrrwi", rd, prng.pick(MISSING), 1)],
    [1, () => item("csrrs", rd, prng.pick([0x3a1, 0x3a3]), 0)],
  ])();
  return { kind: "odd-csr", items: [one] };
};

/** mtvec and stvec: written, read back, restored before anything can trap. */
export const vector: Gadget = ({ prng, registers, mode }) => {
  const number = mode === 3 && prng.chance(60) ? 0x305 : 0x105;
  const [old, seen] = [registers.temporary(), registers.temporary()];
  const { control } = registers;
  const value = prng.chance(50) ? prng.u64() & ~2n : BigInt(at.VECTORS_M + prng.below(2));
  const items = [
    ...li(control, value),
    item("csrrw", control, number, control),
    item("csrrs", seen, number, 0),
    item("csrrw", old, number, control),
    item("addi", control, 0, 0),
  ];
  return { kind: "vector", items };
};

/**
 * Code that only M-mode runs: others trap at mhartid, which leaves 1 in the register. In its group there are
 * `before` items before it.
 */
export function onlyInM(context: Context, items: Group["items"], before = 0): Group["items"] {
  const { group } = context; // The context moves on before the layout is known.
  const { control } = context.registers;
  return [
    item("addi", control, 0, 1),
    item("csrrs", control, MHARTID, 0),
    late("bne", (here, { itemAt }) => [
      control,
      0,
      itemAt(group, before + items.length + 3) - here,
    ]),
    ...items,
  ];
}

/** In M-mode satp may be anything, as long as it is good again before the mode is left. */
export const wildSatp: Gadget = (context) => {
  const { prng, registers, limits } = context;
  const { control } = registers;
  const mode = prng.pick([0n, 1n, 7n, 8n, 8n, 9n, 10n, 11n, 15n]) << 60n;
  // Bare with other fields set is UNSPECIFIED.
  const value = mode === 0n ? 0n : mode | (prng.u64() & ((1n << 60n) - 1n));
  const items = onlyInM(context, [
    ...li(control, value),
    item("csrrw", registers.target(), SATP, control),
    item("csrrs", registers.target(), SATP, 0),
    ...li(control, limits.satps[0] ?? 0n),
    item("csrrw", registers.target(), SATP, control),
    item("sfence.vma", 0, 0),
    item("addi", control, 0, 0),
  ]);
  return { kind: "satp", items };
};

/** Accesses around the edge of a PMP entry: one that is split fails even in M-mode. */
function probe({ prng, registers, pointers }: Context, edge: bigint): Group["items"] {
  const { control } = registers;
  const address = (edge << 2n) + BigInt(prng.between(-8, 8));
  const end = BigInt(at.SCRATCH + at.SCRATCH_PAGES * at.PAGE);
  if (address < BigInt(at.SCRATCH) + 0x800n || address + 0x800n > end) return [];
  pointers.push(address);
  const accesses = ["lb", "lh", "lw", "ld", "lwu"].map((name) =>
    item(name, registers.target(), control, prng.between(-8, 8)),
  );
  const stores = ["sb", "sh", "sw", "sd"].map((name) =>
    item(name, registers.source(), control, prng.between(-8, 8)),
  );
  return [
    ...li(control, address),
    prng.pick(accesses),
    prng.pick(stores),
    prng.pick([...accesses, ...stores]),
    item("addi", control, 0, 0),
  ];
}

/** PMP entries 1 to 14 (0 is the harness's, 15 lets everything else through). */
export const protect: Gadget = (context) => {
  const { prng, registers, limits } = context;
  const value = registers.temporary();
  const rd = registers.target();
  const where = prng.chance(80) ? at.SCRATCH : at.EXPOSED_TABLES;
  const edge = pmpAddress(prng, where);
  const items: Group["items"] = [
    ...li(value, edge),
    item("csrrw", rd, 0x3b0 + prng.between(1, 14), value),
  ];
  // QEMU 7.2 forgets that the next entry may start at this address (TOR) until that is written.
  for (const config of [0x3a0, 0x3a2]) {
    items.push(item("csrrs", value, config, 0), item("csrrw", rd, config, value));
  }
  const high = prng.chance(40);
  items.push(
    ...li(value, pmpConfig(prng, high ? 7 : 0, limits.mayLock)),
    item("csrrw", rd, high ? 0x3a2 : 0x3a0, value),
    item("csrrs", registers.target(), 0x3b0 + prng.below(16), 0),
    item("sfence.vma", 0, 0),
  );
  if (where === at.SCRATCH) items.push(...probe(context, edge));
  return { kind: "pmp", items };
};

/** Loads and stores of M-mode through the eyes of MPP. */
export const modifyPrivilege: Gadget = (context) => {
  const { prng, registers } = context;
  const { control } = registers;
  const mpp = prng.pick([0, 1, 1, 3]);
  const items = onlyInM(context, [
    item("lui", control, 2),
    item("addi", control, control, -0x800), // MPP
    item("csrrc", 0, MSTATUS, control),
    ...li(control, BigInt(mpp << 11) | BigInt(at.MSTATUS_MPRV)),
    item("csrrs", registers.target(), MSTATUS, control),
    ...memory(context).items,
    ...memory(context).items,
    item("lui", control, at.MSTATUS_MPRV >> 12),
    item("csrrc", registers.target(), MSTATUS, control),
    item("addi", control, 0, 0),
  ]);
  return { kind: "mprv", items };
};

/** mret or sret to the next group, in a lower (or the same) mode. */
export const drop: Gadget = (context) => {
  const { prng, registers, space, group } = context;
  const { control } = registers;
  const other = registers.temporary();
  const to = prng.pick([0, 1, 1, 0, context.mode]) as 0 | 1 | 3;
  const viaSret = context.mode === 1 || (context.mode === 0 && prng.chance(50));
  const userBase = space?.userBase;
  const items: Group["items"] = [];
  const target: [number, number] = [group + 1, 0];
  items.push(...address(control, target));
  if (to === 0 && userBase !== undefined) {
    // The low bits of the address are the offset in the code, wherever that is mapped.
    items.push(item("slli", control, control, 51), item("srli", control, control, 51));
    items.push(...li(other, userBase), item("add", control, control, other));
  }
  items.push(item("csrrw", 0, viaSret ? 0x141 : 0x341, control), item("addi", control, 0, 0));
  const field = viaSret ? 1n << 8n : 3n << 11n;
  const value = viaSret ? BigInt(to & 1) << 8n : BigInt(to) << 11n;
  const status = viaSret ? 0x100 : MSTATUS;
  items.push(...li(other, field), item("csrrc", 0, status, other));
  // A way down clears MPRV, which may be set here to show it.
  const extra = !viaSret && to < 3 && prng.chance(20) ? BigInt(at.MSTATUS_MPRV) : 0n;
  items.push(...li(other, value | extra), item("csrrs", registers.target(), status, other));
  items.push(item(viaSret ? "sret" : "mret"));
  context.mode = viaSret && to === 3 ? 1 : to;
  return { kind: "drop", items };
};

/** An ecall that asks the handler for M or S. */
export const raise: Gadget = (context) => {
  const { prng, registers } = context;
  const { control } = registers;
  const to = prng.chance(70) ? 3 : 1;
  const items = [
    item("addi", control, 0, to === 3 ? at.CALL_M : at.CALL_S),
    item("ecall"),
    item("addi", control, 0, 0),
  ];
  if (context.mode < to) context.mode = to;
  else if (to === 1 && context.mode === 3) context.mode = 1;
  return { kind: "raise", items };
};

/** Traps on purpose, and privileged instructions where they may not be. */
export const trap: Gadget = (context) => {
  const { prng, registers, mode } = context;
  const choices: [number, () => Group["items"]][] = [
    [3, () => [item("ecall")]],
    [2, () => [item("ebreak")]],
    [2, () => [item("c.ebreak")]],
    [2, () => [item("sfence.vma", registers.source(), registers.source())]],
    [2, () => [item("sfence.vma", 0, 0)]],
  ];
  if (mode < 3) {
    const { control } = registers;
    // In case the guess is wrong: mepc is set, so mret goes on behind.
    const place: [number, number] = [context.group, 4];
    choices.push([
      3,
      () => [
        ...address(control, place),
        item("csrrw", 0, 0x341, control),
        item("mret"),
        item("addi", control, 0, 0),
      ],
    ]);
  }
  return { kind: "trap", items: prng.weighted(choices)() };
};

/** WFI where something is pending and enabled, so that it cannot sleep; illegal in U-mode. */
export const wait: Gadget = (context) => {
  const { registers, mode, group } = context;
  const { control } = registers;
  const other = registers.temporary();
  const [enable, pending] = mode === 3 ? [0x304, 0x344] : [0x104, 0x144];
  const items = [
    item("csrrsi", 0, enable, 2),
    item("csrrsi", 0, pending, 2),
    item("addi", control, 0, 0),
    item("csrrs", control, enable, 0),
    item("addi", other, 0, 0),
    item("csrrs", other, pending, 0),
    item("and", control, control, other),
    late("beq", (here, { itemAt }) => [control, 0, itemAt(group, 9) - here]),
    item("wfi"),
    item("csrrci", 0, pending, 2),
    item("addi", control, 0, 0),
  ];
  return { kind: "wfi", items };
};

/** Counters are read; their values vanish, but a count of instructions between two reads stays. */
export const counter: Gadget = (context) => {
  const { prng, registers, exactCounters, mode } = context;
  const { control } = registers;
  const seen = registers.temporary();
  if (prng.chance(60)) {
    const items = [item("csrrs", seen, prng.pick(COUNTERS), 0), item("addi", seen, 0, 0)];
    return { kind: "counter", items };
  }
  const number = mode === 3 ? prng.pick([0xb02, 0xc02]) : 0xc02;
  const items = [item("addi", control, 0, 0), item("addi", seen, 0, 0)];
  items.push(item("csrrs", control, number, 0));
  for (let n = prng.below(6); n > 0; n -= 1)
    items.push(item(prng.pick(["fence", "addi"]), 0, 0, 0));
  items.push(item("csrrs", seen, number, 0), item("sub", seen, seen, control));
  if (!exactCounters) items.push(item("addi", seen, 0, 0));
  items.push(item("addi", control, 0, 0));
  return { kind: "counter", items };
};
