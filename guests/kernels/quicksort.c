/* Quicksort of 16,384 random 64-bit numbers per unit: median of three, insertion sort below 16. */
#include "kernels.h"

#define COUNT 16384ul

static void swap(i64 *a, i64 *b) {
  i64 t = *a;
  *a = *b;
  *b = t;
}

static void sort(i64 *v, i64 low, i64 high) {
  while (high - low >= 16) {
    i64 middle = low + (high - low) / 2;
    if (v[middle] < v[low]) swap(&v[middle], &v[low]);
    if (v[high] < v[low]) swap(&v[high], &v[low]);
    if (v[high] < v[middle]) swap(&v[high], &v[middle]);
    i64 pivot = v[middle];
    i64 i = low, j = high;
    while (i <= j) {
      while (v[i] < pivot) i++;
      while (v[j] > pivot) j--;
      if (i <= j) swap(&v[i++], &v[j--]);
    }
    /* Recursion into the smaller part keeps the stack logarithmic. */
    if (j - low < high - i) {
      sort(v, low, j);
      low = i;
    } else {
      sort(v, i, high);
      high = j;
    }
  }
  for (i64 i = low + 1; i <= high; i++) {
    i64 value = v[i], j = i;
    for (; j > low && v[j - 1] > value; j--) v[j] = v[j - 1];
    v[j] = value;
  }
}

u64 kernel_quicksort(u64 scale) {
  i64 *v = memory_take(COUNT * sizeof *v);
  u64 random = random_seeded(3);
  u64 checksum = 0;
  for (u64 round = 0; round < scale; round++) {
    for (u64 i = 0; i < COUNT; i++) v[i] = (i64)random_next(&random);
    sort(v, 0, (i64)COUNT - 1);
    u64 sum = 0;
    for (u64 i = 0; i < COUNT; i++) sum = sum * 31 + (u64)v[i];
    for (u64 i = 1; i < COUNT; i++) {
      if (v[i - 1] > v[i]) return 0;
    }
    checksum = mix64(checksum ^ sum);
  }
  return checksum;
}
