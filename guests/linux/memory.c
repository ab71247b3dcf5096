/* Memory: pages touched for the first time and again, streams, copies, dependent loads. */
#include "programs.h"

#define LARGE_BYTES (256 * MIB)
#define STREAM_BYTES (64 * MIB)
#define CHASE_BYTES (16 * MIB)

/*
 * The kernel finds and clears a page for each first store. One round goes ahead of the clock, so
 * that what the machine around the guest takes to find its memory does not count.
 */
unsigned program_touch(unsigned scale) {
  unsigned checksum = 0;
  for (unsigned round = 0; round <= scale; round++) {
    if (round == 1) clock_start();
    u8 *large = memory_take(LARGE_BYTES);
    for (size_t at = 0; at < LARGE_BYTES; at += PAGE_BYTES) large[at] = (u8)(at >> 12);
    for (size_t at = 0; at < LARGE_BYTES; at += LARGE_BYTES / 64) checksum += large[at + PAGE_BYTES];
    memory_give(large, LARGE_BYTES);
  }
  return checksum;
}

/* A byte a page: more pages than any TLB holds. */
unsigned program_pages(unsigned scale) {
  u8 *large = memory_take(LARGE_BYTES);
  for (size_t at = 0; at < LARGE_BYTES; at += PAGE_BYTES) large[at] = 1;
  unsigned checksum = 0;
  clock_start();
  for (unsigned round = 0; round < scale; round++) {
    for (size_t at = 0; at < LARGE_BYTES; at += PAGE_BYTES) large[at] += (u8)round;
  }
  for (size_t at = 0; at < LARGE_BYTES; at += PAGE_BYTES) checksum += large[at];
  memory_give(large, LARGE_BYTES);
  return checksum;
}

/* Machine words read, changed and written back. */
unsigned program_stream(unsigned scale) {
  uintptr_t *words = memory_take(STREAM_BYTES);
  size_t count = STREAM_BYTES / sizeof *words;
  for (size_t i = 0; i < count; i++) words[i] = i & 0xff;
  unsigned checksum = 0;
  clock_start();
  for (unsigned round = 0; round < scale; round++) {
    for (size_t i = 0; i < count; i++) words[i] += round;
  }
  for (size_t i = 0; i < STREAM_BYTES / 4096; i++) checksum += (unsigned)words[i];
  memory_give(words, STREAM_BYTES);
  return checksum;
}

/* Source and target 128 MiB apart: the same entries of a TLB that is indexed by low bits. */
unsigned program_copy(unsigned scale) {
  uintptr_t *from = memory_take(3 * STREAM_BYTES);
  uintptr_t *to = from + 2 * STREAM_BYTES / sizeof *from;
  size_t count = STREAM_BYTES / sizeof *from;
  for (size_t i = 0; i < count; i++) from[i] = to[i] = i & 0xff;
  unsigned checksum = 0;
  clock_start();
  for (unsigned round = 0; round < scale; round++) {
    for (size_t i = 0; i < count; i++) to[i] = from[i];
    from[round] += to[count - 1];
  }
  for (size_t i = 0; i < STREAM_BYTES / 4096; i++) checksum += (unsigned)to[i];
  memory_give(from, 3 * STREAM_BYTES);
  return checksum;
}

/* One random cycle over all pages of 16 MiB, a word in each: a million steps per unit. */
unsigned program_chase(unsigned scale) {
  enum { WORDS_A_PAGE = 4096 / sizeof(uintptr_t), LINE_WORDS = 64 / sizeof(uintptr_t) };
  uintptr_t *words = memory_take(CHASE_BYTES);
  unsigned pages = CHASE_BYTES / PAGE_BYTES;
  u64 random = random_seeded(5);
  /* Sattolo's shuffle of the successors: a permutation that is a single cycle. */
  unsigned *next = memory_take(pages * sizeof *next);
  for (unsigned i = 0; i < pages; i++) next[i] = i;
  for (unsigned i = pages - 1; i > 0; i--) {
    unsigned j = (unsigned)random_below(&random, i), t = next[i];
    next[i] = next[j];
    next[j] = t;
  }
#define word_of(page) ((uintptr_t)(page)*WORDS_A_PAGE + (page) % 64 * LINE_WORDS)
  for (unsigned i = 0; i < pages; i++) words[word_of(i)] = word_of(next[i]);
  uintptr_t at = 0;
  unsigned checksum = 0;
  clock_start();
  for (unsigned i = 0; i < scale * 1000000u; i++) at = words[at];
  checksum = (unsigned)(at / WORDS_A_PAGE);
  memory_give(next, pages * sizeof *next);
  memory_give(words, CHASE_BYTES);
  return checksum;
}
