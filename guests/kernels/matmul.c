/* Product of two 64 x 64 matrices of 64-bit integers, in the textbook's order, per unit. */
#include "kernels.h"

#define N 64

static u64 a[N][N], b[N][N], c[N][N];

u64 kernel_matmul(u64 scale) {
  u64 random = random_seeded(4);
  for (int i = 0; i < N; i++) {
    for (int j = 0; j < N; j++) {
      a[i][j] = random_next(&random) >> 40;
      b[i][j] = random_next(&random) >> 40;
    }
  }
  u64 checksum = 0;
  for (u64 round = 0; round < scale; round++) {
    for (int i = 0; i < N; i++) {
      for (int j = 0; j < N; j++) {
        u64 sum = 0;
        for (int k = 0; k < N; k++) sum += a[i][k] * b[k][j];
        c[i][j] = sum;
      }
    }
    u64 sum = 0;
    for (int i = 0; i < N; i++) {
      for (int j = 0; j < N; j++) {
        sum = sum * 31 + c[i][j];
        a[i][j] = c[i][j] >> 20 & 0xffffff;
      }
    }
    checksum = mix64(checksum ^ sum);
  }
  return checksum;
}
