/* Plain computation: loops, tables, branches, calls. */
#include "programs.h"

#define plain_calls noinline, noclone, optimize("no-optimize-sibling-calls")

/* Primes below a million, a byte for each number. */
unsigned program_sieve(unsigned scale) {
  enum { LIMIT = 1000000 };
  u8 *composite = memory_take(LIMIT);
  unsigned count = 0;
  clock_start();
  for (unsigned round = 0; round < scale; round++) {
    memset(composite, 0, LIMIT);
    for (unsigned i = 2; i < LIMIT; i++) {
      if (composite[i]) continue;
      count++;
      if (i < 1000) {
        for (unsigned j = i * i; j < LIMIT; j += i) composite[j] = 1;
      }
    }
  }
  memory_give(composite, LIMIT);
  return count;
}

/* Product of two 128 x 128 matrices of 32-bit integers, in the textbook's order. */
unsigned program_matmul(unsigned scale) {
  enum { N = 128 };
  static unsigned a[N][N], b[N][N], c[N][N];
  u64 random = random_seeded(4);
  for (int i = 0; i < N; i++) {
    for (int j = 0; j < N; j++) {
      a[i][j] = (unsigned)random_next(&random) & 0xffff;
      b[i][j] = (unsigned)random_next(&random) & 0xffff;
    }
  }
  unsigned checksum = 0;
  clock_start();
  for (unsigned round = 0; round < scale; round++) {
    for (int i = 0; i < N; i++) {
      for (int j = 0; j < N; j++) {
        unsigned sum = 0;
        for (int k = 0; k < N; k++) sum += a[i][k] * b[k][j];
        c[i][j] = sum;
      }
    }
    a[round % N][round / N % N]++;
    checksum = checksum * 31 + c[round % N][(round * 7) % N];
  }
  return checksum;
}

/* CRC-32 of a mebibyte, a table lookup a byte. */
unsigned program_crc32(unsigned scale) {
  static unsigned table[256];
  u8 *buffer = memory_take(MIB);
  u64 random = random_seeded(1);
  for (size_t i = 0; i < MIB; i++) buffer[i] = (u8)random_next(&random);
  for (unsigned i = 0; i < 256; i++) {
    unsigned c = i;
    for (int bit = 0; bit < 8; bit++) c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
    table[i] = c;
  }
  unsigned c = ~0u;
  clock_start();
  for (unsigned round = 0; round < scale; round++) {
    for (size_t i = 0; i < MIB; i++) c = table[(c ^ buffer[i]) & 255] ^ c >> 8;
  }
  memory_give(buffer, MIB);
  return ~c;
}

static void swap(int *a, int *b) {
  int t = *a;
  *a = *b;
  *b = t;
}

static void sort(int *v, long low, long high) {
  while (low < high) {
    int pivot = v[low + (high - low) / 2];
    long i = low, j = high;
    while (i <= j) {
      while (v[i] < pivot) i++;
      while (v[j] > pivot) j--;
      if (i <= j) swap(&v[i++], &v[j--]);
    }
    /* Recursion into the smaller part keeps the stack logarithmic. */
    if (j - low < high - i) {
      sort(v, low, j);
      low = i;
    } else {
      sort(v, i, high);
      high = j;
    }
  }
}

/* A million 32-bit numbers. */
unsigned program_quicksort(unsigned scale) {
  enum { COUNT = 1000000 };
  int *v = memory_take(COUNT * sizeof *v);
  u64 random = random_seeded(3);
  unsigned checksum = 0;
  clock_start();
  for (unsigned round = 0; round < scale; round++) {
    for (unsigned i = 0; i < COUNT; i++) v[i] = (int)(random_next(&random) >> 20);
    sort(v, 0, COUNT - 1);
    for (unsigned i = 0; i < COUNT; i += 1000) checksum = checksum * 31 + (unsigned)v[i];
  }
  memory_give(v, COUNT * sizeof *v);
  return checksum;
}

/* 64-bit multiplications, shifts and exclusive ors: a million per unit. */
unsigned program_mix(unsigned scale) {
  u64 x = 1;
  clock_start();
  for (unsigned i = 0; i < scale * 1000000u; i++) x = mix64(x);
  return (unsigned)x;
}

static __attribute__((plain_calls)) unsigned fibonacci(unsigned n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static __attribute__((plain_calls)) unsigned ackermann(unsigned m, unsigned n) {
  if (m == 0) return n + 1;
  if (n == 0) return ackermann(m - 1, 1);
  return ackermann(m - 1, ackermann(m, n - 1));
}

/* Fibonacci of 24 and Ackermann(2, 100) in their recursive definitions. */
unsigned program_recursion(unsigned scale) {
  unsigned checksum = 0;
  clock_start();
  for (unsigned round = 0; round < scale; round++) {
    checksum = checksum * 31 + fibonacci(24);
    checksum = checksum * 31 + ackermann(2, 100 + (round & 3));
  }
  return checksum;
}

typedef unsigned (*step)(unsigned);

#define step_of(name, expression) \
  static __attribute__((noinline)) unsigned name(unsigned x) { return expression; }
step_of(step0, x * 5 + 1)
step_of(step1, x ^ x >> 7)
step_of(step2, x + (x << 3))
step_of(step3, ~x)
step_of(step4, x - 0x61c88647)
step_of(step5, x << 13 | x >> 19)
step_of(step6, x * 0x01000193)
step_of(step7, x ^ 0x5bd1e995)

/* Calls through a table whose entry hangs on the last result: a million per unit. */
unsigned program_indirect(unsigned scale) {
  static step table[] = {step0, step1, step2, step3, step4, step5, step6, step7};
  unsigned x = 1, random = 1;
  clock_start();
  for (unsigned i = 0; i < scale * 1000000u; i++) {
    random = random * 1664525 + 1013904223;
    x = table[(random >> 16 ^ x) & 7](x);
  }
  return x;
}
