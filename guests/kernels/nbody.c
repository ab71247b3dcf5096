/*
 * Gravitation between five bodies in doubles, 4,000 steps per unit. Only + - * / and square
 * root, so the result is the same bits on every conforming machine.
 */
#include "kernels.h"

#define BODIES 5
#define STEPS 4000

struct body {
  double x[3];
  double v[3];
  double mass;
};

static struct body bodies[BODIES];

static double root(double x) {
  double r;
  __asm__("fsqrt.d %0, %1" : "=f"(r) : "f"(x));
  return r;
}

static void step(double dt) {
  for (int i = 0; i < BODIES; i++) {
    struct body *a = &bodies[i];
    for (int j = i + 1; j < BODIES; j++) {
      struct body *b = &bodies[j];
      double dx = a->x[0] - b->x[0], dy = a->x[1] - b->x[1], dz = a->x[2] - b->x[2];
      double square = dx * dx + dy * dy + dz * dz + 0.01;
      double pull = dt / (square * root(square));
      double to_a = b->mass * pull, to_b = a->mass * pull;
      a->v[0] -= dx * to_a, a->v[1] -= dy * to_a, a->v[2] -= dz * to_a;
      b->v[0] += dx * to_b, b->v[1] += dy * to_b, b->v[2] += dz * to_b;
    }
  }
  for (int i = 0; i < BODIES; i++) {
    for (int k = 0; k < 3; k++) bodies[i].x[k] += dt * bodies[i].v[k];
  }
}

static u64 bits_of(double x) {
  u64 bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

u64 kernel_nbody(u64 scale) {
  u64 random = random_seeded(8);
  for (int i = 0; i < BODIES; i++) {
    struct body *b = &bodies[i];
    for (int k = 0; k < 3; k++) {
      b->x[k] = (double)(i64)random_below(&random, 2000) / 100 - 10;
      b->v[k] = (double)(i64)random_below(&random, 2000) / 10000 - 0.1;
    }
    b->mass = i == 0 ? 40 : (double)(i64)(1 + random_below(&random, 100)) / 1000;
  }
  u64 checksum = 0;
  for (u64 round = 0; round < scale; round++) {
    for (int i = 0; i < STEPS; i++) step(0.001);
    for (int i = 0; i < BODIES; i++) {
      for (int k = 0; k < 3; k++) checksum = mix64(checksum ^ bits_of(bodies[i].x[k]));
    }
  }
  return checksum;
}
