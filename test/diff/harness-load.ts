/** The beginning: machine set-up, and the start of each program from its record. */
import type { HarnessAssembler } from "./harness.ts";
import * as at from "./layout.ts";

function emitStart(a: HarnessAssembler): void {
  const [p, q] = [a.temp(0), a.temp(1)];
  a.label("start");
  a.emit(["csrrs", p, 0xf14, 0], ["beq", p, 0, "first"]);
  a.label("park");
  a.emit(["wfi"], ["jal", 0, "park"]);
  a.label("first");
  // Whatever goes wrong before the first program ends up in the M handler.
  a.la(p, at.VECTORS_M);
  a.emit(["csrrw", 0, 0x305, p]);
  a.li(p, at.MTIMECMP);
  a.emit(["addi", q, 0, -1], ["sd", q, p, 0]);
  a.la(a.r, at.CELLS);
  a.emit(["jal", 0, "load"]);
  a.label("next");
  a.emit(["ld", p, a.r, at.CELL_INDEX], ["addi", p, p, 1], ["sd", p, a.r, at.CELL_INDEX]);
  a.emit(["ld", q, a.r, at.CELL_COUNT], ["blt", p, q, "load"]);
  a.li(p, 0x5555);
  a.emit(["lui", q, at.SYSCON >> 12], ["sw", p, q, 0]);
  a.label("off");
  a.emit(["jal", 0, "off"]);
}

/** Everything that the last program may have left behind. */
function emitReset(a: HarnessAssembler): void {
  const [p, q, end, word] = [a.temp(0), a.temp(1), a.temp(2), a.temp(3)];
  a.emit(["lui", p, at.MSTATUS_FS >> 12], ["csrrw", 0, 0x300, p]);
  for (const csr of [0x302, 0x304, 0x180, 0x3a0, 0x3a2, 0x645, 0x280, 0x680])
    a.emit(["csrrw", 0, csr, 0]);
  // medeleg, mie, satp, pmpcfg0, pmpcfg2, hvip, vsatp, hgatp
  a.emit(["sfence.vma", 0, 0], ["hfence.gvma", 0, 0], ["hfence.vvma", 0, 0]);
  a.emit(["addi", p, a.r, at.CELL_LR], ["sc.w", 0, p, 0, 0]);
  a.emit(["sd", 0, a.r, at.CELL_LOG_COUNT], ["sd", 0, a.r, at.CELL_FETCH_FAULTS]);
  a.la(p, at.IMAGE);
  a.la(q, at.SCRATCH);
  a.la(end, at.SCRATCH + at.SCRATCH_PAGES * at.PAGE);
  a.label("copy");
  a.emit(["ld", word, p, 0], ["sd", word, q, 0], ["addi", p, p, 8], ["addi", q, q, 8]);
  a.emit(["bltu", q, end, "copy"], ["fence.i", 0, 0, 0]);
}

export function emitLoader(a: HarnessAssembler): void {
  emitStart(a);
  a.label("load");
  emitReset(a);
  const [record, p] = [a.temp(0), a.temp(1)];
  a.emit(["ld", p, a.r, at.CELL_INDEX], ["slli", p, p, 11]);
  a.la(record, at.RECORDS);
  a.emit(["add", record, record, p]);
  for (let n = 0; n < 8; n += 1) {
    a.emit(["ld", p, record, at.RECORD_PLAN + 8 * n]);
    a.emit(["sd", p, a.r, at.CELL_BASES + 8 * n + (n >= 6 ? at.CELL_HASH_PAGES - 600 : 0)]);
  }
  at.INIT_CSRS.forEach(([, number], n) => {
    a.emit(["ld", p, record, at.RECORD_CSRS + 8 * n], ["csrrw", 0, number, p]);
  });
  a.emit(["sfence.vma", 0, 0], ["hfence.gvma", 0, 0], ["hfence.vvma", 0, 0]);
  for (let n = 0; n < 32; n += 1) a.emit(["fld", n, record, at.RECORD_F + 8 * n]);
  a.emit(["ld", p, record, at.RECORD_MEPC], ["csrrw", 0, 0x341, p]);
  a.emit(["addi", a.r, record, 0], ["ld", p, a.r, at.RECORD_MSTATUS], ["csrrw", 0, 0x300, p]);
  a.each(1, (n) => ["ld", n, a.r, at.RECORD_X + 8 * n]);
  a.emit(["mret"]);
}
