/**
 * Compressed instructions (RV64C): each is turned into the 32-bit instruction that it stands for,
 * so that decoding and meaning are written once. 0 says: illegal.
 */
function r(funct7: u32, rs2: u32, rs1: u32, rest: u32): u32 {
  return (funct7 << 25) | (rs2 << 20) | (rs1 << 15) | rest;
}
function i(imm: i32, rs1: u32, funct3: u32, rest: u32): u32 {
  return ((<u32>imm) << 20) | (rs1 << 15) | (funct3 << 12) | rest;
}
function s(imm: u32, rs2: u32, rs1: u32, rest: u32): u32 {
  return ((imm >> 5) << 25) | (rs2 << 20) | (rs1 << 15) | ((imm & 31) << 7) | rest;
}
function jal(imm: i32, rd: u32): u32 {
  const u = <u32>imm;
  const high = ((u >> 20) & 1) << 31;
  return high | ((u & 0x7fe) << 20) | ((u & 0x800) << 9) | (u & 0xff000) | (rd << 7) | 0x6f;
}
function branch(imm: i32, rs1: u32, funct3: u32): u32 {
  const u = <u32>imm;
  const high = (((u >> 12) & 1) << 31) | ((u & 0x7e0) << 20);
  return high | (rs1 << 15) | (funct3 << 12) | ((u & 0x1e) << 7) | ((u & 0x800) >> 4) | 0x63;
}

/** Signed 6-bit immediate of the CI format. */
function imm6(c: u32): i32 {
  return ((<i32>(((c >> 7) & 0x20) | ((c >> 2) & 0x1f))) << 26) >> 26;
}
function uimmD(c: u32): u32 {
  return ((c >> 7) & 0x38) | ((c << 1) & 0xc0);
}
function uimmW(c: u32): u32 {
  return ((c >> 7) & 0x38) | ((c >> 4) & 4) | ((c << 1) & 0x40);
}

function quadrant0(c: u32): u32 {
  const rd = ((c >> 2) & 7) + 8;
  const rs1 = ((c >> 7) & 7) + 8;
  switch (c >> 13) {
    case 0: {
      const imm = ((c >> 7) & 0x30) | ((c >> 1) & 0x3c0) | ((c >> 4) & 4) | ((c >> 2) & 8);
      return imm ? i(imm, 2, 0, (rd << 7) | 0x13) : 0; // c.addi4spn
    }
    case 1:
      return i(uimmD(c), rs1, 3, (rd << 7) | 0x07); // c.fld
    case 2:
      return i(uimmW(c), rs1, 2, (rd << 7) | 0x03); // c.lw
    case 3:
      return i(uimmD(c), rs1, 3, (rd << 7) | 0x03); // c.ld
    case 5:
      return s(uimmD(c), rd, rs1, (3 << 12) | 0x27); // c.fsd
    case 6:
      return s(uimmW(c), rd, rs1, (2 << 12) | 0x23); // c.sw
    case 7:
      return s(uimmD(c), rd, rs1, (3 << 12) | 0x23); // c.sd
    default:
      return 0;
  }
}

/** c.srli, c.srai, c.andi, c.sub ... c.addw. */
function arithmetic(c: u32): u32 {
  const rd = ((c >> 7) & 7) + 8;
  const rs2 = ((c >> 2) & 7) + 8;
  const shift = <i32>(((c >> 7) & 0x20) | ((c >> 2) & 0x1f));
  switch ((c >> 10) & 3) {
    case 0:
      return i(shift, rd, 5, (rd << 7) | 0x13);
    case 1:
      return i(shift | 0x400, rd, 5, (rd << 7) | 0x13);
    case 2:
      return i(imm6(c), rd, 7, (rd << 7) | 0x13);
    default: {
      const op = (c >> 5) & 3;
      const wide = (rd << 7) | 0x33;
      if (c & 0x1000) {
        if (op > 1) return 0;
        return r(op == 0 ? 0x20 : 0, rs2, rd, (rd << 7) | 0x3b); // c.subw, c.addw
      }
      if (op == 0) return r(0x20, rs2, rd, wide); // c.sub
      return r(0, rs2, rd, ((op == 1 ? 4 : op == 2 ? 6 : 7) << 12) | wide); // c.xor, c.or, c.and
    }
  }
}

function stackOrLui(c: u32): u32 {
  const rd = (c >> 7) & 31;
  if (rd == 2) {
    const bits = ((c >> 3) & 0x200) | ((c >> 2) & 0x10) | ((c << 1) & 0x40);
    const imm = ((<i32>(bits | ((c << 4) & 0x180) | ((c << 3) & 0x20))) << 22) >> 22;
    return imm ? i(imm, 2, 0, (2 << 7) | 0x13) : 0; // c.addi16sp
  }
  const imm = imm6(c);
  return imm ? ((<u32>imm) << 12) | (rd << 7) | 0x37 : 0; // c.lui
}

function quadrant1(c: u32): u32 {
  const rd = (c >> 7) & 31;
  switch (c >> 13) {
    case 0:
      return i(imm6(c), rd, 0, (rd << 7) | 0x13); // c.addi
    case 1:
      return rd ? i(imm6(c), rd, 0, (rd << 7) | 0x1b) : 0; // c.addiw
    case 2:
      return i(imm6(c), 0, 0, (rd << 7) | 0x13); // c.li
    case 3:
      return stackOrLui(c);
    case 4:
      return arithmetic(c);
    case 5: {
      const bits = ((c >> 1) & 0x800) | ((c >> 7) & 0x10) | ((c >> 1) & 0x300) | ((c << 2) & 0x400);
      const more = ((c >> 1) & 0x40) | ((c << 1) & 0x80) | ((c >> 2) & 0xe) | ((c << 3) & 0x20);
      return jal(((<i32>(bits | more)) << 20) >> 20, 0); // c.j
    }
    default: {
      const bits = ((c >> 4) & 0x100) | ((c >> 7) & 0x18) | ((c << 1) & 0xc0);
      const imm = ((<i32>(bits | ((c >> 2) & 6) | ((c << 3) & 0x20))) << 23) >> 23;
      return branch(imm, ((c >> 7) & 7) + 8, c >> 13 == 6 ? 0 : 1); // c.beqz, c.bnez
    }
  }
}

/** c.jr, c.mv, c.ebreak, c.jalr, c.add. */
function jumpOrMove(c: u32): u32 {
  const rd = (c >> 7) & 31;
  const rs2 = (c >> 2) & 31;
  if (c & 0x1000) {
    if (rs2) return r(0, rs2, rd, (rd << 7) | 0x33);
    return rd ? i(0, rd, 0, (1 << 7) | 0x67) : 0x00100073;
  }
  if (rs2) return r(0, rs2, 0, (rd << 7) | 0x33);
  return rd ? i(0, rd, 0, 0x67) : 0;
}

function quadrant2(c: u32): u32 {
  const rd = (c >> 7) & 31;
  const rs2 = (c >> 2) & 31;
  const loadD = ((c >> 7) & 0x20) | ((c >> 2) & 0x18) | ((c << 4) & 0x1c0);
  const storeD = ((c >> 7) & 0x38) | ((c >> 1) & 0x1c0);
  switch (c >> 13) {
    case 0:
      return i(((c >> 7) & 0x20) | ((c >> 2) & 0x1f), rd, 1, (rd << 7) | 0x13); // c.slli
    case 1:
      return i(loadD, 2, 3, (rd << 7) | 0x07); // c.fldsp
    case 2: {
      const imm = ((c >> 7) & 0x20) | ((c >> 2) & 0x1c) | ((c << 4) & 0xc0);
      return rd ? i(imm, 2, 2, (rd << 7) | 0x03) : 0; // c.lwsp
    }
    case 3:
      return rd ? i(loadD, 2, 3, (rd << 7) | 0x03) : 0; // c.ldsp
    case 4:
      return jumpOrMove(c);
    case 5:
      return s(storeD, rs2, 2, (3 << 12) | 0x27); // c.fsdsp
    case 6:
      return s(((c >> 7) & 0x3c) | ((c >> 1) & 0xc0), rs2, 2, (2 << 12) | 0x23); // c.swsp
    default:
      return s(storeD, rs2, 2, (3 << 12) | 0x23); // c.sdsp
  }
}

/** The 32-bit instruction that the 16-bit `c` stands for, or 0 if `c` is illegal. */
export function expand(c: u32): u32 {
  const quadrant = c & 3;
  if (quadrant == 0) return quadrant0(c);
  return quadrant == 1 ? quadrant1(c) : quadrant2(c);
}
