/*
 * Writes random operations and what this machine's floating point makes of them.
 *
 *     float-oracle SEED COUNT
 *
 * A record is five 64-bit words: operation | mode << 8 | fflags << 16, a, b, c, result. NaN results
 * are written as the canonical NaN. The machine must detect tininess after rounding (x86 does).
 */
#include <fenv.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { ADD64, SUB64, MUL64, DIV64, SQRT64, FMA64, ADD32, SUB32, MUL32, DIV32, SQRT32, FMA32,
       F64_TO_F32, F32_TO_F64, F64_FROM_I64, F32_FROM_I64, F64_TO_I64, F32_TO_I64,
       EQ64, LT64, LE64, EQ32, LT32, LE32, OPERATIONS };

static uint64_t state;

static uint64_t draw(void) {
  uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* A number whose exponent field is near `field`, with a random, sparse or dense fraction. */
static uint64_t near(int isDouble, int field) {
  int width = isDouble ? 52 : 23, last = isDouble ? 2046 : 254;
  uint64_t all = (1ull << width) - 1, bit = 1ull << draw() % width, fraction = draw() & all;
  switch (draw() % 8) {
  case 0: fraction = 0; break;
  case 1: fraction = bit | 1ull << draw() % width; break;
  case 2: fraction = all - draw() % 4; break;
  case 3: fraction = draw() % 4; break;
  case 4: fraction &= ~(bit - 1); break;
  }
  if (field < 0) field = 0;
  if (field > last) field = last;
  return (draw() & 1) << (isDouble ? 63 : 31) | (uint64_t)field << width | fraction;
}

static uint64_t operand(int isDouble, int other) {
  int bias = isDouble ? 1023 : 127, p = isDouble ? 53 : 24;
  uint64_t infinity = isDouble ? 0x7ffull << 52 : 0xffull << 23;
  switch (draw() % 10) {
  case 0: return isDouble ? draw() : (uint32_t)draw();
  case 1: return draw() % 4 ? near(isDouble, draw() % 3) : draw() & 1 ? 0 : infinity;
  case 2: return near(isDouble, 2 * bias - draw() % 4);
  case 3: return near(isDouble, bias - other + draw() % 8 - p); /* Product near the smallest. */
  case 4: return near(isDouble, 3 * bias - other + draw() % 5 - 2); /* Product near the largest. */
  case 5: case 6: return near(isDouble, other + draw() % (2 * p + 6) - p - 3);
  default: return near(isDouble, bias + draw() % 64 - 32);
  }
}

static int exponent(int isDouble, uint64_t a) {
  return isDouble ? a >> 52 & 0x7ff : a >> 23 & 0xff;
}

typedef union { uint64_t bits; double value; } f64;
typedef union { uint32_t bits; float value; } f32;

static uint64_t canonical64(double value) {
  f64 u = { .value = value };
  return (u.bits << 1) > (0x7ffull << 53) ? 0x7ff8ull << 48 : u.bits;
}

static uint64_t canonical32(float value) {
  f32 u = { .value = value };
  return (u.bits << 1) > (0xffu << 24) ? 0x7fc00000 : u.bits;
}

static uint64_t compute(int operation, uint64_t a, uint64_t b, uint64_t c) {
  volatile double x = (f64){ a }.value, y = (f64){ b }.value, z = (f64){ c }.value;
  volatile float s = (f32){ (uint32_t)a }.value, t = (f32){ (uint32_t)b }.value;
  volatile float u = (f32){ (uint32_t)c }.value;
  feclearexcept(FE_ALL_EXCEPT);
  switch (operation) {
  case ADD64: return canonical64(x + y);
  case SUB64: return canonical64(x - y);
  case MUL64: return canonical64(x * y);
  case DIV64: return canonical64(x / y);
  case SQRT64: return canonical64(sqrt(x));
  case FMA64: return canonical64(fma(x, y, z));
  case ADD32: return canonical32(s + t);
  case SUB32: return canonical32(s - t);
  case MUL32: return canonical32(s * t);
  case DIV32: return canonical32(s / t);
  case SQRT32: return canonical32(sqrtf(s));
  case FMA32: return canonical32(fmaf(s, t, u));
  case F64_TO_F32: return canonical32((float)x);
  case F32_TO_F64: return canonical64((double)s);
  case F64_FROM_I64: return canonical64((double)(int64_t)a);
  case F32_FROM_I64: return canonical32((float)(int64_t)a);
  case F64_TO_I64: return (uint64_t)llrint(x);
  case F32_TO_I64: return (uint64_t)llrintf(s);
  case EQ64: return x == y;
  case LT64: return x < y;
  case LE64: return x <= y;
  case EQ32: return s == t;
  case LT32: return s < t;
  default: return s <= t;
  }
}

/* Where machines differ by design: NaN operands of fma, integers out of range. */
static int isComparable(int operation, uint64_t a, uint64_t b, uint64_t c) {
  switch (operation) {
  case FMA64: return exponent(1, a) < 0x7ff && exponent(1, b) < 0x7ff && exponent(1, c) < 0x7ff;
  case FMA32: return exponent(0, a) < 0xff && exponent(0, b) < 0xff && exponent(0, c) < 0xff;
  case F64_TO_I64: return exponent(1, a) < 1023 + 62;
  case F32_TO_I64: return exponent(0, a) < 127 + 62;
  default: return 1;
  }
}

int main(int argc, char **argv) {
  static const int modes[] = { FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD };
  if (argc != 3) return 2;
  state = strtoull(argv[1], 0, 10);
  for (uint64_t left = strtoull(argv[2], 0, 10); left; left--) {
    int operation, mode, isDouble;
    uint64_t a, b, c;
    do {
      operation = draw() % OPERATIONS;
      mode = draw() & 1 ? 0 : draw() % 4;
      isDouble = operation <= FMA64 || operation == F64_TO_F32 || operation == F64_TO_I64 ||
                 (operation >= EQ64 && operation <= LE64);
      a = operand(isDouble, isDouble ? 1023 : 127);
      if (operation == F64_TO_F32 && draw() % 2) a = near(1, 1023 - 127 - 30 + draw() % 300);
      if (operation == F64_TO_F32 && draw() % 2) a &= ~((1ull << 28) - 1); /* Halfway. */
      if (operation == F64_FROM_I64 || operation == F32_FROM_I64)
        a = draw() >> draw() % 64 & ~((1ull << draw() % 40) - 1);
      b = operand(isDouble, exponent(isDouble, a));
      c = operand(isDouble, exponent(isDouble, a) + exponent(isDouble, b) - (isDouble ? 1023 : 127));
      if (draw() % 8 == 0) { /* Near cancellation. */
        f64 w = { a }, v = { b };
        f32 s = { (uint32_t)a }, t = { (uint32_t)b };
        w.value *= -v.value;
        s.value *= -t.value;
        c = (isDouble ? w.bits : s.bits) + draw() % 3 - 1;
        if (!isDouble) c = (uint32_t)c;
      }
    } while (!isComparable(operation, a, b, c));
    fesetround(modes[mode]);
    uint64_t result = compute(operation, a, b, c);
    int raised = fetestexcept(FE_ALL_EXCEPT);
    fesetround(FE_TONEAREST);
    int flags = (raised & FE_INEXACT ? 1 : 0) | (raised & FE_UNDERFLOW ? 2 : 0) |
                (raised & FE_OVERFLOW ? 4 : 0) | (raised & FE_DIVBYZERO ? 8 : 0) |
                (raised & FE_INVALID ? 16 : 0);
    uint64_t record[] = { operation | mode << 8 | flags << 16, a, b, c, result };
    fwrite(record, sizeof record, 1, stdout);
  }
  return 0;
}
