/**
 * From a 32-bit instruction to a micro-operation. Which one it is, the tables say that
 * `scripts/isa-tables.mjs` makes from the instruction table in `bindings/isa.ts`; here is what
 * becomes of the operands. Control transfers get their page-relative target from `code/block.ts`,
 * which knows where the instruction stands.
 */
import * as table from "../../build/isa-tables";
import { immI, immS, rs1Of, rs2Of } from "./fields";
import * as ops from "./ops";
import { Uop } from "./uop";

/** The entry for `raw`: {u8 op, u8 shape}. */
function find(raw: u32): u32 {
  let entry = load<u32>(table.DECODE + ((raw & 0x7c) | ((raw >> 5) & 0x380)));
  while (<i32>entry < 0) {
    const index = (raw >> ((entry >> 26) & 31)) & ((1 << ((entry >> 23) & 7)) - 1);
    entry = load<u32>(table.DECODE + ((<usize>((entry & 0x7fffff) + index)) << 2));
  }
  return entry;
}

/** Writes the operation, whose only effect is on an integer register: none if that is x0. */
function integer(u: usize, op: i32, imm: i32): i32 {
  const result = load<u8>(u, 1) == 0 ? ops.OP_NOP : op;
  Uop.set(u, result, imm);
  return result;
}

function whole(u: usize, op: i32, imm: i32): i32 {
  Uop.set(u, op, imm);
  return op;
}

/** ADDI is mostly one of two simpler operations. */
function simplified(op: i32, raw: u32): i32 {
  if (op != ops.OP_ADDI) return op;
  return rs1Of(raw) == 0 ? ops.OP_LI : raw >> 20 == 0 ? ops.OP_MV : op;
}

/** ADD rd, x0, rs2 is what C.MV stands for. */
function registers(u: usize, op: i32, raw: u32): i32 {
  if (op != ops.OP_ADD || rs1Of(raw)) return integer(u, op, 0);
  store<u8>(u, (raw >> 17) & 0xf8, 2);
  return integer(u, rs2Of(raw) ? ops.OP_MV : ops.OP_LI, 0);
}

/**
 * Writes the micro-operation of `raw` at `u` and returns its number; OP_ILLEGAL, and nothing but the
 * register fields and the encoding written, if there is no such instruction. Branches, JAL and JALR
 * are left to the caller: for them nothing but the register fields is written.
 */
export function decode(u: usize, raw: u32): i32 {
  Uop.setRegisters(u, raw);
  const entry = find(raw);
  const op = <i32>(entry & 0xff);
  switch (entry >> 8) {
    case table.SHAPE_X:
      return registers(u, op, raw);
    case table.SHAPE_X_IMM:
      return integer(u, simplified(op, raw), immI(raw));
    case table.SHAPE_X_UPPER:
      return integer(u, op, <i32>(raw & 0xfffff000));
    case table.SHAPE_LOAD: // Into x0 it must still fault.
      return load<u8>(u, 1) ? whole(u, op, immI(raw)) : whole(u, ops.OP_LOAD_X0, <i32>raw);
    case table.SHAPE_IMM:
      return whole(u, op, immI(raw));
    case table.SHAPE_STORE:
      return whole(u, op, immS(raw));
    case table.SHAPE_CONTROL:
      return op;
    case table.SHAPE_RAW_X: // Operations of their own do not look whether rd is x0.
      return whole(u, load<u8>(u, 1) ? op : ops.OP_FLOAT, <i32>raw);
    default:
      return whole(u, op, <i32>raw);
  }
}
