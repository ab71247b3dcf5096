/**
 * Entering and leaving virtualization mode (V). With V = 1 floating point needs both mstatus.FS and
 * vsstatus.FS, but the dispatch loop looks at mstatus alone: so mstatus.FS then holds what is in force
 * (Off if either is Off, Dirty only if both are), and the host's own FS waits in `hostFs`. An
 * instruction that makes it Dirty makes both Dirty, as `settle` finds out.
 */
import { hart, hyp } from "./state";

const FS: u64 = 3 << 13;

/** Brings vsstatus.FS and the host's FS up to date. */
function settle(): void {
  if ((hart.mstatus & FS) != FS) return;
  hyp.hostFs = <u32>FS;
  hyp.vsstatus |= FS;
}

/** Makes mstatus.FS what is in force. */
function combine(): void {
  const hosts = <u64>hyp.hostFs;
  const guests = hyp.vsstatus & FS;
  hart.mstatus = (hart.mstatus & ~FS) | (hosts && guests ? min(hosts, guests) : 0);
}

/** V becomes 1. */
export function enterGuest(): void {
  if (hart.virt) return;
  hyp.hostFs = <u32>(hart.mstatus & FS);
  hart.virt = 1;
  combine();
}

/** V becomes 0. */
export function leaveGuest(): void {
  if (!hart.virt) return;
  settle();
  hart.mstatus = (hart.mstatus & ~FS) | <u64>hyp.hostFs;
  hart.virt = 0;
}

/** vsstatus with the FS that instructions have left. */
export function guestStatus(): u64 {
  if (hart.virt) settle();
  return hyp.vsstatus;
}

export function setGuestStatus(value: u64): void {
  if (hart.virt) settle();
  hyp.vsstatus = value;
  if (hart.virt) combine();
}
