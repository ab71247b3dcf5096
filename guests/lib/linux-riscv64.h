/* System calls of riscv64 Linux. */
#pragma once

#define SYS_OPENAT 56
#define SYS_READ 63
#define SYS_WRITE 64
#define SYS_EXIT 93
#define SYS_EXIT_GROUP 94
#define SYS_CLOCK_GETTIME 113
#define SYS_CLOCK_NANOSLEEP 115
#define SYS_REBOOT 142
#define SYS_GETPPID 173
#define SYS_SYSINFO 179
#define SYS_MUNMAP 215
#define SYS_CLONE 220
#define SYS_EXECVE 221
#define SYS_MMAP 222
#define SYS_WAIT4 260

static inline i64 system_call(u64 number, const u64 args[6]) {
  register u64 a0 __asm__("a0") = args[0];
  register u64 a1 __asm__("a1") = args[1];
  register u64 a2 __asm__("a2") = args[2];
  register u64 a3 __asm__("a3") = args[3];
  register u64 a4 __asm__("a4") = args[4];
  register u64 a5 __asm__("a5") = args[5];
  register u64 a7 __asm__("a7") = number;
  __asm__ volatile("ecall"
                   : "+r"(a0)
                   : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7)
                   : "memory");
  return (i64)a0;
}
