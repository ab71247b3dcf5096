/* System calls of i386 Linux, with 64-bit times. */
#pragma once

#define SYS_EXIT 1
#define SYS_WRITE 4
#define SYS_EXECVE 11
#define SYS_GETPPID 64
#define SYS_REBOOT 88
#define SYS_MUNMAP 91
#define SYS_WAIT4 114
#define SYS_SYSINFO 116
#define SYS_CLONE 120
#define SYS_MMAP 192
#define SYS_EXIT_GROUP 252
#define SYS_CLOCK_GETTIME 403
#define SYS_CLOCK_NANOSLEEP 407

static inline intptr_t system_call(uintptr_t number, const uintptr_t args[6]) {
  intptr_t result;
  /* The sixth argument is always 0 here, so ebp only has to be kept. */
  __asm__ volatile("pushl %%ebp; xorl %%ebp, %%ebp; int $0x80; popl %%ebp"
                   : "=a"(result)
                   : "0"(number), "b"(args[0]), "c"(args[1]), "d"(args[2]), "S"(args[3]),
                     "D"(args[4])
                   : "memory");
  return result;
}
