/* The parts of the runtime that are the same on the bare machine and on Linux. */
#include "guest.h"

/* Memory functions, which gcc calls even in freestanding code. */

void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
  u8 *t = to;
  const u8 *f = from;
  if ((((uintptr_t)t | (uintptr_t)f) & 7) == 0) {
    for (; bytes >= 8; bytes -= 8, t += 8, f += 8) *(u64 *)t = *(const u64 *)f;
  }
  while (bytes--) *t++ = *f++;
  return to;
}

void *memmove(void *to, const void *from, size_t bytes) {
  u8 *t = to;
  const u8 *f = from;
  if (t <= f || t >= f + bytes) return memcpy(to, from, bytes);
  while (bytes--) t[bytes] = f[bytes];
  return to;
}

void *memset(void *to, int value, size_t bytes) {
  u8 *t = to;
  u64 word = (u8)value * 0x0101010101010101u;
  if (((uintptr_t)t & 7) == 0) {
    for (; bytes >= 8; bytes -= 8, t += 8) *(u64 *)t = word;
  }
  while (bytes--) *t++ = (u8)value;
  return to;
}

int memcmp(const void *a, const void *b, size_t bytes) {
  const u8 *x = a, *y = b;
  for (; bytes--; x++, y++) {
    if (*x != *y) return *x - *y;
  }
  return 0;
}

size_t strlen(const char *text) {
  size_t n = 0;
  while (text[n]) n++;
  return n;
}

/* print: one buffer, written when it is full and at the end of the call. */

struct line {
  char bytes[128];
  size_t used;
};

static void put(struct line *line, char c) {
  if (line->used == sizeof line->bytes) {
    console_write(line->bytes, line->used);
    line->used = 0;
  }
  line->bytes[line->used++] = c;
}

static void put_number(struct line *line, u64 value, unsigned base, bool negative, int width,
                       char pad) {
  char digits[24];
  int n = 0;
  do {
    digits[n++] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value);
  if (negative && pad == '0') put(line, '-');
  for (int i = n + negative; i < width; i++) put(line, pad);
  if (negative && pad != '0') put(line, '-');
  while (n) put(line, digits[--n]);
}

void print(const char *format, ...) {
  struct line line = {.used = 0};
  va_list args;
  va_start(args, format);
  for (const char *f = format; *f; f++) {
    if (*f != '%') {
      put(&line, *f);
      continue;
    }
    f++;
    char pad = ' ';
    int width = 0;
    bool is_long = false;
    if (*f == '0') pad = '0';
    while (*f >= '0' && *f <= '9') width = width * 10 + (*f++ - '0');
    while (*f == 'l') is_long = true, f++;
    switch (*f) {
      case 'd': {
        i64 value = is_long ? va_arg(args, i64) : va_arg(args, int);
        put_number(&line, value < 0 ? -(u64)value : (u64)value, 10, value < 0, width, pad);
        break;
      }
      case 'u':
      case 'x': {
        u64 value = is_long ? va_arg(args, u64) : va_arg(args, unsigned);
        put_number(&line, value, *f == 'u' ? 10 : 16, false, width, pad);
        break;
      }
      case 's':
        for (const char *s = va_arg(args, const char *); *s; s++) put(&line, *s);
        break;
      case 'c':
        put(&line, (char)va_arg(args, int));
        break;
      case '%':
        put(&line, '%');
        break;
      default:
        stop(1);
    }
  }
  va_end(args);
  console_write(line.bytes, line.used);
}

/* Parameters. */

const char *arg_text(const char *key, size_t *bytes) {
  size_t length = strlen(key);
  const char *found = NULL;
  const char *word = parameters();
  while (*word) {
    while (*word == ' ') word++;
    const char *end = word;
    while (*end && *end != ' ') end++;
    if ((size_t)(end - word) > length && memcmp(word, key, length) == 0 && word[length] == '=') {
      found = word + length + 1; /* The last one counts. */
      *bytes = (size_t)(end - found);
    }
    word = end;
  }
  return found;
}

bool arg_is(const char *key, const char *value, bool otherwise) {
  size_t bytes;
  const char *text = arg_text(key, &bytes);
  if (!text) return otherwise;
  return bytes == strlen(value) && memcmp(text, value, bytes) == 0;
}

static int digit_of(char c, unsigned base) {
  int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  return digit < (int)base ? digit : -1;
}

u64 arg_number(const char *key, u64 otherwise) {
  size_t bytes;
  const char *text = arg_text(key, &bytes);
  if (!text) return otherwise;
  const char *at = text, *end = text + bytes;
  unsigned base = 10;
  if (bytes > 2 && at[0] == '0' && at[1] == 'x') base = 16, at += 2;
  const char *first = at;
  u64 value = 0;
  while (at < end && digit_of(*at, base) >= 0) value = value * base + (u64)digit_of(*at++, base);
  bool ok = at > first;
  if (at < end) {
    unsigned shift = *at == 'K' ? 10 : *at == 'M' ? 20 : *at == 'G' ? 30 : 0;
    ok = ok && shift != 0;
    value <<= shift;
    at++;
    if (end - at == 2 && at[0] == 'i' && at[1] == 'B') at += 2;
  }
  if (!ok || at != end) {
    print("parameter %s: expected a number such as 4096 or 64MiB\n", key);
    stop(1);
  }
  return value;
}
