/**
 * Physical memory of one test ELF (64 MiB of RAM from 0x80000000):
 *
 *     80000000  harness code: entry, vector tables, trap handlers, dump
 *     80010000  harness cells (CELL_*), trap log, dump area
 *     80018000  image of the scratch region, copied before each program
 *     80020000  program records, 2 KiB each
 *     80080000  code, two pages a program
 *     80180000  safe page tables, four pages a program: root and identity mapping
 *     80400000  scratch: four pages that programs load from and store to
 *     80404000  pads: two pages of jumps back, shifted by two bytes, so that one crosses pages
 *     80800000  exposed page tables, twelve pages a program: slots that may fault
 *     81000000  second-stage tables, eight pages a program: a root of four and what hangs on it
 *
 * PMP entry 0 grants everything below 80400000 to all modes, so the harness always works.
 */
export const RAM = 0x80000000;
export const RAM_END = 0x84000000;
export const VECTORS_M = RAM + 0x100;
export const VECTORS_S = RAM + 0x200;
/** Sixteen ecalls: VS-mode's traps reach M-mode through them. */
export const VECTORS_VS = RAM + 0x300;
export const CODE_START = RAM + 0x400;
export const CELLS = 0x80010000;
export const LOG = 0x80012000;
export const DUMP = 0x80014000;
export const IMAGE = 0x80018000;
export const RECORDS = 0x80020000;
export const RECORD_BYTES = 0x800;
export const CODE = 0x80080000;
export const CODE_BYTES = 0x2000;
export const SAFE_TABLES = 0x80180000;
export const SAFE_PAGES = 4;
export const HARNESS_BYTES = 0x400000;
export const SCRATCH = 0x80400000;
export const SCRATCH_PAGES = 4;
export const PADS = 0x80404000;
export const PAD_PAGES = 2;
export const EXPOSED_TABLES = 0x80800000;
export const EXPOSED_PAGES = 12;
export const GUEST_TABLES = 0x81000000;
export const GUEST_PAGES = 8;
export const PAGE = 0x1000;
export const MAX_PROGRAMS = 128;

export const UART = 0x10000000;
export const SYSCON = 0x100000;
export const MTIMECMP = 0x2004000;

/** Harness cells: offsets from CELLS, all within reach of a 12-bit immediate. */
export const CELL_SAVE_M = 0;
export const CELL_SAVE_S = 256;
export const CELL_LOG_COUNT = 512;
export const CELL_FETCH_FAULTS = 520;
export const CELL_SERVICE = 528;
/** The program that runs; the ELF holds the first one. */
export const CELL_INDEX = 536;
export const CELL_RECORD = 544;
/** Where the code is for U, S, (none), M. */
export const CELL_BASES = 552;
export const CELL_ESCAPE = 584;
export const CELL_DIRECT_SRET = 592;
export const CELL_RESUME = 600;
export const CELL_HASH_PAGES = 608;
export const CELL_EXPOSED_PAGES = 616;
export const CELL_LR = 624;
/** Set by the ELF builder. */
export const CELL_COUNT = 640;
export const CELL_WITH_MEMORY = 648;

/** What the control register says at an ecall. */
export const CALL_END = 0x7e1;
export const CALL_M = 0x7e2;
export const CALL_S = 0x7e3;

/** What the S handler asks of the M handler. */
export const SERVICE_END = 1;
export const SERVICE_RETURN = 2;
export const SERVICE_CALL_M = 3;

export const MAX_TRAPS = 32;
export const LOG_ENTRY_BYTES = 64;
/** Traps taken while MPRV was 1 carry this in their slot word; those taken in S, the other. */
export const SLOT_MPRV = 0x100;
export const SLOT_S = 0x200;
/** Traps that VS-mode took. */
export const SLOT_VS = 0x400;

/** Offsets in a program record. */
export const RECORD_X = 0;
export const RECORD_F = 256;
export const RECORD_CSRS = 512;
/** Six words from here: U, S, unused, M code base, escape cause, direct sret, hash pages, exposed. */
export const RECORD_PLAN = 1024;
export const RECORD_MSTATUS = 1088;
export const RECORD_MEPC = 1096;

/** CSRs in the order in which a record initializes them. */
export const INIT_CSRS: readonly (readonly [name: string, number: number])[] = [
  ["fcsr", 0x003],
  ["mscratch", 0x340],
  ["sscratch", 0x140],
  ["sepc", 0x141],
  ["scause", 0x142],
  ["stval", 0x143],
  ["mcause", 0x342],
  ["mtval", 0x343],
  ["medeleg", 0x302],
  ["mideleg", 0x303],
  ["mie", 0x304],
  ["mip", 0x344],
  ["mcounteren", 0x306],
  ["scounteren", 0x106],
  ["menvcfg", 0x30a],
  ["senvcfg", 0x10a],
  ["mtvec", 0x305],
  ["stvec", 0x105],
  ["satp", 0x180],
  ["hstatus", 0x600],
  ["hedeleg", 0x602],
  ["hideleg", 0x603],
  ["hie", 0x604],
  ["hcounteren", 0x606],
  ["henvcfg", 0x60a],
  ["hvip", 0x645],
  ["htval", 0x643],
  ["htinst", 0x64a],
  ["hgatp", 0x680],
  ["vsstatus", 0x200],
  ["vstvec", 0x205],
  ["vsscratch", 0x240],
  ["vsepc", 0x241],
  ["vscause", 0x242],
  ["vstval", 0x243],
  ["vsatp", 0x280],
  ["mtval2", 0x34b],
  ["mtinst", 0x34a],
  ...Array.from({ length: 16 }, (_, n): [string, number] => [`pmpaddr${n}`, 0x3b0 + n]),
  ["pmpcfg0", 0x3a0],
  ["pmpcfg2", 0x3a2],
];

/** CSRs in the order in which a dump holds them; fcsr is last, read with FS on. */
export const DUMP_CSRS: readonly (readonly [name: string, number: number])[] = [
  ["mstatus", 0x300],
  ["mepc", 0x341],
  ["sstatus", 0x100],
  ["sie", 0x104],
  ["sip", 0x144],
  ["misa", 0x301],
  ...INIT_CSRS.filter(([name]) => name !== "fcsr"),
  ["fcsr", 0x003],
];

/** Words of a dump before the memory hashes: header (magic | index, traps), x, f, CSRs. */
export const DUMP_MAGIC = 0x57564446;
export const DUMP_X = 2;
export const DUMP_F = 34;
export const DUMP_CSR = 66;
export const DUMP_HASHES = DUMP_CSR + DUMP_CSRS.length;
/** One hash a page: scratch, safe tables, exposed tables, second-stage tables. */
export const HASHED_PAGES = SCRATCH_PAGES + SAFE_PAGES + EXPOSED_PAGES + GUEST_PAGES;
export const DUMP_WORDS = DUMP_HASHES + HASHED_PAGES;

export const MSTATUS_MPRV = 1 << 17;
export const MSTATUS_FS = 3 << 13;
