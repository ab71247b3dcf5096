/*
 * Two page dirtiers over 64 MiB, more pages than a TLB holds. `touch` changes a byte of each page in
 * turn; `dirty` does what the dirtier does as fast as it can: 64 fresh bytes at the start of a page
 * picked at random. 10 rounds of the one and 50,000 pages of the other per unit. All pages are touched
 * before the clock starts: how fast a host hands out memory is its own affair.
 */
#include "kernels.h"

#define BYTES (64ul << 20)
#define PAGES (BYTES / PAGE_BYTES)

/* Both kernels have the same memory: it is never given back. */
static u8 *base;

void kernel_pages_prepare(void) {
  if (!base) base = memory_take(BYTES);
  for (u64 at = 0; at < BYTES; at += PAGE_BYTES) base[at] = 0;
}

u64 kernel_touch(u64 scale) {
  for (u64 round = 0; round < scale * 10; round++) {
    for (u64 at = 0; at < BYTES; at += PAGE_BYTES) base[at] += (u8)(at >> 12);
  }
  u64 checksum = 0;
  for (u64 at = 0; at < BYTES; at += PAGE_BYTES) checksum = checksum * 31 + base[at];
  return mix64(checksum);
}

u64 kernel_dirty(u64 scale) {
  u64 random = random_seeded(6);
  for (u64 i = 0; i < scale * 50000; i++) {
    u64 *words = (u64 *)(base + random_below(&random, PAGES) * PAGE_BYTES);
    for (int k = 0; k < 8; k++) words[k] = random_next(&random);
  }
  u64 checksum = 0;
  for (u64 at = 0; at < BYTES; at += PAGE_BYTES) checksum = checksum * 31 + *(u64 *)(base + at);
  return mix64(checksum);
}
