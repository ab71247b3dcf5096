/**
 * Golden files: what short sequences of instructions become. `test/golden/jit/NAME.s` is the code (labels,
 * and lines of our table: a name and its operands), `NAME.wat` the function that is translated from it;
 * `vitest -u` accepts changes.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import binaryen from "binaryen";
import { expect, test } from "vitest";
import { HART_PC, STATIC_BASE } from "../../bindings/abi.ts";
import type { Assembler, Operand } from "../diff/asm.ts";
import * as s from "./scene.ts";

const folder = join(import.meta.dirname, "../golden/jit");
const sources = readdirSync(folder).filter((name) => name.endsWith(".s"));

const REGISTERS: Readonly<Record<string, number>> = Object.fromEntries(
  [
    ["zero", 0],
    ["ra", 1],
    ["sp", 2],
    ["t0", 5],
    ["t1", 6],
    ["t2", 7],
    ["s0", 8],
    ["s1", 9],
    ...Array.from({ length: 8 }, (_, i): [string, number] => [`a${i}`, 10 + i]),
    ...Array.from({ length: 8 }, (_, i): [string, number] => [`fa${i}`, 10 + i]),
  ].map(([name, number]) => [name, number]),
);

function operandOf(text: string): Operand {
  const register = REGISTERS[text];
  if (register !== undefined) return register;
  return /^-?\d/.test(text) ? Number(text) : text;
}

/** A line of the source; comments begin with `#`. */
function emitLine(asm: Assembler, line: string): void {
  const text = line.replace(/#.*/, "").trim();
  if (text === "") return;
  if (text.endsWith(":")) {
    asm.label(text.slice(0, -1));
    return;
  }
  const [name = "", rest = ""] = text.split(/\s+(.*)/);
  const operands = rest === "" ? [] : rest.split(/\s*,\s*/).map(operandOf);
  asm.emit([name, ...operands]);
}

/** Addresses of the core's own data, which move with every change of it. */
const withoutAddresses = (text: string): string =>
  text.replace(/offset=(\d{5,})/g, (all, offset) =>
    Number(offset) < STATIC_BASE ? all : "offset=static",
  );

/** The module for the first instruction of `source`, when all of it was met often. */
async function translate(source: string): Promise<string> {
  const modules: Uint8Array[] = [];
  const onModule = (bytes: Uint8Array): void => {
    modules.push(bytes);
  };
  const core = await s.newCore({ engine: "auto", sampling: [1, 1 << 20], onModule });
  const bytes = s.assemble(s.ENTRY, (asm) => {
    for (const line of source.split("\n")) emitLine(asm, line);
  });
  const side = s.start(core, { writes: [{ gpa: s.ENTRY, bytes }] });
  for (let register = 10; register < 18; register++)
    s.cpu(side).setX(register, s.ENTRY + 0x2000, 0);
  s.cpu(side).setX(s.SP, s.ENTRY + 0x3000, 0);
  side.vm.run(2000);
  s.cpu(side).setNumber(HART_PC, s.ENTRY);
  core.exports.setTranslation(1, 0);
  side.vm.run(2000);
  const module = binaryen.readBinary(modules[0] as Uint8Array);
  try {
    return withoutAddresses(module.emitText());
  } finally {
    module.dispose();
  }
}

test.each(sources)("%s", async (name) => {
  const text = await translate(readFileSync(join(folder, name), "utf8"));
  await expect(text).toMatchFileSnapshot(join(folder, name.replace(/\.s$/, ".wat")));
});
