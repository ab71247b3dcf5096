/**
 * Where QEMU 7.2 is known to be wrong, or both sides are right and differ. A mismatch that an
 * entry matches is counted, not reported. Each entry argues from the manual.
 */
import type { Mismatch } from "./compare.ts";

interface QemuException {
  readonly name: string;
  readonly reason: string;
  readonly matches: (mismatch: Mismatch) => boolean;
}

const uses = ({ program }: Mismatch, ...names: readonly string[]): boolean =>
  program.laidOut.names.some((name) => names.includes(name));

/** The first trap that differs, on both sides. */
function firstTraps({ dumps: [left, right], differences: [first] }: Mismatch) {
  const n = Number(/^trap (\d+)$/.exec(first?.field ?? "")?.[1] ?? -1);
  return [left?.traps[n], right?.traps[n]] as const;
}

const differsInTraps = ({ differences }: Mismatch): boolean =>
  differences.some(({ field }) => field.startsWith("trap "));

export const QEMU_EXCEPTIONS: readonly QemuException[] = [
  {
    name: "ctzw-high-bit",
    reason:
      "ctzw looks at bits 31..0 only (Zbb): for 0x8000000000000000 it is 32. QEMU 7.2 counts on.",
    matches: (mismatch) => uses(mismatch, "ctzw") && !differsInTraps(mismatch),
  },
  {
    name: "interrupt-priority",
    reason:
      "Of several interrupts at once SEI comes before SSI and SSI before STI (3.1.9). Without AIA " +
      "QEMU 7.2 takes the lowest number first.",
    matches: (mismatch) => {
      const [a, b] = firstTraps(mismatch);
      if (!a || !b || a.epc !== b.epc) return false;
      return a.cause >> 63n === 1n && b.cause >> 63n === 1n && a.cause < b.cause;
    },
  },
  {
    name: "crossing-load-pmp",
    reason:
      "A load that crosses a page is for QEMU 7.2 two aligned loads, and PMP sees all their bytes: " +
      "it fails when an entry ends among bytes that the load does not touch.",
    matches: (mismatch) => {
      const [a, b] = firstTraps(mismatch);
      return a?.cause === 5n && a.epc !== b?.epc && (a.tval & 0xff9n) === 0xff8n;
    },
  },
];

/** The name of the entry that explains a mismatch. */
export const findException = (mismatch: Mismatch): string | undefined =>
  QEMU_EXCEPTIONS.find(({ matches }) => matches(mismatch))?.name;
