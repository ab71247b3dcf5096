/*
 * Programs to measure a machine by, from inside Linux. As the first process it powers the machine
 * off at its end; its parameters stand on the kernel command line behind "--".
 *
 *   program=NAME  one of the table below, or all (all)
 *   divide=N      an Nth of the work, to try it out (1)
 *
 * Prints "begin <name>" where the clock starts and "program <name> checksum <hex> us <n>" where it
 * stops, at last "end".
 */
#include "../lib/linux.h"
#include "programs.h"

#define REBOOT_MAGIC1 0xfee1dead
#define REBOOT_MAGIC2 672274793
#define REBOOT_POWER_OFF 0x4321fedc

struct program {
  const char *name;
  unsigned (*run)(unsigned scale);
  unsigned scale;
};

static const struct program programs[] = {
    {"sieve", program_sieve, 30},          {"matmul", program_matmul, 35},
    {"crc32", program_crc32, 50},          {"quicksort", program_quicksort, 3},
    {"mix", program_mix, 20},              {"recursion", program_recursion, 100},
    {"indirect", program_indirect, 15},    {"touch", program_touch, 2},
    {"pages", program_pages, 50},          {"stream", program_stream, 4},
    {"copy", program_copy, 4},             {"chase", program_chase, 4},
    {"getppid", program_getppid, 200},     {"fork", program_fork, 600},
    {"mmap", program_mmap, 90},            {"nbody", program_nbody, 40},
    {"mandelbrot", program_mandelbrot, 25},
};

static const struct program *running;
static u64 started_us;

void clock_start(void) {
  print("begin %s\n", running->name);
  started_us = now_us();
}

static void run(const struct program *program, unsigned divide) {
  unsigned scale = program->scale / divide;
  running = program;
  unsigned checksum = program->run(scale ? scale : 1);
  u64 us = now_us() - started_us;
  print("program %s checksum %08x us %" U64 "\n", program->name, checksum, us);
}

int main(void) {
  unsigned divide = (unsigned)arg_number("divide", 1);
  for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
    const struct program *program = &programs[i];
    if (arg_is("program", program->name, true) || arg_is("program", "all", true))
      run(program, divide ? divide : 1);
  }
  print("end\n");
  /* Only the first process may; for others it fails and they just end. */
  if (call(SYS_GETPPID, 0) == 0)
    call(SYS_REBOOT, REBOOT_MAGIC1, REBOOT_MAGIC2, REBOOT_POWER_OFF);
  return 0;
}
