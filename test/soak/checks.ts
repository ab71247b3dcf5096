/** The checkers of a soak that look at a host from outside of its guests. */
import type { Core } from "../../bindings/core.ts";
import type { Slot } from "./slot.ts";

/**
 * Faults in the host's memory, whose guests are those in `slots`: frames that more or fewer lead to than
 * the frame table says, frames that nobody has, entries of TLBs that maps do not bear out.
 */
export function audit(core: Core, slots: readonly Slot[]): number {
  const { exports } = core;
  if (exports.beginAudit() === 0) return 1;
  for (const { vm } of slots) {
    exports.auditSpace(vm.machine.ram.space);
    for (const { address } of vm.machine.vcpus) exports.auditRegion(address, 1);
  }
  return exports.endAudit() >>> 0;
}

/**
 * The dirty log against the truth: lets `slot` run while it is logged, and returns how many pages changed
 * that the log does not have, and how many it has.
 */
export function dirtyFaults(
  slot: Slot,
  run: () => void,
): { readonly missed: number; readonly dirty: number } {
  const guest = slot.vm.migratable();
  const set = guest.newPageSet();
  const { u8 } = slot.vm.machine.options.core;
  const before = slot.pages();
  guest.startDirtyLog(set);
  const { address, bytes } = set as unknown as { readonly address: number; readonly bytes: number };
  u8.fill(0, address, address + bytes); // Only what is written from now on.
  run();
  const dirty = guest.harvest(set);
  let missed = 0;
  for (const [i, hash] of slot.pages().entries()) {
    const isDirty = ((u8[address + (i >> 3)] as number) >> (i & 7)) & 1;
    if (!isDirty && hash !== before[i]) missed++;
  }
  set.release();
  guest.stopDirtyLog();
  guest.release();
  return { missed, dirty };
}

/** Least squares: how much `values` grow from one to the next. */
export function slope(values: readonly number[]): number {
  const n = values.length;
  if (n < 2) return 0;
  const middle = (n - 1) / 2;
  const mean = values.reduce((a, b) => a + b) / n;
  let [up, down] = [0, 0];
  for (const [i, value] of values.entries()) {
    up += (i - middle) * (value - mean);
    down += (i - middle) ** 2;
  }
  return up / down;
}
