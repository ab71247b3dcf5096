/*
 * What every guest program may use, on the bare machine and on Linux alike.
 *
 * A program is `int main(void)`; 0 powers the machine off cleanly (or exits with 0),
 * anything else says that the guest failed. Its parameters are key=value words: the
 * kernel command line on the bare machine, the arguments on Linux.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t i64;

#define PAGE_BYTES 4096ul

int main(void);

/*
 * Console. Formats: %d %u %x (32 bit), %ld %lu %lx (64 bit), %s %c %%, width as in %016lx. What is
 * also built for 32 bits writes "%" U64, as there a long is no u64.
 */
#ifdef __LP64__
#define U64 "lu"
#else
#define U64 "llu"
#endif
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void console_write(const char *bytes, size_t count);

/* Parameters. */
const char *parameters(void);
bool arg_is(const char *key, const char *value, bool otherwise);
const char *arg_text(const char *key, size_t *bytes);
/* Decimal or 0x..., with an optional K, M, G, KiB, MiB or GiB; a malformed one ends the guest. */
u64 arg_number(const char *key, u64 otherwise);

/* Time, in microseconds since some start; waiting spins or sleeps until then. */
u64 now_us(void);
void spin_until_us(u64 us);
void sleep_until_us(u64 us);

/* Memory: page-aligned pieces that are never given back. Not zeroed. */
u64 memory_bytes(void);
u64 memory_left(void);
void *memory_take(u64 bytes);

void stop(int status) __attribute__((noreturn));

/* Random numbers: xorshift64, and a mixing step for seeds and checksums. */
static inline u64 mix64(u64 x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

static inline u64 random_seeded(u64 seed) {
  u64 state = mix64(seed);
  return state ? state : 1;
}

static inline u64 random_next(u64 *state) {
  u64 x = *state;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return *state = x;
}

/* Uniform in [0, bound) for bounds below 2^32: multiply-high instead of a division. */
static inline u64 random_below(u64 *state, u64 bound) {
  return ((random_next(state) >> 32) * bound) >> 32;
}

void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
size_t strlen(const char *text);
