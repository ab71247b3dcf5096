/** The end of a program: its state goes to the dump area, memory is hashed, all is sent. */
import type { HarnessAssembler } from "./harness.ts";
import * as at from "./layout.ts";

/** Sends `bytes` (register t1) bytes from t0 through the UART, polling its line status. */
function emitSend(a: HarnessAssembler): void {
  const [from, left, uart, p] = [0, 1, 2, 3].map((n) => a.temp(n)) as [
    number,
    number,
    number,
    number,
  ];
  a.label("send");
  a.emit(["lui", uart, at.UART >> 12]);
  a.label("send_next");
  a.emit(["beq", left, 0, "send_done"]);
  a.label("send_wait");
  a.emit(["lbu", p, uart, 5], ["andi", p, p, 0x20], ["beq", p, 0, "send_wait"]);
  a.emit(["lbu", p, from, 0], ["sb", p, uart, 0], ["addi", from, from, 1]);
  a.emit(["addi", left, left, -1], ["jal", 0, "send_next"]);
  a.label("send_done");
  a.emit(["jalr", 0, 1, 0]);
}

/** Hashes t1 pages from t0; one hash a page goes to where t2 points. */
function emitHash(a: HarnessAssembler): void {
  const [from, pages, to, hash, end, word, prime] = [0, 1, 2, 3, 4, 5, 6].map((n) => a.temp(n)) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  a.label("hash");
  a.li(prime, 0x100000001b3n);
  a.label("hash_page");
  a.emit(["beq", pages, 0, "hash_done"], ["lui", end, 1], ["add", end, end, from]);
  a.emit(["addi", hash, 0, 0]);
  a.label("hash_word");
  a.emit(["ld", word, from, 0], ["xor", hash, hash, word], ["mul", hash, hash, prime]);
  a.emit(["srli", word, hash, 32], ["xor", hash, hash, word], ["addi", from, from, 8]);
  a.emit(["bltu", from, end, "hash_word"], ["sd", hash, to, 0], ["addi", to, to, 8]);
  a.emit(["addi", pages, pages, -1], ["jal", 0, "hash_page"]);
  a.label("hash_done");
  a.emit(["jalr", 0, 1, 0]);
}

/** The regions of memory that a program may have changed: where, and how many pages. */
function regionsOf(
  a: HarnessAssembler,
): readonly { stride: number; base: number; count: () => void }[] {
  const pages = a.temp(1);
  return [
    {
      stride: 0,
      base: at.SCRATCH,
      count: () => a.emit(["ld", pages, a.r, at.CELL_HASH_PAGES]),
    },
    {
      stride: at.SAFE_PAGES * at.PAGE,
      base: at.SAFE_TABLES,
      count: () => a.li(pages, at.SAFE_PAGES),
    },
    {
      stride: at.EXPOSED_PAGES * at.PAGE,
      base: at.EXPOSED_TABLES,
      count: () => a.emit(["ld", pages, a.r, at.CELL_EXPOSED_PAGES]),
    },
    {
      stride: at.GUEST_PAGES * at.PAGE,
      base: at.GUEST_TABLES,
      // All of them, or none where PMP may deny them: as of scratch.
      count: () => a.emit(["ld", pages, a.r, at.CELL_HASH_PAGES], ["slli", pages, pages, 1]),
    },
  ];
}

/** Points t0 to a region of the current program; uses t3 and t4. */
function emitRegion(a: HarnessAssembler, base: number, stride: number): void {
  const [from, p, q] = [a.temp(0), a.temp(3), a.temp(4)];
  a.la(from, base);
  if (stride === 0) return;
  a.emit(["ld", p, a.r, at.CELL_INDEX]);
  a.li(q, stride);
  a.emit(["mul", p, p, q], ["add", from, from, p]);
}

function emitState(a: HarnessAssembler): void {
  const [p, q, dump] = [a.temp(0), a.temp(1), a.temp(2)];
  a.la(dump, at.DUMP);
  at.DUMP_CSRS.forEach(([name, number], n) => {
    if (name === "fcsr") a.emit(["lui", q, at.MSTATUS_FS >> 12], ["csrrs", 0, 0x300, q]);
    a.emit(["csrrs", p, number, 0], ["sd", p, dump, 8 * (at.DUMP_CSR + n)]);
  });
  for (let n = 0; n < 32; n += 1) a.emit(["fsd", n, dump, 8 * (at.DUMP_F + n)]);
  a.emit(["sd", 0, dump, 8 * at.DUMP_X]);
  for (let n = 1; n < 32; n += 1) {
    if (n !== a.r) a.emit(["ld", p, a.r, at.CELL_SAVE_M + 8 * n]);
    a.emit(["sd", n === a.r ? 0 : p, dump, 8 * (at.DUMP_X + n)]);
  }
  // No interrupts, FS on, no PMP (which may fail even M-mode's accesses when it splits a word) but the
  // entry that opens the harness, before all that a program may have locked.
  a.emit(["csrrwi", 0, 0x3a0, 31], ["csrrw", 0, 0x3a2, 0]);
  a.emit(["lui", p, at.MSTATUS_FS >> 12], ["csrrw", 0, 0x300, p]);
  a.emit(["ld", p, a.r, at.CELL_INDEX]);
  a.li(q, BigInt(at.DUMP_MAGIC) << 32n);
  a.emit(["or", p, p, q], ["sd", p, dump, 0], ["ld", p, a.r, at.CELL_LOG_COUNT]);
  a.emit(["sd", p, dump, 8]);
  for (let n = at.DUMP_HASHES; n < at.DUMP_WORDS; n += 1) a.emit(["sd", 0, dump, 8 * n]);
}

export function emitDump(a: HarnessAssembler): void {
  const [from, bytes, to, p] = [a.temp(0), a.temp(1), a.temp(2), a.temp(3)];
  emitSend(a);
  emitHash(a);
  a.label("end_m");
  emitState(a);
  let hashes = at.DUMP + 8 * at.DUMP_HASHES;
  regionsOf(a).forEach(({ base, stride, count }, n) => {
    emitRegion(a, base, stride);
    count();
    a.la(to, hashes);
    a.emit(["jal", 1, "hash"]);
    hashes +=
      8 * ([at.SCRATCH_PAGES, at.SAFE_PAGES, at.EXPOSED_PAGES, at.GUEST_PAGES][n] as number);
  });
  a.la(from, at.DUMP);
  a.li(bytes, 8 * at.DUMP_WORDS);
  a.emit(["jal", 1, "send"]);
  a.la(from, at.LOG);
  a.emit(["ld", bytes, a.r, at.CELL_LOG_COUNT], ["addi", p, 0, at.LOG_ENTRY_BYTES]);
  a.emit(["mul", bytes, bytes, p], ["jal", 1, "send"]);
  a.emit(["ld", p, a.r, at.CELL_WITH_MEMORY], ["bne", p, 0, "send_memory"], ["jal", 0, "next"]);
  a.label("send_memory");
  for (const { base, stride, count } of regionsOf(a)) {
    emitRegion(a, base, stride);
    count();
    a.emit(["slli", bytes, bytes, 12], ["jal", 1, "send"]);
  }
  a.emit(["jal", 0, "next"]);
}
