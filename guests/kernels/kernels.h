/*
 * A CPU kernel is a function of its scale alone; the result is a checksum of all it computed.
 * One unit of scale is one to three million instructions.
 */
#pragma once

#include "../lib/bare.h"

u64 kernel_crc(u64 scale);
u64 kernel_sieve(u64 scale);
u64 kernel_quicksort(u64 scale);
u64 kernel_matmul(u64 scale);
u64 kernel_chase(u64 scale);
u64 kernel_bytecode(u64 scale);
u64 kernel_recursion(u64 scale);
u64 kernel_nbody(u64 scale);
u64 kernel_mandelbrot(u64 scale);
u64 kernel_touch(u64 scale);
u64 kernel_dirty(u64 scale);
void kernel_pages_prepare(void);
