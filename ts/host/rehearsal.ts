/**
 * A guest of a few instructions that runs for some milliseconds, and moves. What a guest that moves needs
 * (the interpreter, the translator, its devices, its state, its pages, the migration itself) is compiled
 * when it is needed first, and that would be while it stands still (measured: see docs/decisions.md).
 */

import { PAGE_BYTES } from "../../bindings/abi.ts";
import type { Core } from "../../bindings/core.ts";
import { VirtualClock } from "../base/clock.ts";
import { promiseOf } from "../base/task.ts";
import { memoryChannels } from "../migrate/channel.ts";
import { MigrationLedger } from "../migrate/ledger.ts";
import { migrate } from "../migrate/source.ts";
import { receiveMigration } from "../migrate/target.ts";
import { RAM_BASE } from "../vmm/guest-ram.ts";
import { loneGuest, loneVm } from "../vmm/lone-vm.ts";

const MEMORY_BYTES = 1 << 20;
const CYCLES = 3_000_000;
/** A loop over loads, stores and arithmetic, then the time, a device, the firmware; all of it some hundred times. */
const PROGRAM = Uint32Array.of(
  0x00001497, // auipc s1, 1
  0x10000937, // lui   s2, 0x10000
  0x40000413, // li    s0, 1024
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
  0x40000413, // li    s0, 1024
  0xfc1ff06f, // j     the sd
);

/** The core's tables are at the start of what lies before its frames, the translator's at the end. */
const TABLE_BYTES = 6 << 20;

/** A page of fresh memory costs 10 us when it is written first, and a guest that came writes hundreds at once. */
function touchTables({ frames, u8 }: Core): void {
  const endBytes = u8.length - frames * PAGE_BYTES;
  const touch = (from: number, to: number): void => {
    for (let at = from; at < to; at += PAGE_BYTES) u8[at] = u8[at] as number;
  };
  touch(0, Math.min(endBytes, TABLE_BYTES));
  touch(Math.max(0, endBytes - TABLE_BYTES), endBytes);
}

/** Runs it, and leaves nothing behind. Throws `WV_NO_MEMORY`. */
export async function rehearse(core: Core): Promise<void> {
  touchTables(core);
  const options = { memoryBytes: MEMORY_BYTES, mips: 100 };
  const vm = loneVm(core, options);
  const guest = loneGuest(vm);
  const twin = loneVm(core, options);
  const there = loneGuest(twin);
  try {
    const bytes = new Uint8Array(PROGRAM.buffer);
    const boot = { entry: RAM_BASE, deviceTreeGpa: 0, firmwareInfoGpa: 0, elf: undefined };
    vm.boot({ writes: [{ gpa: RAM_BASE, bytes }], ...boot });
    vm.run(CYCLES);
    const [here, away] = memoryChannels();
    const clock = new VirtualClock();
    const came = receiveMigration(away, {
      clock,
      ledger: new MigrationLedger(),
      accept: () => there,
    });
    const move = { clock, id: "rehearsal", strategy: "pre-copy", drain: "before-switch" } as const;
    await promiseOf(migrate(guest, here, move));
    await promiseOf(came);
    twin.run(CYCLES);
  } finally {
    for (const each of [vm, twin]) if (!each.isDestroyed) each.destroy();
  }
}
