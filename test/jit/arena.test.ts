/** A code cache that is much too small: emptied again and again while translated code runs. */
import { describe, expect, test } from "vitest";
import { TLB_FETCH_BASE, TLB_FETCH_ENTRIES } from "../../bindings/abi.ts";
import { RAM_BASE } from "../../ts/vmm/guest-ram.ts";
import * as s from "./scene.ts";

const { A0, A1, RA, S0, S1, S2, T0 } = s;
const FUNCTIONS = RAM_BASE + 0x100000;
const PAGES = 96;
/** A megabyte of machine memory for code: the least there is. */
const MEMORY_BYTES = 6 << 20;

/** A loop over functions, one a page, each with a loop of its own and a call into the next page. */
function scene(): s.Scene {
  const main = s.assemble(s.ENTRY, (asm) => {
    asm.label("again");
    asm.li(S0, FUNCTIONS);
    asm.li(S1, PAGES);
    asm.li(S2, 4096);
    asm.label("page");
    asm.emit(["jalr", RA, S0, 0], ["add", S0, S0, S2], ["addi", S1, S1, -1]);
    asm.emit(["bne", S1, 0, "page"], ["addi", A1, A1, 1], ["jal", 0, "again"]);
  });
  const pages = Array.from({ length: PAGES + 1 }, (_, i) => {
    const gpa = FUNCTIONS + i * 4096;
    const bytes = s.assemble(gpa, (asm) => {
      asm.li(T0, 20);
      asm.label("loop");
      asm.emit(["addi", A0, A0, 1], ["addi", T0, T0, -1], ["bne", T0, 0, "loop"]);
      // Long straight code: decoded blocks of some kilobytes, at several entries.
      asm.emit(["andi", T0, A0, 3], ["beq", T0, 0, "b"]);
      for (let k = 0; k < 200; k++) asm.emit(["xor", T0, T0, A0]);
      asm.label("b");
      for (let k = 0; k < 200; k++) asm.emit(["xor", T0, T0, A0]);
      asm.emit(["jalr", 0, RA, 0]);
    });
    return { gpa, bytes };
  });
  return { writes: [{ gpa: s.ENTRY, bytes: main }, ...pages] };
}

describe.each(s.TRANSLATORS)("%s", (_, options) => {
  test("emptying it changes nothing for the guest", async () => {
    const right = s.start(await s.newCore({ ...options, memoryBytes: MEMORY_BYTES }), scene());
    const left = s.start(await s.newCore(), scene());
    let emptied = 0;
    let before = 0;
    for (let i = 0; i < 120; i++) {
      s.runBoth([left, right], 9973);
      const { u32 } = right.core;
      let entries = 0;
      for (let at = TLB_FETCH_BASE; at < TLB_FETCH_BASE + 16 * TLB_FETCH_ENTRIES; at += 16)
        if (u32[at >>> 2]) entries++;
      if (entries < before) emptied++;
      before = entries;
    }
    expect(s.x(right, A1)).toBeGreaterThan(5);
    expect(emptied).toBeGreaterThan(2);
    expect(right.core.translated.functions).toBeGreaterThan(PAGES);
  });
});
