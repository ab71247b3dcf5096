/* Double precision. */
#include "programs.h"

#define BODIES 5

struct body {
  double x[3];
  double v[3];
  double mass;
};

static void advance(struct body *bodies, double dt) {
  for (int i = 0; i < BODIES; i++) {
    struct body *a = &bodies[i];
    for (int j = i + 1; j < BODIES; j++) {
      struct body *b = &bodies[j];
      double dx = a->x[0] - b->x[0], dy = a->x[1] - b->x[1], dz = a->x[2] - b->x[2];
      double square = dx * dx + dy * dy + dz * dz + 0.01;
      double pull = dt / (square * __builtin_sqrt(square));
      double to_a = b->mass * pull, to_b = a->mass * pull;
      a->v[0] -= dx * to_a, a->v[1] -= dy * to_a, a->v[2] -= dz * to_a;
      b->v[0] += dx * to_b, b->v[1] += dy * to_b, b->v[2] += dz * to_b;
    }
  }
  for (int i = 0; i < BODIES; i++) {
    for (int k = 0; k < 3; k++) bodies[i].x[k] += dt * bodies[i].v[k];
  }
}

/* Gravitation between five bodies, 10,000 steps per unit. */
unsigned program_nbody(unsigned scale) {
  static struct body bodies[BODIES];
  u64 random = random_seeded(8);
  for (int i = 0; i < BODIES; i++) {
    struct body *b = &bodies[i];
    for (int k = 0; k < 3; k++) {
      b->x[k] = (double)(int)random_below(&random, 2000) / 100 - 10;
      b->v[k] = (double)(int)random_below(&random, 2000) / 10000 - 0.1;
    }
    b->mass = i == 0 ? 40 : (double)(int)(1 + random_below(&random, 100)) / 1000;
  }
  clock_start();
  for (unsigned i = 0; i < scale * 10000; i++) advance(bodies, 0.001);
  unsigned checksum = 0;
  for (int i = 0; i < BODIES; i++) {
    unsigned bits[2];
    memcpy(bits, &bodies[i].x[0], sizeof bits);
    checksum = checksum * 31 + (bits[0] ^ bits[1]);
  }
  return checksum;
}

/* The Mandelbrot set, 128 x 128 points, at most 200 turns each. */
unsigned program_mandelbrot(unsigned scale) {
  enum { N = 128, TURNS = 200 };
  unsigned checksum = 0;
  clock_start();
  for (unsigned round = 0; round < scale; round++) {
    for (int py = 0; py < N; py++) {
      for (int px = 0; px < N; px++) {
        double cx = (double)px * 3 / N - 2.25, cy = (double)py * 2.5 / N - 1.25;
        double x = 0, y = 0;
        int turn = 0;
        for (; turn < TURNS; turn++) {
          double xx = x * x, yy = y * y;
          if (xx + yy > 4) break;
          y = 2 * x * y + cy;
          x = xx - yy + cx;
        }
        checksum = checksum * 31 + (unsigned)turn;
      }
    }
  }
  return checksum;
}
