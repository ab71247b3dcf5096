/*
 * The first process of a Linux guest that times commands: it runs each line of the file /commands,
 * "NAME<tab>PROGRAM<tab>ARGUMENT...", with the console as their output, and prints "begin <name>"
 * and "timed <name> status <hex> us <n>" around it, at last "end". Then it powers the machine off.
 *
 *   program=NAME  only the command of that name (all)
 */
#include "lib/linux.h"

#define AT_FDCWD (-100)
#define SIGCHLD 17
#define ARGUMENTS_MAX 15
#define REBOOT_MAGIC1 0xfee1dead
#define REBOOT_MAGIC2 672274793
#define REBOOT_POWER_OFF 0x4321fedc

static char commands[16 * 1024];

static void read_commands(void) {
  intptr_t file = call(SYS_OPENAT, (uintptr_t)AT_FDCWD, (uintptr_t)"/commands", 0);
  intptr_t bytes = call(SYS_READ, (uintptr_t)file, (uintptr_t)commands, sizeof commands - 1);
  if (bytes > 0) return;
  print("/commands: cannot be read\n");
  stop(1);
}

/* Cuts a line at its tabs; returns the rest behind the line. */
static char *cut(char *line, const char *words[ARGUMENTS_MAX + 1]) {
  size_t count = 0;
  words[count++] = line;
  for (; *line && *line != '\n'; line++) {
    if (*line != '\t') continue;
    *line = 0;
    if (count < ARGUMENTS_MAX) words[count++] = line + 1;
  }
  words[count] = NULL;
  if (!*line) return line;
  *line = 0;
  return line + 1;
}

static void run(const char *const *words) {
  static const char *const environment[] = {"PATH=/usr/bin", "HOME=/", "LC_ALL=C", NULL};
  int status = -1;
  print("begin %s\n", words[0]);
  u64 us = now_us();
  intptr_t child = call(SYS_CLONE, SIGCHLD);
  if (child == 0) {
    call(SYS_EXECVE, (uintptr_t)words[1], (uintptr_t)(words + 1), (uintptr_t)environment);
    call(SYS_EXIT, 127);
  }
  call(SYS_WAIT4, (uintptr_t)child, (uintptr_t)&status);
  us = now_us() - us;
  print("timed %s status %x us %" U64 "\n", words[0], (unsigned)status, us);
}

int main(void) {
  read_commands();
  for (char *at = commands; *at;) {
    const char *words[ARGUMENTS_MAX + 1];
    at = cut(at, words);
    if (words[1] && (arg_is("program", words[0], true) || arg_is("program", "all", true)))
      run(words);
  }
  print("end\n");
  call(SYS_REBOOT, REBOOT_MAGIC1, REBOOT_MAGIC2, REBOOT_POWER_OFF);
  return 0;
}
