/* The Mandelbrot set in doubles, 128 x 128 points, at most 100 turns each, once per unit. */
#include "kernels.h"

#define N 128
#define TURNS 100

u64 kernel_mandelbrot(u64 scale) {
  u64 checksum = 0;
  for (u64 round = 0; round < scale; round++) {
    double shift = (double)(i64)(round % 16) / 1024;
    u64 sum = 0;
    for (i64 py = 0; py < N; py++) {
      for (i64 px = 0; px < N; px++) {
        double cx = (double)px * 3 / N - 2.25 + shift, cy = (double)py * 2.5 / N - 1.25;
        double x = 0, y = 0;
        u64 turn = 0;
        for (; turn < TURNS; turn++) {
          double xx = x * x, yy = y * y;
          if (xx + yy > 4) break;
          y = 2 * x * y + cy;
          x = xx - yy + cx;
        }
        sum = sum * 31 + turn;
      }
    }
    checksum = mix64(checksum ^ sum);
  }
  return checksum;
}
