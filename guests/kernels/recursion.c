/* Calls and returns: Fibonacci of 22 and Ackermann(2, 60) in their recursive definitions, per unit. */
#include "kernels.h"

static __attribute__((noinline, noclone, optimize("no-optimize-sibling-calls"))) u64 fibonacci(u64 n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static __attribute__((noinline, noclone, optimize("no-optimize-sibling-calls"))) u64 ackermann(u64 m,
                                                                                             u64 n) {
  if (m == 0) return n + 1;
  if (n == 0) return ackermann(m - 1, 1);
  return ackermann(m - 1, ackermann(m, n - 1));
}

u64 kernel_recursion(u64 scale) {
  u64 checksum = 0;
  for (u64 round = 0; round < scale; round++) {
    checksum = mix64(checksum ^ fibonacci(22 + (round & 1)));
    checksum = mix64(checksum ^ ackermann(2, 60 + (round & 3)));
  }
  return checksum;
}
