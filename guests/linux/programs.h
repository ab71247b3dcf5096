/*
 * Programs that are measured inside Linux, on riscv64 and i386 alike: plain C, whose `unsigned`
 * has 32 bits on both. A program prepares, calls `clock_start`, works, and returns a checksum
 * that does not depend on the machine (but for the last bits of floating-point ones: riscv64
 * fuses multiplications with additions).
 */
#pragma once

#include "../lib/guest.h"

#define MIB (1024ul * 1024)

/* Says "begin" and starts the clock: a program calls it once. */
void clock_start(void);

/* Memory that is given back, unlike `memory_take`'s. */
void memory_give(void *memory, size_t bytes);

unsigned program_sieve(unsigned scale);
unsigned program_matmul(unsigned scale);
unsigned program_crc32(unsigned scale);
unsigned program_quicksort(unsigned scale);
unsigned program_mix(unsigned scale);
unsigned program_recursion(unsigned scale);
unsigned program_indirect(unsigned scale);
unsigned program_touch(unsigned scale);
unsigned program_pages(unsigned scale);
unsigned program_stream(unsigned scale);
unsigned program_copy(unsigned scale);
unsigned program_chase(unsigned scale);
unsigned program_getppid(unsigned scale);
unsigned program_fork(unsigned scale);
unsigned program_mmap(unsigned scale);
unsigned program_nbody(unsigned scale);
unsigned program_mandelbrot(unsigned scale);
