/* The smallest guest: says where it is and powers off. */
#include "lib/bare.h"

int main(void) {
  print("hello from hart %lu, %lu MiB at 0x%lx, timebase %lu Hz, bootargs \"%s\"\n", machine.hart,
        machine.ram_bytes >> 20, machine.ram_base, machine.timebase_hz, machine.bootargs);
  return 0;
}
