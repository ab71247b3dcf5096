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

export const QEMU_EXCEPTIONS: readonly QemuException[] = [
  {
    name: "ctzw-high-bit",
    reason:
      "ctzw looks at bits 31..0 only (Zbb): for 0x8000000000000000 it is 32. QEMU 7.2 counts on.",
    matches: (mismatch) => uses(mismatch, "ctzw"),
  },
];

/** The name of the entry that explains a mismatch. */
export const findException = (mismatch: Mismatch): string | undefined =>
  QEMU_EXCEPTIONS.find(({ matches }) => matches(mismatch))?.name;
