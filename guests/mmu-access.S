# Guarded accesses of the MMU stressor: after each of them guard.cause is 0, or the cause of the
# exception it met; then a0 is what it was before.

  .text

  .macro guarded, name, insn:vararg
  .globl \name
\name:
  la t0, guard
  la t1, 1f
  sd zero, 8(t0)
  sd t1, (t0)
  \insn
1:
  sd zero, (t0)
  ret
  .endm

  # u64 try_load*(u64 va): the value. void try_store*(u64 va, u64 value).
  guarded try_load1, lbu a0, (a0)
  guarded try_load2, lhu a0, (a0)
  guarded try_load4, lwu a0, (a0)
  guarded try_load8, ld a0, (a0)
  guarded try_store1, sb a1, (a0)
  guarded try_store2, sh a1, (a0)
  guarded try_store4, sw a1, (a0)
  guarded try_store8, sd a1, (a0)
  guarded try_amo_add, amoadd.d a0, a1, (a0)

# u64 try_fetch(u64 va): calls the function there, which may change a0 only.
  .globl try_fetch
try_fetch:
  addi sp, sp, -16
  sd ra, 8(sp)
  la t0, guard
  la ra, 1f
  sd zero, 8(t0)
  sd ra, (t0)
  jr a0
1:
  la t0, guard
  sd zero, (t0)
  ld ra, 8(sp)
  addi sp, sp, 16
  ret

# u64 try_user(u64 pc, u64 a0, u64 a1): runs code in U-mode that ends with an ecall (cause 8);
# it must leave sp, t0 and the saved registers alone. Returns its a0.
  .globl try_user
try_user:
  la t0, guard
  la t1, 1f
  sd zero, 8(t0)
  sd t1, (t0)
  csrw sepc, a0
  li t1, 0x100                  # sstatus.SPP
  csrc sstatus, t1
  mv a0, a1
  mv a1, a2
  sret
1:
  ret
