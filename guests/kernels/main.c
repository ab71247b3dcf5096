/*
 * CPU kernels for benchmarks.
 *
 *   kernel=NAME  one of the table below, or all (all)
 *   scale=N      amount of work; each kernel has its default of 100-500 M instructions
 *   paging=0|4k|2m   (4k: a benchmark without translation would not be honest)
 *
 * Prints "begin <name>" and "kernel <name> checksum <hex> instret <n> time <ticks>". `instret` is
 * what the counter says, 0 where it cannot be read (and under QEMU without -icount it counts host
 * ticks).
 */
#include "kernels.h"

struct kernel {
  const char *name;
  u64 (*run)(u64 scale);
  u64 scale;
};

static const struct kernel kernels[] = {
    {"crc", kernel_crc, 150},
    {"sieve", kernel_sieve, 100},
    {"quicksort", kernel_quicksort, 150},
    {"matmul", kernel_matmul, 150},
    {"chase", kernel_chase, 40},
    {"bytecode", kernel_bytecode, 120},
    {"recursion", kernel_recursion, 250},
    {"nbody", kernel_nbody, 100},
    {"mandelbrot", kernel_mandelbrot, 40},
    {"touch", kernel_touch, 100},
    {"dirty", kernel_dirty, 60},
};

int main(void) {
  paging_from_args("4k");
  bool is_known = false;
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
    const struct kernel *k = &kernels[i];
    if (!arg_is("kernel", k->name, true) && !arg_is("kernel", "all", true)) continue;
    is_known = true;
    u64 scale = arg_number("scale", k->scale);
    print("begin %s\n", k->name);
    u64 instret = read_instret(), time = read_time();
    u64 checksum = k->run(scale);
    time = read_time() - time;
    u64 instret_end = read_instret();
    print("kernel %s checksum %016lx instret %lu time %lu\n", k->name, checksum,
          instret_end - instret, time);
  }
  if (!is_known) {
    print("parameter kernel: expected");
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) print(" %s", kernels[i].name);
    print(" or all\n");
  }
  return is_known ? 0 : 1;
}
