/* The bare machine: what only S-mode programs use. */
#pragma once

#include "guest.h"

#define csr_read(name)                                     \
  ({                                                       \
    u64 value_;                                            \
    __asm__ volatile("csrr %0, " #name : "=r"(value_));    \
    value_;                                                \
  })
#define csr_write(name, value) __asm__ volatile("csrw " #name ", %0" ::"r"((u64)(value)) : "memory")
#define csr_set(name, bits) __asm__ volatile("csrs " #name ", %0" ::"r"((u64)(bits)) : "memory")
#define csr_clear(name, bits) __asm__ volatile("csrc " #name ", %0" ::"r"((u64)(bits)) : "memory")

#define SSTATUS_SIE (1ul << 1)
#define SSTATUS_SPP (1ul << 8)
#define SSTATUS_SUM (1ul << 18)
#define SSTATUS_MXR (1ul << 19)
#define SIE_STIE (1ul << 5)
#define CAUSE_INTERRUPT (1ul << 63)
#define CAUSE_TIMER (CAUSE_INTERRUPT | 5)
#define CAUSE_FETCH_PAGE_FAULT 12
#define CAUSE_LOAD_PAGE_FAULT 13
#define CAUSE_STORE_PAGE_FAULT 15

#define PTE_V 0x01ul
#define PTE_R 0x02ul
#define PTE_W 0x04ul
#define PTE_X 0x08ul
#define PTE_U 0x10ul
#define PTE_G 0x20ul
#define PTE_A 0x40ul
#define PTE_D 0x80ul
#define SATP_SV39 (8ul << 60)

/* Filled by start-up from a0 and the device tree. */
struct machine {
  u64 hart;
  u64 ram_base;
  u64 ram_bytes;
  u64 timebase_hz;
  bool has_sstc;
  char bootargs[1024];
};
extern struct machine machine;

/* One trap, as the entry code saves it; `x` is indexed by register number. */
struct trap_frame {
  u64 x[32];
  u64 sepc;
  u64 scause;
  u64 stval;
};

/*
 * A guarded piece of code sets `guard.resume` to an address; a synchronous exception then
 * records itself here and goes on there instead of ending the guest.
 */
struct guard {
  u64 resume;
  u64 cause;
  u64 value;
};
extern struct guard guard;

static inline u64 read_time(void) { return csr_read(time); }
u64 read_instret(void); /* 0 where the firmware does not let S-mode read it. */

struct sbi_result {
  i64 error;
  i64 value;
};
struct sbi_result sbi_call(u64 extension, u64 function, u64 a0, u64 a1);

void timer_set(u64 ticks);
void timer_wait(u64 ticks);

/* A byte that has come from the console, or -1. */
int console_read(void);

/* Replaces the parameters by a line from the console. */
void read_parameters(void);

/* Sv39 identity mapping of devices and RAM, after paging=off|2m|4k. */
void paging_from_args(const char *otherwise);

/* Flat device tree: the value of a property, or NULL; `path` ignores unit addresses. */
const void *fdt_property(const void *fdt, const char *path, const char *name, u32 *bytes);
u64 fdt_bytes(const void *fdt);

extern char image_start[], image_end[];
