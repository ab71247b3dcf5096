/** Compares what two machines made of the same programs. */

import { layOut } from "./body.ts";
import { compareTraps, type Difference, hex } from "./compare-traps.ts";
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
import type { QemuException } from "./qemu-differences.ts";
import { findException } from "./qemu-exceptions.ts";
import { type Dump, parseDumps } from "./record.ts";

export interface Mismatch {
  readonly program: Program;
  readonly differences: readonly Difference[];
  readonly dumps: readonly [Dump | undefined, Dump | undefined];
}

export interface Comparison {
  readonly programs: readonly Program[];
  readonly dumps: readonly Dump[];
  readonly mismatches: readonly Mismatch[];
  /** Mismatches that a known fault of QEMU explains, by its name. */
  readonly excused: readonly string[];
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

/** What both machines make of `program` alone when some of its groups are nops. */
export async function compareWithout(
  program: Program,
  dropped: ReadonlySet<number>,
  [left, right]: readonly [Machine, Machine],
): Promise<Mismatch> {
  const { groups, start } = program;
  const laidOut = layOut(groups, { start, bytes: CODE_BYTES }, dropped);
  const smaller = { ...program, laidOut };
  const [a] = await runAll(left, [smaller]);
  const [b] = await runAll(right, [smaller]);
  return { program: smaller, differences: compareDumps(a, b), dumps: [a, b] };
}

/**
 * What is left of a mismatch once a known fault of QEMU is taken out of it: undefined if the entry
 * explains all of it.
 */
async function unexplained(
  mismatch: Mismatch,
  { culprit }: QemuException,
  sides: readonly [Machine, Machine],
): Promise<Mismatch | undefined> {
  if (culprit === undefined) return undefined;
  const { groups } = mismatch.program;
  const guilty = groups.flatMap(({ items }, n) =>
    items.some(({ name }) => name === culprit) ? [n] : [],
  );
  const rest = await compareWithout(mismatch.program, new Set(guilty), sides);
  const isClear = rest.differences.length === 0 || findException(rest) !== undefined;
  return isClear ? undefined : rest;
}

/** Both machines run all programs of `plan`. */
export async function compareMachines(
  plan: ElfPlan,
  left: Machine,
  right: Machine,
): Promise<Comparison> {
  const programs = drawPrograms(plan);
  const [a, b] = [await runAll(left, programs), await runAll(right, programs)];
  const mismatches: Mismatch[] = [];
  const excused: string[] = [];
  for (const program of programs) {
    const dumps: [Dump | undefined, Dump | undefined] = [a[program.index], b[program.index]];
    const differences = compareDumps(...dumps);
    if (differences.length === 0 || !isComparable(plan, program)) continue;
    const mismatch = { program, differences, dumps };
    const exception = findException(mismatch);
    const rest = exception ? await unexplained(mismatch, exception, [left, right]) : mismatch;
    if (rest) mismatches.push(rest);
    else if (exception) excused.push(exception.name);
  }
  return { programs, dumps: a.filter((dump) => dump !== undefined), mismatches, excused };
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
