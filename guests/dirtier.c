/*
 * The page dirtier: an open-loop load of page writes, for migration.
 *
 * It fills `fill` bytes with random data, the first `ws` of them being the working set, and
 * prints "ready". Then every millisecond of guest time it does the writes that are due at
 * `rate` pages a second; what was missed is capped at 50 ms worth. One write picks a page
 * and stores 64 fresh random bytes at its start.
 *
 *   fill=SIZE ws=SIZE     default: a half and a quarter of the memory
 *   rate=N                page writes a second (8000)
 *   pattern=uniform|hotcold|sequential
 *                         hotcold: 90 % of the writes to the first 10 % of the pages
 *   seed=N                (1)
 *   heartbeat=MS          print "hb <n> <microseconds>" that often (1000; 0: never)
 *   duration=MS           stop after that long (0: never)
 *   idle=spin|sleep       between batches
 *   paging=0|4k|2m        on the bare machine (0)
 *   wait=1                on the bare machine: after the fill print "waiting", read a line with
 *                         new parameters (ws, rate, pattern, seed, heartbeat, duration, idle)
 *                         from the console and begin with those: forks of one warm guest can
 *                         so do different things
 */
#include "lib/guest.h"
#ifndef __linux__
#include "lib/bare.h"
#endif

#define BATCH_US 1000
#define BACKLOG_US 50000

enum pattern { UNIFORM, HOTCOLD, SEQUENTIAL };

struct writer {
  u8 *base;
  u64 pages;
  u64 hot_pages;
  u64 next; /* For the sequential pattern. */
  u64 random;
  enum pattern pattern;
};

static u64 pick(struct writer *w) {
  switch (w->pattern) {
    case SEQUENTIAL: {
      u64 page = w->next++;
      if (w->next == w->pages) w->next = 0;
      return page;
    }
    case HOTCOLD:
      if (w->hot_pages == w->pages || random_below(&w->random, 10) != 0)
        return random_below(&w->random, w->hot_pages);
      return w->hot_pages + random_below(&w->random, w->pages - w->hot_pages);
    default:
      return random_below(&w->random, w->pages);
  }
}

static void write_page(struct writer *w) {
  u64 *words = (u64 *)(w->base + pick(w) * PAGE_BYTES);
  for (int i = 0; i < 8; i++) words[i] = random_next(&w->random);
}

static void fill_random(u8 *base, u64 bytes, u64 *random) {
  u64 *words = (u64 *)base;
  for (u64 i = 0; i < bytes / 8; i++) words[i] = random_next(random);
}

static enum pattern pattern_from_args(void) {
  if (arg_is("pattern", "uniform", true)) return UNIFORM;
  if (arg_is("pattern", "hotcold", false)) return HOTCOLD;
  if (arg_is("pattern", "sequential", false)) return SEQUENTIAL;
  print("parameter pattern: expected uniform, hotcold or sequential\n");
  stop(1);
}

static void (*idle_from_args(void))(u64) {
  if (arg_is("idle", "spin", true)) return spin_until_us;
  if (arg_is("idle", "sleep", false)) return sleep_until_us;
  print("parameter idle: expected spin or sleep\n");
  stop(1);
}

int main(void) {
#ifndef __linux__
  paging_from_args("0");
#endif
  struct writer w = {.random = random_seeded(arg_number("seed", 1))};
  u64 ws = arg_number("ws", memory_bytes() / 4) & ~(PAGE_BYTES - 1);
  u64 fill = arg_number("fill", memory_bytes() / 2) & ~(PAGE_BYTES - 1);
  if (fill < ws) fill = ws;
  w.base = memory_take(fill);
  fill_random(w.base, fill, &w.random);
#ifndef __linux__
  if (arg_number("wait", 0)) {
    print("waiting\n");
    read_parameters();
    ws = arg_number("ws", ws) & ~(PAGE_BYTES - 1);
    w.random = random_seeded(arg_number("seed", 1));
  }
#endif
  u64 rate = arg_number("rate", 8000);
  u64 heartbeat_us = arg_number("heartbeat", 1000) * 1000;
  u64 duration_us = arg_number("duration", 0) * 1000;
  void (*idle)(u64) = idle_from_args();
  w.pattern = pattern_from_args();
  if (ws == 0 || ws > fill) {
    print("parameter ws: expected at least one page and at most what is filled\n");
    return 1;
  }
  w.pages = ws / PAGE_BYTES;
  w.hot_pages = w.pages / 10 ? w.pages / 10 : 1;
  print("ready fill %lu ws %lu rate %lu pages %lu\n", fill, ws, rate, w.pages);

  u64 start = now_us(), last = start;
  u64 batch_at = start + BATCH_US, beat_at = start + heartbeat_us;
  u64 owed = 0; /* In millionths of a page. */
  u64 writes = 0, beats = 0;
  for (;;) {
    u64 now = now_us();
    u64 elapsed = now - last;
    last = now;
    owed += (elapsed < BACKLOG_US ? elapsed : BACKLOG_US) * rate;
    u64 due = owed / 1000000;
    owed -= due * 1000000;
    for (u64 i = 0; i < due; i++) write_page(&w);
    writes += due;
    if (heartbeat_us && now >= beat_at) {
      print("hb %lu %lu\n", beats++, now);
      while (beat_at <= now) beat_at += heartbeat_us;
    }
    if (duration_us && now - start >= duration_us) break;
    while (batch_at <= now) batch_at += BATCH_US;
    idle(batch_at);
  }
  print("done %lu writes in %lu us\n", writes, now_us() - start);
  return 0;
}
