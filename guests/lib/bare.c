/* Start-up, console, traps, time, memory and power of a bare-metal guest. */
#include "bare.h"

#define UART_BASE 0x10000000ul
#define UART_LSR 5
#define UART_LSR_DR 0x01
#define UART_LSR_THRE 0x20
#define SYSCON_BASE 0x100000ul
#define SYSCON_OFF 0x5555
#define SYSCON_FAIL 0x3333

#define SBI_BASE 0x10
#define SBI_BASE_PROBE 3
#define SBI_TIME 0x54494d45
#define SBI_SRST 0x53525354

struct machine machine;
struct guard guard;
static u64 memory_next, memory_end;
static volatile bool timer_fired;

/* Console: polled, LF becomes CR LF as on any serial line. */

static void uart_put(char c) {
  volatile u8 *uart = (volatile u8 *)UART_BASE;
  while (!(uart[UART_LSR] & UART_LSR_THRE)) {
  }
  uart[0] = (u8)c;
}

void console_write(const char *bytes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (bytes[i] == '\n') uart_put('\r');
    uart_put(bytes[i]);
  }
}

/* SBI and power. */

struct sbi_result sbi_call(u64 extension, u64 function, u64 arg0, u64 arg1) {
  register u64 a0 __asm__("a0") = arg0;
  register u64 a1 __asm__("a1") = arg1;
  register u64 a2 __asm__("a2") = 0;
  register u64 a6 __asm__("a6") = function;
  register u64 a7 __asm__("a7") = extension;
  __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
  return (struct sbi_result){.error = (i64)a0, .value = (i64)a1};
}

void stop(int status) {
  csr_write(satp, 0);
  __asm__ volatile("sfence.vma" ::: "memory");
  sbi_call(SBI_SRST, 0, 0, status ? 1 : 0);
  *(volatile u32 *)SYSCON_BASE = status ? (1u << 16 | SYSCON_FAIL) : SYSCON_OFF;
  for (;;) __asm__ volatile("wfi");
}

/* Traps: the timer, a guarded exception, or the end. */

void trap_handle(struct trap_frame *frame) {
  if (frame->scause == CAUSE_TIMER) {
    csr_clear(sie, SIE_STIE);
    timer_fired = true;
    return;
  }
  if (!(frame->scause & CAUSE_INTERRUPT) && guard.resume) {
    guard.cause = frame->scause;
    guard.value = frame->stval;
    frame->sepc = guard.resume;
    guard.resume = 0;
    csr_set(sstatus, SSTATUS_SPP); /* Back to S-mode, also from a guarded visit to U-mode. */
    return;
  }
  print("guest TRAP cause %lx sepc %lx stval %lx ra %lx sp %lx\n", frame->scause, frame->sepc,
        frame->stval, frame->x[1], frame->x[2]);
  stop(1);
}

/* Time. */

void timer_set(u64 ticks) {
  if (machine.has_sstc) {
    csr_write(0x14d, ticks); /* stimecmp */
  } else {
    sbi_call(SBI_TIME, 0, ticks, 0);
  }
}

/* Sleeps until the deadline: WFI with the timer interrupt on. */
void timer_wait(u64 ticks) {
  if (read_time() >= ticks) return;
  timer_fired = false;
  timer_set(ticks);
  csr_set(sie, SIE_STIE);
  while (!timer_fired) {
    /* With SIE off WFI still wakes up; the interrupt is taken when SIE is set, never missed. */
    __asm__ volatile("wfi" ::: "memory");
    csr_set(sstatus, SSTATUS_SIE);
    csr_clear(sstatus, SSTATUS_SIE);
  }
}

/* Whole seconds and the rest apart, so that the product stays below 2^64. */
u64 now_us(void) {
  u64 t = read_time(), hz = machine.timebase_hz;
  return t / hz * 1000000 + t % hz * 1000000 / hz;
}

static u64 ticks_of_us(u64 us) {
  u64 hz = machine.timebase_hz;
  return us / 1000000 * hz + (us % 1000000 * hz + 999999) / 1000000;
}

void spin_until_us(u64 us) {
  u64 ticks = ticks_of_us(us);
  while (read_time() < ticks) {
  }
}

void sleep_until_us(u64 us) { timer_wait(ticks_of_us(us)); }

/* Memory: what lies between the image and the end of RAM or the device tree above it. */

u64 memory_bytes(void) { return machine.ram_bytes; }
u64 memory_left(void) { return memory_end - memory_next; }

void *memory_take(u64 bytes) {
  bytes = (bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
  if (bytes > memory_left()) {
    print("guest out of memory: wants %lu bytes, has %lu\n", bytes, memory_left());
    stop(1);
  }
  void *piece = (void *)memory_next;
  memory_next += bytes;
  return piece;
}

const char *parameters(void) { return machine.bootargs; }

int console_read(void) {
  volatile u8 *uart = (volatile u8 *)UART_BASE;
  return uart[UART_LSR] & UART_LSR_DR ? uart[0] : -1;
}

static char uart_get(void) {
  int c;
  while ((c = console_read()) < 0) {
  }
  return (char)c;
}

void read_parameters(void) {
  size_t n = 0;
  for (char c = uart_get(); c != '\n'; c = uart_get())
    if (n + 1 < sizeof machine.bootargs) machine.bootargs[n++] = c;
  machine.bootargs[n] = 0;
}

/* Start-up. */

static u64 cells(const u8 *p, u32 count) {
  u64 value = 0;
  for (u32 i = 0; i < count * 4; i++) value = value << 8 | p[i];
  return value;
}

static u32 cell_property(const void *fdt, const char *name, u32 otherwise) {
  u32 bytes;
  const u8 *p = fdt_property(fdt, "/", name, &bytes);
  return p && bytes == 4 ? (u32)cells(p, 1) : otherwise;
}

static bool has_word(const char *text, u32 bytes, const char *word) {
  size_t length = strlen(word);
  for (u32 i = 0; i + length <= bytes; i++) {
    if (memcmp(text + i, word, length) == 0) return true;
  }
  return false;
}

static void read_device_tree(const void *fdt) {
  u32 bytes;
  u32 address_cells = cell_property(fdt, "#address-cells", 2);
  u32 size_cells = cell_property(fdt, "#size-cells", 2);
  const u8 *p = fdt_property(fdt, "/memory", "reg", &bytes);
  if (p && address_cells <= 2 && size_cells <= 2 && bytes >= 4 * (address_cells + size_cells)) {
    machine.ram_base = cells(p, address_cells);
    machine.ram_bytes = cells(p + 4 * address_cells, size_cells);
  }
  p = fdt_property(fdt, "/cpus", "timebase-frequency", &bytes);
  if (p && bytes == 4 && cells(p, 1)) machine.timebase_hz = cells(p, 1);
  const char *text = fdt_property(fdt, "/chosen", "bootargs", &bytes);
  if (text && bytes) {
    if (bytes > sizeof machine.bootargs) bytes = sizeof machine.bootargs;
    memcpy(machine.bootargs, text, bytes);
    machine.bootargs[bytes - 1] = 0;
  }
  text = fdt_property(fdt, "/cpus/cpu", "riscv,isa-extensions", &bytes);
  if (!text) text = fdt_property(fdt, "/cpus/cpu", "riscv,isa", &bytes);
  machine.has_sstc = text && has_word(text, bytes, "sstc");
}

/* A device tree may promise Sstc while the firmware keeps stimecmp for itself. */
static void probe_sstc(void) {
  guard.cause = 0;
  __asm__ volatile(
      "la t0, 1f\n"
      "sd t0, %0\n"
      "csrw 0x14d, %1\n"
      "1:\n"
      "sd zero, %0\n"
      : "+m"(guard.resume)
      : "r"(~0ul)
      : "t0", "memory");
  if (guard.cause) machine.has_sstc = false;
}

void runtime_start(u64 hart, const void *fdt) {
  machine.hart = hart;
  machine.ram_base = 0x80000000;
  machine.ram_bytes = 64ul << 20;
  machine.timebase_hz = 10000000;
  read_device_tree(fdt);
  if (machine.has_sstc) probe_sstc();
  memory_next = ((u64)image_end + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
  memory_end = machine.ram_base + machine.ram_bytes;
  u64 tree = (u64)fdt & ~(PAGE_BYTES - 1);
  if (fdt_bytes(fdt) && tree >= memory_next && tree < memory_end) memory_end = tree;
  stop(main());
}
