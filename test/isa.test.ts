/**
 * The instruction table and those who read it: the decoder's tables made from it at build time, and
 * `ts/isa`, which parses it. Both must see the same instructions. Operands come from a printed seed.
 */
import asc from "assemblyscript/asc";
import { beforeAll, describe, expect, test } from "vitest";
import * as ops from "../assembly/isa/ops.ts";
import { disassemble } from "../ts/isa/disassemble.ts";
import { getField, putField } from "../ts/isa/fields.ts";
import {
  allInstructions,
  encode,
  expandCompressed,
  findInstruction,
  type Instruction,
  instruction,
} from "../ts/isa/instructions.ts";
import { Prng } from "./diff/prng.ts";
import * as code from "./vmm/guest-code.ts";

const SEED = Number(process.env["ISA_SEED"] ?? 4711);
const OPTIONS = "--config none --runtime stub --use abort= -O3 --noAssert --initialMemory 2";

let decoder: {
  readonly expand: (raw: number) => number;
  readonly operationOf: (raw: number) => number;
};

beforeAll(async () => {
  let wasm = new Uint8Array();
  const argv = ["assembly/isa-probe.ts", ...OPTIONS.split(" "), "--memoryBase", "1024"];
  const { error, stderr } = await asc.main([...argv, "--outFile", "p.wasm"], {
    writeFile: (_name, contents) => {
      if (typeof contents !== "string") wasm = Uint8Array.from(contents);
    },
  });
  if (error) throw new Error(stderr.toString(), { cause: error });
  const { instance } = await WebAssembly.instantiate(wasm);
  decoder = instance.exports as unknown as typeof decoder;
  console.log(`ISA_SEED=${SEED}`);
}, 60_000);

const rows = (bytes: 2 | 4): Instruction[] =>
  allInstructions().filter((row) => row.bytes === bytes && row.group !== "alias");

/** Random operands that are legal and not hints. */
const draw = (prng: Prng, row: Instruction): number =>
  encode(
    row,
    row.fields.map(({ min, max, step, isNonzero, isHint }) => {
      const value = min + step * prng.between(0, (max - min) / step);
      return (isNonzero || isHint) && value === 0 ? step : value;
    }),
  );

describe("the table", () => {
  test("names no real instruction twice, and no base word has bits that a field takes", () => {
    const names = [...rows(2), ...rows(4)].map(({ name }) => name);
    expect(names.length).toBe(new Set(names).size);
    expect(names.length).toBeGreaterThan(280);
    for (const { name, base, mask } of allInstructions())
      expect((base & ~mask) >>> 0, name).toBe(0);
  });

  test("each field gives back what was put into it", () => {
    for (const row of allInstructions())
      for (const field of row.fields)
        for (const value of [field.min, field.max, field.min + field.step])
          expect(getField(field, putField(field, value)), `${row.name} ${field.name}`).toBe(value);
  });

  test("what is encoded as an instruction is found as that instruction", () => {
    const prng = new Prng(SEED, 1);
    for (const row of [...rows(2), ...rows(4)].filter(({ group }) => group !== "reserved"))
      for (let n = 0; n < 100; n++) {
        const raw = draw(prng, row);
        const found = findInstruction(raw, { aliases: false });
        // zext.h is packw with x0, c.addi16sp is c.lui with sp.
        const isSpecial = /^(zext\.h|c\.addi16sp)$/.test(found?.name ?? "");
        if (!isSpecial) expect(found?.name, raw.toString(16)).toBe(row.name);
      }
  });
});

describe("the decoder and ts/isa read the same table", () => {
  test("all 65,536 halfwords expand alike", () => {
    const wrong: string[] = [];
    for (let raw = 0; raw < 0x10000; raw++) {
      if ((raw & 3) === 3) continue;
      if (decoder.expand(raw) >>> 0 !== (expandCompressed(raw) ?? 0)) wrong.push(raw.toString(16));
    }
    expect(wrong).toEqual([]);
  });

  test("each row leads to its micro-operation", () => {
    const prng = new Prng(SEED, 2);
    const numbers = new Map<string, number>(Object.entries(ops));
    let own = 0;
    for (const row of rows(4)) {
      const number = numbers.get(`OP_${row.name.toUpperCase().replaceAll(".", "_")}`);
      for (let n = 0; n < 50; n++) {
        const raw = draw(prng, row);
        const got = decoder.operationOf(raw);
        expect(got, `${row.name} ${raw.toString(16)}`).not.toBe(ops.OP_ILLEGAL);
        const isPlain = ((raw >>> 7) & 31) !== 0 && ((raw >>> 15) & 31) !== 0 && raw >>> 20 !== 0;
        if (number === undefined || !isPlain || row.name === "packw") continue;
        expect(got, `${row.name} ${raw.toString(16)}`).toBe(number);
        own++;
      }
    }
    expect(own).toBeGreaterThan(5000);
  });

  test("what the one calls illegal is unknown to the other", () => {
    const prng = new Prng(SEED, 3);
    let legal = 0;
    for (let n = 0; n < 200_000; n++) {
      // Mostly near a real one: one or two bits away.
      const near = draw(prng, prng.pick(rows(4))) ^ (1 << prng.below(32)) ^ (1 << prng.below(32));
      const raw = ((prng.chance(80) ? near : prng.u32()) | 3) >>> 0;
      const found = findInstruction(raw, { aliases: false });
      if (found) legal++;
      if ((decoder.operationOf(raw) === ops.OP_ILLEGAL) !== (found === undefined))
        expect.fail(`${raw.toString(16)} is ${found?.name}`);
    }
    expect(legal).toBeGreaterThan(50_000);
  });
});

test.each([
  [0x00000013, "nop"],
  [0xff010113, "addi\tsp,sp,-16"],
  [0x1141, "addi\tsp,sp,-16"],
  [0x8082, "ret"],
  [0x852e, "mv\ta0,a1"],
  [0xfe0818e3, "bnez\ta6,0x80000000"],
  [0x12345537, "lui\ta0,0x12345"],
  [0x0005b503, "ld\ta0,0(a1)"],
  [0x300025f3, "csrr\ta1,mstatus"],
  [0x100535af, "lr.d\ta1,(a0)"],
  [0x0ea5b52f, "amoswap.d.aqrl\ta0,a0,(a1)"],
  [0x02b57553, "fadd.d\tfa0,fa0,fa1"],
  [0x02b51553, "fadd.d\tfa0,fa0,fa1,rtz"],
  [0x0ff0000f, "fence"],
  [0x0330000f, "fence\trw,rw"],
  [0x0eb55533, "czero.eqz\ta0,a0,a1"],
  [0x00051507, "flh\tfa0,0(a0)"],
  [0x0000, "unimp"],
  [0xffffffff, ".4byte\t0xffffffff"],
  [0x00000073 | (1 << 7), ".4byte\t0xf3"],
])("0x%s reads as objdump writes it", (raw, text) => {
  expect(disassemble(raw, 0x80000010n)).toBe(text);
});

/** Runs one instruction with two source operands; the result is that of rd. */
async function result(name: string, rs1: number, rs2: number): Promise<bigint> {
  const [A0, A1, A2] = [10, 11, 12];
  const one = encode(instruction(name), [A0, A1, A2]);
  const words = [code.addi(A1, 0, rs1), code.addi(A2, 0, rs2), one];
  const vm = code.machine(words, { core: await code.core() });
  vm.run(words.length);
  const { lo, hi } = vm.vcpus[0]?.x(A0) ?? { lo: 0, hi: 0 };
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

test.each([
  ["czero.eqz", 7, 0, 0n],
  ["czero.eqz", 7, -1, 7n],
  ["czero.nez", 7, 0, 7n],
  ["czero.nez", 7, 1, 0n],
  // (x + 1)^2 = x^2 + 1, and what is beyond bit 63 of (-1)^2: every second bit.
  ["clmul", 3, 3, 5n],
  ["clmul", -1, -1, 0x5555555555555555n],
  ["clmulh", -1, -1, 0x5555555555555555n],
  ["clmulr", -1, -1, 0xaaaaaaaaaaaaaaaan],
  ["packh", 0x12, 0x34, 0x3412n],
  ["packw", -1, -1, 0xffffffffffffffffn],
  ["xperm8", 0x123, 1, 0x2323232323232301n],
  ["xperm4", 0x123, 1, 0x3333333333333332n],
] as const)("%s of %i and %i", async (name, rs1, rs2, expected) => {
  expect(await result(name, rs1, rs2)).toBe(expected);
});
