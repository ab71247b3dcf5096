/** Compares what two machines made of the same programs. */

import { layOut } from "./body.ts";
import { compareTraps, type Difference, hex, trapText } from "./compare-traps.ts";
import { SIDES_OWN } from "./csrs.ts";
import { buildImage, drawPrograms } from "./image.ts";
import {
  CODE_BYTES,
  INIT_CSRS,
  RECORD_CSRS,
  RECORD_F,
  RECORD_MSTATUS,
  RECORD_X,
} from "./layout.ts";
import type { Machine } from "./machine.ts";
import { RunError } from "./machine.ts";
import type { ElfPlan, Program } from "./program.ts";
import { type Dump, parseDumps } from "./record.ts";

export interface Mismatch {
  readonly program: Program;
  readonly differences: readonly Difference[];
  readonly dumps: readonly [Dump | undefined, Dump | undefined];
}

/** What a mismatch is down to: faults of QEMU by name, or what is left of it that nobody explains. */
export type Verdict = { readonly names: readonly string[] } | { readonly rest: Mismatch };

/** Says for each mismatch of QEMU and our core among `programs`, which ran in a row, what it is down to. */
export type Judge = (
  programs: readonly Program[],
  mismatches: readonly Mismatch[],
) => Promise<readonly Verdict[]>;

export interface Comparison {
  readonly programs: readonly Program[];
  readonly dumps: readonly Dump[];
  /** What nobody explains. */
  readonly mismatches: readonly Mismatch[];
  /** For each mismatch that faults of QEMU explain, their names. */
  readonly excused: readonly (readonly string[])[];
}

/** Differences of two dumps of one program; empty if they agree. */
export function compareDumps(left: Dump | undefined, right: Dump | undefined): Difference[] {
  if (!left || !right) {
    if (left === right) return [];
    return [{ field: "end", left: left ? "reached" : "lost", right: right ? "reached" : "lost" }];
  }
  const differences = compareTraps(left, right);
  for (const [field, value] of left.values) {
    const other = right.values.get(field);
    const own = SIDES_OWN.get(field) ?? 0n;
    if (other === undefined || (value & ~own) !== (other & ~own))
      differences.push({ field, left: hex(value), right: hex(other) });
  }
  return differences;
}

/** Likewise of two dumps of our own: to the last bit. */
export function compareExactly(left: Dump | undefined, right: Dump | undefined): Difference[] {
  const fields = (dump: Dump | undefined): Map<string, string> =>
    new Map([
      ["end", dump ? "reached" : "lost"],
      ...(dump?.traps ?? []).map((trap, n) => [`trap ${n}`, trapText(trap)] as const),
      ...[...(dump?.values ?? [])].map(([field, value]) => [field, hex(value)] as const),
    ]);
  const [a, b] = [fields(left), fields(right)];
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((field) => a.get(field) !== b.get(field))
    .map((field) => ({ field, left: a.get(field) ?? "-", right: b.get(field) ?? "-" }));
}

/** Runs programs on a machine; one that loses its way costs only its own dump. */
export async function runAll(
  machine: Machine,
  programs: readonly Program[],
): Promise<(Dump | undefined)[]> {
  const dumps: (Dump | undefined)[] = [];
  let rest = programs;
  while (rest.length > 0) {
    try {
      const found = parseDumps(await machine.run(buildImage(rest)));
      dumps.push(...rest.map(({ index }) => found.find((dump) => dump.index === index)));
      break;
    } catch (error) {
      if (!(error instanceof RunError)) throw error;
      const found = parseDumps(error.output);
      dumps.push(...found.slice(0, rest.length), undefined);
      rest = rest.slice(found.length + 1);
    }
  }
  return dumps.slice(0, programs.length);
}

/** With one hart, as exact counts need it, QEMU's AMOs report the faults of loads. */
const isComparable = ({ exactCounters }: ElfPlan, { laidOut }: Program): boolean =>
  !exactCounters || !laidOut.names.some((name) => /^(amo|sc)/.test(name));

/** Two machines, and who judges what differs if the left one is QEMU. Without: both are ours. */
export interface Sides {
  readonly left: Machine;
  readonly right: Machine;
  readonly judge?: Judge | undefined;
}

/** What both machines make of `programs` that have mismatches. */
async function mismatchesOf(programs: readonly Program[], { left, right, judge }: Sides) {
  const [a, b] = [await runAll(left, programs), await runAll(right, programs)];
  const compare = judge ? compareDumps : compareExactly;
  const mismatches = programs.flatMap((program, n): Mismatch[] => {
    const dumps = [a[n], b[n]] as const;
    const differences = compare(...dumps);
    return differences.length > 0 ? [{ program, differences, dumps }] : [];
  });
  return { mismatches, dumps: a.filter((dump) => dump !== undefined) };
}

/** What nobody explains of `program` alone when some of its groups are nops. */
export async function compareWithout(
  program: Program,
  dropped: ReadonlySet<number>,
  sides: Sides,
): Promise<Mismatch | undefined> {
  const { groups, start } = program;
  const laidOut = layOut(groups, { start, bytes: CODE_BYTES }, dropped);
  const smaller = { ...program, laidOut };
  const { mismatches } = await mismatchesOf([smaller], sides);
  if (!sides.judge) return mismatches[0];
  const [verdict] = await sides.judge([smaller], mismatches);
  return verdict && "rest" in verdict ? verdict.rest : undefined;
}

/** Both machines run all programs of `plan`. */
export async function compareMachines(plan: ElfPlan, sides: Sides): Promise<Comparison> {
  const programs = drawPrograms(plan);
  const { mismatches, dumps } = await mismatchesOf(programs, sides);
  if (!sides.judge) return { programs, dumps, mismatches, excused: [] };
  const judged = mismatches.filter(({ program }) => isComparable(plan, program));
  const verdicts = await sides.judge(programs, judged);
  return {
    programs,
    dumps,
    mismatches: verdicts.flatMap((one) => ("rest" in one ? [one.rest] : [])),
    excused: verdicts.flatMap((one) => ("names" in one ? [one.names] : [])),
  };
}

/** CSRs that do not start as 0, and the registers that a listing names. */
function initialState({ record }: Program, listing: string): string {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const word = (offset: number) => view.getBigUint64(offset, true);
  const csrs = INIT_CSRS.map(([name], n) => [name, word(RECORD_CSRS + 8 * n)] as const);
  const registers = ["x", "f"].flatMap((kind) =>
    Array.from({ length: 32 }, (_, n) => [`${kind}${n}`, n] as const)
      .filter(([name]) => new RegExp(`\\b${name}\\b`).test(listing))
      .map(([name, n]) => [name, word((kind === "x" ? RECORD_X : RECORD_F) + 8 * n)] as const),
  );
  return [["mstatus", word(RECORD_MSTATUS)] as const, ...csrs, ...registers]
    .filter(([, value]) => value !== 0n)
    .map(([name, value]) => `${name}=${value.toString(16)}`)
    .join(" ");
}

/** A mismatch for people: what, where, and the program around it. */
export function describe(mismatch: Mismatch, names: readonly [string, string]): string {
  const { program, differences } = mismatch;
  const { seed, index, flavour, mode, laidOut, space } = program;
  const shown = differences.slice(0, 12);
  const code = laidOut.listing.filter((line) => !line.endsWith("  nop"));
  const lines = [
    `seed ${seed} program ${index}: ${flavour}, starts in mode ${mode}, satp ${hex(space?.satp ?? 0n)}`,
    `    starts with ${initialState(program, code.join(" "))}`,
    ...code.map((line) => `    ${line}`),
    ...shown.map(
      ({ field, left, right }) =>
        `  ${field}\n    ${names[0].padEnd(6)} ${left}\n    ${names[1].padEnd(6)} ${right}`,
    ),
  ];
  if (differences.length > shown.length) {
    lines.push(`  and ${differences.length - shown.length} more`);
  }
  return lines.join("\n");
}
