/*
 * A stressor for the MMU: many Sv39 address spaces with scattered 4 KiB mappings, satp switches
 * with and without ASIDs, all forms of sfence.vma, A and D bits, faults of all three kinds met on
 * purpose. The page tables themselves say what each access has to do; a copy of all frames says
 * what it has to read.
 *
 *   seed=N      (1)
 *   spaces=N    address spaces (16, at most 64)
 *   ops=N       (1000000; 0: for ever)
 *   report=N    full comparison and "mmu check <ops> digest <hex>" after so many (200000)
 *   tolerate=qemu   forgive two faults of QEMU 7.2: a refused AMO that reports a load page fault
 *               (with -smp 1), and code in a user page that S-mode may run after a load with SUM
 *
 * Prints "mmu ok <ops> digest <hex>" and counters, or "mmu FAIL ..." and ends with a failure.
 * The digest depends on the parameters alone, not on who keeps the A and D bits.
 */
#include "lib/bare.h"

#define SPACES_MAX 64
#define REGIONS 4
#define REGION_PAGES 64
#define SLOTS (REGIONS * REGION_PAGES)
#define FRAMES 1024ul
#define CODE_FRAMES 32ul /* The first ones hold code and are never stored to at random. */
#define CAUSE_USER_CALL 8

/* In a code frame: a function, two snippets for U-mode, half an instruction at the end. */
#define CODE_USER_LOAD 64
#define CODE_USER_STORE 128
#define CODE_TAIL 4094

u64 try_load1(u64 va), try_load2(u64 va), try_load4(u64 va), try_load8(u64 va);
void try_store1(u64 va, u64 value), try_store2(u64 va, u64 value);
void try_store4(u64 va, u64 value), try_store8(u64 va, u64 value);
u64 try_amo_add(u64 va, u64 value);
u64 try_fetch(u64 va);
u64 try_user(u64 pc, u64 a0, u64 a1);

enum access { LOAD, STORE, FETCH };
static const u64 fault_of[] = {CAUSE_LOAD_PAGE_FAULT, CAUSE_STORE_PAGE_FAULT,
                               CAUSE_FETCH_PAGE_FAULT};

struct space {
  u64 *root;
  u64 asid;
  u64 *pte[SLOTS];
};

/*
 * Where the slots lie, 64 pages in a row each: across a 2 MiB boundary, at the end of the lower
 * half, at the start of the upper half and at the very end.
 */
static const u64 region_base[REGIONS] = {
    16ul << 30 | 5ul << 21 | 480ul << 12,
    255ul << 30 | 511ul << 21 | 448ul << 12,
    0xffffffc000000000ul,
    0xfffffffffffc0000ul,
};

static struct space spaces[SPACES_MAX];
static u64 space_count, current, operations, random, digest;
static u8 *frames, *shadow;
static u64 asid_max;
static bool hardware_ad, tolerates_qemu;
static u64 code_value[CODE_FRAMES];
static struct {
  u64 loads, stores, amos, fetches, user, crossings, switches, fences, ad_faults;
  u64 faults[3], demand;
} count;

static void fail(const char *what, u64 va, u64 found, u64 expected) {
  print("mmu FAIL %s va %lx found %lx expected %lx space %lu ops %lu cause %lu\n", what, va, found,
        expected, current, operations, guard.cause);
  stop(1);
}

static u64 va_of(u64 slot) {
  return region_base[slot / REGION_PAGES] + slot % REGION_PAGES * PAGE_BYTES;
}

static u64 frame_pa(u64 frame) { return (u64)frames + frame * PAGE_BYTES; }
static u64 pte_of(u64 pa, u64 flags) { return pa >> 12 << 10 | flags; }
static u64 pte_pa(u64 pte) { return pte << 10 >> 20 << 12; }
static u64 frame_of(u64 pte) { return (pte_pa(pte) - (u64)frames) / PAGE_BYTES; }

/* Fences, in all four forms. */

static void fence_all(void) { __asm__ volatile("sfence.vma" ::: "memory"); }
static void fence_va(u64 va) { __asm__ volatile("sfence.vma %0, zero" ::"r"(va) : "memory"); }
static void fence_asid(u64 asid) { __asm__ volatile("sfence.vma zero, %0" ::"r"(asid) : "memory"); }
static void fence_va_asid(u64 va, u64 asid) {
  __asm__ volatile("sfence.vma %0, %1" ::"r"(va), "r"(asid) : "memory");
}

static void fence_some(u64 space, u64 va) {
  count.fences++;
  switch (random_next(&random) >> 40 & 7) {
    case 0: fence_all(); break;
    case 1: fence_va(va); break;
    case 2: fence_asid(spaces[space].asid); break;
    default: fence_va_asid(va, spaces[space].asid); break;
  }
}

/* Address spaces. */

static u64 *table_new(void) {
  u64 *table = memory_take(PAGE_BYTES);
  memset(table, 0, PAGE_BYTES);
  return table;
}

static u64 *table_under(u64 *table, u64 index) {
  if (!table[index]) table[index] = pte_of((u64)table_new(), PTE_V);
  return (u64 *)pte_pa(table[index]);
}

static u64 *leaf_of(u64 *root, u64 va) {
  u64 *middle = table_under(root, va >> 30 & 511);
  return &table_under(middle, va >> 21 & 511)[va >> 12 & 511];
}

static void space_switch(u64 space) {
  current = space;
  csr_write(satp, SATP_SV39 | spaces[space].asid << 44 | (u64)spaces[space].root >> 12);
  if (asid_max == 0) fence_all();
  count.switches++;
}

static u64 random_flags(void) {
  static const u8 choices[8] = {
      PTE_R | PTE_W,         PTE_R | PTE_W, PTE_R | PTE_W, PTE_R | PTE_W | PTE_X,
      PTE_R | PTE_W | PTE_U, PTE_R,         PTE_R | PTE_X, PTE_X,
  };
  u64 r = random_next(&random) >> 32;
  u64 flags = PTE_V | choices[r & 7];
  if (r >> 3 & 3) flags |= PTE_A;
  if (flags & PTE_A && r >> 5 & 1) flags |= PTE_D;
  if ((r >> 6 & 7) == 0) flags |= PTE_U;
  return flags;
}

/* A code frame gets a mapping to run or read it; the others anything. */
static u64 random_pte(void) {
  u64 frame = random_below(&random, FRAMES);
  u64 flags = random_flags();
  if (random_below(&random, 8) == 0) {
    frame = random_below(&random, CODE_FRAMES);
    flags |= PTE_X;
  }
  if (frame < CODE_FRAMES) flags &= ~(PTE_W | PTE_D);
  return pte_of(frame_pa(frame), flags);
}

static void space_make(u64 space) {
  struct space *s = &spaces[space];
  s->root = table_new();
  s->asid = asid_max ? space + 1 : 0;
  u64 flags = PTE_V | PTE_R | PTE_W | PTE_G | PTE_A | PTE_D;
  s->root[0] = pte_of(0, flags);
  for (u64 at = machine.ram_base >> 30; at <= (machine.ram_base + machine.ram_bytes - 1) >> 30; at++)
    s->root[at] = pte_of(at << 30, flags | PTE_X);
  for (u64 slot = 0; slot < SLOTS; slot++) {
    s->pte[slot] = leaf_of(s->root, va_of(slot));
    *s->pte[slot] = random_below(&random, 8) ? random_pte() : 0;
  }
}

/* What the table says about one access: 0 allowed, 1 needs A or D first, 2 a page fault. */
static int verdict(u64 pte, enum access access, bool user) {
  u64 status = csr_read(sstatus);
  if (!(pte & PTE_V) || (pte & (PTE_R | PTE_W)) == PTE_W) return 2;
  bool is_user_page = pte & PTE_U;
  if (user ? !is_user_page : is_user_page && (access == FETCH || !(status & SSTATUS_SUM))) return 2;
  bool allowed = access == FETCH   ? pte & PTE_X
                 : access == STORE ? pte & PTE_W
                                   : pte & PTE_R || (status & SSTATUS_MXR && pte & PTE_X);
  if (!allowed) return 2;
  u64 needs = PTE_A | (access == STORE ? PTE_D : 0);
  return (pte & needs) == needs ? 0 : 1;
}

/*
 * Judges one access after it was made: its fault or success against the entry as it was before,
 * and the entry as it is now. An access that only lacks A or D, on a machine that leaves them to
 * software, gets them and is to be made again.
 */
enum outcome { FAULTED, DONE, AGAIN };

static enum outcome judge(u64 slot, u64 before, enum access access, bool user) {
  u64 va = va_of(slot);
  u64 *entry = spaces[current].pte[slot];
  u64 after = *(volatile u64 *)entry;
  u64 cause = guard.cause == CAUSE_USER_CALL ? 0 : guard.cause;
  int expected = verdict(before, access, user);
  if (expected == 2) {
    if (cause != fault_of[access]) fail("missing fault", va, cause, fault_of[access]);
    if (guard.value >> 12 != va >> 12) fail("stval", va, guard.value, va);
    if ((after ^ before) & ~PTE_A) fail("entry after fault", va, after, before);
    if (after != before) {
      /* A machine may set A on the way to a fault; the run shall not depend on it. */
      *entry = before;
      fence_va(va);
    }
    count.faults[access]++;
    return FAULTED;
  }
  u64 needs = PTE_A | (access == STORE ? PTE_D : 0);
  if (expected == 1 && !hardware_ad) {
    if (cause != fault_of[access]) fail("missing A/D fault", va, cause, fault_of[access]);
    *entry |= needs;
    fence_va(va);
    count.ad_faults++;
    return AGAIN;
  }
  if (cause) fail("fault", va, cause, before);
  if (after != (before | needs)) fail("A/D", va, after, before | needs);
  return DONE;
}

/* Accesses inside one page. */

static u64 load(u64 va, u64 bytes) {
  return bytes == 1 ? try_load1(va) : bytes == 2 ? try_load2(va) : bytes == 4 ? try_load4(va) : try_load8(va);
}

static void store(u64 va, u64 value, u64 bytes) {
  if (bytes == 1) try_store1(va, value);
  else if (bytes == 2) try_store2(va, value);
  else if (bytes == 4) try_store4(va, value);
  else try_store8(va, value);
}

static u64 shadow_read(u64 frame, u64 offset, u64 bytes) {
  u64 value = 0;
  for (u64 i = bytes; i-- > 0;) value = value << 8 | shadow[frame * PAGE_BYTES + offset + i];
  return value;
}

static void shadow_write(u64 frame, u64 offset, u64 value, u64 bytes) {
  for (u64 i = 0; i < bytes; i++) shadow[frame * PAGE_BYTES + offset + i] = (u8)(value >> 8 * i);
}

/* Makes the access until it is done or faults rightly. */
static enum outcome access_once(u64 slot, u64 offset, enum access access, u64 *value, u64 bytes) {
  for (;;) {
    u64 before = *spaces[current].pte[slot];
    u64 va = va_of(slot) + offset;
    if (access == LOAD) {
      *value = load(va, bytes);
    } else if (access == STORE) {
      store(va, *value, bytes);
    } else {
      *value = try_fetch(va);
    }
    enum outcome outcome = judge(slot, before, access, false);
    if (outcome == FAULTED && guard.value != va) fail("stval", va, guard.value, va);
    if (outcome != AGAIN) return outcome;
  }
}

/* A missing page may be brought in after its fault, as a kernel does it. */
static bool demand_map(u64 slot) {
  u64 *entry = spaces[current].pte[slot];
  if (*entry & PTE_V || random_next(&random) >> 63) return false;
  *entry = random_pte();
  fence_some(current, va_of(slot));
  count.demand++;
  return true;
}

static u64 random_slot(void) { return random_below(&random, SLOTS); }

static void do_load(void) {
  u64 slot = random_slot();
  u64 bytes = 1ul << (random_next(&random) >> 62);
  u64 offset = random_below(&random, PAGE_BYTES - bytes + 1);
  u64 value;
  count.loads++;
  if (access_once(slot, offset, LOAD, &value, bytes) == FAULTED &&
      (!demand_map(slot) || access_once(slot, offset, LOAD, &value, bytes) == FAULTED))
    return;
  u64 expected = shadow_read(frame_of(*spaces[current].pte[slot]), offset, bytes);
  if (value != expected) fail("load", va_of(slot) + offset, value, expected);
  digest = mix64(digest ^ value);
}

static void do_store(void) {
  u64 slot = random_slot();
  u64 bytes = 1ul << (random_next(&random) >> 62);
  u64 offset = random_below(&random, PAGE_BYTES - bytes + 1);
  u64 value = random_next(&random);
  count.stores++;
  if (access_once(slot, offset, STORE, &value, bytes) == FAULTED &&
      (!demand_map(slot) || access_once(slot, offset, STORE, &value, bytes) == FAULTED))
    return;
  shadow_write(frame_of(*spaces[current].pte[slot]), offset, value, bytes);
}

/* An AMO is a store, also when it is refused. */
static void do_amo(void) {
  u64 slot = random_slot();
  u64 offset = random_below(&random, PAGE_BYTES / 8) * 8;
  u64 addend = random_next(&random);
  enum outcome outcome;
  u64 old;
  do {
    u64 before = *spaces[current].pte[slot];
    old = try_amo_add(va_of(slot) + offset, addend);
    if (tolerates_qemu && guard.cause == CAUSE_LOAD_PAGE_FAULT) guard.cause = CAUSE_STORE_PAGE_FAULT;
    outcome = judge(slot, before, STORE, false);
  } while (outcome == AGAIN);
  count.amos++;
  if (outcome == FAULTED) return;
  u64 frame = frame_of(*spaces[current].pte[slot]);
  u64 expected = shadow_read(frame, offset, 8);
  if (old != expected) fail("amo", va_of(slot) + offset, old, expected);
  shadow_write(frame, offset, expected + addend, 8);
}

/* Misaligned accesses across two pages whose frames are strangers to each other. */
static void do_crossing(bool is_store) {
  u64 slot = random_slot();
  if (slot % REGION_PAGES == REGION_PAGES - 1) return;
  u64 *first = spaces[current].pte[slot], *second = spaces[current].pte[slot + 1];
  u64 bytes = 2ul << random_below(&random, 3);
  u64 head = 1 + random_below(&random, bytes - 1); /* Bytes in the first page. */
  u64 va = va_of(slot + 1) - head;
  u64 value = random_next(&random);
  enum access access = is_store ? STORE : LOAD;
  int a = verdict(*first, access, false), b = verdict(*second, access, false);
  if (a == 1 || b == 1) {
    /* Whose bits are set when the other page faults is nobody's business: set them first. */
    u64 needs = PTE_A | (is_store ? PTE_D : 0);
    if (a == 1) *first |= needs;
    if (b == 1) *second |= needs;
    fence_va(va_of(slot));
    fence_va(va_of(slot + 1));
    a &= ~1, b &= ~1;
  }
  if (is_store && (a == 2 || b == 2)) return; /* It may be done by half. */
  count.crossings++;
  if (is_store) {
    store(va, value, bytes);
  } else {
    value = load(va, bytes);
  }
  if (a == 2 || b == 2) {
    if (guard.cause != fault_of[access]) fail("missing crossing fault", va, guard.cause, 0);
    u64 page = guard.value & ~(PAGE_BYTES - 1);
    if (!(a == 2 && page == va_of(slot)) && !(b == 2 && page == va_of(slot + 1)))
      fail("crossing stval", va, guard.value, va);
    count.faults[access]++;
    return;
  }
  if (guard.cause) fail("crossing fault", va, guard.cause, 0);
  u64 low = frame_of(*first), high = frame_of(*second);
  if (is_store) {
    shadow_write(low, PAGE_BYTES - head, value, head);
    shadow_write(high, 0, value >> 8 * head, bytes - head);
    return;
  }
  u64 expected = shadow_read(low, PAGE_BYTES - head, head) |
                 shadow_read(high, 0, bytes - head) << 8 * head;
  if (value != expected) fail("crossing load", va, value, expected);
  digest = mix64(digest ^ value);
}

/* Code. */

static void code_write(u64 frame) {
  u64 value = random_below(&random, 2048);
  code_value[frame] = value;
  const u32 function[] = {0x513u | (u32)value << 20, 0x8067};         /* li a0, value; ret */
  const u32 user_load[] = {0x53503, 0x73};                           /* ld a0, (a0); ecall */
  const u32 user_store[] = {0xb53023, 0x73};                         /* sd a1, (a0); ecall */
  u8 *at = (u8 *)frame_pa(frame);
  memcpy(at, function, sizeof function);
  memcpy(at + CODE_USER_LOAD, user_load, sizeof user_load);
  memcpy(at + CODE_USER_STORE, user_store, sizeof user_store);
  at[CODE_TAIL] = 0x13, at[CODE_TAIL + 1] = 0x05; /* The first half of li a0, ... */
  memcpy(shadow + frame * PAGE_BYTES, at, PAGE_BYTES);
  __asm__ volatile("fence.i" ::: "memory");
}

static void do_fetch(void) {
  u64 slot = random_slot();
  u64 pte = *spaces[current].pte[slot];
  bool is_code = pte & PTE_V && frame_of(pte) < CODE_FRAMES;
  if (verdict(pte, FETCH, false) != 2 && !is_code) return;
  u64 value;
  count.fetches++;
  if (tolerates_qemu && pte & PTE_U && pte & PTE_V) {
    count.faults[FETCH]++;
    return;
  }
  if (access_once(slot, 0, FETCH, &value, 0) == FAULTED) return;
  u64 expected = code_value[frame_of(pte)];
  if (value != expected) fail("fetch", va_of(slot), value, expected);
  digest = mix64(digest ^ value);
}

/* An instruction whose second half lies in a page that cannot be run. */
static void do_fetch_tail(void) {
  u64 slot = random_slot();
  if (slot % REGION_PAGES == REGION_PAGES - 1) return;
  u64 *first = spaces[current].pte[slot], second = *spaces[current].pte[slot + 1];
  if (!(*first & PTE_V) || frame_of(*first) >= CODE_FRAMES) return;
  if (verdict(*first, FETCH, false) != 0 || verdict(second, FETCH, false) != 2) return;
  count.crossings++;
  if (tolerates_qemu && second & PTE_U && second & PTE_V) {
    count.faults[FETCH]++;
    return;
  }
  try_fetch(va_of(slot) + CODE_TAIL);
  if (guard.cause != CAUSE_FETCH_PAGE_FAULT) fail("missing tail fault", va_of(slot), guard.cause, 12);
  if (guard.value != va_of(slot + 1)) fail("tail stval", va_of(slot), guard.value, va_of(slot + 1));
  count.faults[FETCH]++;
}

/* A load or store in U-mode, by code in a user page found nearby. */
static void do_user(void) {
  u64 code = random_slot(), found = SLOTS;
  for (u64 i = 0; i < SLOTS && found == SLOTS; i++, code = (code + 1) % SLOTS) {
    u64 pte = *spaces[current].pte[code];
    if (pte & PTE_V && frame_of(pte) < CODE_FRAMES && verdict(pte, FETCH, true) == 0) found = code;
  }
  if (found == SLOTS) return;
  u64 slot = random_slot();
  bool is_store = random_next(&random) >> 63;
  if (slot == found) return; /* Its A bit is set by running it. */
  u64 offset = random_below(&random, PAGE_BYTES / 8) * 8;
  u64 value = random_next(&random), result;
  u64 pc = va_of(found) + (is_store ? CODE_USER_STORE : CODE_USER_LOAD);
  enum outcome outcome;
  do {
    u64 before = *spaces[current].pte[slot];
    result = try_user(pc, va_of(slot) + offset, value);
    if (guard.cause == 0) fail("user code came back", pc, 0, CAUSE_USER_CALL);
    outcome = judge(slot, before, is_store ? STORE : LOAD, true);
  } while (outcome == AGAIN);
  count.user++;
  if (outcome == FAULTED) return;
  u64 frame = frame_of(*spaces[current].pte[slot]);
  if (is_store) {
    shadow_write(frame, offset, value, 8);
  } else if (result != shadow_read(frame, offset, 8)) {
    fail("user load", va_of(slot) + offset, result, shadow_read(frame, offset, 8));
  }
}

/* Changes to the tables. */

static void do_change(void) {
  u64 space = random_next(&random) >> 63 ? current : random_below(&random, space_count);
  u64 slot = random_slot();
  u64 *entry = spaces[space].pte[slot];
  switch (random_next(&random) >> 40 & 7) {
    case 0: *entry = 0; break;
    case 1: *entry &= ~(PTE_A | PTE_D); break;
    case 2: *entry &= ~PTE_D; break;
    case 3: *entry &= ~PTE_W; break;
    default: *entry = random_pte(); break;
  }
  if ((*entry & (PTE_R | PTE_W | PTE_X)) == 0) *entry = 0; /* A pointer is not a leaf. */
  fence_some(space, va_of(slot));
}

/* Two spaces exchange their ASIDs; what the TLB knew under them must go. */
static void do_exchange(void) {
  u64 a = random_below(&random, space_count), b = random_below(&random, space_count);
  if (asid_max == 0) return;
  u64 t = spaces[a].asid;
  spaces[a].asid = spaces[b].asid;
  spaces[b].asid = t;
  space_switch(current);
  fence_asid(spaces[a].asid);
  fence_asid(spaces[b].asid);
  count.fences += 2;
}

static void do_status(void) {
  u64 r = random_next(&random) >> 40;
  csr_clear(sstatus, SSTATUS_SUM | SSTATUS_MXR);
  csr_set(sstatus, (r & 1 ? SSTATUS_SUM : 0) | (r & 2 ? SSTATUS_MXR : 0));
}

static void do_something(void) {
  u64 dice = random_below(&random, 1000);
  if (dice < 400) do_load();
  else if (dice < 650) do_store();
  else if (dice < 680) do_amo();
  else if (dice < 730) do_crossing(false);
  else if (dice < 780) do_crossing(true);
  else if (dice < 830) do_fetch();
  else if (dice < 840) do_fetch_tail();
  else if (dice < 870) do_user();
  else if (dice < 920) space_switch(random_below(&random, space_count));
  else if (dice < 980) do_change();
  else if (dice < 985) do_exchange();
  else if (dice < 995) do_status();
  else code_write(random_below(&random, CODE_FRAMES));
}

static void compare_all(void) {
  for (u64 i = 0; i < FRAMES * PAGE_BYTES; i += 8) {
    u64 found = *(volatile u64 *)(frames + i), expected = *(u64 *)(shadow + i);
    if (found != expected) fail("frame", (u64)frames + i, found, expected);
  }
}

/* Entries that must not translate, and a superpage that must; in a space of its own. */

static void expect_fault(const char *what, u64 va) {
  fence_all();
  try_load8(va);
  if (guard.cause != CAUSE_LOAD_PAGE_FAULT || guard.value != va) fail(what, va, guard.value, va);
  try_store8(va, 1);
  if (guard.cause != CAUSE_STORE_PAGE_FAULT || guard.value != va) fail(what, va, guard.value, va);
  try_fetch(va);
  if (guard.cause != CAUSE_FETCH_PAGE_FAULT || guard.value != va) fail(what, va, guard.value, va);
}

static void directed(void) {
  u64 *root = spaces[0].root;
  u64 va = 100ul << 30;
  u64 *middle = table_under(root, 100);
  u64 *leaf = leaf_of(root, va);
  u64 all = PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D;
  u64 good = pte_of(frame_pa(CODE_FRAMES), all);
  *leaf = good & ~PTE_V;
  expect_fault("entry with V=0", va);
  *leaf = good & ~(PTE_R | PTE_X);
  expect_fault("entry with W and not R", va);
  *leaf = good & ~PTE_R;
  expect_fault("entry with W and X and not R", va);
  *leaf = pte_of(frame_pa(CODE_FRAMES), PTE_V);
  expect_fault("pointer in the last level", va);
  *leaf = good | 1ul << 54;
  expect_fault("entry with a reserved bit", va);
  *leaf = good;
  fence_all();
  if (try_load8(va) != shadow_read(CODE_FRAMES, 0, 8) || guard.cause) fail("good entry", va, 0, 0);

  u64 huge = (u64)frames & ~((1ul << 21) - 1);
  u64 table = middle[0];
  middle[0] = pte_of(huge + PAGE_BYTES, all);
  expect_fault("superpage out of line", va);
  middle[0] = pte_of(huge, all);
  fence_all();
  u64 offset = (u64)frames - huge;
  u64 found = try_load8(va + offset % (1ul << 21));
  if (guard.cause || found != shadow_read(0, 0, 8)) fail("superpage", va, found, shadow_read(0, 0, 8));
  middle[0] = table;
  root[100] = 0;
  expect_fault("empty root entry", va);
  expect_fault("address that is not canonical", 1ul << 38 | 0x1000);
  expect_fault("address that is not canonical", 0xffffff8000000000ul);
  expect_fault("address that is not canonical", 1ul << 63 | va);
}

static void find_out(void) {
  csr_write(satp, SATP_SV39 | 0xfffful << 44 | (u64)spaces[0].root >> 12);
  asid_max = csr_read(satp) >> 44 & 0xffff;
  if (asid_max <= space_count) asid_max = 0;
  for (u64 i = 0; i < space_count; i++) spaces[i].asid = asid_max ? i + 1 : 0;
  fence_all();
  space_switch(0);
  u64 va = va_of(0), saved = *spaces[0].pte[0];
  *spaces[0].pte[0] = pte_of(frame_pa(CODE_FRAMES), PTE_V | PTE_R);
  fence_all();
  try_load8(va);
  hardware_ad = guard.cause == 0;
  *spaces[0].pte[0] = saved;
  fence_all();
}

int main(void) {
  u64 seed = arg_number("seed", 1);
  u64 limit = arg_number("ops", 1000000);
  u64 report = arg_number("report", 200000);
  space_count = arg_number("spaces", 16);
  if (space_count == 0 || space_count > SPACES_MAX || report == 0) {
    print("parameter spaces: expected 1 to %d; report: at least 1\n", SPACES_MAX);
    return 1;
  }
  tolerates_qemu = arg_is("tolerate", "qemu", false);
  random = random_seeded(seed);
  frames = memory_take(FRAMES * PAGE_BYTES);
  shadow = memory_take(FRAMES * PAGE_BYTES);
  for (u64 i = 0; i < FRAMES * PAGE_BYTES / 8; i++) ((u64 *)frames)[i] = random_next(&random);
  memcpy(shadow, frames, FRAMES * PAGE_BYTES);
  for (u64 i = 0; i < CODE_FRAMES; i++) code_write(i);
  for (u64 i = 0; i < space_count; i++) space_make(i);
  find_out();
  print("mmu start spaces %lu seed %lu asids %s ad %s\n", space_count, seed, asid_max ? "yes" : "no",
        hardware_ad ? "hardware" : "software");
  directed();
  space_switch(0);

  while (limit == 0 || operations < limit) {
    operations++;
    do_something();
    if (operations % report == 0) {
      compare_all();
      print("mmu check %lu digest %016lx\n", operations, digest);
    }
  }
  compare_all();
  print("mmu count loads %lu stores %lu amos %lu fetches %lu user %lu crossings %lu switches %lu "
        "fences %lu\n",
        count.loads, count.stores, count.amos, count.fetches, count.user, count.crossings,
        count.switches, count.fences);
  print("mmu faults load %lu store %lu fetch %lu handled %lu\n", count.faults[LOAD],
        count.faults[STORE], count.faults[FETCH], count.demand);
  if (count.ad_faults) print("mmu ad faults %lu\n", count.ad_faults);
  print("mmu ok %lu digest %016lx\n", operations, digest);
  return 0;
}
