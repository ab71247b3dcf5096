/**
 * A guest of a few instructions that runs for some milliseconds, and is saved and restored. What a guest that
 * moves needs (the interpreter, the translator, its devices, its state, its pages) is compiled when it is
 * needed first, and that would be while it stands still (measured: see docs/decisions.md).
 */
import type { Core } from "../../bindings/core.ts";
import { RAM_BASE } from "../vmm/guest-ram.ts";
import { loneGuest, loneVm } from "../vmm/lone-vm.ts";

const MEMORY_BYTES = 1 << 20;
const CYCLES = 3_000_000;
/** A loop over loads, stores and arithmetic, then the time, a device, the firmware, and again. */
const PROGRAM = Uint32Array.of(
  0x00001497, // auipc s1, 1
  0x10000937, // lui   s2, 0x10000
  0x00010437, // lui   s0, 16
  0x0084b023, // sd    s0, 0(s1)
  0x0004b303, // ld    t1, 0(s1)
  0x00830333, // add   t1, t1, s0
  0x008343b3, // xor   t2, t1, s0
  0x00339393, // slli  t2, t2, 3
  0x026383b3, // mul   t2, t2, t1
  0x0074a423, // sw    t2, 8(s1)
  0x0084ce03, // lbu   t3, 8(s1)
  0xfff40413, // addi  s0, s0, -1
  0xfc041ee3, // bnez  s0, the sd
  0xc01022f3, // rdtime t0
  0x02e00513, // li    a0, '.'
  0x00a90023, // sb    a0, 0(s2)
  0x00100893, // li    a7, 1
  0x00000073, // ecall
  0x00010437, // lui   s0, 16
  0xfc1ff06f, // j     the sd
);

/** Runs it, and leaves nothing behind. Throws `WV_NO_MEMORY`. */
export async function rehearse(core: Core): Promise<void> {
  const vm = loneVm(core, { memoryBytes: MEMORY_BYTES, mips: 100 });
  const guest = loneGuest(vm);
  try {
    const bytes = new Uint8Array(PROGRAM.buffer);
    const boot = { entry: RAM_BASE, deviceTreeGpa: 0, firmwareInfoGpa: 0, elf: undefined };
    vm.boot({ writes: [{ gpa: RAM_BASE, bytes }], ...boot });
    vm.run(CYCLES);
    const set = guest.newPageSet();
    guest.startDirtyLog(set);
    guest.applyBatch(guest.takeBatch(set, 0, { normalPagesMax: 4, zeroPagesMax: 4 }));
    guest.harvest(set);
    guest.stopDirtyLog();
    set.release();
    guest.restoreState(guest.saveState());
    vm.run(CYCLES);
  } finally {
    await guest.destroy();
  }
}
