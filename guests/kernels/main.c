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
  void (*prepare)(void);
};

static const struct kernel kernels[] = {
    {"crc", kernel_crc, 150, 0},
    {"sieve", kernel_sieve, 100, 0},
    {"quicksort", kernel_quicksort, 150, 0},
    {"matmul", kernel_matmul, 150, 0},
    {"chase", kernel_chase, 40, 0},
    {"bytecode", kernel_bytecode, 120, 0},
    {"recursion", kernel_recursion, 250, 0},
    {"nbody", kernel_nbody, 100, 0},
    {"mandelbrot", kernel_mandelbrot, 40, 0},
    {"touch", kernel_touch, 100, kernel_pages_prepare},
    {"dirty", kernel_dirty, 60, kernel_pages_prepare},
};

int main(void) {
  paging_from_args("4k");
  bool is_known = false;
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
    const struct kernel *k = &kernels[i];
    if (!arg_is("kernel", k->name, true) && !arg_is("kernel", "all", true)) continue;
    is_known = true;
    u64 scale = arg_number("scale", k->scale);
    if (k->prepare) k->prepare();
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
