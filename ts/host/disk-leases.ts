/** Who uses a disk that a host has opened: forks share one, and it is closed when the last of them has gone. */
import type { BlockBackend } from "../machine/block.ts";

interface Lease {
  /** What is open: a file, or an export. */
  readonly opened: BlockBackend;
  holders: number;
}

const leases = new WeakMap<BlockBackend, Lease>();

/** `disk`, which is `opened` or lies over it, has its first user. */
export function lease(disk: BlockBackend, opened: BlockBackend): void {
  leases.set(disk, { opened, holders: 1 });
}

/** `twin`, which may be the same, needs what `disk` needs. */
export function share(disk: BlockBackend, twin: BlockBackend): void {
  const held = leases.get(disk);
  if (!held) return;
  held.holders++;
  leases.set(twin, held);
}

/** What `disk` is, or lies over, if it was opened here. */
export function openedBelow(disk: BlockBackend): BlockBackend | undefined {
  return leases.get(disk)?.opened;
}

/** One user less. Disks that the caller has brought stay open; failures are nobody's who still waits. */
export function giveBack(disk: BlockBackend): void {
  const held = leases.get(disk);
  if (!held || --held.holders > 0) return;
  void close(held.opened);
}

async function close(opened: BlockBackend): Promise<void> {
  try {
    if (!opened.readOnly) await opened.flush();
  } catch {
    // As when a computer is switched off.
  }
  await Promise.resolve(opened.close?.()).catch(() => undefined);
}
