/**
 * Where QEMU 7.2 is known to be wrong, or both sides are right and differ. A mismatch that an
 * entry matches is counted, not reported. Each entry argues from the manual.
 */
import type { Mismatch } from "./compare.ts";
import { harnessRegisters } from "./program.ts";
import {
  differsInTraps,
  firstTraps,
  type QemuException,
  urgency,
  uses,
} from "./qemu-differences.ts";
import { GUEST_EXCEPTIONS } from "./qemu-guest-exceptions.ts";

const QEMU_EXCEPTIONS: readonly QemuException[] = [
  {
    name: "ctzw-high-bit",
    reason:
      "ctzw looks at bits 31..0 only (Zbb): for 0x8000000000000000 it is 32. QEMU 7.2 counts on.",
    culprit: "ctzw",
    matches: (mismatch) => uses(mismatch, "ctzw") && !differsInTraps(mismatch),
  },
  {
    name: "no-zicond",
    reason:
      "QEMU 7.2 does not have Zicond: a random word that is CZERO.EQZ or CZERO.NEZ is illegal there.",
    matches: (mismatch) => {
      const [a, b] = firstTraps(mismatch);
      return a?.cause === 2n && (a.tval & 0xfe00507fn) === 0x0e005033n && a.epc !== b?.epc;
    },
  },
  {
    name: "interrupt-priority",
    reason:
      "Of several interrupts at once SEI comes before SSI and SSI before STI (3.1.9). Without AIA " +
      "QEMU 7.2 takes the lowest number first.",
    matches: (mismatch) => {
      const [a, b] = firstTraps(mismatch);
      if (!a || !b || a.epc !== b.epc) return false;
      if (a.cause >> 63n === 0n || b.cause >> 63n === 0n) return false;
      return a.cause < b.cause && urgency(b) < urgency(a);
    },
  },
  {
    name: "crossing-pmp",
    reason:
      "A misaligned access over two pages may be split into parts that PMP checks on their own; ours " +
      "is split at the page. QEMU 7.2 checks a store whole, and a load as two aligned words, whose " +
      "other bytes the load does not touch.",
    matches: (mismatch) => {
      const [a, b] = firstTraps(mismatch);
      if ((a?.cause !== 5n && a?.cause !== 7n) || (a.tval & 0xfffn) < 0xff8n) return false;
      return a.epc !== b?.epc || (a.cause === b.cause && b.tval === (a.tval | 0xfffn) + 1n);
    },
  },
  {
    name: "pmp-inside",
    reason:
      "An access fails if a PMP entry matches some of its bytes and not all (3.7.1). QEMU 7.2 looks " +
      "at its first and last byte only, and misses a four-byte entry amid eight misaligned ones.",
    matches: (mismatch) => {
      const [a, b] = firstTraps(mismatch);
      return (b?.cause === 5n || b?.cause === 7n) && a?.epc !== b.epc && (b.tval & 3n) !== 0n;
    },
  },
  {
    name: "crossing-order",
    reason:
      "Of a misaligned access over two pages both halves may fault, for different reasons, and the " +
      "manual does not say which is looked at first. QEMU 7.2 translates both before it accesses " +
      "one, ours takes them in order.",
    matches: (mismatch) => {
      const [a, b] = firstTraps(mismatch);
      if (!a || !b || a.epc !== b.epc || a.cause === b.cause) return false;
      return (b.tval & 0xfffn) > 0xff8n && a.tval === (b.tval | 0xfffn) + 1n;
    },
  },
  {
    name: "half-store",
    reason:
      "A misaligned store over two pages, of which the second has no memory, may or may not have " +
      "stored its first bytes when it faults. QEMU 7.2 has, our core has not.",
    matches: ({ dumps: [left, right] }) =>
      left !== undefined &&
      right !== undefined &&
      left.traps.some(
        ({ cause, tval, epc }, n) =>
          cause === 7n && (tval & 0xfffn) === 0n && right.traps[n]?.epc === epc,
      ),
  },
  {
    name: "counter-left",
    reason:
      "The last trap that a program may take can fall between reading instret and hiding it again. " +
      "Without -icount QEMU's counter says something else.",
    matches: ({ program, differences }) => {
      const control = `x${harnessRegisters(program.seed).control}`;
      const seen = program.laidOut.listing.flatMap((line) => {
        return /csrrs (x\d+), csr:0x[bc]0[02],/.exec(line)?.[1] ?? [];
      });
      const fields = differences.map(({ field }) => field);
      return fields.length <= 2 && fields.every((f) => f === control || seen.includes(f));
    },
  },
];

/** The entry that explains a mismatch. */
export const findException = (mismatch: Mismatch): QemuException | undefined =>
  [...QEMU_EXCEPTIONS, ...GUEST_EXCEPTIONS].find(({ matches }) => matches(mismatch));
