/** Packs programs into an ELF. */

import { encode, instruction } from "../../ts/isa/instructions.ts";
import { type Segment, writeElf } from "./elf.ts";
import { buildHarness } from "./harness.ts";
import * as at from "./layout.ts";
import { Prng } from "./prng.ts";
import { drawProgram, type ElfPlan, harnessRegisters, type Program } from "./program.ts";
import { floatValue, integerValue } from "./values.ts";

/** What scratch memory holds when a program starts: the same for all of an ELF. */
function scratchImage(seed: number): Uint8Array {
  const prng = new Prng(seed, 0x5c7a7c4);
  const bytes = new Uint8Array(at.SCRATCH_PAGES * at.PAGE);
  const view = new DataView(bytes.buffer);
  for (let n = 0; n < bytes.length; n += 8) {
    view.setBigUint64(n, prng.chance(50) ? floatValue(prng) : integerValue(prng), true);
  }
  return bytes;
}

/** Jumps to where the control register points. */
function pads(control: number): Uint8Array {
  const bytes = new Uint8Array(at.PAD_PAGES * at.PAGE + 4);
  const view = new DataView(bytes.buffer);
  const word = encode(instruction("jalr"), [0, control, 0]);
  view.setUint16(0, word >>> 16, true);
  for (let n = 2; n + 4 <= bytes.length; n += 4) view.setUint32(n, word, true);
  return bytes.subarray(0, at.PAD_PAGES * at.PAGE);
}

function cells(first: number, end: number, withMemory: boolean): Uint8Array {
  const bytes = new Uint8Array(at.CELL_WITH_MEMORY + 8);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(at.CELL_INDEX, BigInt(first), true);
  view.setBigUint64(at.CELL_COUNT, BigInt(end), true);
  view.setBigUint64(at.CELL_WITH_MEMORY, withMemory ? 1n : 0n, true);
  return bytes;
}

export const drawPrograms = (plan: ElfPlan): Program[] =>
  Array.from({ length: plan.programs }, (_, index) => drawProgram(plan, index));

/** Cuts the zeros off the end. */
function trimmed(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 8 && bytes[end - 1] === 0) end -= 1;
  return bytes.subarray(0, (end + 7) & ~7);
}

export interface ImageOptions {
  /** Send all memory behind each record, not only its hashes. */
  readonly withMemory?: boolean | undefined;
}

/**
 * The ELF with `programs`: all of one seed, or some that follow one another. They keep the
 * addresses of their index, so that one alone behaves as it did among the others.
 */
export function buildImage(programs: readonly Program[], options: ImageOptions = {}): Uint8Array {
  const seed = programs[0]?.seed ?? 0;
  const last = Math.max(...programs.map(({ index }) => index));
  if (last >= at.MAX_PROGRAMS) throw new RangeError(`more than ${at.MAX_PROGRAMS} programs`);
  const segments: Segment[] = [
    { address: at.RAM, bytes: buildHarness(harnessRegisters(seed)) },
    {
      address: at.CELLS,
      bytes: cells(programs[0]?.index ?? 0, last + 1, options.withMemory === true),
    },
    { address: at.IMAGE, bytes: scratchImage(seed) },
    { address: at.PADS, bytes: pads(harnessRegisters(seed).control) },
  ];
  for (const { index, record, laidOut, space, guest } of programs) {
    if (guest) {
      const bytes = guest.bytes;
      segments.push({ address: at.GUEST_TABLES + index * at.GUEST_PAGES * at.PAGE, bytes });
    }
    segments.push({ address: at.RECORDS + index * at.RECORD_BYTES, bytes: record });
    segments.push({ address: at.CODE + index * at.CODE_BYTES, bytes: trimmed(laidOut.bytes) });
    if (!space) continue;
    const safe = at.SAFE_TABLES + index * at.SAFE_PAGES * at.PAGE;
    const exposed = at.EXPOSED_TABLES + index * at.EXPOSED_PAGES * at.PAGE;
    segments.push({ address: safe, bytes: space.safe });
    const used = space.exposed.subarray(0, space.exposedPages * at.PAGE);
    segments.push({ address: exposed, bytes: used });
  }
  return writeElf(at.RAM, segments);
}
