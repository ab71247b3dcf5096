/*
 * Identity mapping in Sv39, so that a program runs through page tables as it would under an
 * operating system. Devices (the first GiB) are one gigapage; RAM is mapped in 2 MiB or
 * 4 KiB pages. A and D are set beforehand.
 */
#include "bare.h"

#define MEGAPAGE (2ul << 20)
#define GIGAPAGE (1ul << 30)
#define PTE_RAM (PTE_V | PTE_R | PTE_W | PTE_X | PTE_G | PTE_A | PTE_D)
#define PTE_DEVICE (PTE_V | PTE_R | PTE_W | PTE_G | PTE_A | PTE_D)

static u64 pte_of(u64 physical, u64 flags) { return physical >> 12 << 10 | flags; }

static u64 *table_new(void) {
  u64 *table = memory_take(PAGE_BYTES);
  memset(table, 0, PAGE_BYTES);
  return table;
}

static u64 *table_under(u64 *table, u64 index) {
  if (!table[index]) table[index] = pte_of((u64)table_new(), PTE_V);
  return (u64 *)(table[index] >> 10 << 12);
}

static void paging_on(bool small) {
  u64 *root = table_new();
  root[0] = pte_of(0, PTE_DEVICE);
  u64 end = machine.ram_base + machine.ram_bytes;
  for (u64 at = machine.ram_base & ~(MEGAPAGE - 1); at < end; at += MEGAPAGE) {
    u64 *middle = table_under(root, at / GIGAPAGE);
    if (!small) {
      middle[at / MEGAPAGE % 512] = pte_of(at, PTE_RAM);
      continue;
    }
    u64 *leaves = table_under(middle, at / MEGAPAGE % 512);
    for (u64 i = 0; i < 512; i++) leaves[i] = pte_of(at + i * PAGE_BYTES, PTE_RAM);
  }
  csr_write(satp, SATP_SV39 | (u64)root >> 12);
  __asm__ volatile("sfence.vma" ::: "memory");
}

void paging_from_args(const char *otherwise) {
  size_t bytes = strlen(otherwise);
  const char *mode = arg_text("paging", &bytes);
  if (!mode) mode = otherwise;
  char first = bytes ? mode[0] : '?';
  if (first == '0' || first == 'o') return; /* 0, off */
  if (first != '1' && first != '4' && first != '2') {
    print("parameter paging: expected 0, 1, 4k or 2m\n");
    stop(1);
  }
  paging_on(first != '2');
}
