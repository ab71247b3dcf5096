/** What the integer instructions compute from the fields of the micro-operation at `u`. */
import { Uop } from "../isa/uop";
import {
  div,
  divu,
  divuw,
  divw,
  mulh,
  mulhsu,
  mulhu,
  rem,
  remu,
  remuw,
  remw,
  sext,
} from "./muldiv";
import { Cpu } from "./state";

export abstract class Alu {
  @inline static li(u: usize): u64 {
    return <u64>(<i64>Uop.imm(u));
  }
  @inline static mv(u: usize): u64 {
    return Uop.rs1(u);
  }
  @inline static auipc(u: usize): u64 {
    return Cpu.page + <u64>(<i64>Uop.imm(u));
  }
  @inline static addi(u: usize): u64 {
    return Uop.rs1(u) + <u64>(<i64>Uop.imm(u));
  }
  @inline static slti(u: usize): u64 {
    return <i64>Uop.rs1(u) < <i64>Uop.imm(u) ? 1 : 0;
  }
  @inline static sltiu(u: usize): u64 {
    return Uop.rs1(u) < <u64>(<i64>Uop.imm(u)) ? 1 : 0;
  }
  @inline static xori(u: usize): u64 {
    return Uop.rs1(u) ^ <u64>(<i64>Uop.imm(u));
  }
  @inline static ori(u: usize): u64 {
    return Uop.rs1(u) | <u64>(<i64>Uop.imm(u));
  }
  @inline static andi(u: usize): u64 {
    return Uop.rs1(u) & <u64>(<i64>Uop.imm(u));
  }
  @inline static slli(u: usize): u64 {
    const shift = <u64>Uop.imm(u) & 63;
    return Uop.rs1(u) << shift;
  }
  @inline static srli(u: usize): u64 {
    return Uop.rs1(u) >> <u64>(Uop.imm(u) & 63);
  }
  @inline static srai(u: usize): u64 {
    return <u64>(<i64>Uop.rs1(u) >> <i64>(Uop.imm(u) & 63));
  }
  @inline static addiw(u: usize): u64 {
    return sext(<u32>Uop.rs1(u) + <u32>Uop.imm(u));
  }
  @inline static slliw(u: usize): u64 {
    return sext((<u32>Uop.rs1(u)) << (Uop.imm(u) & 31));
  }
  @inline static srliw(u: usize): u64 {
    return sext(<u32>Uop.rs1(u) >> (Uop.imm(u) & 31));
  }
  @inline static sraiw(u: usize): u64 {
    return <u64>(<i64>(<i32>Uop.rs1(u) >> (Uop.imm(u) & 31)));
  }
  @inline static add(u: usize): u64 {
    return Uop.rs1(u) + Uop.rs2(u);
  }
  @inline static sub(u: usize): u64 {
    return Uop.rs1(u) - Uop.rs2(u);
  }
  @inline static sll(u: usize): u64 {
    return Uop.rs1(u) << (Uop.rs2(u) & 63);
  }
  @inline static slt(u: usize): u64 {
    return <i64>Uop.rs1(u) < <i64>Uop.rs2(u) ? 1 : 0;
  }
  @inline static sltu(u: usize): u64 {
    return Uop.rs1(u) < Uop.rs2(u) ? 1 : 0;
  }
  @inline static xor(u: usize): u64 {
    return Uop.rs1(u) ^ Uop.rs2(u);
  }
  @inline static srl(u: usize): u64 {
    return Uop.rs1(u) >> (Uop.rs2(u) & 63);
  }
  @inline static sra(u: usize): u64 {
    return <u64>(<i64>Uop.rs1(u) >> <i64>(Uop.rs2(u) & 63));
  }
  @inline static or(u: usize): u64 {
    return Uop.rs1(u) | Uop.rs2(u);
  }
  @inline static and(u: usize): u64 {
    return Uop.rs1(u) & Uop.rs2(u);
  }
  @inline static addw(u: usize): u64 {
    return sext(<u32>Uop.rs1(u) + <u32>Uop.rs2(u));
  }
  @inline static subw(u: usize): u64 {
    return sext(<u32>Uop.rs1(u) - <u32>Uop.rs2(u));
  }
  @inline static sllw(u: usize): u64 {
    return sext((<u32>Uop.rs1(u)) << (<u32>Uop.rs2(u) & 31));
  }
  @inline static srlw(u: usize): u64 {
    return sext(<u32>Uop.rs1(u) >> (<u32>Uop.rs2(u) & 31));
  }
  @inline static sraw(u: usize): u64 {
    return <u64>(<i64>(<i32>Uop.rs1(u) >> (<i32>Uop.rs2(u) & 31)));
  }
  @inline static mul(u: usize): u64 {
    return Uop.rs1(u) * Uop.rs2(u);
  }
  @inline static mulh(u: usize): u64 {
    return mulh(Uop.rs1(u), Uop.rs2(u));
  }
  @inline static mulhsu(u: usize): u64 {
    return mulhsu(Uop.rs1(u), Uop.rs2(u));
  }
  @inline static mulhu(u: usize): u64 {
    return mulhu(Uop.rs1(u), Uop.rs2(u));
  }
  @inline static div(u: usize): u64 {
    return div(Uop.rs1(u), Uop.rs2(u));
  }
  @inline static divu(u: usize): u64 {
    return divu(Uop.rs1(u), Uop.rs2(u));
  }
  @inline static rem(u: usize): u64 {
    return rem(Uop.rs1(u), Uop.rs2(u));
  }
  @inline static remu(u: usize): u64 {
    return remu(Uop.rs1(u), Uop.rs2(u));
  }
  @inline static mulw(u: usize): u64 {
    return sext(<u32>Uop.rs1(u) * <u32>Uop.rs2(u));
  }
  @inline static divw(u: usize): u64 {
    return divw(<i32>Uop.rs1(u), <i32>Uop.rs2(u));
  }
  @inline static divuw(u: usize): u64 {
    return divuw(<u32>Uop.rs1(u), <u32>Uop.rs2(u));
  }
  @inline static remw(u: usize): u64 {
    return remw(<i32>Uop.rs1(u), <i32>Uop.rs2(u));
  }
  @inline static remuw(u: usize): u64 {
    return remuw(<u32>Uop.rs1(u), <u32>Uop.rs2(u));
  }
}
