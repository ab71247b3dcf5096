/**
 * The dispatch loop: one `switch` over pre-decoded micro-operations. It calls nothing: a call, be it on
 * the coldest path, makes V8 spill and reload `u` and `acc` around every load and store (measured: 1.15
 * times the speed without). What needs a call leaves the loop and is done by `execute`.
 *
 * `u` is the running micro-operation; `acc - u` is what is left of the window, in bytes of
 * micro-operations: it falls by itself as `u` moves on and is carried over at jumps.
 */
// biome-ignore-all lint/style/noExcessiveLinesPerFile: one switch is one function
import { Arena } from "../code/cache";
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { Data } from "../mmu/data";
import { Alu } from "./alu";
import { floatDirty, floatOn } from "./csr";
import { Cpu, hart } from "./state";

/** Why the loop ended: the operation at `Spot.u` is for `execute`, ... */
export const RARE: i32 = 0;
/** ... or the window is used up in front of `Spot.u`, ... */
export const USED: i32 = 1;
/** ... or at `hart.pc`, whose block is not known yet. */
export const AT_PC: i32 = 2;

/** Where the loop ended. */
export abstract class Spot {
  static u: usize = 0;
  static acc: i32 = 0;

  @inline static rare(u: usize, acc: i32): i32 {
    Spot.u = u;
    Spot.acc = acc;
    return RARE;
  }
  @inline static used(u: usize, acc: i32): i32 {
    Spot.u = u;
    Spot.acc = acc;
    return USED;
  }
  @inline static pc(pc: u64, u: usize, acc: i32): i32 {
    hart.pc = pc;
    Spot.u = u;
    Spot.acc = acc;
    return AT_PC;
  }
}

abstract class Jump {
  /** Where the jump or branch at `u` leads. */
  @inline static target(u: usize): usize {
    return <u32>Uop.imm(u);
  }
  /** What `acc` gains by it. */
  @inline static length(u: usize): i32 {
    return Uop.imm(u) - <i32>u - 8;
  }
  /** Target of a JALR. */
  @inline static indirect(u: usize): u64 {
    return (Uop.rs1(u) + <u64>(<i64>load<i16>(u, 4))) & ~1;
  }
}

/** Runs from `start`, with `window` = `start` + the window in bytes; `tag` is that of data accesses. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: the one dispatch switch of this engine
export function loop(start: usize, window: i32, tag: u64): i32 {
  let u = start;
  let acc = window;
  while (true) {
    switch (Uop.op(u)) {
      case ops.OP_GOTO: {
        const pc = Cpu.page + <u64>(<i64>Uop.imm(u));
        if (Arena.misses(pc) || acc <= <i32>u) return Spot.pc(pc, u, acc);
        const target = Arena.block(pc);
        if (!target) return Spot.pc(pc, u, acc);
        Cpu.page = pc & ~0xfff;
        acc += <i32>target - <i32>u;
        u = target - 8;
        break;
      }
      case ops.OP_NOP:
        break;
      case ops.OP_LI:
        Uop.setRd(u, Alu.li(u));
        break;
      case ops.OP_MV:
        Uop.setRd(u, Alu.mv(u));
        break;
      case ops.OP_AUIPC:
        Uop.setRd(u, Alu.auipc(u));
        break;
      case ops.OP_ADDI:
        Uop.setRd(u, Alu.addi(u));
        break;
      case ops.OP_SLTI:
        Uop.setRd(u, Alu.slti(u));
        break;
      case ops.OP_SLTIU:
        Uop.setRd(u, Alu.sltiu(u));
        break;
      case ops.OP_XORI:
        Uop.setRd(u, Alu.xori(u));
        break;
      case ops.OP_ORI:
        Uop.setRd(u, Alu.ori(u));
        break;
      case ops.OP_ANDI:
        Uop.setRd(u, Alu.andi(u));
        break;
      case ops.OP_SLLI:
        Uop.setRd(u, Alu.slli(u));
        break;
      case ops.OP_SRLI:
        Uop.setRd(u, Alu.srli(u));
        break;
      case ops.OP_SRAI:
        Uop.setRd(u, Alu.srai(u));
        break;
      case ops.OP_ADDIW:
        Uop.setRd(u, Alu.addiw(u));
        break;
      case ops.OP_SLLIW:
        Uop.setRd(u, Alu.slliw(u));
        break;
      case ops.OP_SRLIW:
        Uop.setRd(u, Alu.srliw(u));
        break;
      case ops.OP_SRAIW:
        Uop.setRd(u, Alu.sraiw(u));
        break;
      case ops.OP_ADD:
        Uop.setRd(u, Alu.add(u));
        break;
      case ops.OP_SUB:
        Uop.setRd(u, Alu.sub(u));
        break;
      case ops.OP_SLL:
        Uop.setRd(u, Alu.sll(u));
        break;
      case ops.OP_SLT:
        Uop.setRd(u, Alu.slt(u));
        break;
      case ops.OP_SLTU:
        Uop.setRd(u, Alu.sltu(u));
        break;
      case ops.OP_XOR:
        Uop.setRd(u, Alu.xor(u));
        break;
      case ops.OP_SRL:
        Uop.setRd(u, Alu.srl(u));
        break;
      case ops.OP_SRA:
        Uop.setRd(u, Alu.sra(u));
        break;
      case ops.OP_OR:
        Uop.setRd(u, Alu.or(u));
        break;
      case ops.OP_AND:
        Uop.setRd(u, Alu.and(u));
        break;
      case ops.OP_ADDW:
        Uop.setRd(u, Alu.addw(u));
        break;
      case ops.OP_SUBW:
        Uop.setRd(u, Alu.subw(u));
        break;
      case ops.OP_SLLW:
        Uop.setRd(u, Alu.sllw(u));
        break;
      case ops.OP_SRLW:
        Uop.setRd(u, Alu.srlw(u));
        break;
      case ops.OP_SRAW:
        Uop.setRd(u, Alu.sraw(u));
        break;
      case ops.OP_MUL:
        Uop.setRd(u, Alu.mul(u));
        break;
      case ops.OP_MULH:
        Uop.setRd(u, Alu.mulh(u));
        break;
      case ops.OP_MULHSU:
        Uop.setRd(u, Alu.mulhsu(u));
        break;
      case ops.OP_MULHU:
        Uop.setRd(u, Alu.mulhu(u));
        break;
      case ops.OP_DIV:
        Uop.setRd(u, Alu.div(u));
        break;
      case ops.OP_DIVU:
        Uop.setRd(u, Alu.divu(u));
        break;
      case ops.OP_REM:
        Uop.setRd(u, Alu.rem(u));
        break;
      case ops.OP_REMU:
        Uop.setRd(u, Alu.remu(u));
        break;
      case ops.OP_MULW:
        Uop.setRd(u, Alu.mulw(u));
        break;
      case ops.OP_DIVW:
        Uop.setRd(u, Alu.divw(u));
        break;
      case ops.OP_DIVUW:
        Uop.setRd(u, Alu.divuw(u));
        break;
      case ops.OP_REMW:
        Uop.setRd(u, Alu.remw(u));
        break;
      case ops.OP_REMUW:
        Uop.setRd(u, Alu.remuw(u));
        break;
      case ops.OP_J:
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_JAL:
        Uop.setRd(u, Cpu.page + <u64>load<u16>(u, 2));
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_JR: {
        const pc = Jump.indirect(u);
        if (Arena.misses(pc) || acc <= <i32>u + 8) return Spot.pc(pc, u + 8, acc);
        const target = Arena.block(pc);
        if (!target) return Spot.pc(pc, u + 8, acc);
        Cpu.page = pc & ~0xfff;
        acc += <i32>target - <i32>u - 8;
        u = target - 8;
        break;
      }
      case ops.OP_JALR: {
        const pc = Jump.indirect(u);
        Uop.setRd(u, Cpu.page + <u64>load<u16>(u, 6));
        if (Arena.misses(pc) || acc <= <i32>u + 8) return Spot.pc(pc, u + 8, acc);
        const target = Arena.block(pc);
        if (!target) return Spot.pc(pc, u + 8, acc);
        Cpu.page = pc & ~0xfff;
        acc += <i32>target - <i32>u - 8;
        u = target - 8;
        break;
      }
      case ops.OP_BEQ:
        if (Uop.rs1(u) != Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_BNE:
        if (Uop.rs1(u) == Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_BLT:
        if (<i64>Uop.rs1(u) >= <i64>Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_BGE:
        if (<i64>Uop.rs1(u) < <i64>Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_BLTU:
        if (Uop.rs1(u) >= Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_BGEU:
        if (Uop.rs1(u) < Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_LB: {
        const gva = Data.gva(u);
        if (Data.misses(gva, 0, tag)) return Spot.rare(u, acc);
        Uop.setRd(u, Data.lb(gva));
        break;
      }
      case ops.OP_LH: {
        const gva = Data.gva(u);
        if (Data.misses(gva, 1, tag)) return Spot.rare(u, acc);
        Uop.setRd(u, Data.lh(gva));
        break;
      }
      case ops.OP_LW: {
        const gva = Data.gva(u);
        if (Data.misses(gva, 3, tag)) return Spot.rare(u, acc);
        Uop.setRd(u, Data.lw(gva));
        break;
      }
      case ops.OP_LD: {
        const gva = Data.gva(u);
        if (Data.misses(gva, 7, tag)) return Spot.rare(u, acc);
        Uop.setRd(u, Data.ld(gva));
        break;
      }
      case ops.OP_LBU: {
        const gva = Data.gva(u);
        if (Data.misses(gva, 0, tag)) return Spot.rare(u, acc);
        Uop.setRd(u, Data.lbu(gva));
        break;
      }
      case ops.OP_LHU: {
        const gva = Data.gva(u);
        if (Data.misses(gva, 1, tag)) return Spot.rare(u, acc);
        Uop.setRd(u, Data.lhu(gva));
        break;
      }
      case ops.OP_LWU: {
        const gva = Data.gva(u);
        if (Data.misses(gva, 3, tag)) return Spot.rare(u, acc);
        Uop.setRd(u, Data.lwu(gva));
        break;
      }
      case ops.OP_SB: {
        const gva = Data.gva(u);
        if (Data.missesStore(gva, 0, tag)) return Spot.rare(u, acc);
        Data.sb(gva, Uop.rs2(u));
        break;
      }
      case ops.OP_SH: {
        const gva = Data.gva(u);
        if (Data.missesStore(gva, 1, tag)) return Spot.rare(u, acc);
        Data.sh(gva, Uop.rs2(u));
        break;
      }
      case ops.OP_SW: {
        const gva = Data.gva(u);
        if (Data.missesStore(gva, 3, tag)) return Spot.rare(u, acc);
        Data.sw(gva, Uop.rs2(u));
        break;
      }
      case ops.OP_SD: {
        const gva = Data.gva(u);
        if (Data.missesStore(gva, 7, tag)) return Spot.rare(u, acc);
        Data.sd(gva, Uop.rs2(u));
        break;
      }
      case ops.OP_FLW: {
        const gva = Data.floatGva(u);
        if (!floatOn() || Data.misses(gva, 3, tag)) return Spot.rare(u, acc);
        Uop.setFd(u, Data.lwu(gva) | 0xffffffff00000000);
        floatDirty();
        break;
      }
      case ops.OP_FLD: {
        const gva = Data.floatGva(u);
        if (!floatOn() || Data.misses(gva, 7, tag)) return Spot.rare(u, acc);
        Uop.setFd(u, Data.ld(gva));
        floatDirty();
        break;
      }
      case ops.OP_FSW: {
        const gva = Data.floatGva(u);
        if (!floatOn() || Data.missesStore(gva, 3, tag)) return Spot.rare(u, acc);
        Data.sw(gva, Uop.fs2(u));
        break;
      }
      case ops.OP_FSD: {
        const gva = Data.floatGva(u);
        if (!floatOn() || Data.missesStore(gva, 7, tag)) return Spot.rare(u, acc);
        Data.sd(gva, Uop.fs2(u));
        break;
      }
      // Pairs: see `code/fuse.ts`. A miss in the second half leaves `u` at it, an ordinary operation.
      case ops.OP_NOP_NOP:
        u += 8;
        break;
      case ops.OP_LI_MV:
        Uop.setRd(u, Alu.li(u));
        u += 8;
        Uop.setRd(u, Alu.mv(u));
        break;
      case ops.OP_LI_BEQ:
        Uop.setRd(u, Alu.li(u));
        u += 8;
        if (Uop.rs1(u) != Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_LI_BNE:
        Uop.setRd(u, Alu.li(u));
        u += 8;
        if (Uop.rs1(u) == Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_MV_MV:
        Uop.setRd(u, Alu.mv(u));
        u += 8;
        Uop.setRd(u, Alu.mv(u));
        break;
      case ops.OP_MV_ADDI:
        Uop.setRd(u, Alu.mv(u));
        u += 8;
        Uop.setRd(u, Alu.addi(u));
        break;
      case ops.OP_MV_BEQ:
        Uop.setRd(u, Alu.mv(u));
        u += 8;
        if (Uop.rs1(u) != Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_MV_BLT:
        Uop.setRd(u, Alu.mv(u));
        u += 8;
        if (<i64>Uop.rs1(u) >= <i64>Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_MV_BGEU:
        Uop.setRd(u, Alu.mv(u));
        u += 8;
        if (Uop.rs1(u) < Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_MV_J:
        Uop.setRd(u, Alu.mv(u));
        u += 8;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_MV_JAL:
        Uop.setRd(u, Alu.mv(u));
        u += 8;
        Uop.setRd(u, Cpu.page + <u64>load<u16>(u, 2));
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_AUIPC_ADDI:
        Uop.setRd(u, Alu.auipc(u));
        u += 8;
        break;
      case ops.OP_AUIPC_JALR: {
        const a = Alu.auipc(u);
        Uop.setRd(u, a);
        u += 8;
        const pc = (a + <u64>(<i64>load<i16>(u, 4))) & ~1;
        Uop.setRd(u, Cpu.page + <u64>load<u16>(u, 6));
        if (Arena.misses(pc) || acc <= <i32>u + 8) return Spot.pc(pc, u + 8, acc);
        const target = Arena.block(pc);
        if (!target) return Spot.pc(pc, u + 8, acc);
        Cpu.page = pc & ~0xfff;
        acc += <i32>target - <i32>u - 8;
        u = target - 8;
        break;
      }
      case ops.OP_ADDI_LI:
        Uop.setRd(u, Alu.addi(u));
        u += 8;
        Uop.setRd(u, Alu.li(u));
        break;
      case ops.OP_ADDI_ADDI:
        Uop.setRd(u, Alu.addi(u));
        u += 8;
        Uop.setRd(u, Alu.addi(u));
        break;
      case ops.OP_ADDI_ADD: {
        const a = Alu.addi(u);
        Uop.setRd(u, a);
        u += 8;
        Uop.setRd(u, a + Uop.rs2(u));
        break;
      }
      case ops.OP_ADDI_BEQ:
        Uop.setRd(u, Alu.addi(u));
        u += 8;
        if (Uop.rs1(u) != Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_ADDI_BNE:
        Uop.setRd(u, Alu.addi(u));
        u += 8;
        if (Uop.rs1(u) == Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_ADDI_BLT:
        Uop.setRd(u, Alu.addi(u));
        u += 8;
        if (<i64>Uop.rs1(u) >= <i64>Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_ADDI_BLTU:
        Uop.setRd(u, Alu.addi(u));
        u += 8;
        if (Uop.rs1(u) >= Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_ADDI_JAL:
        Uop.setRd(u, Alu.addi(u));
        u += 8;
        Uop.setRd(u, Cpu.page + <u64>load<u16>(u, 2));
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_ADDI_JR: {
        Uop.setRd(u, Alu.addi(u));
        u += 8;
        const pc = Jump.indirect(u);
        if (Arena.misses(pc) || acc <= <i32>u + 8) return Spot.pc(pc, u + 8, acc);
        const target = Arena.block(pc);
        if (!target) return Spot.pc(pc, u + 8, acc);
        Cpu.page = pc & ~0xfff;
        acc += <i32>target - <i32>u - 8;
        u = target - 8;
        break;
      }
      case ops.OP_ADDI_SD: {
        Uop.setRd(u, Alu.addi(u));
        u += 8;
        const gva = Data.gva(u);
        if (Data.missesStore(gva, 7, tag)) return Spot.rare(u, acc);
        Data.sd(gva, Uop.rs2(u));
        break;
      }
      case ops.OP_ANDI_BEQ:
        Uop.setRd(u, Alu.andi(u));
        u += 8;
        if (Uop.rs1(u) != Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_ANDI_BNE:
        Uop.setRd(u, Alu.andi(u));
        u += 8;
        if (Uop.rs1(u) == Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_SLLI_SRLI: {
        const a = Alu.slli(u);
        Uop.setRd(u, a);
        u += 8;
        Uop.setRd(u, a >> <u64>(Uop.imm(u) & 63));
        break;
      }
      case ops.OP_SLLI_ADD: {
        const a = Alu.slli(u);
        Uop.setRd(u, a);
        u += 8;
        Uop.setRd(u, a + Uop.rs2(u));
        break;
      }
      case ops.OP_SRLI_ADD: {
        const a = Alu.srli(u);
        Uop.setRd(u, a);
        u += 8;
        Uop.setRd(u, a + Uop.rs2(u));
        break;
      }
      case ops.OP_SRLI_XOR: {
        const a = Alu.srli(u);
        Uop.setRd(u, a);
        u += 8;
        Uop.setRd(u, a ^ Uop.rs2(u));
        break;
      }
      case ops.OP_ADDIW_BNE:
        Uop.setRd(u, Alu.addiw(u));
        u += 8;
        if (Uop.rs1(u) == Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_ADDIW_BGEU:
        Uop.setRd(u, Alu.addiw(u));
        u += 8;
        if (Uop.rs1(u) < Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_SRLIW_ADDI:
        Uop.setRd(u, Alu.srliw(u));
        u += 8;
        Uop.setRd(u, Alu.addi(u));
        break;
      case ops.OP_ADD_BEQ:
        Uop.setRd(u, Alu.add(u));
        u += 8;
        if (Uop.rs1(u) != Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_ADD_BNE:
        Uop.setRd(u, Alu.add(u));
        u += 8;
        if (Uop.rs1(u) == Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_ADD_BGE:
        Uop.setRd(u, Alu.add(u));
        u += 8;
        if (<i64>Uop.rs1(u) < <i64>Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_ADD_BLTU:
        Uop.setRd(u, Alu.add(u));
        u += 8;
        if (Uop.rs1(u) >= Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_ADD_LW: {
        const a = Alu.add(u);
        Uop.setRd(u, a);
        u += 8;
        const gva = a + <u64>(<i64>Uop.imm(u));
        if (Data.misses(gva, 3, tag)) return Spot.rare(u, acc);
        Uop.setRd(u, Data.lw(gva));
        break;
      }
      case ops.OP_ADD_LD: {
        const a = Alu.add(u);
        Uop.setRd(u, a);
        u += 8;
        const gva = a + <u64>(<i64>Uop.imm(u));
        if (Data.misses(gva, 7, tag)) return Spot.rare(u, acc);
        Uop.setRd(u, Data.ld(gva));
        break;
      }
      case ops.OP_ADD_LBU: {
        const a = Alu.add(u);
        Uop.setRd(u, a);
        u += 8;
        const gva = a + <u64>(<i64>Uop.imm(u));
        if (Data.misses(gva, 0, tag)) return Spot.rare(u, acc);
        Uop.setRd(u, Data.lbu(gva));
        break;
      }
      case ops.OP_ADD_SB: {
        const a = Alu.add(u);
        Uop.setRd(u, a);
        u += 8;
        const gva = a + <u64>(<i64>Uop.imm(u));
        if (Data.missesStore(gva, 0, tag)) return Spot.rare(u, acc);
        Data.sb(gva, Uop.rs2(u));
        break;
      }
      case ops.OP_SUB_AND: {
        const a = Alu.sub(u);
        Uop.setRd(u, a);
        u += 8;
        Uop.setRd(u, a & Uop.rs2(u));
        break;
      }
      case ops.OP_XOR_ANDI: {
        const a = Alu.xor(u);
        Uop.setRd(u, a);
        u += 8;
        Uop.setRd(u, a & <u64>(<i64>Uop.imm(u)));
        break;
      }
      case ops.OP_SUBW_BGEU:
        Uop.setRd(u, Alu.subw(u));
        u += 8;
        if (Uop.rs1(u) < Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      case ops.OP_MUL_ADD: {
        const a = Alu.mul(u);
        Uop.setRd(u, a);
        u += 8;
        Uop.setRd(u, a + Uop.rs2(u));
        break;
      }
      case ops.OP_LW_ADDI: {
        const first = Data.gva(u);
        if (Data.misses(first, 3, tag)) return Spot.rare(u, acc);
        Uop.setRd(u, Data.lw(first));
        u += 8;
        Uop.setRd(u, Alu.addi(u));
        break;
      }
      case ops.OP_LW_XOR: {
        const first = Data.gva(u);
        if (Data.misses(first, 3, tag)) return Spot.rare(u, acc);
        const a = Data.lw(first);
        Uop.setRd(u, a);
        u += 8;
        Uop.setRd(u, a ^ Uop.rs2(u));
        break;
      }
      case ops.OP_LD_LI: {
        const first = Data.gva(u);
        if (Data.misses(first, 7, tag)) return Spot.rare(u, acc);
        Uop.setRd(u, Data.ld(first));
        u += 8;
        Uop.setRd(u, Alu.li(u));
        break;
      }
      case ops.OP_LD_MV: {
        const first = Data.gva(u);
        if (Data.misses(first, 7, tag)) return Spot.rare(u, acc);
        Uop.setRd(u, Data.ld(first));
        u += 8;
        Uop.setRd(u, Alu.mv(u));
        break;
      }
      case ops.OP_LD_ADDI: {
        const first = Data.gva(u);
        if (Data.misses(first, 7, tag)) return Spot.rare(u, acc);
        Uop.setRd(u, Data.ld(first));
        u += 8;
        Uop.setRd(u, Alu.addi(u));
        break;
      }
      case ops.OP_LD_BEQ: {
        const first = Data.gva(u);
        if (Data.misses(first, 7, tag)) return Spot.rare(u, acc);
        Uop.setRd(u, Data.ld(first));
        u += 8;
        if (Uop.rs1(u) != Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      }
      case ops.OP_LD_LD: {
        const first = Data.gva(u);
        if (Data.misses(first, 7, tag)) return Spot.rare(u, acc);
        Uop.setRd(u, Data.ld(first));
        u += 8;
        const gva = Data.gva(u);
        if (Data.misses(gva, 7, tag)) return Spot.rare(u, acc);
        Uop.setRd(u, Data.ld(gva));
        break;
      }
      case ops.OP_LBU_ADDI: {
        const first = Data.gva(u);
        if (Data.misses(first, 0, tag)) return Spot.rare(u, acc);
        Uop.setRd(u, Data.lbu(first));
        u += 8;
        Uop.setRd(u, Alu.addi(u));
        break;
      }
      case ops.OP_LBU_ANDI: {
        const first = Data.gva(u);
        if (Data.misses(first, 0, tag)) return Spot.rare(u, acc);
        const a = Data.lbu(first);
        Uop.setRd(u, a);
        u += 8;
        Uop.setRd(u, a & <u64>(<i64>Uop.imm(u)));
        break;
      }
      case ops.OP_LBU_BEQ: {
        const first = Data.gva(u);
        if (Data.misses(first, 0, tag)) return Spot.rare(u, acc);
        Uop.setRd(u, Data.lbu(first));
        u += 8;
        if (Uop.rs1(u) != Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      }
      case ops.OP_LBU_BNE: {
        const first = Data.gva(u);
        if (Data.misses(first, 0, tag)) return Spot.rare(u, acc);
        Uop.setRd(u, Data.lbu(first));
        u += 8;
        if (Uop.rs1(u) == Uop.rs2(u)) break;
        acc += Jump.length(u);
        u = Jump.target(u);
        if (acc <= <i32>u) return Spot.used(u, acc);
        u -= 8;
        break;
      }
      case ops.OP_SW_ADDI: {
        const first = Data.gva(u);
        if (Data.missesStore(first, 3, tag)) return Spot.rare(u, acc);
        Data.sw(first, Uop.rs2(u));
        u += 8;
        Uop.setRd(u, Alu.addi(u));
        break;
      }
      case ops.OP_SD_LI: {
        const first = Data.gva(u);
        if (Data.missesStore(first, 7, tag)) return Spot.rare(u, acc);
        Data.sd(first, Uop.rs2(u));
        u += 8;
        Uop.setRd(u, Alu.li(u));
        break;
      }
      case ops.OP_SD_ADDI: {
        const first = Data.gva(u);
        if (Data.missesStore(first, 7, tag)) return Spot.rare(u, acc);
        Data.sd(first, Uop.rs2(u));
        u += 8;
        Uop.setRd(u, Alu.addi(u));
        break;
      }
      case ops.OP_SD_SD: {
        const first = Data.gva(u);
        if (Data.missesStore(first, 7, tag)) return Spot.rare(u, acc);
        Data.sd(first, Uop.rs2(u));
        u += 8;
        const gva = Data.gva(u);
        if (Data.missesStore(gva, 7, tag)) return Spot.rare(u, acc);
        Data.sd(gva, Uop.rs2(u));
        break;
      }
      default:
        return Spot.rare(u, acc);
    }
    // All ways go round by here: then V8 lays this out in front of the loop's head and all handlers
    // jump to one place (with several ways back it depends on luck: 10 % slower when it had none).
    u += 8;
  }
  return RARE; // not reached
}
