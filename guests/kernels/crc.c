/* CRC-32 (the polynomial of Ethernet), one table lookup a byte, over 256 KiB per unit. */
#include "kernels.h"

#define BUFFER_BYTES (256 * 1024)

static u32 table[256];

u64 kernel_crc(u64 scale) {
  u8 *buffer = memory_take(BUFFER_BYTES);
  u64 random = random_seeded(1);
  for (u64 i = 0; i < BUFFER_BYTES / 8; i++) ((u64 *)buffer)[i] = random_next(&random);
  for (u32 i = 0; i < 256; i++) {
    u32 c = i;
    for (int bit = 0; bit < 8; bit++) c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
    table[i] = c;
  }
  u64 checksum = 0;
  for (u64 round = 0; round < scale; round++) {
    u32 c = ~0u;
    buffer[round % BUFFER_BYTES]++;
    for (u64 i = 0; i < BUFFER_BYTES; i++) c = table[(c ^ buffer[i]) & 255] ^ c >> 8;
    checksum = mix64(checksum ^ ~c);
  }
  return checksum;
}
