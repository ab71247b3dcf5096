/**
 * From a 32-bit instruction to a micro-operation. Control transfers get their page-relative target
 * from `code/block.ts`, which knows where the instruction stands.
 */
import { funct3Of, funct7Of, immI, immS, rdOf, rs1Of, rs2Of } from "./fields";
import * as ops from "./ops";
import { Uop } from "./uop";

const NONE: i32 = ops.OP_ILLEGAL;

/** OP-IMM with funct3 1: shifts left, counts, sign extensions, single bits. */
function shiftLeftImm(raw: u32): i32 {
  switch (raw >> 26) {
    case 0x00:
      return ops.OP_SLLI;
    case 0x0a:
      return ops.OP_BSETI;
    case 0x12:
      return ops.OP_BCLRI;
    case 0x1a:
      return ops.OP_BINVI;
    default:
      break;
  }
  switch (raw >> 20) {
    case 0x600:
      return ops.OP_CLZ;
    case 0x601:
      return ops.OP_CTZ;
    case 0x602:
      return ops.OP_CPOP;
    case 0x604:
      return ops.OP_SEXT_B;
    case 0x605:
      return ops.OP_SEXT_H;
    default:
      return NONE;
  }
}

/** OP-IMM with funct3 5: shifts right, rotation, single bits, bytes. */
function shiftRightImm(raw: u32): i32 {
  if (raw >> 20 == 0x287) return ops.OP_ORC_B;
  if (raw >> 20 == 0x6b8) return ops.OP_REV8;
  switch (raw >> 26) {
    case 0x00:
      return ops.OP_SRLI;
    case 0x10:
      return ops.OP_SRAI;
    case 0x12:
      return ops.OP_BEXTI;
    case 0x18:
      return ops.OP_RORI;
    default:
      return NONE;
  }
}

function opImm(raw: u32): i32 {
  switch (funct3Of(raw)) {
    case 0:
      return rs1Of(raw) == 0 ? ops.OP_LI : raw >> 20 == 0 ? ops.OP_MV : ops.OP_ADDI;
    case 1:
      return shiftLeftImm(raw);
    case 2:
      return ops.OP_SLTI;
    case 3:
      return ops.OP_SLTIU;
    case 4:
      return ops.OP_XORI;
    case 5:
      return shiftRightImm(raw);
    case 6:
      return ops.OP_ORI;
    default:
      return ops.OP_ANDI;
  }
}

function opImm32(raw: u32): i32 {
  const funct7 = funct7Of(raw);
  switch (funct3Of(raw)) {
    case 0:
      return ops.OP_ADDIW;
    case 1:
      if (funct7 == 0) return ops.OP_SLLIW;
      if (raw >> 26 == 2) return ops.OP_SLLI_UW;
      if (raw >> 20 == 0x600) return ops.OP_CLZW;
      if (raw >> 20 == 0x601) return ops.OP_CTZW;
      return raw >> 20 == 0x602 ? ops.OP_CPOPW : NONE;
    case 5:
      if (funct7 == 0) return ops.OP_SRLIW;
      if (funct7 == 0x20) return ops.OP_SRAIW;
      return funct7 == 0x30 ? ops.OP_RORIW : NONE;
    default:
      return NONE;
  }
}

/** funct7 other than 0, 1 and 0x20: Zba, Zbb, Zbs. */
function opBits(key: u32): i32 {
  switch (key) {
    case (0x10 << 3) | 2:
      return ops.OP_SH1ADD;
    case (0x10 << 3) | 4:
      return ops.OP_SH2ADD;
    case (0x10 << 3) | 6:
      return ops.OP_SH3ADD;
    case (0x05 << 3) | 4:
      return ops.OP_MIN;
    case (0x05 << 3) | 5:
      return ops.OP_MINU;
    case (0x05 << 3) | 6:
      return ops.OP_MAX;
    case (0x05 << 3) | 7:
      return ops.OP_MAXU;
    case (0x30 << 3) | 1:
      return ops.OP_ROL;
    case (0x30 << 3) | 5:
      return ops.OP_ROR;
    case (0x24 << 3) | 1:
      return ops.OP_BCLR;
    case (0x24 << 3) | 5:
      return ops.OP_BEXT;
    case (0x34 << 3) | 1:
      return ops.OP_BINV;
    case (0x14 << 3) | 1:
      return ops.OP_BSET;
    default:
      return NONE;
  }
}

function opAlternative(funct3: u32): i32 {
  switch (funct3) {
    case 0:
      return ops.OP_SUB;
    case 4:
      return ops.OP_XNOR;
    case 5:
      return ops.OP_SRA;
    case 6:
      return ops.OP_ORN;
    case 7:
      return ops.OP_ANDN;
    default:
      return NONE;
  }
}

function opBase(funct3: u32): i32 {
  switch (funct3) {
    case 0:
      return ops.OP_ADD;
    case 1:
      return ops.OP_SLL;
    case 2:
      return ops.OP_SLT;
    case 3:
      return ops.OP_SLTU;
    case 4:
      return ops.OP_XOR;
    case 5:
      return ops.OP_SRL;
    case 6:
      return ops.OP_OR;
    default:
      return ops.OP_AND;
  }
}

function op(raw: u32): i32 {
  const funct3 = funct3Of(raw);
  switch (funct7Of(raw)) {
    case 0:
      return opBase(funct3);
    case 1:
      return ops.OP_MUL + <i32>funct3;
    case 0x20:
      return opAlternative(funct3);
    default:
      return opBits((funct7Of(raw) << 3) | funct3);
  }
}

function op32(raw: u32): i32 {
  switch ((funct7Of(raw) << 3) | funct3Of(raw)) {
    case 0:
      return ops.OP_ADDW;
    case 1:
      return ops.OP_SLLW;
    case 5:
      return ops.OP_SRLW;
    case (0x20 << 3) | 0:
      return ops.OP_SUBW;
    case (0x20 << 3) | 5:
      return ops.OP_SRAW;
    case (1 << 3) | 0:
      return ops.OP_MULW;
    case (1 << 3) | 4:
      return ops.OP_DIVW;
    case (1 << 3) | 5:
      return ops.OP_DIVUW;
    case (1 << 3) | 6:
      return ops.OP_REMW;
    case (1 << 3) | 7:
      return ops.OP_REMUW;
    case (4 << 3) | 0:
      return ops.OP_ADD_UW;
    case (4 << 3) | 4:
      return rs2Of(raw) == 0 ? ops.OP_ZEXT_H : NONE;
    case (0x10 << 3) | 2:
      return ops.OP_SH1ADD_UW;
    case (0x10 << 3) | 4:
      return ops.OP_SH2ADD_UW;
    case (0x10 << 3) | 6:
      return ops.OP_SH3ADD_UW;
    case (0x30 << 3) | 1:
      return ops.OP_ROLW;
    case (0x30 << 3) | 5:
      return ops.OP_RORW;
    default:
      return NONE;
  }
}

function sgnj(funct3: u32): i32 {
  return funct3 > 2 ? ops.OP_FLOAT : ops.OP_FSGNJ_D + <i32>funct3;
}

function compare(funct3: u32): i32 {
  if (funct3 == 0) return ops.OP_FLE_D;
  if (funct3 == 1) return ops.OP_FLT_D;
  return funct3 == 2 ? ops.OP_FEQ_D : ops.OP_FLOAT;
}

/** OP-FP: the frequent operations have their own micro-operation. */
function opFloat(raw: u32): i32 {
  switch (funct7Of(raw)) {
    case 0x00:
      return ops.OP_FADD_S;
    case 0x04:
      return ops.OP_FSUB_S;
    case 0x08:
      return ops.OP_FMUL_S;
    case 0x0c:
      return ops.OP_FDIV_S;
    case 0x01:
      return ops.OP_FADD_D;
    case 0x05:
      return ops.OP_FSUB_D;
    case 0x09:
      return ops.OP_FMUL_D;
    case 0x0d:
      return ops.OP_FDIV_D;
    case 0x11:
      return sgnj(funct3Of(raw));
    case 0x51:
      return rdOf(raw) ? compare(funct3Of(raw)) : ops.OP_FLOAT;
    case 0x69:
      if (rs2Of(raw) == 0) return ops.OP_FCVT_D_W;
      return rs2Of(raw) == 2 ? ops.OP_FCVT_D_L : ops.OP_FLOAT;
    case 0x71:
      return rdOf(raw) && !rs2Of(raw) && !funct3Of(raw) ? ops.OP_FMV_X_D : ops.OP_FLOAT;
    case 0x79:
      return !rs2Of(raw) && !funct3Of(raw) ? ops.OP_FMV_D_X : ops.OP_FLOAT;
    default:
      return ops.OP_FLOAT;
  }
}

/** The four fused multiply-adds: `opcode` 0x43, 0x47, 0x4b, 0x4f. */
function fused(raw: u32): i32 {
  const format = (raw >> 25) & 3;
  if (format == 0 && (raw & 0x7f) == 0x43) return ops.OP_FMADD_S;
  if (format != 1) return ops.OP_FLOAT;
  return ops.OP_FMADD_D + <i32>(((raw & 0x7f) - 0x43) >> 2);
}

function loadOp(raw: u32): i32 {
  const funct3 = funct3Of(raw);
  if (funct3 == 7) return NONE;
  return rdOf(raw) ? ops.OP_LB + <i32>funct3 : ops.OP_LOAD_X0;
}

function floatAccess(raw: u32, single: i32): i32 {
  const funct3 = funct3Of(raw);
  if (funct3 == 2) return single;
  return funct3 == 3 ? single + 1 : NONE;
}

function integer(u: usize, operation: i32, imm: i32): i32 {
  if (operation == NONE) return NONE;
  const result = load<u8>(u, 1) == 0 ? ops.OP_NOP : operation;
  Uop.set(u, result, imm);
  return result;
}

function whole(u: usize, operation: i32, imm: i32): i32 {
  Uop.set(u, operation, imm);
  return operation;
}

/** ADD rd, x0, rs2: what C.MV stands for. */
function move(u: usize, raw: u32): i32 {
  store<u8>(u, (raw >> 17) & 0xf8, 2);
  return integer(u, rs2Of(raw) ? ops.OP_MV : ops.OP_LI, 0);
}

/**
 * Writes the micro-operation of `raw` at `u` and returns its number; OP_ILLEGAL, and nothing but the
 * register fields written, if there is no such instruction. Branches, JAL and JALR are left to the
 * caller, who knows the place of the instruction: for them the result is OP_NOP.
 */
export function decode(u: usize, raw: u32): i32 {
  Uop.setRegisters(u, raw);
  switch (raw & 0x7f) {
    case 0x03: {
      const operation = loadOp(raw);
      return whole(u, operation, operation == ops.OP_LOAD_X0 ? <i32>raw : immI(raw));
    }
    case 0x07:
      return whole(u, floatAccess(raw, ops.OP_FLW), immI(raw));
    case 0x0f:
      if (funct3Of(raw) == 0) return whole(u, ops.OP_NOP, <i32>raw);
      if (funct3Of(raw) == 2) return whole(u, ops.OP_SYSTEM, <i32>raw); // cache blocks
      return funct3Of(raw) == 1 ? whole(u, ops.OP_FENCE_I, <i32>raw) : NONE;
    case 0x13:
      return integer(u, opImm(raw), immI(raw));
    case 0x17:
      return integer(u, ops.OP_AUIPC, <i32>(raw & 0xfffff000));
    case 0x1b:
      return integer(u, opImm32(raw), immI(raw));
    case 0x23:
      return funct3Of(raw) < 4 ? whole(u, ops.OP_SB + <i32>funct3Of(raw), immS(raw)) : NONE;
    case 0x27:
      return whole(u, floatAccess(raw, ops.OP_FSW), immS(raw));
    case 0x2f:
      return funct3Of(raw) == 2 || funct3Of(raw) == 3 ? whole(u, ops.OP_AMO, <i32>raw) : NONE;
    case 0x33:
      if ((raw & 0xfe0ff07f) == 0x33) return move(u, raw);
      return integer(u, op(raw), 0);
    case 0x37:
      return integer(u, ops.OP_LI, <i32>(raw & 0xfffff000));
    case 0x3b:
      return integer(u, op32(raw), 0);
    case 0x43:
    case 0x47:
    case 0x4b:
    case 0x4f:
      return whole(u, fused(raw), <i32>raw);
    case 0x53:
      return whole(u, opFloat(raw), <i32>raw);
    case 0x73:
      return whole(u, ops.OP_SYSTEM, <i32>raw);
    case 0x63:
    case 0x67:
    case 0x6f:
      return ops.OP_NOP;
    default:
      return NONE;
  }
}
