/*
 * An interpreter for a small register bytecode, dispatching through a jump table, that runs a
 * loop with a Collatz sequence, array accesses and a branch: 150,000 bytecodes or so per unit.
 */
#include "kernels.h"

enum op { ADD, ADDI, SUB, MUL, XOR, AND1, SHR1, LOAD, STORE, JNZ, JLT, JMP, MOVE, MOVI, HALT };

struct insn {
  u8 op;
  u8 d;
  u8 a;
  u8 b;
  i64 imm;
};

#define CELLS 1024

static u64 cells[CELLS];

/* for (i = 0; i < r7; i++) { n = i + r8; while (n != 1) n = n odd ? 3n+1 : n/2, steps++; ... } */
static const struct insn program[] = {
    /*  0 */ {MOVI, 0, 0, 0, 0},     /* i = 0 */
    /*  1 */ {MOVI, 5, 0, 0, 0},     /* sum = 0 */
    /*  2 */ {MOVI, 9, 0, 0, 3},
    /*  3 */ {ADD, 1, 0, 8, 0},      /* n = i + start */
    /*  4 */ {MOVI, 2, 0, 0, 0},     /* steps = 0 */
    /*  5 */ {ADDI, 3, 1, 0, -1},    /* while (n - 1) */
    /*  6 */ {JNZ, 0, 3, 0, 8},
    /*  7 */ {JMP, 0, 0, 0, 16},
    /*  8 */ {AND1, 3, 1, 0, 0},
    /*  9 */ {JNZ, 0, 3, 0, 12},
    /* 10 */ {SHR1, 1, 1, 0, 0},
    /* 11 */ {JMP, 0, 0, 0, 14},
    /* 12 */ {MUL, 1, 1, 9, 0},
    /* 13 */ {ADDI, 1, 1, 0, 1},
    /* 14 */ {ADDI, 2, 2, 0, 1},
    /* 15 */ {JMP, 0, 0, 0, 5},
    /* 16 */ {LOAD, 4, 2, 0, 0},     /* cells[steps] += i; sum ^= cells[steps] */
    /* 17 */ {ADD, 4, 4, 0, 0},
    /* 18 */ {STORE, 4, 2, 0, 0},
    /* 19 */ {XOR, 5, 5, 4, 0},
    /* 20 */ {SUB, 6, 4, 2, 0},
    /* 21 */ {ADD, 5, 5, 6, 0},
    /* 22 */ {ADDI, 0, 0, 0, 1},
    /* 23 */ {JLT, 0, 0, 7, 3},
    /* 24 */ {MOVE, 10, 5, 0, 0},
    /* 25 */ {HALT, 0, 0, 0, 0},
};

static u64 interpret(u64 start, u64 count) {
  u64 r[16] = {[7] = count, [8] = start};
  const struct insn *pc = program;
  for (;;) {
    const struct insn *i = pc++;
    switch (i->op) {
      case ADD: r[i->d] = r[i->a] + r[i->b]; break;
      case ADDI: r[i->d] = r[i->a] + (u64)i->imm; break;
      case SUB: r[i->d] = r[i->a] - r[i->b]; break;
      case MUL: r[i->d] = r[i->a] * r[i->b]; break;
      case XOR: r[i->d] = r[i->a] ^ r[i->b]; break;
      case AND1: r[i->d] = r[i->a] & 1; break;
      case SHR1: r[i->d] = r[i->a] >> 1; break;
      case LOAD: r[i->d] = cells[r[i->a] % CELLS]; break;
      case STORE: cells[r[i->a] % CELLS] = r[i->d]; break;
      case JNZ: if (r[i->a]) pc = program + i->imm; break;
      case JLT: if (r[i->a] < r[i->b]) pc = program + i->imm; break;
      case JMP: pc = program + i->imm; break;
      case MOVE: r[i->d] = r[i->a]; break;
      case MOVI: r[i->d] = (u64)i->imm; break;
      case HALT: return r[10];
    }
  }
}

u64 kernel_bytecode(u64 scale) {
  u64 checksum = 0;
  memset(cells, 0, sizeof cells);
  for (u64 round = 0; round < scale; round++)
    checksum = mix64(checksum ^ interpret(1 + round * 256, 256));
  return checksum;
}
