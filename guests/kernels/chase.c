/* A walk through one random cycle over 4 MiB, 400,000 dependent loads per unit. */
#include "kernels.h"

#define NODES (64ul * 1024)
#define STEPS 400000ul

struct node {
  struct node *next;
  u64 value;
  u64 padding[6];
};

u64 kernel_chase(u64 scale) {
  struct node *nodes = memory_take(NODES * sizeof *nodes);
  u64 random = random_seeded(5);
  /* Sattolo's shuffle of the successors: a permutation that is a single cycle. */
  for (u64 i = 0; i < NODES; i++) {
    nodes[i].next = &nodes[i];
    nodes[i].value = i;
  }
  for (u64 i = NODES - 1; i > 0; i--) {
    u64 j = random_below(&random, i);
    struct node *t = nodes[i].next;
    nodes[i].next = nodes[j].next;
    nodes[j].next = t;
  }
  u64 checksum = 0;
  const struct node *at = nodes;
  for (u64 round = 0; round < scale; round++) {
    u64 sum = 0;
    for (u64 i = 0; i < STEPS; i++) {
      sum += at->value ^ i;
      at = at->next;
    }
    checksum = mix64(checksum ^ sum);
  }
  return checksum;
}
