/*
 * A key-value store that checks itself: a hash table of checksummed entries, and apart from
 * it, for each key, the sequence number of its last put (0: absent). A damaged, stale or
 * lost page shows as a mismatch between the two.
 *
 *   seed=N       (1)
 *   keys=N       key space (65536; the table has twice as many slots of 64 bytes)
 *   report=N     after so many operations a full pass, then "kv ok <ops> digest <hex>" (200000)
 *   ops=N        stop after so many operations (0: never)
 *   sabotage=N   flip one bit of the table after so many operations: the check must find it (0: no)
 *   paging=0|4k|2m   on the bare machine (0)
 *
 * The digest is a function of seed, keys and the number of operations alone.
 */
#include "lib/guest.h"
#ifndef __linux__
#include "lib/bare.h"
#endif

#define VALUE_WORDS 5

struct entry {
  u64 key; /* key + 1; 0: a free slot. */
  u64 sequence;
  u64 value[VALUE_WORDS];
  u64 checksum;
};
_Static_assert(sizeof(struct entry) == 64, "an entry is one cache line");

static struct entry *slots;
static u64 slot_mask;
static u64 *sequences;
static u64 keys, live, operations;
static u64 seed, digest;

static void corrupt(const char *what, u64 key, u64 found, u64 expected) {
  print("kv CORRUPT %s key %lu found %lx expected %lx ops %lu\n", what, key, found, expected,
        operations);
  stop(1);
}

static u64 home_of(u64 key) { return mix64(key ^ seed) & slot_mask; }

static u64 value_word(u64 key, u64 sequence, u64 i) { return mix64(key << 32 ^ sequence << 3 ^ i); }

static u64 checksum_of(const struct entry *e) {
  u64 sum = mix64(e->key ^ seed);
  sum = mix64(sum ^ e->sequence);
  for (int i = 0; i < VALUE_WORDS; i++) sum = (sum << 7 | sum >> 57) ^ e->value[i];
  return mix64(sum);
}

/* An entry against its own checksum and against the shadow. */
static void check_entry(const struct entry *e) {
  u64 key = e->key - 1;
  if (key >= keys) corrupt("key", key, key, keys);
  u64 sum = checksum_of(e);
  if (sum != e->checksum) corrupt("checksum", key, e->checksum, sum);
  if (e->sequence != sequences[key]) corrupt("sequence", key, e->sequence, sequences[key]);
  for (u64 i = 0; i < VALUE_WORDS; i++) {
    u64 word = value_word(key, e->sequence, i);
    if (e->value[i] != word) corrupt("value", key, e->value[i], word);
  }
}

/* The slot of a key, or the free one where it belongs. */
static u64 find(u64 key) {
  u64 slot = home_of(key);
  for (u64 steps = 0; steps <= slot_mask; steps++) {
    if (slots[slot].key == key + 1 || slots[slot].key == 0) return slot;
    slot = (slot + 1) & slot_mask;
  }
  corrupt("full table", key, live, slot_mask);
  return 0;
}

static void put(u64 key) {
  struct entry *e = &slots[find(key)];
  if ((e->key != 0) != (sequences[key] != 0)) corrupt("presence", key, e->key, sequences[key]);
  if (e->key == 0) live++;
  e->key = key + 1;
  e->sequence = operations;
  for (u64 i = 0; i < VALUE_WORDS; i++) e->value[i] = value_word(key, operations, i);
  e->checksum = checksum_of(e);
  sequences[key] = operations;
}

static void get(u64 key) {
  const struct entry *e = &slots[find(key)];
  if ((e->key != 0) != (sequences[key] != 0)) corrupt("presence", key, e->key, sequences[key]);
  if (e->key == 0) return;
  check_entry(e);
  digest = mix64(digest ^ e->checksum);
}

/* Removal by backward shift: later entries of the run move up, no tombstones. */
static void remove(u64 key) {
  u64 hole = find(key);
  if ((slots[hole].key != 0) != (sequences[key] != 0))
    corrupt("presence", key, slots[hole].key, sequences[key]);
  if (slots[hole].key == 0) return;
  check_entry(&slots[hole]);
  for (u64 at = (hole + 1) & slot_mask; slots[at].key != 0; at = (at + 1) & slot_mask) {
    u64 home = home_of(slots[at].key - 1);
    if (((at - home) & slot_mask) >= ((at - hole) & slot_mask)) {
      slots[hole] = slots[at];
      hole = at;
    }
  }
  slots[hole].key = 0;
  sequences[key] = 0;
  live--;
}

static void check_all(void) {
  u64 entries = 0, present = 0;
  for (u64 i = 0; i <= slot_mask; i++) {
    if (slots[i].key == 0) continue;
    check_entry(&slots[i]);
    entries++;
  }
  for (u64 key = 0; key < keys; key++) {
    if (sequences[key] == 0) continue;
    present++;
    u64 slot = find(key);
    if (slots[slot].key != key + 1) corrupt("lost", key, slots[slot].key, key + 1);
  }
  if (entries != live) corrupt("count", 0, entries, live);
  if (present != live) corrupt("shadow count", 0, present, live);
}

/* One bit of some entry, chosen like everything else here by the seed. */
static void flip_a_bit(void) {
  u64 slot = mix64(seed ^ operations) & slot_mask;
  while (slots[slot].key == 0) slot = (slot + 1) & slot_mask;
  slots[slot].value[operations % VALUE_WORDS] ^= 1ul << operations % 64;
}

int main(void) {
#ifndef __linux__
  paging_from_args("0");
#endif
  seed = arg_number("seed", 1);
  keys = arg_number("keys", 65536);
  u64 report = arg_number("report", 200000);
  u64 limit = arg_number("ops", 0);
  u64 sabotage = arg_number("sabotage", 0);
  if (keys == 0 || keys > 1ul << 31 || report == 0) {
    print("parameters keys and report: expected at least 1\n");
    return 1;
  }
  u64 slot_count = 2;
  while (slot_count < 2 * keys) slot_count *= 2;
  slot_mask = slot_count - 1;
  slots = memory_take(slot_count * sizeof *slots);
  memset(slots, 0, slot_count * sizeof *slots);
  sequences = memory_take(keys * sizeof *sequences);
  memset(sequences, 0, keys * sizeof *sequences);
  digest = mix64(seed);
  print("kv start keys %lu slots %lu seed %lu\n", keys, slot_count, seed);

  u64 random = random_seeded(seed);
  while (limit == 0 || operations < limit) {
    operations++;
    u64 choice = random_below(&random, 100);
    u64 key = random_below(&random, keys);
    if (choice < 45) {
      put(key);
    } else if (choice < 80) {
      get(key);
    } else {
      remove(key);
    }
    if (operations == sabotage && live) flip_a_bit();
    if (operations % report == 0) {
      check_all();
      print("kv ok %lu digest %016lx live %lu\n", operations, digest, live);
    }
  }
  check_all();
  print("kv done %lu digest %016lx live %lu\n", operations, digest, live);
  return 0;
}
