/**
 * Micro-operations: what `decode.ts` makes of guest instructions and `hart/execute.ts` runs.
 * One is 8 bytes: {u8 op, u8 rd * 8, u8 rs1 * 8, u8 rs2 * 8, i32 immediate}. Numbers are dense,
 * so that the dispatch is one jump table.
 */

// Control of the interpreter itself, not instructions of the guest.
export const OP_STOP = 0;
export const OP_GOTO = 1;
export const OP_LINK = 2;
export const OP_STRADDLE = 3;

// Whole instructions handed to a function with the raw encoding.
export const OP_ILLEGAL = 4;
export const OP_SYSTEM = 5;
export const OP_FENCE_I = 6;
export const OP_AMO = 7;
export const OP_FLOAT = 8;
export const OP_LOAD_X0 = 9;
export const OP_NOP = 10;

// RV64I with an immediate.
export const OP_LI = 11;
export const OP_MV = 12;
export const OP_AUIPC = 13;
export const OP_ADDI = 14;
export const OP_SLTI = 15;
export const OP_SLTIU = 16;
export const OP_XORI = 17;
export const OP_ORI = 18;
export const OP_ANDI = 19;
export const OP_SLLI = 20;
export const OP_SRLI = 21;
export const OP_SRAI = 22;
export const OP_ADDIW = 23;
export const OP_SLLIW = 24;
export const OP_SRLIW = 25;
export const OP_SRAIW = 26;

// RV64I, register and register.
export const OP_ADD = 27;
export const OP_SUB = 28;
export const OP_SLL = 29;
export const OP_SLT = 30;
export const OP_SLTU = 31;
export const OP_XOR = 32;
export const OP_SRL = 33;
export const OP_SRA = 34;
export const OP_OR = 35;
export const OP_AND = 36;
export const OP_ADDW = 37;
export const OP_SUBW = 38;
export const OP_SLLW = 39;
export const OP_SRLW = 40;
export const OP_SRAW = 41;

// M.
export const OP_MUL = 42;
export const OP_MULH = 43;
export const OP_MULHSU = 44;
export const OP_MULHU = 45;
export const OP_DIV = 46;
export const OP_DIVU = 47;
export const OP_REM = 48;
export const OP_REMU = 49;
export const OP_MULW = 50;
export const OP_DIVW = 51;
export const OP_DIVUW = 52;
export const OP_REMW = 53;
export const OP_REMUW = 54;

// Jumps and branches.
export const OP_J = 55;
export const OP_JAL = 56;
export const OP_JR = 57;
export const OP_JALR = 58;
export const OP_BEQ = 59;
export const OP_BNE = 60;
export const OP_BLT = 61;
export const OP_BGE = 62;
export const OP_BLTU = 63;
export const OP_BGEU = 64;

// Loads and stores.
export const OP_LB = 65;
export const OP_LH = 66;
export const OP_LW = 67;
export const OP_LD = 68;
export const OP_LBU = 69;
export const OP_LHU = 70;
export const OP_LWU = 71;
export const OP_SB = 72;
export const OP_SH = 73;
export const OP_SW = 74;
export const OP_SD = 75;
export const OP_FLW = 76;
export const OP_FLD = 77;
export const OP_FSW = 78;
export const OP_FSD = 79;

// Zba.
export const OP_ADD_UW = 80;
export const OP_SH1ADD = 81;
export const OP_SH2ADD = 82;
export const OP_SH3ADD = 83;
export const OP_SH1ADD_UW = 84;
export const OP_SH2ADD_UW = 85;
export const OP_SH3ADD_UW = 86;
export const OP_SLLI_UW = 87;

// Zbb.
export const OP_ANDN = 88;
export const OP_ORN = 89;
export const OP_XNOR = 90;
export const OP_CLZ = 91;
export const OP_CTZ = 92;
export const OP_CPOP = 93;
export const OP_CLZW = 94;
export const OP_CTZW = 95;
export const OP_CPOPW = 96;
export const OP_MAX = 97;
export const OP_MAXU = 98;
export const OP_MIN = 99;
export const OP_MINU = 100;
export const OP_SEXT_B = 101;
export const OP_SEXT_H = 102;
export const OP_ZEXT_H = 103;
export const OP_ROL = 104;
export const OP_ROR = 105;
export const OP_RORI = 106;
export const OP_ROLW = 107;
export const OP_RORW = 108;
export const OP_RORIW = 109;
export const OP_ORC_B = 110;
export const OP_REV8 = 111;

// Zbs.
export const OP_BCLR = 112;
export const OP_BEXT = 113;
export const OP_BINV = 114;
export const OP_BSET = 115;
export const OP_BCLRI = 116;
export const OP_BEXTI = 117;
export const OP_BINVI = 118;
export const OP_BSETI = 119;

// F and D: the frequent ones; the others are OP_FLOAT.
export const OP_FADD_D = 120;
export const OP_FSUB_D = 121;
export const OP_FMUL_D = 122;
export const OP_FDIV_D = 123;
export const OP_FMADD_D = 124;
export const OP_FMSUB_D = 125;
export const OP_FNMSUB_D = 126;
export const OP_FNMADD_D = 127;
export const OP_FADD_S = 128;
export const OP_FSUB_S = 129;
export const OP_FMUL_S = 130;
export const OP_FDIV_S = 131;
export const OP_FMADD_S = 132;
export const OP_FSGNJ_D = 133;
export const OP_FSGNJN_D = 134;
export const OP_FSGNJX_D = 135;
export const OP_FEQ_D = 136;
export const OP_FLT_D = 137;
export const OP_FLE_D = 138;
export const OP_FMV_X_D = 139;
export const OP_FMV_D_X = 140;
export const OP_FCVT_D_W = 141;
export const OP_FCVT_D_L = 142;

// Zbc, Zbkb, Zbkx, Zicond.
export const OP_CLMUL = 143;
export const OP_CLMULR = 144;
export const OP_CLMULH = 145;
export const OP_PACK = 146;
export const OP_PACKH = 147;
export const OP_PACKW = 148;
export const OP_BREV8 = 149;
export const OP_XPERM4 = 150;
export const OP_XPERM8 = 151;
export const OP_CZERO_EQZ = 152;
export const OP_CZERO_NEZ = 153;

// Zfh: loads and stores of halves keep the raw encoding; all else is OP_FLOAT.
export const OP_FLH = 154;
export const OP_FSH = 155;

// Two instructions that run in one turn of the dispatch loop (`code/fuse.ts`). The second stays behind
// the first as an ordinary micro-operation.
export const OP_NOP_NOP = 156;
export const OP_LI_MV = 157;
export const OP_LI_BEQ = 158;
export const OP_LI_BNE = 159;
export const OP_MV_MV = 160;
export const OP_MV_ADDI = 161;
export const OP_MV_BEQ = 162;
export const OP_MV_BLT = 163;
export const OP_MV_BGEU = 164;
export const OP_MV_J = 165;
export const OP_MV_JAL = 166;
export const OP_AUIPC_ADDI = 167;
export const OP_AUIPC_JALR = 168;
export const OP_ADDI_LI = 169;
export const OP_ADDI_ADDI = 170;
export const OP_ADDI_ADD = 171;
export const OP_ADDI_BEQ = 172;
export const OP_ADDI_BNE = 173;
export const OP_ADDI_BLT = 174;
export const OP_ADDI_BLTU = 175;
export const OP_ADDI_JAL = 176;
export const OP_ADDI_JR = 177;
export const OP_ADDI_SD = 178;
export const OP_ANDI_BEQ = 179;
export const OP_ANDI_BNE = 180;
export const OP_SLLI_SRLI = 181;
export const OP_SLLI_ADD = 182;
export const OP_SRLI_ADD = 183;
export const OP_SRLI_XOR = 184;
export const OP_ADDIW_BNE = 185;
export const OP_ADDIW_BGEU = 186;
export const OP_SRLIW_ADDI = 187;
export const OP_ADD_BEQ = 188;
export const OP_ADD_BNE = 189;
export const OP_ADD_BGE = 190;
export const OP_ADD_BLTU = 191;
export const OP_ADD_LW = 192;
export const OP_ADD_LD = 193;
export const OP_ADD_LBU = 194;
export const OP_ADD_SB = 195;
export const OP_SUB_AND = 196;
export const OP_XOR_ANDI = 197;
export const OP_SUBW_BGEU = 198;
export const OP_MUL_ADD = 199;
export const OP_LW_ADDI = 200;
export const OP_LW_XOR = 201;
export const OP_LD_LI = 202;
export const OP_LD_MV = 203;
export const OP_LD_ADDI = 204;
export const OP_LD_BEQ = 205;
export const OP_LD_LD = 206;
export const OP_LBU_ADDI = 207;
export const OP_LBU_ANDI = 208;
export const OP_LBU_BEQ = 209;
export const OP_LBU_BNE = 210;
export const OP_SW_ADDI = 211;
export const OP_SD_LI = 212;
export const OP_SD_ADDI = 213;
export const OP_SD_SD = 214;

/** Control again: the block that began here is translated (`jit/entries.ts`). */
export const OP_ENTER = 215;
