// Compares assembly/float with the floating point of this machine, by gcc and <fenv.h>:
//     node scripts/float-oracle.mjs [SEED] [COUNT]
// Bits and flags of every operation in the four modes that C knows, with NX clear and NX set.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import asc from "assemblyscript/asc";

const OPERATIONS = [
  ...["f64Add", "f64Sub", "f64Mul", "f64Div", "f64Sqrt", "f64Fma"],
  ...["f32Add", "f32Sub", "f32Mul", "f32Div", "f32Sqrt", "f32Fma"],
  ...["f64ToF32", "f32ToF64", "f64FromI64", "f32FromI64", "f64ToI64", "f32ToI64"],
  ...["f64Eq", "f64Lt", "f64Le", "f32Eq", "f32Lt", "f32Le"],
];
const WORDS = 5;

async function loadCore() {
  let wasm;
  const options = "--config none --runtime stub --use abort= -O3 --noAssert --initialMemory 2";
  const { error, stderr } = await asc.main(
    ["assembly/float-probe.ts", ...options.split(" "), "--outFile", "probe.wasm"],
    {
      writeFile: (_name, contents) => {
        if (typeof contents !== "string") wasm = contents;
      },
    },
  );
  if (error) throw new Error(stderr.toString(), { cause: error });
  return (await WebAssembly.instantiate(wasm)).instance.exports;
}

/** How each operation takes its operands: as u32 or u64, and whether a rounding mode follows. */
function caller(core, name) {
  const operation = core[name];
  const isComparison = /Eq|Lt|Le/.test(name);
  const isUnary = /Sqrt|To|From/.test(name);
  const isNarrow = name.startsWith("f32") && !name.includes("From");
  const take = isNarrow ? (word) => Number(word & 0xffffffffn) : (word) => word;
  if (name === "f32ToF64") return (a) => operation(take(a));
  if (isComparison) return (a, b) => operation(take(a), take(b));
  if (isUnary) return (a, _b, _c, rm) => operation(take(a), rm);
  if (name.endsWith("Fma")) return (a, b, c, rm) => operation(take(a), take(b), take(c), rm);
  return (a, b, _c, rm) => operation(take(a), take(b), rm);
}

const unsigned = (value) =>
  typeof value === "number" ? BigInt(value >>> 0) : BigInt.asUintN(64, value);

class Comparison {
  count = 0;
  differences = 0;

  constructor(core) {
    this.core = core;
    this.callers = OPERATIONS.map((name) => caller(core, name));
  }

  record([head, a, b, c, expected]) {
    const word = Number(head);
    const [operation, rm, flags] = [word & 0xff, (word >> 8) & 0xff, word >> 16];
    for (const before of [0, 1]) {
      this.core.setFlags(before);
      const actual = unsigned(this.callers[operation](a, b, c, rm));
      const raised = this.core.flags();
      this.count++;
      if (actual === expected && raised === (flags | before)) continue;
      if (this.differences++ > 20) continue;
      const shown = [a, b, c].map((v) => v.toString(16)).join(" ");
      console.log(
        `${OPERATIONS[operation]} rm ${rm} flags ${before} (${shown}):`,
        `expected ${expected.toString(16)} ${flags | before}, got ${actual.toString(16)} ${raised}`,
      );
    }
  }
}

const [seed = "1", count = "1000000"] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "float-oracle-"));
try {
  const program = join(folder, "float-oracle");
  const source = join(import.meta.dirname, "float-oracle.c");
  const flags = ["-O1", "-frounding-math", "-fno-builtin", "-ffp-contract=off", "-fsignaling-nans"];
  execFileSync("gcc", [...flags, source, "-o", program, "-lm"]);
  const comparison = new Comparison(await loadCore());
  const child = spawn(program, [seed, count], { stdio: ["ignore", "pipe", "inherit"] });
  let rest = Buffer.alloc(0);
  for await (const chunk of child.stdout) {
    const all = Buffer.concat([rest, chunk]);
    const records = Math.floor(all.length / (WORDS * 8));
    for (let i = 0; i < records; i++) {
      const word = (j) => all.readBigUInt64LE((i * WORDS + j) * 8);
      comparison.record([0, 1, 2, 3, 4].map(word));
    }
    rest = all.subarray(records * WORDS * 8);
  }
  console.log(`seed ${seed}: ${comparison.count} calls, ${comparison.differences} differences`);
  if (comparison.differences || !comparison.count) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}
