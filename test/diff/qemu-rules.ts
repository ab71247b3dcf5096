/**
 * Where QEMU 7.2 and ours differ in what the manual leaves open, or where QEMU's fault is one of timing
 * or order that no edit of our core imitates: rules that look at the first difference. All else is in
 * `lab/`. A mismatch that a rule matches is counted, not reported. Each argues from the manual.
 */
import type { Mismatch } from "./compare.ts";
import { harnessRegisters } from "./program.ts";

export interface QemuRule {
  readonly name: string;
  readonly reason: string;
  readonly matches: (mismatch: Mismatch) => boolean;
}

/** The first trap that differs, on both sides. */
function firstTraps({ dumps: [left, right], differences: [first] }: Mismatch) {
  const n = Number(/^trap (\d+)$/.exec(first?.field ?? "")?.[1] ?? -1);
  return [left?.traps[n], right?.traps[n]] as const;
}

const QEMU_RULES: readonly QemuRule[] = [
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

/** The rule that explains a mismatch. */
export const findRule = (mismatch: Mismatch): QemuRule | undefined =>
  QEMU_RULES.find(({ matches }) => matches(mismatch));
