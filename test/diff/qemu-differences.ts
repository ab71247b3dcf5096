/** What the lists of QEMU's faults look at in a mismatch. */
import type { Mismatch } from "./compare.ts";
import type { TrapEntry } from "./record.ts";

export interface QemuException {
  readonly name: string;
  readonly reason: string;
  /** An instruction without which, put in its place as nops, both sides must agree. */
  readonly culprit?: string;
  readonly matches: (mismatch: Mismatch) => boolean;
}

export const uses = ({ program }: Mismatch, ...names: readonly string[]): boolean =>
  program.laidOut.names.some((name) => names.includes(name));

/** The first trap that differs, on both sides. */
export function firstTraps({ dumps: [left, right], differences: [first] }: Mismatch) {
  const n = Number(/^trap (\d+)$/.exec(first?.field ?? "")?.[1] ?? -1);
  return [left?.traps[n], right?.traps[n]] as const;
}

/** The instructions at which the first different traps were taken. */
export function firstInstructions(mismatch: Mismatch): string[] {
  const { listing } = mismatch.program.laidOut;
  return firstTraps(mismatch).flatMap((trap) => {
    if (!trap) return [];
    const here = (trap.epc & 0x1fffn).toString(16).padStart(4, "0");
    return listing.filter((line) => line.startsWith(here)).map((line) => line.slice(16));
  });
}

/** MEI, MSI, MTI, SEI, SSI, STI, and the guest's. */
export const urgency = ({ cause }: TrapEntry): number =>
  [11, 3, 7, 9, 1, 5, 10, 2, 6].indexOf(Number(cause & 63n));

/** SD and FS. */
export const DIRTY = (1n << 63n) | (3n << 13n);

export const differsInTraps = ({ differences }: Mismatch): boolean =>
  differences.some(({ field }) => field.startsWith("trap "));
