/**
 * The guest of a rehearsal: an operating system of eighty instructions. It maps its memory, takes interrupts of its
 * timer and of its UART by way of the PLIC, waits for them, and runs code that it changes. What it does not make the
 * core and its devices do is compiled when a guest that came does it first (measured: see docs/decisions.md).
 */
import { RAM_BASE } from "../vmm/memory-map.ts";

const PROGRAM = Uint32Array.of(
  0x00001497, // auipc s1, 1          a page table, and what is written
  0x10000937, // lui   s2, 0x10000    the UART
  0x0c0009b7, // lui   s3, 0xc000     the PLIC
  0x0c201a37, // lui   s4, 0xc201     its context of this hart's S-mode
  0x00002a97, // auipc s5, 2          code that is changed
  0x0cf00293, // li    t0, 0xcf
  0x0054b023, // sd    t0, 0(s1)      a gigapage of devices
  0x20000337, // lui   t1, 0x20000
  0x00536333, // or    t1, t1, t0
  0x0064b823, // sd    t1, 16(s1)     and one of memory
  0x00c4d293, // srli  t0, s1, 12
  0xfff00313, // li    t1, -1
  0x03f31313, // slli  t1, t1, 63
  0x0062e2b3, // or    t0, t0, t1
  0x18029073, // csrw  satp, t0       Sv39
  0x00000297, // auipc t0, 0
  0x0bc28293, // addi  t0, t0, 188
  0x10529073, // csrw  stvec, t0
  0x11048b13, // addi  s6, s1, 272
  0x00100313, // li    t1, 1
  0x0269a423, // sw    t1, 40(s3)     the UART's interrupt has a priority,
  0x0c0022b7, // lui   t0, 0xc002
  0x40000313, // li    t1, 1024
  0x0862a023, // sw    t1, 128(t0)    and is for this hart
  0x22000293, // li    t0, 0x220
  0x10429073, // csrw  sie, t0        from outside, and of the timer
  0x10016073, // csrsi sstatus, 2
  // A dot: a loop over loads, stores, arithmetic and the time,
  0x40000413, // li    s0, 1024
  0x1084b023, // sd    s0, 256(s1)
  0x1004b303, // ld    t1, 256(s1)
  0x00830333, // add   t1, t1, s0
  0x008343b3, // xor   t2, t1, s0
  0x00339393, // slli  t2, t2, 3
  0x026383b3, // mul   t2, t2, t1
  0x1074a423, // sw    t2, 264(s1)
  0x1084ce03, // lbu   t3, 264(s1)
  0xc01022f3, // rdtime t0
  0xfff40413, // addi  s0, s0, -1
  0xfc041ce3, // bnez  s0, the sd
  // another one over walks of the page table, with an access that is not aligned, an atomic, a bit manipulation,
  0x02000413, // li    s0, 32
  0x12000073, // sfence.vma
  0x1084b023, // sd    s0, 256(s1)
  0x1014b303, // ld    t1, 257(s1)
  0x008b332f, // amoadd.d t1, s0, (s6)
  0x6b835313, // rev8  t1, t1
  0xfff40413, // addi  s0, s0, -1
  0xfe0414e3, // bnez  s0, the sfence.vma
  // code that is written and decoded anew,
  0x1e8a9f23, // sh    s0, 510(s5)
  0x0000100f, // fence.i
  0x000a80e7, // jalr  s5
  // a device, the firmware,
  0x02e00513, // li    a0, '.'
  0x00a90023, // sb    a0, 0(s2)
  0x00100893, // li    a7, 1
  0x00000073, // ecall
  // the device's interrupt, which comes at once, and the timer's 0.4 ms later.
  0x00200293, // li    t0, 2
  0x005900a3, // sb    t0, 1(s2)
  0xc01022f3, // rdtime t0
  0x00001337, // lui   t1, 1
  0x006282b3, // add   t0, t0, t1
  0x14d29073, // csrw  stimecmp, t0
  0x10500073, // wfi
  0xf79ff06f, // j     the li of the dot
  // The trap: which interrupt is it?
  0x14021273, // csrrw tp, sscratch, tp
  0x14102f73, // csrr  t5, sepc
  0x141f1073, // csrw  sepc, t5
  0x14202ef3, // csrr  t4, scause
  0x004efe93, // andi  t4, t4, 4
  0x020e9063, // bnez  t4, the timer
  0x004a2f03, // lw    t5, 4(s4)      claimed
  0x00294e83, // lbu   t4, 2(s2)
  0x00594e83, // lbu   t4, 5(s2)
  0x00694e83, // lbu   t4, 6(s2)
  0x000900a3, // sb    zero, 1(s2)
  0x01ea2223, // sw    t5, 4(s4)      completed
  0x10200073, // sret
  0xfff00f13, // li    t5, -1         the timer: never again
  0x14df1073, // csrw  stimecmp, t5
  0x10200073, // sret
);

/** Where the code that it changes is, how long that is, and what it ends with. */
const CHANGED = 0x2010;
const CHANGED_BYTES = 504;
const RET = 0x8067;
/** Compressed instructions that do nothing, and memory that is not zero. */
const FILLER = 1;
const ELF_HEADERS_BYTES = 120;

/** What the first `bytes` of its memory hold. */
export function rehearsalMemory(bytes: number): Uint8Array {
  const memory = new Uint8Array(bytes).fill(FILLER);
  memory.set(new Uint8Array(PROGRAM.buffer));
  new DataView(memory.buffer).setUint32(CHANGED + CHANGED_BYTES, RET, true);
  return memory;
}

/** The same as an ELF file: two headers, and what belongs to the start of RAM. */
export function rehearsalKernel(bytes: number): Uint8Array {
  const file = new Uint8Array(ELF_HEADERS_BYTES + bytes);
  const view = new DataView(file.buffer);
  const u16 = (at: number, value: number): void => view.setUint16(at, value, true);
  const u64 = (at: number, value: number): void => view.setBigUint64(at, BigInt(value), true);
  view.setUint32(0, 0x7f454c46);
  view.setUint32(4, 0x02010100); // 64 bits, little endian.
  u16(16, 2); // An executable,
  u16(18, 243); // for RISC-V,
  u64(24, RAM_BASE); // that begins there,
  u64(32, 64); // and whose program headers,
  u16(54, 56);
  u16(56, 1); // of which there is one, are there:
  u16(64, 1); // to be loaded,
  u64(72, ELF_HEADERS_BYTES); // from there,
  for (const at of [80, 88]) u64(at, RAM_BASE); // to there,
  for (const at of [96, 104]) u64(at, bytes); // so much.
  file.set(rehearsalMemory(bytes), ELF_HEADERS_BYTES);
  return file;
}
