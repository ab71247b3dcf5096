/* The sieve of Eratosthenes, a byte for each number below 300,000, once per unit. */
#include "kernels.h"

#define LIMIT 300000ul

u64 kernel_sieve(u64 scale) {
  u8 *composite = memory_take(LIMIT);
  u64 checksum = 0;
  for (u64 round = 0; round < scale; round++) {
    u64 count = 0, last = 0;
    u64 limit = LIMIT - round % 64;
    memset(composite, 0, LIMIT);
    for (u64 i = 2; i < limit; i++) {
      if (composite[i]) continue;
      count++;
      last = i;
      for (u64 j = i * i; j < limit; j += i) composite[j] = 1;
    }
    checksum = mix64(checksum ^ count << 32 ^ last);
  }
  return checksum;
}
