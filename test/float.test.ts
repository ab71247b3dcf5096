/**
 * assembly/float against exact rational arithmetic.
 * Methodology: fixtures/float-reference.ts computes every result and every exception from big
 * integers; the operands are drawn from a printed seed (FLOAT_SEED) and weighted to the borders.
 */
import asc from "assemblyscript/asc";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { addend, Draw, operand, partner, register } from "./fixtures/float-operands.ts";
import * as ref from "./fixtures/float-reference.ts";

const { FLOAT_CASES, FLOAT_SEED } = process.env;
const CASES = Number(FLOAT_CASES ?? 4000);
const SEED = Number(FLOAT_SEED ?? 20251);
const MODES = [0, 1, 2, 3, 4] as const;
const { NV, NX, OF, DZ, UF } = ref;

vi.setConfig({ testTimeout: 300_000 });

type Value = bigint | number;
type Operation = (...operands: Value[]) => Value;
type Core = {
  readonly flags: () => number;
  readonly setFlags: (bits: number) => void;
} & Readonly<Record<string, Operation>>;
let core: Core;

const SOURCE = "assembly/float-probe.ts";
const OPTIONS = "--config none --runtime stub --use abort= -O3 --noAssert --initialMemory 2";

beforeAll(async () => {
  let wasm = new Uint8Array();
  const { error, stderr } = await asc.main([SOURCE, ...OPTIONS.split(" "), "--outFile", "p.wasm"], {
    writeFile: (_name, contents) => {
      if (typeof contents !== "string") wasm = Uint8Array.from(contents);
    },
  });
  if (error) throw new Error(stderr.toString(), { cause: error });
  const { instance } = await WebAssembly.instantiate(wasm);
  core = instance.exports as unknown as Core;
  console.log(`FLOAT_SEED=${SEED} FLOAT_CASES=${CASES}`);
}, 300_000);

/** Operands of binary16 and binary32 travel as u32, those of binary64 and of registers as u64. */
const pass = (f: ref.Format, bits: bigint): Value => (f.width < 64n ? Number(bits) : bits);
const hex = (bits: bigint): string => `0x${bits.toString(16)}`;

interface Case {
  readonly operands: readonly Value[];
  readonly rm?: number;
  readonly flags: number;
}

/** Runs one operation on top of flags that are already set. */
function run(name: string, { operands, rm, flags }: Case): ref.Rounded {
  const operation = core[name] as Operation;
  core.setFlags(flags);
  const result = operation(...operands, ...(rm === undefined ? [] : [rm]));
  const bits = typeof result === "number" ? BigInt(result >>> 0) : BigInt.asUintN(64, result);
  return { bits, flags: core.flags() };
}

/** Compares bits and flags, with NX clear and with NX set, and lists the first differences. */
class Checker {
  readonly differences: string[] = [];
  count = 0;

  check(name: string, { operands, rm }: Omit<Case, "flags">, expected: ref.Rounded): void {
    for (const flags of [0, NX]) {
      this.count++;
      const actual = run(name, rm === undefined ? { operands, flags } : { operands, rm, flags });
      if (actual.bits === expected.bits && actual.flags === (expected.flags | flags)) continue;
      if (this.differences.length > 9) return;
      const shown = operands.map((v) => hex(BigInt.asUintN(64, BigInt(v)))).join(", ");
      this.differences.push(
        `${name}(${shown}) rm ${rm} flags ${flags}: expected ${hex(expected.bits)} ` +
          `${expected.flags | flags}, got ${hex(actual.bits)} ${actual.flags}`,
      );
    }
  }

  rounded(name: string, operands: readonly Value[], f: ref.Format, outcome: ref.Outcome): void {
    for (const rm of MODES) this.check(name, { operands, rm }, ref.finish(f, outcome, rm));
  }

  done(): void {
    expect(this.differences).toEqual([]);
    expect(this.count).toBeGreaterThanOrEqual(CASES);
  }
}

const formats = [
  ["f16", ref.BINARY16],
  ["f32", ref.BINARY32],
  ["f64", ref.BINARY64],
] as const;

const integers = [
  ["I32", { bits: 32n, isSigned: true }],
  ["U32", { bits: 32n, isSigned: false }],
  ["I64", { bits: 64n, isSigned: true }],
  ["U64", { bits: 64n, isSigned: false }],
] as const;

describe.each(formats)("%s: bits and flags are those of exact arithmetic, rounded once", (t, f) => {
  const p = (bits: bigint): Value => pass(f, bits);

  test.each([
    ["Add", ref.add],
    ["Sub", ref.sub],
    ["Mul", ref.mul],
    ["Div", ref.div],
  ] as const)("%s in all five modes", (name, exactly) => {
    const [draw, checker] = [new Draw(SEED), new Checker()];
    for (let i = 0; i < CASES; i++) {
      const a = operand(f, draw);
      const b = partner(f, draw, a);
      checker.rounded(t + name, [p(a), p(b)], f, exactly(f, a, b));
    }
    checker.done();
  });

  test("Sqrt in all five modes", () => {
    const [draw, checker] = [new Draw(SEED), new Checker()];
    for (let i = 0; i < CASES; i++) {
      const a = operand(f, draw) & ~(draw.below(8) ? ref.signBit(f) : 0n);
      checker.rounded(`${t}Sqrt`, [p(a)], f, ref.sqrt(f, a));
    }
    checker.done();
  });

  test("Fma in all five modes", () => {
    const [draw, checker] = [new Draw(SEED), new Checker()];
    for (let i = 0; i < 2 * CASES; i++) {
      const a = operand(f, draw);
      const b = partner(f, draw, a);
      const c = addend(f, draw, a, b);
      checker.rounded(`${t}Fma`, [p(a), p(b), p(c)], f, ref.fma(f, a, b, c));
    }
    checker.done();
  });

  test.each([
    ["Min", ref.min],
    ["Max", ref.max],
    ["Eq", ref.eq],
    ["Lt", ref.lt],
    ["Le", ref.le],
  ] as const)("%s", (name, exactly) => {
    const [draw, checker] = [new Draw(SEED), new Checker()];
    for (let i = 0; i < CASES; i++) {
      const a = operand(f, draw);
      const b = partner(f, draw, a);
      checker.check(t + name, { operands: [p(a), p(b)] }, exactly(f, a, b));
    }
    checker.done();
  });

  test("Classify", () => {
    const [draw, checker] = [new Draw(SEED), new Checker()];
    for (let i = 0; i < CASES; i++) {
      const a = operand(f, draw);
      checker.check(`${t}Classify`, { operands: [p(a)] }, ref.classify(f, a));
    }
    checker.done();
  });

  test.each(integers)("to and from %s in all five modes", (name, type) => {
    const [draw, checker] = [new Draw(SEED), new Checker()];
    for (let i = 0; i < CASES; i++) {
      const a = operand(f, draw);
      for (const rm of MODES) {
        const expected = ref.toInteger(f, type, a, rm);
        checker.check(`${t}To${name}`, { operands: [p(a)], rm }, expected);
      }
      const x = register(draw);
      checker.rounded(`${t}From${name}`, [x], f, ref.fromInteger(type, x));
    }
    checker.done();
  });
});

describe("between the formats", () => {
  test("f64ToF32 rounds once in all five modes", () => {
    const [draw, checker] = [new Draw(SEED), new Checker()];
    for (let i = 0; i < 2 * CASES; i++) {
      // Half of them: a binary32, moved by a few units of binary64 or exactly halfway.
      const wide = ref.convert(ref.BINARY32, ref.BINARY64, operand(ref.BINARY32, draw));
      const near = ref.finish(ref.BINARY64, wide, 0).bits + draw.one([0n, 1n, -1n, 1n << 28n]);
      const a = draw.below(2) ? BigInt.asUintN(64, near) : operand(ref.BINARY64, draw);
      checker.rounded("f64ToF32", [a], ref.BINARY32, ref.convert(ref.BINARY64, ref.BINARY32, a));
    }
    checker.done();
  });

  test.each([
    ["f32ToF16", ref.BINARY32],
    ["f64ToF16", ref.BINARY64],
  ] as const)("%s rounds once in all five modes", (name, from) => {
    const [draw, checker] = [new Draw(SEED), new Checker()];
    for (let i = 0; i < 2 * CASES; i++) {
      // Half of them: a binary16, moved by a few units of the wider format or exactly halfway.
      const wide = ref.convert(ref.BINARY16, from, operand(ref.BINARY16, draw));
      const half = 1n << (from.precision - 12n);
      const near = ref.finish(from, wide, 0).bits + draw.one([0n, 1n, -1n, half, half + 1n]);
      const a = draw.below(2) ? BigInt.asUintN(Number(from.width), near) : operand(from, draw);
      const expected = ref.convert(from, ref.BINARY16, a);
      checker.rounded(name, [pass(from, a)], ref.BINARY16, expected);
    }
    checker.done();
  });

  test.each([
    ["f16ToF32", ref.BINARY32],
    ["f16ToF64", ref.BINARY64],
  ] as const)("%s is exact for all 65,536 halves", (name, to) => {
    const checker = new Checker();
    for (let a = 0n; a < 0x10000n; a++) {
      const exact = ref.convert(ref.BINARY16, to, a);
      checker.check(name, { operands: [Number(a)] }, ref.finish(to, exact, 0));
    }
    checker.done();
  });

  test("f32ToF64 is exact", () => {
    const [draw, checker] = [new Draw(SEED), new Checker()];
    for (let i = 0; i < CASES; i++) {
      const a = operand(ref.BINARY32, draw);
      const exact = ref.convert(ref.BINARY32, ref.BINARY64, a);
      checker.check("f32ToF64", { operands: [Number(a)] }, ref.finish(ref.BINARY64, exact, 0));
    }
    checker.done();
  });
});

/** Vectors worked out by hand from the manual, so that the reference has a witness too. */
const SNAN = 0x7ff0000000000001n;
const NAN = 0x7ff8000000000000n;
const INF = 0x7ff0000000000000n;
const MAX = 0x7fefffffffffffffn;
const ONE = 0x3ff0000000000000n;
const MIN_NORMAL = 0x0010000000000000n;
const MINUS = 1n << 63n;

test.each([
  [
    "a result that rounds up to 2^-1022 is not tiny",
    "f64Mul",
    [MIN_NORMAL | 1n, ONE - 2n],
    0,
    MIN_NORMAL,
    NX,
  ],
  [
    "but it is when it stays below",
    "f64Mul",
    [MIN_NORMAL | 1n, ONE - 2n],
    1,
    MIN_NORMAL - 1n,
    NX | UF,
  ],
  ["rounded up from a tie below 2^-1022", "f64Mul", [MIN_NORMAL, ONE - 1n], 0, MIN_NORMAL, NX | UF],
  ["the same in binary32", "f32Mul", [0x00800000, 0x3f7fffff], 0, 0x00800000n, NX | UF],
  [
    "3 * (2^52 + 3) + (1 - 2^-53) is inexact by its last bit only",
    "f64Fma",
    [0x4008000000000000n, 0x4330000000000003n, ONE - 1n],
    0,
    0x4348000000000005n,
    NX,
  ],
  [
    "an exact subnormal does not underflow",
    "f64Div",
    [MIN_NORMAL, ONE + (1n << 52n)],
    0,
    MIN_NORMAL >> 1n,
    0,
  ],
  ["overflow stops at the largest number towards zero", "f64Add", [MAX, MAX], 1, MAX, OF | NX],
  ["overflow is infinite to nearest", "f64Add", [MAX, MAX], 4, INF, OF | NX],
  ["x - x is -0 only downwards", "f64Sub", [ONE, ONE], 2, MINUS, 0],
  ["x - x is +0 otherwise", "f64Sub", [ONE, ONE], 1, 0n, 0],
  ["a finite number by zero", "f64Div", [ONE | MINUS, 0n], 0, INF | MINUS, DZ],
  ["zero by zero", "f64Div", [0n, 0n], 0, NAN, NV],
  ["the root of -0 is -0", "f64Sqrt", [MINUS], 0, MINUS, 0],
  ["the root of a negative number is invalid", "f64Sqrt", [ONE | MINUS], 0, NAN, NV],
  ["infinity times zero is invalid beside a quiet NaN", "f64Fma", [INF, 0n, NAN], 0, NAN, NV],
  ["a quiet NaN comes out canonical", "f64Add", [NAN | MINUS | 5n, ONE], 0, NAN, 0],
  ["a signaling NaN is invalid", "f64Add", [SNAN, ONE], 0, NAN, NV],
  ["NaN converts to the largest integer", "f64ToU32", [NAN | MINUS], 1, 0xffffffffffffffffn, NV],
  ["2^32-1 is sign-extended", "f64ToU32", [0x41efffffffe00000n], 1, 0xffffffffffffffffn, 0],
  ["-0.75 truncates to the unsigned 0", "f64ToU64", [0xbfe8000000000000n], 1, 0n, NX],
  ["-0.75 is no unsigned number downwards", "f64ToU64", [0xbfe8000000000000n], 2, 0n, NV],
  ["2.5 to nearest even", "f64ToI32", [0x4004000000000000n], 0, 2n, NX],
  ["2.5 away from zero", "f64ToI32", [0x4004000000000000n], 4, 3n, NX],
] as const)("%s", (...[_claim, name, operands, ...expected]) => {
  const [rm, bits, flags] = expected;
  expect(run(name, { operands, rm, flags: 0 })).toEqual({ bits, flags });
});

test("comparisons: a quiet NaN is invalid only where order is asked", () => {
  const of = (name: string, ...operands: Value[]) => run(name, { operands, flags: 0 });
  expect(of("f64Eq", NAN, ONE)).toEqual({ bits: 0n, flags: 0 });
  expect(of("f64Lt", NAN, ONE)).toEqual({ bits: 0n, flags: NV });
  expect(of("f64Min", 0n, MINUS)).toEqual({ bits: MINUS, flags: 0 });
  expect(of("f64Max", MINUS, 0n)).toEqual({ bits: 0n, flags: 0 });
  expect(of("f64Max", SNAN, ONE)).toEqual({ bits: ONE, flags: NV });
  expect(of("f64Classify", SNAN)).toEqual({ bits: 1n << 8n, flags: 0 });
});

test("flags accrue: no operation clears one", () => {
  for (const rm of MODES)
    expect(run("f64Add", { operands: [ONE, ONE], rm, flags: 31 }).flags).toBe(31);
});
