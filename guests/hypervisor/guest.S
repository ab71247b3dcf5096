# What the virtual machines of kvm/main.c and hypervisor/main.c run, in VS-mode: entered at its first byte with a0 = hart id,
# a1 = what satp is to be, a2 = the device's address, a3 = how many pages to write.
#
# Each step sends one word to the device; the first that is wrong ends the machine with reason 1.

  .equ SBI_BASE, 0x10
  .equ SBI_TIME, 0x54494d45
  .equ SBI_SRST, 0x53525354
  .equ SBI_EXPERIMENTAL, 0x08000123

  .option norelax
  .option norvc                 # so that a hypervisor without htinst need not know C
  .section .rodata
  .globl guest_image, guest_image_end
  .balign 8
guest_image:
  mv s0, a2
  mv s1, a3
  csrw satp, a1
  sfence.vma
  csrr t0, satp
  bne t0, a1, fail
  sd t0, 0(s0)                  # 1: its own page tables are on

  la t1, guest_image_end          # 2: touch page after page: the host finds each when it is needed
  li t0, 0xfff
  add t1, t1, t0
  not t0, t0
  and t1, t1, t0
  mv t2, s1
  li t3, 0
1:
  sd t2, 8(t1)
  ld t4, 8(t1)
  add t3, t3, t4
  li t0, 4096
  add t1, t1, t0
  addi t2, t2, -1
  bnez t2, 1b
  sd t3, 8(s0)

  ld t0, 16(s0)                 # 3: a load from the device, of each width
  lwu t1, 16(s0)
  lh t2, 16(s0)
  lbu t3, 19(s0)
  add t0, t0, t1
  add t0, t0, t2
  add t0, t0, t3
  sd t0, 16(s0)

  li a7, SBI_BASE               # 4: a call that the kernel answers: the version
  li a6, 0
  ecall
  bnez a0, fail
  sd a1, 24(s0)

  li a7, SBI_EXPERIMENTAL       # 5: a call that the program behind /dev/kvm answers
  li a6, 7
  li a0, 40
  li a1, 2
  ecall
  bnez a0, fail
  sd a1, 32(s0)

  la t0, handler                # 6: the timer: wait for its interrupt, which may not come early
  csrw stvec, t0
  li s3, 0
  rdtime a0
  li t1, 5000
  add a0, a0, t1
  mv s2, a0
  li a7, SBI_TIME
  li a6, 0
  ecall
  li t0, 0x20
  csrw sie, t0
  csrsi sstatus, 2
2:
  wfi
  j 2b
timer_came:
  csrci sstatus, 2
  rdtime t1
  sltu t1, t1, s2
  sub s3, s3, t1
  sd s3, 40(s0)

  li s3, 0                      # 7: a page fault that the guest handles itself
  li t1, 0x123000               # not in its page tables
  ld t0, 0x78(t1)
  sd s3, 48(s0)

  li a7, SBI_SRST
  li a6, 0
  li a0, 0
  li a1, 0
  ecall
fail:
  li a7, SBI_SRST
  li a6, 0
  li a0, 0
  li a1, 1
  ecall
3:
  j 3b

  .balign 4
handler:
  csrr s3, scause
  bltz s3, 4f
  slli s3, s3, 56
  csrr t0, stval
  or s3, s3, t0
  csrr t0, sepc
  addi t0, t0, 4
  csrw sepc, t0
  sret
4:
  csrw sie, zero
  slli s3, s3, 1                # without the bit that says interrupt
  la t0, timer_came             # not back to a WFI that nothing would end
  csrw sepc, t0
  sret
guest_image_end:
