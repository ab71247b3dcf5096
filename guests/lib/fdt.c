/*
 * A reader for the flat device tree (version 17). It trusts nothing: every offset is checked
 * against the block it must lie in, and a damaged tree reads as one without the property.
 *
 *   header | reservations | structure: tokens of 4 bytes | strings
 */
#include "bare.h"

#define FDT_MAGIC 0xd00dfeed
#define FDT_BEGIN_NODE 1
#define FDT_END_NODE 2
#define FDT_PROP 3
#define FDT_NOP 4
#define DEPTH_MAX 16

static u32 be32(const u8 *p) {
  return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
}

u64 fdt_bytes(const void *fdt) {
  if (!fdt || ((u64)fdt & 3) || be32(fdt) != FDT_MAGIC) return 0;
  u32 bytes = be32((const u8 *)fdt + 4);
  return bytes >= 40 && bytes <= (16u << 20) ? bytes : 0;
}

/* Length of the string at `text`, or -1 when it does not end before `end`. */
static i64 bounded_length(const u8 *text, const u8 *end) {
  for (const u8 *p = text; p < end; p++) {
    if (!*p) return p - text;
  }
  return -1;
}

/* Does the node name equal this part of the path, up to an '@'? */
static bool name_matches(const char *name, const char *part, size_t part_bytes) {
  for (size_t i = 0; i < part_bytes; i++) {
    if (name[i] != part[i]) return false;
  }
  return name[part_bytes] == 0 || name[part_bytes] == '@';
}

const void *fdt_property(const void *fdt, const char *path, const char *name, u32 *bytes) {
  u64 total = fdt_bytes(fdt);
  if (!total) return NULL;
  const u8 *base = fdt;
  u64 structs = be32(base + 8), strings = be32(base + 12);
  if (structs >= total || strings >= total || (structs & 3)) return NULL;
  const u8 *at = base + structs, *end = base + total;

  /* `wanted` is the part of the path that a child at depth `matched` must have. */
  int depth = 0, matched = 0;
  const char *wanted = path;
  while (*wanted == '/') wanted++;
  while (end - at >= 4) {
    u32 token = be32(at);
    at += 4;
    if (token == FDT_BEGIN_NODE) {
      i64 length = bounded_length(at, end);
      if (length < 0 || ++depth > DEPTH_MAX) return NULL;
      if (depth == 1) {
        matched = 1;
      } else if (matched == depth - 1 && *wanted) {
        size_t part = 0;
        while (wanted[part] && wanted[part] != '/') part++;
        if (name_matches((const char *)at, wanted, part)) {
          matched = depth;
          wanted += part;
          while (*wanted == '/') wanted++;
        }
      }
      if (end - at < (length + 4) / 4 * 4) return NULL;
      at += (length + 4) / 4 * 4;
    } else if (token == FDT_PROP) {
      if (end - at < 8) return NULL;
      u32 length = be32(at), offset = be32(at + 4);
      at += 8;
      if (length > (u64)(end - at) || offset >= total - strings) return NULL;
      const u8 *label = base + strings + offset;
      if (bounded_length(label, end) < 0) return NULL;
      if (matched == depth && !*wanted && name_matches((const char *)label, name, strlen(name)) &&
          label[strlen(name)] == 0) {
        *bytes = length;
        return at;
      }
      u64 step = ((u64)length + 3) & ~3ul;
      if (step > (u64)(end - at)) return NULL;
      at += step;
    } else if (token == FDT_END_NODE) {
      if (matched == depth) return NULL; /* The node or its parent ended without the property. */
      if (--depth <= 0) return NULL;
    } else if (token != FDT_NOP) {
      return NULL;
    }
  }
  return NULL;
}
