# void guest_enter(struct vcpu *a0): runs the guest until it traps into HS-mode. sepc, scause, stval,
# htval and htinst then say why.

  .equ VCPU_PC, 256
  .equ VCPU_SP, 264
  .equ VCPU_STVEC, 272

  .text
  .globl guest_enter
guest_enter:
  addi sp, sp, -128
  sd ra, 0(sp)
  sd gp, 8(sp)
  sd tp, 16(sp)
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  sd s\n, 24+8*\n(sp)
  .endr
  sd sp, VCPU_SP(a0)
  csrw sscratch, a0
  la t0, 1f
  csrrw t0, stvec, t0
  sd t0, VCPU_STVEC(a0)
  ld t0, VCPU_PC(a0)
  csrw sepc, t0
  .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
  ld x\n, 8*\n(a0)
  .endr
  ld a0, 80(a0)
  sret

  .balign 4
1:
  csrrw a0, sscratch, a0
  .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
  sd x\n, 8*\n(a0)
  .endr
  csrrw t0, sscratch, zero
  sd t0, 80(a0)
  csrr t0, sepc
  sd t0, VCPU_PC(a0)
  ld t0, VCPU_STVEC(a0)
  csrw stvec, t0
  ld sp, VCPU_SP(a0)
  ld ra, 0(sp)
  ld gp, 8(sp)
  ld tp, 16(sp)
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
  ld s\n, 24+8*\n(sp)
  .endr
  addi sp, sp, 128
  ret
