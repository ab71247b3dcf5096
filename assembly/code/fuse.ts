/**
 * Pairs of micro-operations that the dispatch loop runs in one turn: the first gets the number of the
 * pair, the second stays behind it as it was. So counts by position stay exact, a fault in the second
 * half is that of an ordinary operation, and nothing ever jumps into the middle (each entry has a block
 * of its own). Which pairs: those that are frequent in a Linux boot, in compiled loops or around calls
 * (measured, see docs/decisions.md). Where the second half reads what the first has written, the loop
 * hands the value over without a detour through memory.
 */
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";

const ALWAYS: u8 = 0;
/** Only if rs1 of the second is rd of the first. */
const CHAINED: u8 = 1;
/** Likewise; the operands of the second may change places for it. */
const COMMUTES: u8 = 2;
/** The halves of one constant: both write the same register, the first one the whole. */
const SUM: u8 = 3;

/** Operations below the first pair are plain. */
const PLAIN: i32 = ops.OP_NOP_NOP;
/** Number of the pair by first and second operation, or 0. */
const PAIRS: usize = memory.data(PLAIN * PLAIN);
/** By number of the pair: its condition, its first operation. */
const CONDITIONS: usize = memory.data(256);
const FIRSTS: usize = memory.data(256);

function numberAt(first: i32, second: i32): usize {
  return PAIRS + <usize>(first * PLAIN + second);
}

function pair(number: i32, first: i32, second: i32, condition: u8): void {
  store<u8>(numberAt(first, second), number);
  store<u8>(CONDITIONS + number, condition);
  store<u8>(FIRSTS + number, first);
}

/** Fills the tables. */
export function initPairs(): void {
  pair(ops.OP_NOP_NOP, ops.OP_NOP, ops.OP_NOP, ALWAYS);
  pair(ops.OP_LI_MV, ops.OP_LI, ops.OP_MV, ALWAYS);
  pair(ops.OP_LI_BEQ, ops.OP_LI, ops.OP_BEQ, ALWAYS);
  pair(ops.OP_LI_BNE, ops.OP_LI, ops.OP_BNE, ALWAYS);
  pair(ops.OP_MV_MV, ops.OP_MV, ops.OP_MV, ALWAYS);
  pair(ops.OP_MV_ADDI, ops.OP_MV, ops.OP_ADDI, ALWAYS);
  pair(ops.OP_MV_BEQ, ops.OP_MV, ops.OP_BEQ, ALWAYS);
  pair(ops.OP_MV_BLT, ops.OP_MV, ops.OP_BLT, ALWAYS);
  pair(ops.OP_MV_BGEU, ops.OP_MV, ops.OP_BGEU, ALWAYS);
  pair(ops.OP_MV_J, ops.OP_MV, ops.OP_J, ALWAYS);
  pair(ops.OP_MV_JAL, ops.OP_MV, ops.OP_JAL, ALWAYS);
  pair(ops.OP_AUIPC_ADDI, ops.OP_AUIPC, ops.OP_ADDI, SUM);
  pair(ops.OP_AUIPC_JALR, ops.OP_AUIPC, ops.OP_JALR, CHAINED);
  pair(ops.OP_ADDI_LI, ops.OP_ADDI, ops.OP_LI, ALWAYS);
  pair(ops.OP_ADDI_ADDI, ops.OP_ADDI, ops.OP_ADDI, ALWAYS);
  pair(ops.OP_ADDI_ADD, ops.OP_ADDI, ops.OP_ADD, COMMUTES);
  pair(ops.OP_ADDI_BEQ, ops.OP_ADDI, ops.OP_BEQ, ALWAYS);
  pair(ops.OP_ADDI_BNE, ops.OP_ADDI, ops.OP_BNE, ALWAYS);
  pair(ops.OP_ADDI_BLT, ops.OP_ADDI, ops.OP_BLT, ALWAYS);
  pair(ops.OP_ADDI_BLTU, ops.OP_ADDI, ops.OP_BLTU, ALWAYS);
  pair(ops.OP_ADDI_JAL, ops.OP_ADDI, ops.OP_JAL, ALWAYS);
  pair(ops.OP_ADDI_JR, ops.OP_ADDI, ops.OP_JR, ALWAYS);
  pair(ops.OP_ADDI_SD, ops.OP_ADDI, ops.OP_SD, ALWAYS);
  pair(ops.OP_ANDI_BEQ, ops.OP_ANDI, ops.OP_BEQ, ALWAYS);
  pair(ops.OP_ANDI_BNE, ops.OP_ANDI, ops.OP_BNE, ALWAYS);
  pair(ops.OP_SLLI_SRLI, ops.OP_SLLI, ops.OP_SRLI, CHAINED);
  pair(ops.OP_SLLI_ADD, ops.OP_SLLI, ops.OP_ADD, COMMUTES);
  pair(ops.OP_SRLI_ADD, ops.OP_SRLI, ops.OP_ADD, COMMUTES);
  pair(ops.OP_SRLI_XOR, ops.OP_SRLI, ops.OP_XOR, COMMUTES);
  pair(ops.OP_ADDIW_BNE, ops.OP_ADDIW, ops.OP_BNE, ALWAYS);
  pair(ops.OP_ADDIW_BGEU, ops.OP_ADDIW, ops.OP_BGEU, ALWAYS);
  pair(ops.OP_SRLIW_ADDI, ops.OP_SRLIW, ops.OP_ADDI, ALWAYS);
  pair(ops.OP_ADD_BEQ, ops.OP_ADD, ops.OP_BEQ, ALWAYS);
  pair(ops.OP_ADD_BNE, ops.OP_ADD, ops.OP_BNE, ALWAYS);
  pair(ops.OP_ADD_BGE, ops.OP_ADD, ops.OP_BGE, ALWAYS);
  pair(ops.OP_ADD_BLTU, ops.OP_ADD, ops.OP_BLTU, ALWAYS);
  pair(ops.OP_ADD_LW, ops.OP_ADD, ops.OP_LW, CHAINED);
  pair(ops.OP_ADD_LD, ops.OP_ADD, ops.OP_LD, CHAINED);
  pair(ops.OP_ADD_LBU, ops.OP_ADD, ops.OP_LBU, CHAINED);
  pair(ops.OP_ADD_SB, ops.OP_ADD, ops.OP_SB, CHAINED);
  pair(ops.OP_SUB_AND, ops.OP_SUB, ops.OP_AND, COMMUTES);
  pair(ops.OP_XOR_ANDI, ops.OP_XOR, ops.OP_ANDI, CHAINED);
  pair(ops.OP_SUBW_BGEU, ops.OP_SUBW, ops.OP_BGEU, ALWAYS);
  pair(ops.OP_MUL_ADD, ops.OP_MUL, ops.OP_ADD, COMMUTES);
  pair(ops.OP_LW_ADDI, ops.OP_LW, ops.OP_ADDI, ALWAYS);
  pair(ops.OP_LW_XOR, ops.OP_LW, ops.OP_XOR, COMMUTES);
  pair(ops.OP_LD_LI, ops.OP_LD, ops.OP_LI, ALWAYS);
  pair(ops.OP_LD_MV, ops.OP_LD, ops.OP_MV, ALWAYS);
  pair(ops.OP_LD_ADDI, ops.OP_LD, ops.OP_ADDI, ALWAYS);
  pair(ops.OP_LD_BEQ, ops.OP_LD, ops.OP_BEQ, ALWAYS);
  pair(ops.OP_LD_LD, ops.OP_LD, ops.OP_LD, ALWAYS);
  pair(ops.OP_LBU_ADDI, ops.OP_LBU, ops.OP_ADDI, ALWAYS);
  pair(ops.OP_LBU_ANDI, ops.OP_LBU, ops.OP_ANDI, CHAINED);
  pair(ops.OP_LBU_BEQ, ops.OP_LBU, ops.OP_BEQ, ALWAYS);
  pair(ops.OP_LBU_BNE, ops.OP_LBU, ops.OP_BNE, ALWAYS);
  pair(ops.OP_SW_ADDI, ops.OP_SW, ops.OP_ADDI, ALWAYS);
  pair(ops.OP_SD_LI, ops.OP_SD, ops.OP_LI, ALWAYS);
  pair(ops.OP_SD_ADDI, ops.OP_SD, ops.OP_ADDI, ALWAYS);
  pair(ops.OP_SD_SD, ops.OP_SD, ops.OP_SD, ALWAYS);
}

/** Does the second operation of the pair at `u` read as rs1 what the first one writes? */
function isChained(u: usize): bool {
  return load<u8>(u, 1) == load<u8>(u, 10);
}

function swapOperands(u: usize): void {
  const rs1 = load<u8>(u, 2);
  store<u8>(u, load<u8>(u, 3), 2);
  store<u8>(u, rs1, 3);
}

/** May the operations at `u` and behind it become a pair? Prepares them for it. */
function meets(u: usize, condition: u8): bool {
  if (condition == ALWAYS) return true;
  if (condition == CHAINED) return isChained(u);
  if (condition == COMMUTES) {
    if (!isChained(u) && load<u8>(u, 1) == load<u8>(u, 11)) swapOperands(u + 8);
    return isChained(u);
  }
  const sum = <i64>Uop.imm(u) + <i64>Uop.imm(u + 8);
  if (!isChained(u) || load<u8>(u, 1) != load<u8>(u, 9) || <i64>(<i32>sum) != sum) return false;
  store<i32>(u, <i32>sum, 4);
  return true;
}

/** Makes pairs in the block from `start` to `end`. */
export function fusePairs(start: usize, end: usize): void {
  for (let u = start; u + 8 < end; u += 8) {
    const number = load<u8>(numberAt(Uop.op(u), Uop.op(u + 8)));
    if (!number || !meets(u, load<u8>(CONDITIONS + number))) continue;
    store<u8>(u, number);
    u += 8;
  }
}

/** The operation of the first half, if `op` is a pair; else `op`. */
export function firstOf(op: i32): i32 {
  return op < PLAIN ? op : load<u8>(FIRSTS + op);
}
