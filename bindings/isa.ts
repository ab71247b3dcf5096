/**
 * The instruction table: the only place that says what RV64 instructions there are, how they are
 * encoded and which micro-operation they become. Plain text, so that every reader can have it:
 *
 *     scripts/isa-tables.mjs   the decoder's tables and the expansion of compressed instructions
 *                              (`build/isa-tables.ts`, read by asc)
 *     ts/isa                   the disassembler
 *     test/diff                the random programs
 *
 * A field: name, kind (x, f, imm, rm, csr, label), the bits it takes as `encoded=value` ranges (value
 * from 0 on if not said), then `signed`, `writes`, `both` (reads and writes), `short` (x8 to x15),
 * `nonzero` (with 0 it is another instruction, or none), `hint` (with 0 it does nothing).
 */
export const ISA_FIELDS = `
rd        x      11:7   writes
rs1       x      19:15
rs1n      x      19:15  nonzero
rs2       x      24:20
fd        f      11:7   writes
fs1       f      19:15
fs2       f      24:20
fs3       f      31:27
rm        rm     14:12
csr       csr    31:20
zimm      imm    19:15
imm12     imm    31:20  signed
simm12    imm    31:25=11:5,11:7=4:0  signed
pimm12    imm    31:25=11:5  signed
imm20     imm    31:12
shamt6    imm    25:20
shamt5    imm    24:20
aqrl      imm    26:25
branch    label  31=12,30:25=10:5,11:8=4:1,7=11  signed
jal       label  31=20,30:21=10:1,20=11,19:12=19:12  signed
fs12      f      24:20=4:0,19:15=4:0
any       imm    31:7
cd        x      11:7   writes hint
cdn       x      11:7   writes nonzero
cds       x      11:7   both hint
cdsn      x      11:7   both nonzero
cs1       x      11:7   nonzero
cs2       x      6:2    nonzero
cs2z      x      6:2
cfd       f      11:7   writes
cfs2      f      6:2
qd        x      4:2    writes short
qfd       f      4:2    writes short
qfs2      f      4:2    short
qs2       x      4:2    short
qs1       x      9:7    short
qds       x      9:7    both short
ci        imm    12=5,6:2=4:0  signed
cih       imm    12=5,6:2=4:0  signed hint
cin       imm    12=5,6:2=4:0  signed nonzero
cshamt    imm    12=5,6:2=4:0  hint
cw        imm    12:10=5:3,6=2,5=6
cdw       imm    12:10=5:3,6:5=7:6
lwsp      imm    12=5,6:4=4:2,3:2=7:6
ldsp      imm    12=5,6:5=4:3,4:2=8:6
swsp      imm    12:9=5:2,8:7=7:6
sdsp      imm    12:10=5:3,9:7=8:6
addi4spn  imm    12:11=5:4,10:7=9:6,6=2,5=3  nonzero
addi16sp  imm    12=9,6=4,5=6,4:3=8:7,2=5  signed nonzero
cj        label  12=11,11=4,10:9=9:8,8=10,7=6,6=7,5:3=3:1,2=5  signed
cb        label  12=8,11:10=4:3,6:5=7:6,4:3=2:1,2=5  signed
`;

/**
 * `@ class extension` begins a section; behind them may stand the micro-operation of its rows. A row:
 * name, base word (four digits: compressed), fields, and `> OP_X` if the micro-operation is not that
 * of the section or `OP_` with the name; rows end with `|` or the line. All bits that no field takes
 * are fixed. Of several rows that fit, the one with more fixed bits is meant. A compressed row ends
 * with `=` and what it stands for: a name, and for each field of that one a field of its own or a number.
 * Rows of the class `alias` are other names, for the disassembler; the decoder does not see them.
 */
export const ISA_TABLE = `
@ integer I
lui 00000037 rd imm20 > OP_LI | auipc 00000017 rd imm20
addi 00000013 rd rs1 imm12 | slti 00002013 rd rs1 imm12 | sltiu 00003013 rd rs1 imm12
xori 00004013 rd rs1 imm12 | ori 00006013 rd rs1 imm12 | andi 00007013 rd rs1 imm12
addiw 0000001b rd rs1 imm12
slli 00001013 rd rs1 shamt6 | srli 00005013 rd rs1 shamt6 | srai 40005013 rd rs1 shamt6
slliw 0000101b rd rs1 shamt5 | srliw 0000501b rd rs1 shamt5 | sraiw 4000501b rd rs1 shamt5
add 00000033 rd rs1 rs2 | sub 40000033 rd rs1 rs2 | sll 00001033 rd rs1 rs2
slt 00002033 rd rs1 rs2 | sltu 00003033 rd rs1 rs2 | xor 00004033 rd rs1 rs2
srl 00005033 rd rs1 rs2 | sra 40005033 rd rs1 rs2 | or 00006033 rd rs1 rs2
and 00007033 rd rs1 rs2 | addw 0000003b rd rs1 rs2 | subw 4000003b rd rs1 rs2
sllw 0000103b rd rs1 rs2 | srlw 0000503b rd rs1 rs2 | sraw 4000503b rd rs1 rs2

@ multiply M
mul 02000033 rd rs1 rs2 | mulh 02001033 rd rs1 rs2 | mulhsu 02002033 rd rs1 rs2
mulhu 02003033 rd rs1 rs2 | div 02004033 rd rs1 rs2 | divu 02005033 rd rs1 rs2
rem 02006033 rd rs1 rs2 | remu 02007033 rd rs1 rs2 | mulw 0200003b rd rs1 rs2
divw 0200403b rd rs1 rs2 | divuw 0200503b rd rs1 rs2 | remw 0200603b rd rs1 rs2
remuw 0200703b rd rs1 rs2

@ bitmanip Zba
add.uw 0800003b rd rs1 rs2 | sh1add 20002033 rd rs1 rs2 | sh2add 20004033 rd rs1 rs2
sh3add 20006033 rd rs1 rs2 | sh1add.uw 2000203b rd rs1 rs2 | sh2add.uw 2000403b rd rs1 rs2
sh3add.uw 2000603b rd rs1 rs2 | slli.uw 0800101b rd rs1 shamt6
@ bitmanip Zbb
andn 40007033 rd rs1 rs2 | orn 40006033 rd rs1 rs2 | xnor 40004033 rd rs1 rs2
clz 60001013 rd rs1 | ctz 60101013 rd rs1 | cpop 60201013 rd rs1
clzw 6000101b rd rs1 | ctzw 6010101b rd rs1 | cpopw 6020101b rd rs1
max 0a006033 rd rs1 rs2 | maxu 0a007033 rd rs1 rs2 | min 0a004033 rd rs1 rs2
minu 0a005033 rd rs1 rs2 | sext.b 60401013 rd rs1 | sext.h 60501013 rd rs1
zext.h 0800403b rd rs1 | rol 60001033 rd rs1 rs2 | ror 60005033 rd rs1 rs2
rori 60005013 rd rs1 shamt6 | rolw 6000103b rd rs1 rs2 | rorw 6000503b rd rs1 rs2
roriw 6000501b rd rs1 shamt5 | orc.b 28705013 rd rs1 | rev8 6b805013 rd rs1
@ bitmanip Zbs
bclr 48001033 rd rs1 rs2 | bclri 48001013 rd rs1 shamt6 | bext 48005033 rd rs1 rs2
bexti 48005013 rd rs1 shamt6 | binv 68001033 rd rs1 rs2 | binvi 68001013 rd rs1 shamt6
bset 28001033 rd rs1 rs2 | bseti 28001013 rd rs1 shamt6
@ bitmanip Zbc
clmul 0a001033 rd rs1 rs2 | clmulr 0a002033 rd rs1 rs2 | clmulh 0a003033 rd rs1 rs2
@ bitmanip Zbkb
pack 08004033 rd rs1 rs2 | packh 08007033 rd rs1 rs2 | packw 0800403b rd rs1 rs2
brev8 68705013 rd rs1
@ bitmanip Zbkx
xperm4 28002033 rd rs1 rs2 | xperm8 28004033 rd rs1 rs2
@ conditional Zicond
czero.eqz 0e005033 rd rs1 rs2 | czero.nez 0e007033 rd rs1 rs2

@ load I
lb 00000003 rd rs1 imm12 | lh 00001003 rd rs1 imm12 | lw 00002003 rd rs1 imm12
ld 00003003 rd rs1 imm12 | lbu 00004003 rd rs1 imm12 | lhu 00005003 rd rs1 imm12
lwu 00006003 rd rs1 imm12
@ load F
flw 00002007 fd rs1 imm12
@ load D
fld 00003007 fd rs1 imm12
@ store I
sb 00000023 rs2 rs1 simm12 | sh 00001023 rs2 rs1 simm12 | sw 00002023 rs2 rs1 simm12
sd 00003023 rs2 rs1 simm12
@ store F
fsw 00002027 fs2 rs1 simm12
@ store D
fsd 00003027 fs2 rs1 simm12
@ load Zfh
flh 00001007 fd rs1 imm12
@ store Zfh
fsh 00001027 fs2 rs1 simm12

@ reserve A OP_AMO
lr.w 1000202f rd rs1 aqrl | sc.w 1800202f rd rs1 rs2 aqrl
lr.d 1000302f rd rs1 aqrl | sc.d 1800302f rd rs1 rs2 aqrl
@ amo A OP_AMO
amoswap.w 0800202f rd rs1 rs2 aqrl | amoswap.d 0800302f rd rs1 rs2 aqrl
amoadd.w 0000202f rd rs1 rs2 aqrl | amoadd.d 0000302f rd rs1 rs2 aqrl
amoxor.w 2000202f rd rs1 rs2 aqrl | amoxor.d 2000302f rd rs1 rs2 aqrl
amoand.w 6000202f rd rs1 rs2 aqrl | amoand.d 6000302f rd rs1 rs2 aqrl
amoor.w 4000202f rd rs1 rs2 aqrl | amoor.d 4000302f rd rs1 rs2 aqrl
amomin.w 8000202f rd rs1 rs2 aqrl | amomin.d 8000302f rd rs1 rs2 aqrl
amomax.w a000202f rd rs1 rs2 aqrl | amomax.d a000302f rd rs1 rs2 aqrl
amominu.w c000202f rd rs1 rs2 aqrl | amominu.d c000302f rd rs1 rs2 aqrl
amomaxu.w e000202f rd rs1 rs2 aqrl | amomaxu.d e000302f rd rs1 rs2 aqrl

@ branch I
beq 00000063 rs1 rs2 branch | bne 00001063 rs1 rs2 branch | blt 00004063 rs1 rs2 branch
bge 00005063 rs1 rs2 branch | bltu 00006063 rs1 rs2 branch | bgeu 00007063 rs1 rs2 branch
jal 0000006f rd jal | jalr 00000067 rd rs1 imm12

@ system I OP_SYSTEM
ecall 00000073 | ebreak 00100073 | sret 10200073 | mret 30200073 | wfi 10500073
sfence.vma 12000073 rs1 rs2
fence 0000000f rd rs1 imm12 > OP_NOP | fence.i 0000100f rd rs1 imm12 > OP_FENCE_I
@ system Zicsr OP_SYSTEM
csrrw 00001073 rd csr rs1 | csrrs 00002073 rd csr rs1 | csrrc 00003073 rd csr rs1
csrrwi 00005073 rd csr zimm | csrrsi 00006073 rd csr zimm | csrrci 00007073 rd csr zimm
@ system H OP_SYSTEM
hfence.vvma 22000073 rs1 rs2 | hfence.gvma 62000073 rs1 rs2
@ system Svinval OP_SYSTEM
sinval.vma 16000073 rs1 rs2 | sfence.w.inval 18000073 | sfence.inval.ir 18100073
hinval.vvma 26000073 rs1 rs2 | hinval.gvma 66000073 rs1 rs2
@ guest-memory H OP_SYSTEM
hlv.b 60004073 rd rs1 | hlv.bu 60104073 rd rs1 | hlv.h 64004073 rd rs1 | hlv.hu 64104073 rd rs1
hlv.w 68004073 rd rs1 | hlv.wu 68104073 rd rs1 | hlv.d 6c004073 rd rs1
hlvx.hu 64304073 rd rs1 | hlvx.wu 68304073 rd rs1
hsv.b 62004073 rs1 rs2 | hsv.h 66004073 rs1 rs2 | hsv.w 6a004073 rs1 rs2 | hsv.d 6e004073 rs1 rs2
@ privileged Zawrs OP_SYSTEM
wrs.nto 00d00073 | wrs.sto 01d00073
@ privileged Zicbom OP_SYSTEM
cbo.inval 0000200f rs1 | cbo.clean 0010200f rs1 | cbo.flush 0020200f rs1
@ privileged Zicboz OP_SYSTEM
cbo.zero 0040200f rs1
@ reserved Zicsr OP_SYSTEM
system 00000073 any

@ float F OP_FLOAT
fadd.s 00000053 fd fs1 fs2 rm > OP_FADD_S | fsub.s 08000053 fd fs1 fs2 rm > OP_FSUB_S
fmul.s 10000053 fd fs1 fs2 rm > OP_FMUL_S | fdiv.s 18000053 fd fs1 fs2 rm > OP_FDIV_S
fsgnj.s 20000053 fd fs1 fs2 | fsgnjn.s 20001053 fd fs1 fs2 | fsgnjx.s 20002053 fd fs1 fs2
fmin.s 28000053 fd fs1 fs2 | fmax.s 28001053 fd fs1 fs2 | fsqrt.s 58000053 fd fs1 rm
fle.s a0000053 rd fs1 fs2 | flt.s a0001053 rd fs1 fs2 | feq.s a0002053 rd fs1 fs2
fcvt.w.s c0000053 rd fs1 rm | fcvt.wu.s c0100053 rd fs1 rm | fcvt.l.s c0200053 rd fs1 rm
fcvt.lu.s c0300053 rd fs1 rm | fcvt.s.w d0000053 fd rs1 rm | fcvt.s.wu d0100053 fd rs1 rm
fcvt.s.l d0200053 fd rs1 rm | fcvt.s.lu d0300053 fd rs1 rm
fmadd.s 00000043 fd fs1 fs2 fs3 rm > OP_FMADD_S | fmsub.s 00000047 fd fs1 fs2 fs3 rm
fnmsub.s 0000004b fd fs1 fs2 fs3 rm | fnmadd.s 0000004f fd fs1 fs2 fs3 rm
fclass.s e0001053 rd fs1 | fmv.x.w e0000053 rd fs1 | fmv.w.x f0000053 fd rs1
@ float D OP_FLOAT
fadd.d 02000053 fd fs1 fs2 rm > OP_FADD_D | fsub.d 0a000053 fd fs1 fs2 rm > OP_FSUB_D
fmul.d 12000053 fd fs1 fs2 rm > OP_FMUL_D | fdiv.d 1a000053 fd fs1 fs2 rm > OP_FDIV_D
fsgnj.d 22000053 fd fs1 fs2 > OP_FSGNJ_D | fsgnjn.d 22001053 fd fs1 fs2 > OP_FSGNJN_D
fsgnjx.d 22002053 fd fs1 fs2 > OP_FSGNJX_D
fmin.d 2a000053 fd fs1 fs2 | fmax.d 2a001053 fd fs1 fs2 | fsqrt.d 5a000053 fd fs1 rm
fle.d a2000053 rd fs1 fs2 > OP_FLE_D | flt.d a2001053 rd fs1 fs2 > OP_FLT_D
feq.d a2002053 rd fs1 fs2 > OP_FEQ_D
fcvt.w.d c2000053 rd fs1 rm | fcvt.wu.d c2100053 rd fs1 rm | fcvt.l.d c2200053 rd fs1 rm
fcvt.lu.d c2300053 rd fs1 rm | fcvt.d.w d2000053 fd rs1 rm > OP_FCVT_D_W
fcvt.d.wu d2100053 fd rs1 rm | fcvt.d.l d2200053 fd rs1 rm > OP_FCVT_D_L | fcvt.d.lu d2300053 fd rs1 rm
fmadd.d 02000043 fd fs1 fs2 fs3 rm > OP_FMADD_D | fmsub.d 02000047 fd fs1 fs2 fs3 rm > OP_FMSUB_D
fnmsub.d 0200004b fd fs1 fs2 fs3 rm > OP_FNMSUB_D | fnmadd.d 0200004f fd fs1 fs2 fs3 rm > OP_FNMADD_D
fclass.d e2001053 rd fs1 | fmv.x.d e2000053 rd fs1 > OP_FMV_X_D | fmv.d.x f2000053 fd rs1 > OP_FMV_D_X
fcvt.s.d 40100053 fd fs1 rm | fcvt.d.s 42000053 fd fs1 rm
@ float Zfh OP_FLOAT
fadd.h 04000053 fd fs1 fs2 rm | fsub.h 0c000053 fd fs1 fs2 rm
fmul.h 14000053 fd fs1 fs2 rm | fdiv.h 1c000053 fd fs1 fs2 rm
fsgnj.h 24000053 fd fs1 fs2 | fsgnjn.h 24001053 fd fs1 fs2 | fsgnjx.h 24002053 fd fs1 fs2
fmin.h 2c000053 fd fs1 fs2 | fmax.h 2c001053 fd fs1 fs2 | fsqrt.h 5c000053 fd fs1 rm
fle.h a4000053 rd fs1 fs2 | flt.h a4001053 rd fs1 fs2 | feq.h a4002053 rd fs1 fs2
fcvt.w.h c4000053 rd fs1 rm | fcvt.wu.h c4100053 rd fs1 rm | fcvt.l.h c4200053 rd fs1 rm
fcvt.lu.h c4300053 rd fs1 rm | fcvt.h.w d4000053 fd rs1 rm | fcvt.h.wu d4100053 fd rs1 rm
fcvt.h.l d4200053 fd rs1 rm | fcvt.h.lu d4300053 fd rs1 rm
fmadd.h 04000043 fd fs1 fs2 fs3 rm | fmsub.h 04000047 fd fs1 fs2 fs3 rm
fnmsub.h 0400004b fd fs1 fs2 fs3 rm | fnmadd.h 0400004f fd fs1 fs2 fs3 rm
fclass.h e4001053 rd fs1 | fmv.x.h e4000053 rd fs1 | fmv.h.x f4000053 fd rs1
fcvt.s.h 40200053 fd fs1 rm | fcvt.h.s 44000053 fd fs1 rm
fcvt.d.h 42200053 fd fs1 rm | fcvt.h.d 44100053 fd fs1 rm

@ compressed C
c.addi4spn 0000 qd addi4spn = addi qd 2 addi4spn | c.nop 0001 = addi 0 0 0
c.addi 0001 cds cih = addi cds cds cih | c.addiw 2001 cdsn ci = addiw cdsn cdsn ci
c.li 4001 cd ci = addi cd 0 ci | c.lui 6001 cd cin = lui cd cin
c.srli 8001 qds cshamt = srli qds qds cshamt | c.srai 8401 qds cshamt = srai qds qds cshamt
c.andi 8801 qds ci = andi qds qds ci | c.sub 8c01 qds qs2 = sub qds qds qs2
c.xor 8c21 qds qs2 = xor qds qds qs2 | c.or 8c41 qds qs2 = or qds qds qs2
c.and 8c61 qds qs2 = and qds qds qs2 | c.subw 9c01 qds qs2 = subw qds qds qs2
c.addw 9c21 qds qs2 = addw qds qds qs2 | c.slli 0002 cds cshamt = slli cds cds cshamt
c.mv 8002 cd cs2 = add cd 0 cs2 | c.add 9002 cds cs2 = add cds cds cs2
@ compressed-other C
c.addi16sp 6101 addi16sp = addi 2 2 addi16sp
c.fld 2000 qfd qs1 cdw = fld qfd qs1 cdw | c.lw 4000 qd qs1 cw = lw qd qs1 cw
c.ld 6000 qd qs1 cdw = ld qd qs1 cdw | c.fsd a000 qfs2 qs1 cdw = fsd qfs2 qs1 cdw
c.sw c000 qs2 qs1 cw = sw qs2 qs1 cw | c.sd e000 qs2 qs1 cdw = sd qs2 qs1 cdw
c.fldsp 2002 cfd ldsp = fld cfd 2 ldsp | c.lwsp 4002 cdn lwsp = lw cdn 2 lwsp
c.ldsp 6002 cdn ldsp = ld cdn 2 ldsp | c.fsdsp a002 cfs2 sdsp = fsd cfs2 2 sdsp
c.swsp c002 cs2z swsp = sw cs2z 2 swsp | c.sdsp e002 cs2z sdsp = sd cs2z 2 sdsp
c.j a001 cj = jal 0 cj | c.beqz c001 qs1 cb = beq qs1 0 cb | c.bnez e001 qs1 cb = bne qs1 0 cb
c.jr 8002 cs1 = jalr 0 cs1 0 | c.jalr 9002 cs1 = jalr 1 cs1 0 | c.ebreak 9002 = ebreak

@ alias I
nop 00000013 | li 00000013 rd imm12 | mv 00000013 rd rs1n | not fff04013 rd rs1
zext.b 0ff07013 rd rs1 | sext.w 0000001b rd rs1 | seqz 00103013 rd rs1 | snez 00003033 rd rs2
sltz 00002033 rd rs1 | sgtz 00002033 rd rs2 | neg 40000033 rd rs2 | negw 4000003b rd rs2
beqz 00000063 rs1 branch | bnez 00001063 rs1 branch | bltz 00004063 rs1 branch
bgtz 00004063 rs2 branch | blez 00005063 rs2 branch | bgez 00005063 rs1 branch
j 0000006f jal | jal 000000ef jal | ret 00008067 | jr 00000067 rs1 | jr 00000067 rs1 imm12
jalr 000000e7 rs1 | jalr 000000e7 rs1 imm12 | jalr 00000067 rd rs1
sfence.vma 12000073 | sfence.vma 12000073 rs1
@ alias Zihintpause
pause 0100000f
@ alias Zifencei
fence.tso 8330000f
@ alias Zicsr
csrr 00002073 rd csr | csrw 00001073 csr rs1 | csrs 00002073 csr rs1 | csrc 00003073 csr rs1
csrwi 00005073 csr zimm | csrsi 00006073 csr zimm | csrci 00007073 csr zimm | unimp c0001073
rdcycle c0002073 rd | rdtime c0102073 rd | rdinstret c0202073 rd
@ alias H
hfence.vvma 22000073 | hfence.vvma 22000073 rs1 | hfence.gvma 62000073 | hfence.gvma 62000073 rs1
@ alias Zba
zext.w 0800003b rd rs1
@ alias Zicbop
prefetch.i 00006013 rs1 pimm12 | prefetch.r 00106013 rs1 pimm12 | prefetch.w 00306013 rs1 pimm12
@ alias F
fmv.s 20000053 fd fs12 | fneg.s 20001053 fd fs12 | fabs.s 20002053 fd fs12
frflags 00102073 rd | frrm 00202073 rd | frcsr 00302073 rd
fsflags 00101073 rs1 | fsflags 00101073 rd rs1 | fsrm 00201073 rs1 | fsrm 00201073 rd rs1
fscsr 00301073 rs1 | fscsr 00301073 rd rs1 | fsflagsi 00105073 rd zimm
fsrmi 00205073 rd zimm
@ alias D
fmv.d 22000053 fd fs12 | fneg.d 22001053 fd fs12 | fabs.d 22002053 fd fs12
@ alias Zfh
fmv.h 24000053 fd fs12 | fneg.h 24001053 fd fs12 | fabs.h 24002053 fd fs12
`;
