/**
 * The dispatch loop: one `switch` over pre-decoded micro-operations (tail calls are 3-4 times slower
 * on V8, measured). `u` is the running micro-operation; `acc - u` is what is left of the window, in
 * bytes of micro-operations: it falls by itself as `u` moves on and is carried over at jumps.
 */
import { Arena, pcOf } from "../code/cache";
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { loadSlow, loadX0, storeSlow } from "../mmu/access";
import { Tlb } from "../mmu/tlb";
import { atomic } from "./atomic";
import { bitManipulation } from "./bits";
import { floatDirty, floatOn } from "./csr";
import { floatOperation } from "./float";
import { div, divu, divuw, divw, mulh, mulhsu, mulhu, rem, remu, remuw, remw, sext } from "./muldiv";
import { Cpu, hart, LEAVE, NEXT, RETRY, STRADDLES, WINDOW } from "./state";
import { fenceI, illegalAt, system } from "./system";
import { raise } from "./traps";

/** Ends the loop at `u` before its instruction; `left` is what remains of the window. */
function leaveAt(u: usize, left: i32): i32 {
  hart.pc = pcOf(u);
  Cpu.remain = left;
  return WINDOW;
}

/** Ends the loop with `hart.pc` = `pc`. */
function leaveTo(pc: u64, left: i32): i32 {
  hart.pc = pc;
  Cpu.remain = left;
  return WINDOW;
}

/** Ends the loop because a handler said so; what it did counts unless it will be tried again. */
function leaveWith(status: i32, left: i32): i32 {
  Cpu.remain = status == RETRY ? left : left - 8;
  return status;
}

/** Finds the target of the OP_LINK at `u`, and lets its branch lead there from now on. */
function link(u: usize): usize {
  const target = Arena.find(Cpu.page + <u64>(<i64>Uop.imm(u)));
  if (target) store<u32>(load<u32>(u, 8), <u32>target, 4);
  return target;
}

/** Offset of an F or D access: the upper half of the immediate holds a compressed encoding. */
function offsetOf(u: usize): u64 {
  return <u64>(<i64>load<i16>(u, 4));
}

/** An F or D load or store with mstatus.FS Off. */
function illegalFloat(u: usize): i32 {
  hart.pc = pcOf(u);
  return raise(2, rawFloatAccess(u));
}

/** The encoding of the F or D load or store at `u`, for mtval. */
function rawFloatAccess(u: usize): u32 {
  const compressed = load<u16>(u, 6);
  if (compressed) return compressed;
  const imm = <u32>load<i16>(u, 4);
  const wide: u32 = 2 + (<u32>(Uop.op(u) - ops.OP_FLW) & 1);
  const rest = (<u32>load<u8>(u, 2) << 12) | (wide << 12);
  if (Uop.op(u) <= ops.OP_FLD) return (imm << 20) | rest | (<u32>load<u8>(u, 1) << 4) | 0x07;
  const high = ((imm >> 5) & 0x7f) << 25;
  return high | (<u32>load<u8>(u, 3) << 17) | rest | ((imm & 31) << 7) | 0x27;
}

/**
 * Runs from the block at `start` with a window of `window` bytes; `tag` is that of data accesses.
 * Returns REDIRECT, WINDOW, STRADDLES, RETRY or LEAVE, and leaves `Cpu.remain` and `hart.pc` behind.
 */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: the one dispatch switch of this engine
export function execute(start: usize, window: i32, tag: u64): i32 {
  let u = start;
  let acc = <i32>start + window;
  let status: i32 = NEXT;
  while (true) {
    switch (Uop.op(u)) {
      case ops.OP_STOP:
        return leaveAt(u, acc - <i32>u);
      case ops.OP_GOTO: {
        const pc = Cpu.page + <u64>(<i64>Uop.imm(u));
        const target = Arena.find(pc);
        if (!target || acc <= <i32>u) return leaveTo(pc, acc - <i32>u);
        acc += <i32>target - <i32>u;
        u = target;
        continue;
      }
      case ops.OP_LINK: {
        const target = link(u);
        if (!target) return leaveAt(u, acc - <i32>u);
        acc += <i32>target - <i32>u;
        u = target;
        continue;
      }
      case ops.OP_STRADDLE:
        hart.pc = pcOf(u);
        Cpu.remain = acc - <i32>u;
        return STRADDLES;
      case ops.OP_ILLEGAL:
        return leaveWith(illegalAt(u), acc - <i32>u);
      case ops.OP_SYSTEM:
        Cpu.remain = acc - <i32>u;
        status = system(u);
        if (status) return leaveWith(status, acc - <i32>u);
        break;
      case ops.OP_FENCE_I:
        return leaveWith(fenceI(u), acc - <i32>u);
      case ops.OP_AMO:
        status = atomic(u);
        if (status) return leaveWith(status, acc - <i32>u);
        break;
      case ops.OP_LOAD_X0:
        status = loadX0(u);
        if (status) return leaveWith(status, acc - <i32>u);
        break;
      case ops.OP_NOP:
        break;
      case ops.OP_LI:
        Uop.setRd(u, <u64>(<i64>Uop.imm(u)));
        break;
      case ops.OP_MV:
        Uop.setRd(u, Uop.rs1(u));
        break;
      case ops.OP_AUIPC:
        Uop.setRd(u, Cpu.page + <u64>(<i64>Uop.imm(u)));
        break;
      case ops.OP_ADDI:
        Uop.setRd(u, Uop.rs1(u) + <u64>(<i64>Uop.imm(u)));
        break;
      case ops.OP_SLTI:
        Uop.setRd(u, <i64>Uop.rs1(u) < <i64>Uop.imm(u) ? 1 : 0);
        break;
      case ops.OP_SLTIU:
        Uop.setRd(u, Uop.rs1(u) < <u64>(<i64>Uop.imm(u)) ? 1 : 0);
        break;
      case ops.OP_XORI:
        Uop.setRd(u, Uop.rs1(u) ^ <u64>(<i64>Uop.imm(u)));
        break;
      case ops.OP_ORI:
        Uop.setRd(u, Uop.rs1(u) | <u64>(<i64>Uop.imm(u)));
        break;
      case ops.OP_ANDI:
        Uop.setRd(u, Uop.rs1(u) & <u64>(<i64>Uop.imm(u)));
        break;
      case ops.OP_SLLI:
        Uop.setRd(u, Uop.rs1(u) << <u64>(Uop.imm(u) & 63));
        break;
      case ops.OP_SRLI:
        Uop.setRd(u, Uop.rs1(u) >> <u64>(Uop.imm(u) & 63));
        break;
      case ops.OP_SRAI:
        Uop.setRd(u, <u64>(<i64>Uop.rs1(u) >> <i64>(Uop.imm(u) & 63)));
        break;
      case ops.OP_ADDIW:
        Uop.setRd(u, sext(<u32>Uop.rs1(u) + <u32>Uop.imm(u)));
        break;
      case ops.OP_SLLIW:
        Uop.setRd(u, sext(<u32>Uop.rs1(u) << (Uop.imm(u) & 31)));
        break;
      case ops.OP_SRLIW:
        Uop.setRd(u, sext(<u32>Uop.rs1(u) >> (Uop.imm(u) & 31)));
        break;
      case ops.OP_SRAIW:
        Uop.setRd(u, <u64>(<i64>(<i32>Uop.rs1(u) >> (Uop.imm(u) & 31))));
        break;
      case ops.OP_ADD:
        Uop.setRd(u, Uop.rs1(u) + Uop.rs2(u));
        break;
      case ops.OP_SUB:
        Uop.setRd(u, Uop.rs1(u) - Uop.rs2(u));
        break;
      case ops.OP_SLL:
        Uop.setRd(u, Uop.rs1(u) << (Uop.rs2(u) & 63));
        break;
      case ops.OP_SLT:
        Uop.setRd(u, <i64>Uop.rs1(u) < <i64>Uop.rs2(u) ? 1 : 0);
        break;
      case ops.OP_SLTU:
        Uop.setRd(u, Uop.rs1(u) < Uop.rs2(u) ? 1 : 0);
        break;
      case ops.OP_XOR:
        Uop.setRd(u, Uop.rs1(u) ^ Uop.rs2(u));
        break;
      case ops.OP_SRL:
        Uop.setRd(u, Uop.rs1(u) >> (Uop.rs2(u) & 63));
        break;
      case ops.OP_SRA:
        Uop.setRd(u, <u64>(<i64>Uop.rs1(u) >> <i64>(Uop.rs2(u) & 63)));
        break;
      case ops.OP_OR:
        Uop.setRd(u, Uop.rs1(u) | Uop.rs2(u));
        break;
      case ops.OP_AND:
        Uop.setRd(u, Uop.rs1(u) & Uop.rs2(u));
        break;
      case ops.OP_ADDW:
        Uop.setRd(u, sext(<u32>Uop.rs1(u) + <u32>Uop.rs2(u)));
        break;
      case ops.OP_SUBW:
        Uop.setRd(u, sext(<u32>Uop.rs1(u) - <u32>Uop.rs2(u)));
        break;
      case ops.OP_SLLW:
        Uop.setRd(u, sext(<u32>Uop.rs1(u) << (<u32>Uop.rs2(u) & 31)));
        break;
      case ops.OP_SRLW:
        Uop.setRd(u, sext(<u32>Uop.rs1(u) >> (<u32>Uop.rs2(u) & 31)));
        break;
      case ops.OP_SRAW:
        Uop.setRd(u, <u64>(<i64>(<i32>Uop.rs1(u) >> (<i32>Uop.rs2(u) & 31))));
        break;
      case ops.OP_MUL:
        Uop.setRd(u, Uop.rs1(u) * Uop.rs2(u));
        break;
      case ops.OP_MULH:
        Uop.setRd(u, mulh(Uop.rs1(u), Uop.rs2(u)));
        break;
      case ops.OP_MULHSU:
        Uop.setRd(u, mulhsu(Uop.rs1(u), Uop.rs2(u)));
        break;
      case ops.OP_MULHU:
        Uop.setRd(u, mulhu(Uop.rs1(u), Uop.rs2(u)));
        break;
      case ops.OP_DIV:
        Uop.setRd(u, div(Uop.rs1(u), Uop.rs2(u)));
        break;
      case ops.OP_DIVU:
        Uop.setRd(u, divu(Uop.rs1(u), Uop.rs2(u)));
        break;
      case ops.OP_REM:
        Uop.setRd(u, rem(Uop.rs1(u), Uop.rs2(u)));
        break;
      case ops.OP_REMU:
        Uop.setRd(u, remu(Uop.rs1(u), Uop.rs2(u)));
        break;
      case ops.OP_MULW:
        Uop.setRd(u, sext(<u32>Uop.rs1(u) * <u32>Uop.rs2(u)));
        break;
      case ops.OP_DIVW:
        Uop.setRd(u, divw(<i32>Uop.rs1(u), <i32>Uop.rs2(u)));
        break;
      case ops.OP_DIVUW:
        Uop.setRd(u, divuw(<u32>Uop.rs1(u), <u32>Uop.rs2(u)));
        break;
      case ops.OP_REMW:
        Uop.setRd(u, remw(<i32>Uop.rs1(u), <i32>Uop.rs2(u)));
        break;
      case ops.OP_REMUW:
        Uop.setRd(u, remuw(<u32>Uop.rs1(u), <u32>Uop.rs2(u)));
        break;
      case ops.OP_J: {
        const target: usize = <u32>Uop.imm(u);
        acc += <i32>target - <i32>u - 8;
        u = target;
        if (acc <= <i32>u) return leaveAt(u, acc - <i32>u);
        continue;
      }
      case ops.OP_JAL: {
        Uop.setRd(u, Cpu.page + <u64>load<u16>(u, 2));
        const target: usize = <u32>Uop.imm(u);
        acc += <i32>target - <i32>u - 8;
        u = target;
        if (acc <= <i32>u) return leaveAt(u, acc - <i32>u);
        continue;
      }
      case ops.OP_JR: {
        const pc = (Uop.rs1(u) + <u64>(<i64>load<i16>(u, 4))) & ~1;
        const target = Arena.find(pc);
        if (!target || acc <= <i32>u + 8) return leaveTo(pc, acc - <i32>u - 8);
        acc += <i32>target - <i32>u - 8;
        u = target;
        continue;
      }
      case ops.OP_JALR: {
        const pc = (Uop.rs1(u) + <u64>(<i64>load<i16>(u, 4))) & ~1;
        Uop.setRd(u, Cpu.page + <u64>load<u16>(u, 6));
        const target = Arena.find(pc);
        if (!target || acc <= <i32>u + 8) return leaveTo(pc, acc - <i32>u - 8);
        acc += <i32>target - <i32>u - 8;
        u = target;
        continue;
      }
      case ops.OP_BEQ:
        if (Uop.rs1(u) == Uop.rs2(u)) {
          const target: usize = <u32>Uop.imm(u);
          acc += <i32>target - <i32>u - 8;
          u = target;
          if (acc <= <i32>u) return leaveAt(u, acc - <i32>u);
          continue;
        }
        break;
      case ops.OP_BNE:
        if (Uop.rs1(u) != Uop.rs2(u)) {
          const target: usize = <u32>Uop.imm(u);
          acc += <i32>target - <i32>u - 8;
          u = target;
          if (acc <= <i32>u) return leaveAt(u, acc - <i32>u);
          continue;
        }
        break;
      case ops.OP_BLT:
        if (<i64>Uop.rs1(u) < <i64>Uop.rs2(u)) {
          const target: usize = <u32>Uop.imm(u);
          acc += <i32>target - <i32>u - 8;
          u = target;
          if (acc <= <i32>u) return leaveAt(u, acc - <i32>u);
          continue;
        }
        break;
      case ops.OP_BGE:
        if (<i64>Uop.rs1(u) >= <i64>Uop.rs2(u)) {
          const target: usize = <u32>Uop.imm(u);
          acc += <i32>target - <i32>u - 8;
          u = target;
          if (acc <= <i32>u) return leaveAt(u, acc - <i32>u);
          continue;
        }
        break;
      case ops.OP_BLTU:
        if (Uop.rs1(u) < Uop.rs2(u)) {
          const target: usize = <u32>Uop.imm(u);
          acc += <i32>target - <i32>u - 8;
          u = target;
          if (acc <= <i32>u) return leaveAt(u, acc - <i32>u);
          continue;
        }
        break;
      case ops.OP_BGEU:
        if (Uop.rs1(u) >= Uop.rs2(u)) {
          const target: usize = <u32>Uop.imm(u);
          acc += <i32>target - <i32>u - 8;
          u = target;
          if (acc <= <i32>u) return leaveAt(u, acc - <i32>u);
          continue;
        }
        break;
      case ops.OP_LB: {
        const gva = Uop.rs1(u) + <u64>(<i64>Uop.imm(u));
        const entry = Tlb.load(gva);
        if (((gva & ~0xfff) | tag) == load<u64>(entry)) Uop.setRd(u, <u64>(<i64>load<i8>(<usize>(<u32>gva + load<u32>(entry, 8)))));
        else {
          status = loadSlow(u, gva);
          if (status) return leaveWith(status, acc - <i32>u);
        }
        break;
      }
      case ops.OP_LH: {
        const gva = Uop.rs1(u) + <u64>(<i64>Uop.imm(u));
        const entry = Tlb.load(gva);
        if (((gva & (~0xfff | 1)) | tag) == load<u64>(entry)) Uop.setRd(u, <u64>(<i64>load<i16>(<usize>(<u32>gva + load<u32>(entry, 8)))));
        else {
          status = loadSlow(u, gva);
          if (status) return leaveWith(status, acc - <i32>u);
        }
        break;
      }
      case ops.OP_LW: {
        const gva = Uop.rs1(u) + <u64>(<i64>Uop.imm(u));
        const entry = Tlb.load(gva);
        if (((gva & (~0xfff | 3)) | tag) == load<u64>(entry)) Uop.setRd(u, <u64>(<i64>load<i32>(<usize>(<u32>gva + load<u32>(entry, 8)))));
        else {
          status = loadSlow(u, gva);
          if (status) return leaveWith(status, acc - <i32>u);
        }
        break;
      }
      case ops.OP_LD: {
        const gva = Uop.rs1(u) + <u64>(<i64>Uop.imm(u));
        const entry = Tlb.load(gva);
        if (((gva & (~0xfff | 7)) | tag) == load<u64>(entry)) Uop.setRd(u, load<u64>(<usize>(<u32>gva + load<u32>(entry, 8))));
        else {
          status = loadSlow(u, gva);
          if (status) return leaveWith(status, acc - <i32>u);
        }
        break;
      }
      case ops.OP_LBU: {
        const gva = Uop.rs1(u) + <u64>(<i64>Uop.imm(u));
        const entry = Tlb.load(gva);
        if (((gva & ~0xfff) | tag) == load<u64>(entry)) Uop.setRd(u, <u64>load<u8>(<usize>(<u32>gva + load<u32>(entry, 8))));
        else {
          status = loadSlow(u, gva);
          if (status) return leaveWith(status, acc - <i32>u);
        }
        break;
      }
      case ops.OP_LHU: {
        const gva = Uop.rs1(u) + <u64>(<i64>Uop.imm(u));
        const entry = Tlb.load(gva);
        if (((gva & (~0xfff | 1)) | tag) == load<u64>(entry)) Uop.setRd(u, <u64>load<u16>(<usize>(<u32>gva + load<u32>(entry, 8))));
        else {
          status = loadSlow(u, gva);
          if (status) return leaveWith(status, acc - <i32>u);
        }
        break;
      }
      case ops.OP_LWU: {
        const gva = Uop.rs1(u) + <u64>(<i64>Uop.imm(u));
        const entry = Tlb.load(gva);
        if (((gva & (~0xfff | 3)) | tag) == load<u64>(entry)) Uop.setRd(u, <u64>load<u32>(<usize>(<u32>gva + load<u32>(entry, 8))));
        else {
          status = loadSlow(u, gva);
          if (status) return leaveWith(status, acc - <i32>u);
        }
        break;
      }
      case ops.OP_SB: {
        const gva = Uop.rs1(u) + <u64>(<i64>Uop.imm(u));
        const entry = Tlb.store(gva);
        if (((gva & ~0xfff) | tag) == load<u64>(entry)) store<u8>(<usize>(<u32>gva + load<u32>(entry, 8)), <u8>Uop.rs2(u));
        else {
          status = storeSlow(u, gva, Uop.rs2(u));
          if (status) return leaveWith(status, acc - <i32>u);
        }
        break;
      }
      case ops.OP_SH: {
        const gva = Uop.rs1(u) + <u64>(<i64>Uop.imm(u));
        const entry = Tlb.store(gva);
        if (((gva & (~0xfff | 1)) | tag) == load<u64>(entry)) store<u16>(<usize>(<u32>gva + load<u32>(entry, 8)), <u16>Uop.rs2(u));
        else {
          status = storeSlow(u, gva, Uop.rs2(u));
          if (status) return leaveWith(status, acc - <i32>u);
        }
        break;
      }
      case ops.OP_SW: {
        const gva = Uop.rs1(u) + <u64>(<i64>Uop.imm(u));
        const entry = Tlb.store(gva);
        if (((gva & (~0xfff | 3)) | tag) == load<u64>(entry)) store<u32>(<usize>(<u32>gva + load<u32>(entry, 8)), <u32>Uop.rs2(u));
        else {
          status = storeSlow(u, gva, Uop.rs2(u));
          if (status) return leaveWith(status, acc - <i32>u);
        }
        break;
      }
      case ops.OP_SD: {
        const gva = Uop.rs1(u) + <u64>(<i64>Uop.imm(u));
        const entry = Tlb.store(gva);
        if (((gva & (~0xfff | 7)) | tag) == load<u64>(entry)) store<u64>(<usize>(<u32>gva + load<u32>(entry, 8)), Uop.rs2(u));
        else {
          status = storeSlow(u, gva, Uop.rs2(u));
          if (status) return leaveWith(status, acc - <i32>u);
        }
        break;
      }
      case ops.OP_FLW: {
        if (!floatOn()) return leaveWith(illegalFloat(u), acc - <i32>u);
        const gva = Uop.rs1(u) + offsetOf(u);
        const entry = Tlb.load(gva);
        if (((gva & (~0xfff | 3)) | tag) == load<u64>(entry)) Uop.setFd(u, <u64>load<u32>(<usize>(<u32>gva + load<u32>(entry, 8))) | 0xffffffff00000000);
        else {
          status = loadSlow(u, gva);
          if (status) return leaveWith(status, acc - <i32>u);
        }
        floatDirty();
        break;
      }
      case ops.OP_FLD: {
        if (!floatOn()) return leaveWith(illegalFloat(u), acc - <i32>u);
        const gva = Uop.rs1(u) + offsetOf(u);
        const entry = Tlb.load(gva);
        if (((gva & (~0xfff | 7)) | tag) == load<u64>(entry)) Uop.setFd(u, load<u64>(<usize>(<u32>gva + load<u32>(entry, 8))));
        else {
          status = loadSlow(u, gva);
          if (status) return leaveWith(status, acc - <i32>u);
        }
        floatDirty();
        break;
      }
      case ops.OP_FSW: {
        if (!floatOn()) return leaveWith(illegalFloat(u), acc - <i32>u);
        const gva = Uop.rs1(u) + offsetOf(u);
        const entry = Tlb.store(gva);
        if (((gva & (~0xfff | 3)) | tag) == load<u64>(entry)) store<u32>(<usize>(<u32>gva + load<u32>(entry, 8)), <u32>Uop.fs2(u));
        else {
          status = storeSlow(u, gva, Uop.fs2(u));
          if (status) return leaveWith(status, acc - <i32>u);
        }
        break;
      }
      case ops.OP_FSD: {
        if (!floatOn()) return leaveWith(illegalFloat(u), acc - <i32>u);
        const gva = Uop.rs1(u) + offsetOf(u);
        const entry = Tlb.store(gva);
        if (((gva & (~0xfff | 7)) | tag) == load<u64>(entry)) store<u64>(<usize>(<u32>gva + load<u32>(entry, 8)), Uop.fs2(u));
        else {
          status = storeSlow(u, gva, Uop.fs2(u));
          if (status) return leaveWith(status, acc - <i32>u);
        }
        break;
      }
      default:
        if (Uop.op(u) < ops.OP_FADD_D && Uop.op(u) != ops.OP_FLOAT) bitManipulation(u);
        else {
          status = floatOperation(u);
          if (status) return leaveWith(status, acc - <i32>u);
        }
    }
    u += 8;
  }
  return LEAVE; // not reached
}
