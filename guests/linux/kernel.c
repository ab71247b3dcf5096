/* What the kernel does for a process: system calls, processes, mappings. */
#include "../lib/linux.h"
#include "programs.h"

#define SIGCHLD 17

void memory_give(void *memory, size_t bytes) { call(SYS_MUNMAP, (uintptr_t)memory, bytes); }

/* A thousand per unit. */
unsigned program_getppid(unsigned scale) {
  unsigned checksum = 0;
  clock_start();
  for (unsigned i = 0; i < scale * 1000; i++) checksum += (unsigned)call(SYS_GETPPID, 0);
  return checksum;
}

/* A process that ends at once. */
unsigned program_fork(unsigned scale) {
  unsigned checksum = 0;
  clock_start();
  for (unsigned i = 0; i < scale; i++) {
    intptr_t child = call(SYS_CLONE, SIGCHLD);
    if (child == 0) call(SYS_EXIT, i & 127);
    int status = 0;
    if (child < 0 || call(SYS_WAIT4, (uintptr_t)child, (uintptr_t)&status) != child) return 0;
    checksum = checksum * 31 + (unsigned)status;
  }
  return checksum;
}

/* 4 MiB mapped, touched and unmapped. */
unsigned program_mmap(unsigned scale) {
  unsigned checksum = 0;
  clock_start();
  for (unsigned i = 0; i < scale; i++) {
    u8 *memory = memory_take(4 * MIB);
    for (size_t at = 0; at < 4 * MIB; at += PAGE_BYTES) memory[at] = (u8)(at >> 12);
    checksum += memory[PAGE_BYTES * 7 + i % 2 * PAGE_BYTES];
    memory_give(memory, 4 * MIB);
  }
  return checksum;
}
