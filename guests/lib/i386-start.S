# Entry of a static Linux program: esp points at argc, argv, envp, auxv.
  .text
  .globl _start
_start:
  xorl %ebp, %ebp
  movl %esp, %eax
  andl $-16, %esp
  subl $12, %esp
  pushl %eax
  call linux_start
  hlt
  .section .note.GNU-stack, "", @progbits
