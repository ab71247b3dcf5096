/* The runtime of a guest program that is a process of riscv64 Linux: system calls, no libc. */
#include "guest.h"

#define SYS_WRITE 64
#define SYS_EXIT_GROUP 94
#define SYS_CLOCK_GETTIME 113
#define SYS_CLOCK_NANOSLEEP 115
#define SYS_SYSINFO 179
#define SYS_MMAP 222

#define CLOCK_MONOTONIC 1
#define TIMER_ABSTIME 1
#define EINTR 4
#define PROT_READ_WRITE 3
#define MAP_PRIVATE_ANONYMOUS 0x22

static char words[1024];

static i64 system_call(u64 number, const u64 args[6]) {
  register u64 a0 __asm__("a0") = args[0];
  register u64 a1 __asm__("a1") = args[1];
  register u64 a2 __asm__("a2") = args[2];
  register u64 a3 __asm__("a3") = args[3];
  register u64 a4 __asm__("a4") = args[4];
  register u64 a5 __asm__("a5") = args[5];
  register u64 a7 __asm__("a7") = number;
  __asm__ volatile("ecall"
                   : "+r"(a0)
                   : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7)
                   : "memory");
  return (i64)a0;
}

#define call(number, ...) system_call(number, (const u64[6]){__VA_ARGS__})

void stop(int status) {
  for (;;) call(SYS_EXIT_GROUP, (u64)status);
}

void console_write(const char *bytes, size_t count) {
  while (count) {
    i64 written = call(SYS_WRITE, 1, (u64)bytes, count);
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
  call(SYS_CLOCK_GETTIME, CLOCK_MONOTONIC, (u64)&t);
  return (u64)t.seconds * 1000000 + (u64)t.nanoseconds / 1000;
}

void spin_until_us(u64 us) {
  while (now_us() < us) {
  }
}

void sleep_until_us(u64 us) {
  struct timespec t = {.seconds = (i64)(us / 1000000), .nanoseconds = (i64)(us % 1000000 * 1000)};
  while (call(SYS_CLOCK_NANOSLEEP, CLOCK_MONOTONIC, TIMER_ABSTIME, (u64)&t) == -EINTR) {
  }
}

/* struct sysinfo of 64-bit Linux, as far as it is read here. */
struct sysinfo {
  i64 uptime;
  u64 loads[3];
  u64 total_ram;
  u64 free_ram;
  u64 rest[10];
};

static u64 memory_figure(bool is_total) {
  struct sysinfo info;
  memset(&info, 0, sizeof info);
  if (call(SYS_SYSINFO, (u64)&info) < 0) return 64ul << 20;
  return is_total ? info.total_ram : info.free_ram;
}

u64 memory_bytes(void) { return memory_figure(true); }
u64 memory_left(void) { return memory_figure(false); }

void *memory_take(u64 bytes) {
  i64 address = call(SYS_MMAP, 0, bytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, (u64)-1, 0);
  if (address < 0 && address > -4096) {
    print("out of memory: wants %lu bytes\n", bytes);
    stop(1);
  }
  return (void *)address;
}

const char *parameters(void) { return words; }

/* The arguments, joined by blanks: the same form as a kernel command line. */
void linux_start(u64 *stack) {
  u64 count = stack[0];
  const char *const *argv = (const char *const *)(stack + 1);
  size_t used = 0;
  for (u64 i = 1; i < count; i++) {
    size_t length = strlen(argv[i]);
    if (used + length + 2 > sizeof words) {
      print("arguments: longer than %lu bytes\n", sizeof words);
      stop(2);
    }
    memcpy(words + used, argv[i], length);
    used += length;
    words[used++] = ' ';
  }
  words[used] = 0;
  stop(main());
}
