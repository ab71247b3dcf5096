# Entry of a bare-metal guest: S-mode, a0 = hart id, a1 = device tree, satp = 0.

  .section .text.start, "ax"
  .globl _start
_start:
  .option push
  .option norelax
  la gp, __global_pointer$
  .option pop
  csrw sie, zero
  la t0, bss_start
  la t1, bss_end
1:
  bgeu t0, t1, 2f
  sd zero, (t0)
  addi t0, t0, 8
  j 1b
2:
  la sp, stack_top
  la t0, trap_entry
  csrw stvec, t0
  csrw sscratch, zero
  li t0, 0x6000                 # sstatus.FS: floating point on, clean state to begin with
  csrc sstatus, t0
  li t0, 0x2000
  csrs sstatus, t0
  csrw fcsr, zero
  li s0, 0
  call runtime_start
3:
  wfi
  j 3b

# Traps come from S-mode only and are handled on the same stack.
  .text
  .globl trap_entry
  .balign 4
trap_entry:
  addi sp, sp, -288
  sd x1, 8(sp)
  sd x3, 24(sp)
  sd x4, 32(sp)
  sd x5, 40(sp)
  addi t0, sp, 288
  sd t0, 16(sp)
  .irp n, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
  sd x\n, 8*\n(sp)
  .endr
  csrr t0, sepc
  csrr t1, scause
  csrr t2, stval
  sd t0, 256(sp)
  sd t1, 264(sp)
  sd t2, 272(sp)
  mv a0, sp
  call trap_handle
  ld t0, 256(sp)
  csrw sepc, t0
  .irp n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
  ld x\n, 8*\n(sp)
  .endr
  addi sp, sp, 288
  sret

# u64 read_instret(void): a guarded read, since the firmware may keep the counter for itself.
  .globl read_instret
read_instret:
  la t0, guard
  la t1, 1f
  sd t1, (t0)
  li a0, 0
  csrr a0, instret
1:
  sd zero, (t0)
  ret

  .section .bss.stack, "aw", @nobits
  .balign 4096
  .space 65536
stack_top:
