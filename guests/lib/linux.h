/*
 * System calls of Linux. The two headers for the architectures define the numbers and
 * `system_call`, which takes the same arguments in the same order on both.
 */
#pragma once

#include "guest.h"

#ifdef __riscv
#include "linux-riscv64.h"
#else
#include "linux-i386.h"
#endif

/* The result; between -4095 and -1 it is an error. */
#define call(number, ...) system_call(number, (const uintptr_t[6]){__VA_ARGS__})
