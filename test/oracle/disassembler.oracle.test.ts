/**
 * The disassembler against GNU objdump: every row of the instruction table with random operands.
 * What binutils does not know yet is listed, so that nothing else can hide there.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, describe as suite, test } from "vitest";
import { disassemble } from "../../ts/isa/disassemble.ts";
import type { Field } from "../../ts/isa/fields.ts";
import { allInstructions, encode, type Instruction } from "../../ts/isa/instructions.ts";
import { csrName } from "../../ts/isa/registers.ts";
import { Prng } from "../diff/prng.ts";

const PREFIX = "riscv64-linux-gnu-";
const ARCH =
  "rv64imafdch_zicsr_zifencei_zihintpause_zicbom_zicbop_zicboz_zawrs_zfh_zba_zbb_zbc_zbs_zbkb_zbkx_svinval";
const SEED = Number(process.env["DISASSEMBLER_SEED"] ?? 2026);
const EACH = 200;

function hasBinutils(): boolean {
  try {
    execFileSync(`${PREFIX}objdump`, ["--version"]);
    return true;
  } catch {
    return false;
  }
}

/** Extensions, and one row, without a meaning to binutils 2.40. */
const UNKNOWN: readonly string[] = ["Zicond", "system"];
/** It prints immediate forms by the names of the register forms: `add a0,a0,1`. */
const IMMEDIATE =
  /^(addi|andi|ori|xori|addiw|s[lr][la]iw?|roriw?|b(clr|ext|inv|set)i|csrr?[wsc]i)(?=\t)/;
const NAMED_CSRS = Array.from({ length: 4096 }, (_, n) => n).filter((n) => !/^0x/.test(csrName(n)));

function draw(prng: Prng, field: Field): number {
  const { min, max, step, isNonzero, isHint } = field;
  const edges = prng.chance(20) ? prng.pick([0, min, max, 1, step]) : Number.NaN;
  const value =
    edges >= min && edges <= max ? edges : min + step * prng.between(0, (max - min) / step);
  // Names that only others know are no concern of this test.
  if (field.kind === "csr")
    return prng.chance(90) ? prng.pick(NAMED_CSRS) : 0x800 + prng.below(256);
  if (field.kind === "rm") return prng.pick([0, 1, 2, 3, 4, 7, 7]);
  const even = value - (((value % step) + step) % step);
  return (isNonzero || isHint) && even === 0 ? step : even;
}

/** Encodings of one row. */
function drawAll(prng: Prng, entry: Instruction): number[] {
  return Array.from({ length: entry.fields.length ? EACH : 1 }, () => {
    const values = entry.fields.map((field) => draw(prng, field));
    // objdump wants the reserved fields of fences to be zero.
    if (entry.name === "fence") return encode(entry, [0, 0, prng.below(256)]);
    if (entry.name === "fence.i") return encode(entry, [0, 0, 0]);
    const raw = encode(entry, values);
    // Nor does it know conversions that never round with another mode than 0.
    return /^fcvt\.(d\.(wu?|[sh])|s\.h)$/.test(entry.name) ? (raw & ~0x7000) >>> 0 : raw;
  });
}

/** What objdump says of each, in the same order. */
function objdump(words: readonly { readonly raw: number; readonly bytes: number }[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), "wasmvisor-disassembler-"));
  try {
    const [source, object] = [join(folder, "a.s"), join(folder, "a.o")];
    const lines = words.map(({ raw, bytes }) => `.insn ${bytes}, 0x${raw.toString(16)}`);
    writeFileSync(source, `${lines.join("\n")}\n`);
    execFileSync(`${PREFIX}as`, [`-march=${ARCH}`, "-o", object, source]);
    const text = execFileSync(`${PREFIX}objdump`, ["-d", "-z", object], {
      encoding: "utf8",
      maxBuffer: 1 << 28,
    });
    return [...text.matchAll(/^ +[0-9a-f]+:\t[0-9a-f ]+\t(.*)$/gm)].map(([, line = ""]) => line);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const plain = (text: string): string =>
  text
    .replace(/\s*#.*$/, "")
    .replace(/ <.*>$/, "")
    .trimEnd();

suite.skipIf(!hasBinutils())("disassembler against objdump", () => {
  test("every instruction with random operands reads the same", () => {
    const prng = new Prng(SEED, 1);
    const words = allInstructions()
      .filter(({ name, extension }) => !UNKNOWN.includes(name) && !UNKNOWN.includes(extension))
      .flatMap((entry) =>
        drawAll(prng, entry).map((raw) => ({ raw, bytes: entry.bytes, name: entry.name })),
      );
    const theirs = objdump(words);
    expect(theirs.length).toBe(words.length);
    const differences: string[] = [];
    let pc = 0;
    words.forEach(({ raw, bytes, name }, n) => {
      const ours = disassemble(raw, BigInt(pc));
      const expected = plain(theirs[n] ?? "");
      const forms = [ours, ours.replace(IMMEDIATE, (mnemonic) => mnemonic.replace(/i(w?)$/, "$1"))];
      const same = forms.some(
        (text) => text === expected || text.replace(/0x([0-9a-f]+)$/, "$1") === expected,
      );
      if (!same)
        differences.push(`${name} ${raw.toString(16)}: ours "${ours}", theirs "${expected}"`);
      pc += bytes;
    });
    console.log(`${words.length} encodings`);
    if (process.env["SHOW"]) writeFileSync(process.env["SHOW"], differences.join("\n"));
    expect(differences.slice(0, 20)).toEqual([]);
  });
});
