/*
 * A hypervisor on the bare machine, in HS-mode. For every pair of second-stage and first-stage formats
 * that the machine has it makes a virtual machine, whose memory it gives page by page as the guest
 * touches it, plays its device and its firmware, and checks every word that the guest (guest.S) sends.
 *
 * Parameters: pages=N (how many pages the guest writes, 16), timer=sstc|hvip (vstimecmp if there is one)
 */
#include "../lib/bare.h"

#define HSTATUS_SPV (1ul << 7)
#define HSTATUS_SPVP (1ul << 8)
#define HSTATUS_VTW (1ul << 21)
#define HENVCFG_STCE (1ul << 63)
#define VSTI (1ul << 6)
#define HEDELEG 0xb1ff
#define COUNTERS 7

#define CAUSE_ECALL_VS 10
#define CAUSE_FETCH_GUEST_PAGE_FAULT 20
#define CAUSE_LOAD_GUEST_PAGE_FAULT 21
#define CAUSE_VIRTUAL_INSTRUCTION 22
#define CAUSE_STORE_GUEST_PAGE_FAULT 23
#define WFI 0x10500073

#define GUEST_RAM 0x80000000ul
#define GUEST_PAGES 1024
#define GUEST_TABLES (GUEST_RAM + (GUEST_PAGES - 8) * PAGE_BYTES)
#define DEVICE 0x10000000ul
#define DEVICE_WORD 0x8877665544332211ul
#define LEAF (PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D)

#define SBI_BASE 0x10
#define SBI_TIME 0x54494d45
#define SBI_SRST 0x53525354
#define SBI_EXPERIMENTAL 0x08000123
#define SBI_VERSION (2ul << 24)
#define SBI_NOT_SUPPORTED (-2l)
#define STEPS 7
#define TIMER (5 << 1) /* scause without its first bit */

#define A0 10
#define A1 11
#define A2 12
#define A3 13
#define A6 16
#define A7 17

struct vcpu {
  u64 x[32];
  u64 pc;
  u64 host_sp;
  u64 host_stvec;
};

struct vm {
  struct vcpu vcpu;
  u64 *root;
  u32 levels;
  void *pages[GUEST_PAGES];
  u64 faults, implicit_faults, device_accesses, calls, waits;
  u64 deadline;
  u64 step, expected[STEPS];
};

void guest_enter(struct vcpu *vcpu);
extern const u8 guest_image[], guest_image_end[];

static struct vm vm;
static bool uses_sstc;

static void fail(const char *what, u64 value) {
  print("hypervisor FAILED: %s %lx, at %lx\n", what, value, vm.vcpu.pc);
  stop(1);
}

static void *page_zeroed(u64 bytes) {
  void *page = memory_take(bytes);
  memset(page, 0, bytes);
  return page;
}

/* Tables of one format: `levels` of them, a leaf of 4 KiB at the end. */
static void map(u64 *table, u32 levels, u64 address, u64 leaf, u64 (*make)(void)) {
  u64 index = address >> (12 + 9 * (levels - 1));
  for (u32 level = levels - 1; level; level--) {
    if (!table[index]) table[index] = (make() >> 12 << 10) | PTE_V;
    table = (u64 *)(table[index] >> 10 << 12);
    index = (address >> (12 + 9 * (level - 1))) & 511;
  }
  table[index] = leaf;
}

static u64 host_table(void) { return (u64)page_zeroed(PAGE_BYTES); }

/* The page of guest RAM at `gpa`: made when it is first asked for. */
static u8 *guest_page(u64 gpa) {
  u64 index = (gpa - GUEST_RAM) >> 12;
  if (index >= GUEST_PAGES) fail("no guest RAM at", gpa);
  if (!vm.pages[index]) vm.pages[index] = page_zeroed(PAGE_BYTES);
  return (u8 *)vm.pages[index] + (gpa & (PAGE_BYTES - 1));
}

static void guest_write(u64 gpa, const u8 *from, u64 bytes) {
  for (u64 i = 0; i < bytes; i++) *guest_page(gpa + i) = from[i];
}

/* The guest's own tables: RAM and the device by one leaf each, as large as leaves of 1 GiB and 2 MiB are. */
static u64 guest_tables(u32 levels) {
  u64 table = GUEST_TABLES;
  for (u32 level = levels - 1; level > 2; level--) {
    *(u64 *)guest_page(table) = ((table + PAGE_BYTES) >> 2) | PTE_V;
    table += PAGE_BYTES;
  }
  u64 low = table + PAGE_BYTES;
  *(u64 *)guest_page(table) = (low >> 2) | PTE_V;
  *(u64 *)guest_page(table + 8 * (GUEST_RAM >> 30)) = (GUEST_RAM >> 2) | LEAF;
  *(u64 *)guest_page(low + 8 * (DEVICE >> 21)) = (DEVICE >> 2) | LEAF;
  return ((u64)(levels + 5) << 60) | (GUEST_TABLES >> 12);
}

static u64 hgatp_of(u32 levels) { return ((u64)(levels + 5) << 60) | (1ul << 44) | ((u64)vm.root >> 12); }

/* Guest memory as the guest sees it, through both stages. */
static u64 load_as_guest(u64 gva) {
  u64 value;
  __asm__ volatile(".insn r 0x73, 4, 0x36, %0, %1, x0" : "=r"(value) : "r"(gva) : "memory");
  return value;
}
static void store_as_guest(u64 gva, u64 value) {
  __asm__ volatile(".insn r 0x73, 4, 0x37, x0, %0, %1" ::"r"(gva), "r"(value) : "memory");
}
static u64 fetch_as_guest(u64 gva) {
  u64 low, high;
  __asm__ volatile(".insn r 0x73, 4, 0x32, %0, %1, x3" : "=r"(low) : "r"(gva) : "memory");
  if ((low & 3) != 3) return low;
  __asm__ volatile(".insn r 0x73, 4, 0x32, %0, %1, x3" : "=r"(high) : "r"(gva + 2) : "memory");
  return low | (high << 16);
}

/* The device: loads give parts of one word, stores are the guest's answers. `inst` is of its access. */
static void device(u64 gpa, u32 inst) {
  u64 offset = gpa - DEVICE;
  u32 size = (inst >> 12) & 7;
  vm.device_accesses++;
  if ((inst & 0x7f) == 0x03) {
    u64 word = DEVICE_WORD >> (8 * (offset & 7));
    u32 unused = 64 - 8 * (1 << (size & 3));
    u64 value = size & 4 ? word << unused >> unused : (u64)((i64)(word << unused) >> unused);
    u32 rd = (inst >> 7) & 31;
    if (rd) vm.vcpu.x[rd] = value;
    return;
  }
  if ((inst & 0x7f) != 0x23 || size != 3) fail("strange store", inst);
  u64 value = vm.vcpu.x[(inst >> 20) & 31];
  if (vm.step == STEPS || offset != 8 * vm.step) fail("step out of turn", offset);
  if (value != vm.expected[vm.step]) fail("wrong word", value);
  vm.step++;
}

static void guest_page_fault(u64 cause) {
  u64 gpa = (csr_read(htval) << 2) | (csr_read(stval) & 3);
  u64 inst = csr_read(htinst);
  if (gpa - DEVICE < PAGE_BYTES) {
    /* htinst is the instruction, if it is given; it tells by bit 1 if that was compressed. */
    u64 raw = fetch_as_guest(vm.vcpu.pc);
    bool is_short = (raw & 3) != 3;
    if (inst && is_short != !(inst & 2)) fail("htinst is of the other length", inst);
    if (!inst && is_short) fail("compressed device access without htinst", raw);
    device(gpa, inst ? (u32)inst | 2 : (u32)raw);
    vm.vcpu.pc += is_short ? 2 : 4;
    return;
  }
  bool is_implicit = inst == 0x3000 || inst == 0x3020;
  if (cause == CAUSE_FETCH_GUEST_PAGE_FAULT && inst && !is_implicit) fail("htinst of a fetch", inst);
  if (is_implicit) vm.implicit_faults++;
  vm.faults++;
  u64 page = gpa & ~(PAGE_BYTES - 1);
  map(vm.root, vm.levels, page, ((u64)guest_page(page) >> 2) | LEAF | PTE_U, host_table);
  __asm__ volatile(".insn r 0x73, 0, 0x31, x0, x0, x0" ::: "memory"); /* hfence.gvma */
}

static void set_guest_timer(u64 deadline) {
  vm.deadline = deadline;
  if (uses_sstc) csr_write(0x24d, deadline);
  else csr_clear(hvip, VSTI);
}

/* The guest waits: its timer is due before it goes on. */
static void wait(void) {
  vm.waits++;
  while (csr_read(time) + csr_read(htimedelta) < vm.deadline) {
  }
  csr_set(hvip, VSTI);
  vm.vcpu.pc += 4;
}

/* False: the guest asked for its end. */
static bool firmware(void) {
  u64 *x = vm.vcpu.x;
  vm.calls++;
  vm.vcpu.pc += 4;
  i64 error = 0;
  switch (x[A7]) {
    case SBI_BASE:
      x[A1] = SBI_VERSION;
      break;
    case SBI_TIME:
      set_guest_timer(x[A0]);
      break;
    case SBI_EXPERIMENTAL:
      x[A1] = x[A0] + x[A1];
      break;
    case SBI_SRST:
      if (x[A1]) fail("the guest gave up after step", vm.step);
      return false;
    default:
      error = SBI_NOT_SUPPORTED;
  }
  x[A0] = (u64)error;
  return true;
}

static bool handle(u64 cause) {
  if (!(csr_read(hstatus) & HSTATUS_SPV)) fail("hstatus.SPV is clear after cause", cause);
  switch (cause) {
    case CAUSE_FETCH_GUEST_PAGE_FAULT:
    case CAUSE_LOAD_GUEST_PAGE_FAULT:
    case CAUSE_STORE_GUEST_PAGE_FAULT:
      guest_page_fault(cause);
      return true;
    case CAUSE_ECALL_VS:
      return firmware();
    case CAUSE_VIRTUAL_INSTRUCTION:
      if (csr_read(stval) && csr_read(stval) != WFI) fail("virtual instruction", csr_read(stval));
      wait();
      return true;
    default:
      fail("trap", cause);
  }
  return false;
}

static void prepare(u32 second, u32 first, u64 pages) {
  memset(&vm, 0, sizeof vm);
  u64 place = (u64)page_zeroed(7 * PAGE_BYTES);
  vm.root = (u64 *)((place + 4 * PAGE_BYTES - 1) & ~(4 * PAGE_BYTES - 1));
  vm.levels = second;
  guest_write(GUEST_RAM, guest_image, (u64)(guest_image_end - guest_image));
  u64 satp = guest_tables(first);
  vm.vcpu.pc = GUEST_RAM;
  vm.vcpu.x[A1] = satp;
  vm.vcpu.x[A2] = DEVICE;
  vm.vcpu.x[A3] = pages;
  u64 parts = DEVICE_WORD + (u32)DEVICE_WORD + (DEVICE_WORD & 0xffff) + ((DEVICE_WORD >> 24) & 0xff);
  u64 fault = ((u64)CAUSE_LOAD_PAGE_FAULT << 56) | 0x123078;
  u64 words[STEPS] = {satp, pages * (pages + 1) / 2, parts, SBI_VERSION, 42, TIMER, fault};
  memcpy(vm.expected, words, sizeof words);
}

/* The machine state that a virtual machine starts with. False: there is no such format. */
static bool load_state(void) {
  csr_write(vsatp, 0);
  csr_write(hgatp, hgatp_of(vm.levels));
  if (csr_read(hgatp) >> 60 != vm.levels + 5) return false;
  csr_write(hedeleg, HEDELEG);
  csr_write(hideleg, 0x444);
  csr_write(hcounteren, COUNTERS);
  csr_write(hvip, 0);
  csr_write(vsie, 0);
  csr_write(vsstatus, 0);
  csr_write(vstvec, 0);
  csr_write(htimedelta, -csr_read(time));
  csr_write(0x60a, uses_sstc ? HENVCFG_STCE : 0);
  if (uses_sstc) csr_write(0x24d, -1ul);
  __asm__ volatile(".insn r 0x73, 0, 0x31, x0, x0, x0" ::: "memory");
  return true;
}

/* Through HLV and HSV the hypervisor sees what the guest wrote last, and can change it. */
static void look_into_guest(u64 pages) {
  u64 gva = GUEST_RAM + PAGE_BYTES + 8;
  if (load_as_guest(gva) != pages) fail("HLV read", load_as_guest(gva));
  store_as_guest(gva, 0x1234);
  if (*(u64 *)guest_page(gva) != 0x1234) fail("HSV wrote", *(u64 *)guest_page(gva));
}

static void run(u32 second, u32 first, u64 pages) {
  prepare(second, first, pages);
  if (!load_state()) {
    print("hypervisor: no Sv%ux4\n", 12 + 9 * second);
    return;
  }
  do {
    u64 status = csr_read(hstatus) | HSTATUS_SPV | HSTATUS_SPVP;
    csr_write(hstatus, uses_sstc ? status & ~HSTATUS_VTW : status | HSTATUS_VTW);
    csr_set(sstatus, SSTATUS_SPP);
    guest_enter(&vm.vcpu);
  } while (handle(csr_read(scause)));
  if (vm.step != STEPS) fail("the guest ended after step", vm.step);
  look_into_guest(pages);
  print("hypervisor: Sv%ux4 under Sv%u: %lu faults (%lu of tables), %lu device accesses, %lu calls, "
        "%lu waits\n",
        12 + 9 * second, 12 + 9 * first, vm.faults, vm.implicit_faults, vm.device_accesses, vm.calls,
        vm.waits);
}

int main(void) {
  u64 pages = arg_number("pages", 16);
  csr_write(0x60a, HENVCFG_STCE);
  bool has_sstc = csr_read(0x60a) & HENVCFG_STCE;
  uses_sstc = has_sstc && !arg_is("timer", "hvip", false);
  for (u32 second = 3; second <= 5; second++)
    for (u32 first = 3; first <= 5; first++) run(second, first, pages);
  print("hypervisor ok\n");
  return 0;
}
