/*
 * A heart that beats, for migration by the thousand: small, and what it keeps in memory is a
 * function of the beats it has had, not of the time at which it had them. So a guest that was
 * moved, whatever it waited for, can be held against one that never was.
 *
 *   pages=N        pages that it writes (32), filled with random data first
 *   writes=N       pages written in a beat, picked at random (2)
 *   pause=sleep|work  between two beats: a timer and WFI, or instructions (sleep)
 *   period=N       length of that: microseconds of sleep, or hundreds of instructions (1000)
 *   report=N       print "beat <n>" after so many beats (10; 0: never)
 *   seed=N         (1)
 *   paging=0|4k|2m (0)
 *   wait=1         after the fill print "waiting" and read a line with new parameters (writes,
 *                  pause, period, report, seed)
 *
 * A question mark on the console is answered with "alive <beats> digest <hex>".
 */
#include "lib/bare.h"

#define SIP_STIP SIE_STIE

/* No trap is taken, so nothing that depends on the time is ever on the stack. */
static void sleep_once(u64 ticks) {
  timer_set(read_time() + ticks);
  csr_set(sie, SIE_STIE);
  do {
    __asm__ volatile("wfi" ::: "memory");
  } while (!(csr_read(sip) & SIP_STIP));
  csr_clear(sie, SIE_STIE);
}

static u64 work(u64 hundreds, u64 digest) {
  for (u64 i = 0; i < hundreds * 10; i++) digest = mix64(digest);
  return digest;
}

int main(void) {
  paging_from_args("0");
  u64 pages = arg_number("pages", 32);
  u64 random = random_seeded(arg_number("seed", 1));
  u64 *base = memory_take(pages * PAGE_BYTES);
  for (u64 i = 0; i < pages * PAGE_BYTES / 8; i++) base[i] = random_next(&random);
  if (arg_number("wait", 0)) {
    print("waiting\n");
    read_parameters();
    random = random_seeded(arg_number("seed", 1));
  }
  u64 writes = arg_number("writes", 2);
  u64 period = arg_number("period", 1000);
  u64 report = arg_number("report", 10);
  bool sleeps = arg_is("pause", "sleep", true);
  if (!sleeps && !arg_is("pause", "work", false)) {
    print("parameter pause: expected sleep or work\n");
    return 1;
  }
  u64 ticks = period * machine.timebase_hz / 1000000;
  u64 digest = random;
  print("ready\n");
  for (u64 beats = 1;; beats++) {
    if (sleeps)
      sleep_once(ticks);
    else
      digest = work(period, digest);
    for (u64 i = 0; i < writes; i++) {
      u64 *words = base + random_below(&random, pages) * (PAGE_BYTES / 8);
      for (int w = 0; w < 8; w++) words[w] = digest = mix64(digest ^ words[w]);
    }
    if (report && beats % report == 0) print("beat %lu\n", beats);
    if (console_read() == '?') print("alive %lu digest %lx\n", beats, digest);
  }
}
