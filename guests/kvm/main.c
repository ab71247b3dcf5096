/*
 * A hypervisor in a process: one virtual machine through /dev/kvm. Its guest (hypervisor/guest.S) turns its own page
 * tables on, touches memory, talks to a device that is this program, makes SBI calls, waits for its
 * timer, and shuts down. Every word that it sends is checked.
 *
 * Parameters: pages=N (how many pages the guest writes, 64)
 */
#include "../lib/guest.h"

#define SYS_IOCTL 29
#define SYS_OPENAT 56
#define SYS_MMAP 222
#define AT_FDCWD (-100l)
#define O_RDWR_CLOEXEC 02000002
#define PROT_READ_WRITE 3
#define MAP_SHARED 1

#define KVM_GET_API_VERSION 0xae00ul
#define KVM_CREATE_VM 0xae01ul
#define KVM_GET_VCPU_MMAP_SIZE 0xae04ul
#define KVM_CREATE_VCPU 0xae41ul
#define KVM_SET_USER_MEMORY_REGION 0x4020ae46ul
#define KVM_RUN 0xae80ul
#define KVM_SET_ONE_REG 0x4010aeacul
#define KVM_API_VERSION 12

#define CORE_REGISTER 0x8030000002000000ul
#define REGISTER_PC 0
#define REGISTER_A(n) (10 + (n))

#define EXIT_MMIO 6
#define EXIT_SYSTEM_EVENT 24
#define EXIT_RISCV_SBI 35
#define SYSTEM_EVENT_SHUTDOWN 1

#define GUEST_RAM 0x80000000ul
#define GUEST_RAM_BYTES (4ul << 20)
#define GUEST_TABLES (GUEST_RAM + GUEST_RAM_BYTES - 4 * PAGE_BYTES)
#define DEVICE 0x10000000ul
#define DEVICE_WORD 0x8877665544332211ul
#define EXPERIMENTAL 0x08000123ul
/* What the kernel of Debian 13 says it implements: 2.0. */
#define SBI_VERSION (2ul << 24)
#define STEPS 7
#define TIMER (5 << 1) /* scause without its first bit */
#define SATP_SV39 (8ul << 60)

struct memory_region {
  u32 slot;
  u32 flags;
  u64 guest_address;
  u64 bytes;
  u64 address;
};

struct one_register {
  u64 id;
  u64 address;
};

/* struct kvm_run, as far as it is read here. */
struct run {
  u8 request_interrupt_window, immediate_exit, padding[6];
  u32 exit_reason;
  u8 ready, if_flag;
  u16 flags;
  u64 unused[2];
  union {
    struct {
      u64 address;
      u8 data[8];
      u32 bytes;
      u8 is_write;
    } mmio;
    struct {
      u64 extension, function, args[6], ret[2];
    } sbi;
    struct {
      u32 type, count;
      u64 data[16];
    } event;
  };
};

extern const u8 guest_image[], guest_image_end[];

static i64 system_call(u64 number, u64 first, u64 second, u64 third, u64 fourth, u64 fifth) {
  register u64 a0 __asm__("a0") = first;
  register u64 a1 __asm__("a1") = second;
  register u64 a2 __asm__("a2") = third;
  register u64 a3 __asm__("a3") = fourth;
  register u64 a4 __asm__("a4") = fifth;
  register u64 a5 __asm__("a5") = 0;
  register u64 a7 __asm__("a7") = number;
  __asm__ volatile("ecall"
                   : "+r"(a0)
                   : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7)
                   : "memory");
  return (i64)a0;
}

static u64 must(const char *what, i64 result) {
  if (result >= 0 || result < -4095) return (u64)result;
  print("kvm: %s failed with %ld\n", what, result);
  stop(1);
}

static u64 control(const char *what, u64 file, u64 request, u64 argument) {
  return must(what, system_call(SYS_IOCTL, file, request, argument, 0, 0));
}

static void set_register(u64 vcpu, u64 index, u64 value) {
  struct one_register one = {CORE_REGISTER | index, (u64)&value};
  control("KVM_SET_ONE_REG", vcpu, KVM_SET_ONE_REG, (u64)&one);
}

/* The guest's tables: RAM by one 1 GiB leaf, the device by another; three levels. */
static u64 guest_tables(u8 *ram) {
  u64 *root = (u64 *)(ram + (GUEST_TABLES - GUEST_RAM));
  u64 leaf = 0xcf; /* V R W X A D */
  root[GUEST_RAM >> 30] = (GUEST_RAM >> 2) | leaf;
  u64 *middle = root + 512;
  root[0] = ((GUEST_TABLES + PAGE_BYTES) >> 2) | 1;
  middle[DEVICE >> 21] = (DEVICE >> 2) | leaf;
  return SATP_SV39 | (GUEST_TABLES >> 12);
}

static u64 word_of(const struct run *run) {
  u64 value = 0;
  memcpy(&value, run->mmio.data, run->mmio.bytes);
  return value;
}

static u64 checked, expected[STEPS];

/* The device: loads give parts of one word, stores are the guest's answers. */
static void device(struct run *run) {
  u64 offset = run->mmio.address - DEVICE;
  if (!run->mmio.is_write) {
    u64 word = DEVICE_WORD >> (8 * (offset & 7));
    memcpy(run->mmio.data, &word, run->mmio.bytes);
    return;
  }
  u64 value = word_of(run);
  if (checked == STEPS || offset != 8 * checked || value != expected[checked]) {
    print("kvm: step %lu sent %lx to %lx, expected %lx\n", checked + 1, value, offset,
          expected[checked]);
    stop(1);
  }
  print("kvm: step %lu is right\n", ++checked);
}

static void firmware(struct run *run) {
  bool is_known = run->sbi.extension == EXPERIMENTAL && run->sbi.function == 7;
  run->sbi.ret[0] = is_known ? 0 : (u64)-2;
  run->sbi.ret[1] = run->sbi.args[0] + run->sbi.args[1];
}

static int run_until_end(u64 vcpu, struct run *run) {
  for (u64 exits = 1;; exits++) {
    control("KVM_RUN", vcpu, KVM_RUN, 0);
    switch (run->exit_reason) {
      case EXIT_MMIO:
        device(run);
        break;
      case EXIT_RISCV_SBI:
        firmware(run);
        break;
      case EXIT_SYSTEM_EVENT:
        print("kvm: the guest ended with event %u after %lu steps and %lu exits\n", run->event.type,
              checked, exits);
        return run->event.type == SYSTEM_EVENT_SHUTDOWN && checked == STEPS ? 0 : 1;
      default:
        print("kvm: exit reason %u\n", run->exit_reason);
        return 1;
    }
  }
}

int main(void) {
  u64 pages = arg_number("pages", 64);
  u64 kvm = must("open /dev/kvm", system_call(SYS_OPENAT, (u64)AT_FDCWD, (u64)"/dev/kvm",
                                              O_RDWR_CLOEXEC, 0, 0));
  u64 version = control("KVM_GET_API_VERSION", kvm, KVM_GET_API_VERSION, 0);
  if (version != KVM_API_VERSION) print("kvm: API version %lu\n", version);
  u64 vm = control("KVM_CREATE_VM", kvm, KVM_CREATE_VM, 0);
  u8 *ram = memory_take(GUEST_RAM_BYTES);
  struct memory_region region = {0, 0, GUEST_RAM, GUEST_RAM_BYTES, (u64)ram};
  control("KVM_SET_USER_MEMORY_REGION", vm, KVM_SET_USER_MEMORY_REGION, (u64)&region);
  memcpy(ram, guest_image, (size_t)(guest_image_end - guest_image));
  u64 satp = guest_tables(ram);
  u64 vcpu = control("KVM_CREATE_VCPU", vm, KVM_CREATE_VCPU, 0);
  u64 bytes = control("KVM_GET_VCPU_MMAP_SIZE", kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  struct run *run =
      (struct run *)must("mmap", system_call(SYS_MMAP, 0, bytes, PROT_READ_WRITE, MAP_SHARED, vcpu));
  set_register(vcpu, REGISTER_PC, GUEST_RAM);
  set_register(vcpu, REGISTER_A(1), satp);
  set_register(vcpu, REGISTER_A(2), DEVICE);
  set_register(vcpu, REGISTER_A(3), pages);
  u64 parts = DEVICE_WORD + (u32)DEVICE_WORD + (DEVICE_WORD & 0xffff) + ((DEVICE_WORD >> 24) & 0xff);
  u64 fault = (13ul << 56) | 0x123078;
  u64 words[STEPS] = {satp, pages * (pages + 1) / 2, parts, SBI_VERSION, 42, TIMER, fault};
  memcpy(expected, words, sizeof words);
  return run_until_end(vcpu, run);
}
