# Entry of a static Linux program: sp points at argc, argv, envp, auxv.
  .text
  .globl _start
_start:
  .option push
  .option norelax
  la gp, __global_pointer$
  .option pop
  mv a0, sp
  andi sp, sp, -16
  li s0, 0
  call linux_start
  ebreak
