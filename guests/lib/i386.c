/* What gcc calls for 64-bit divisions on a 32-bit machine. Nothing measured divides so. */
#include "guest.h"

u64 __udivdi3(u64 value, u64 by);
u64 __umoddi3(u64 value, u64 by);
u64 __udivmoddi4(u64 value, u64 by, u64 *rest);

u64 __udivmoddi4(u64 value, u64 by, u64 *rest) {
  u64 quotient = 0;
  *rest = 0;
  for (int bit = 63; bit >= 0; bit--) {
    *rest = *rest << 1 | (value >> bit & 1);
    if (*rest < by) continue;
    *rest -= by;
    quotient |= (u64)1 << bit;
  }
  return quotient;
}

u64 __udivdi3(u64 value, u64 by) {
  u64 rest;
  return __udivmoddi4(value, by, &rest);
}

u64 __umoddi3(u64 value, u64 by) {
  u64 rest;
  __udivmoddi4(value, by, &rest);
  return rest;
}
