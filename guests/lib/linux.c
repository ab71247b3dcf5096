/* The runtime of a guest program that is a process of Linux: system calls, no libc. */
#include "linux.h"

#define CLOCK_MONOTONIC 1
#define TIMER_ABSTIME 1
#define EINTR 4
#define PROT_READ_WRITE 3
#define MAP_PRIVATE_ANONYMOUS 0x22

static char words[1024];

void stop(int status) {
  for (;;) call(SYS_EXIT_GROUP, (uintptr_t)status);
}

void console_write(const char *bytes, size_t count) {
  while (count) {
    intptr_t written = call(SYS_WRITE, 1, (uintptr_t)bytes, count);
    if (written == -EINTR) continue;
    if (written <= 0) stop(1);
    bytes += written;
    count -= (size_t)written;
  }
}

struct timespec {
  i64 seconds;
  i64 nanoseconds;
};

u64 now_us(void) {
  struct timespec t;
  call(SYS_CLOCK_GETTIME, CLOCK_MONOTONIC, (uintptr_t)&t);
  return (u64)t.seconds * 1000000 + (u64)t.nanoseconds / 1000;
}

void spin_until_us(u64 us) {
  while (now_us() < us) {
  }
}

void sleep_until_us(u64 us) {
  struct timespec t = {.seconds = (i64)(us / 1000000), .nanoseconds = (i64)(us % 1000000 * 1000)};
  while (call(SYS_CLOCK_NANOSLEEP, CLOCK_MONOTONIC, TIMER_ABSTIME, (uintptr_t)&t) == -EINTR) {
  }
}

/* struct sysinfo of Linux, as far as it is read here; in bytes while memory fits into a word. */
struct sysinfo {
  intptr_t uptime;
  uintptr_t loads[3];
  uintptr_t total_ram;
  uintptr_t free_ram;
  uintptr_t rest[10];
};

static u64 memory_figure(bool is_total) {
  struct sysinfo info;
  memset(&info, 0, sizeof info);
  if (call(SYS_SYSINFO, (uintptr_t)&info) < 0) return 64ul << 20;
  return is_total ? info.total_ram : info.free_ram;
}

u64 memory_bytes(void) { return memory_figure(true); }
u64 memory_left(void) { return memory_figure(false); }

void *memory_take(u64 bytes) {
  intptr_t address =
      call(SYS_MMAP, 0, bytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, (uintptr_t)-1, 0);
  if (address < 0 && address > -4096) {
    print("out of memory: wants %" U64 " bytes\n", bytes);
    stop(1);
  }
  return (void *)address;
}

const char *parameters(void) { return words; }

/* The arguments, joined by blanks: the same form as a kernel command line. */
void linux_start(uintptr_t *stack) {
  uintptr_t count = stack[0];
  const char *const *argv = (const char *const *)(stack + 1);
  size_t used = 0;
  for (uintptr_t i = 1; i < count; i++) {
    size_t length = strlen(argv[i]);
    if (used + length + 2 > sizeof words) {
      print("arguments: longer than %" U64 " bytes\n", (u64)sizeof words);
      stop(2);
    }
    memcpy(words + used, argv[i], length);
    used += length;
    words[used++] = ' ';
  }
  words[used] = 0;
  stop(main());
}
