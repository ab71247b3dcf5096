/** `wasmvisor run --bare`: HTIF, signatures, and programs that never end. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeElf } from "../vmm/elf-maker.ts";
import { wasmvisor } from "./binary.ts";

const BASE = 0x8000_0000;
const TOHOST = 0x8000_1000;
const SIGNATURE = 0x8000_2000;
const WORDS = [0xdeadbeef, 0x1, 0x80000000, 0xffffffff];

let scratch = "";
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "wasmvisor-bare-"));
});
afterAll(async () => rm(scratch, { recursive: true, force: true }));

const words = (...all: number[]): Uint8Array => new Uint8Array(Uint32Array.from(all).buffer);

/** A program that stores `value` to tohost and then goes round for ever. */
const program = (name: string, value: number, hasSignature = true): Promise<string> =>
  programOf(
    name,
    [
      0x0000_1317, //             auipc t1, 1
      (value << 20) | 0x293, //   li    t0, value
      0x0053_3023, //             sd    t0, 0(t1)
      0x0000_006f, //             j     .
    ],
    hasSignature,
  );

/** An ELF file of `instructions`, with tohost a page behind its start. */
async function programOf(name: string, instructions: readonly number[], hasSignature = true) {
  const code = words(...instructions);
  const range = { begin_signature: BigInt(SIGNATURE), end_signature: BigInt(SIGNATURE + 16) };
  const elf = makeElf({
    entry: BASE,
    segments: [
      { gpa: BASE, content: code },
      { gpa: TOHOST, content: new Uint8Array(128) },
      { gpa: SIGNATURE, content: words(...WORDS) },
    ],
    symbols: { tohost: BigInt(TOHOST), ...(hasSignature ? range : {}) },
  });
  const file = join(scratch, name);
  await writeFile(file, elf);
  return file;
}

const lineOf = (word: number): string => `${word.toString(16).padStart(8, "0")}\n`;

test("1 in tohost passes: status 0", async () => {
  const { status, stderr } = await wasmvisor(["run", "--bare", await program("pass", 1)]);
  expect([status, stderr]).toEqual([0, ""]);
});

test.each([
  [1, 1],
  [3, 3],
  [200, 200],
  [300, 255],
])("test %i fails: status %i", async (number, expected) => {
  const file = await program(`fail${number}`, number * 2 + 1);
  const { status, stderr } = await wasmvisor(["run", "--bare", file]);
  expect(stderr).toBe(`wasmvisor: the guest ended: exit status ${number}\n`);
  expect(status).toBe(expected);
});

test("a program that never ends is stopped: status 124", async () => {
  const file = await program("endless", 0);
  const { status } = await wasmvisor(["run", "--bare", file, "--timeout", "200ms"]);
  expect(status).toBe(124);
});

test("two stores of 32 bits are one to tohost", async () => {
  const file = await programOf("halves", [
    0x0000_1317, // auipc t1, 1
    0x0070_0293, // li    t0, 7
    0x0003_2223, // sw    zero, 4(t1)
    0x0053_2023, // sw    t0, 0(t1)
    0x0003_2223, // sw    zero, 4(t1)
    0xff9f_f06f, // j     -8
  ]);
  expect((await wasmvisor(["run", "--bare", file])).status).toBe(3);
});

test("characters and the write system call are printed, and tohost is free again", async () => {
  const file = await programOf("print", [
    0x0000_1317, // auipc t1, 1
    0x0410_0293, // li    t0, 'A'
    0x1010_0393, // li    t2, 0x101
    0x0303_9393, // slli  t2, t2, 48
    0x0053_83b3, // add   t2, t2, t0
    0x0073_3023, // sd    t2, 0(t1)
    0x0003_3e03, // ld    t3, 0(t1)
    0xfe0e_1ee3, // bnez  t3, -4
    0x0000_1397, // auipc t2, 1
    0x0203_8393, // addi  t2, t2, 32  the request: RAM + 0x1040
    0x0400_0293, // li    t0, 64      number of the call, and '@'
    0x0053_b023, // sd    t0, 0(t2)
    0x0073_b823, // sd    t2, 16(t2)  what is written: the request itself
    0x0020_0293, // li    t0, 2
    0x0053_bc23, // sd    t0, 24(t2)
    0x0073_3023, // sd    t2, 0(t1)
    0x0003_be03, // ld    t3, 0(t2)
    0x001e_1e13, // slli  t3, t3, 1
    0x001e_6e13, // ori   t3, t3, 1
    0x01c3_3023, // sd    t3, 0(t1)   ends with what the call returned
    0x0000_006f, // j     .
  ]);
  const { status, stdout } = await wasmvisor(["run", "--bare", file]);
  expect([status, stdout]).toEqual([2, "A@\0"]);
});

describe("--signature", () => {
  test.each([
    ["passes", 1, 0],
    ["fails", 5, 2],
  ])("is written when the test %s", async (name, value, expected) => {
    const [elf, out] = [await program(name, value), join(scratch, `${name}.sig`)];
    const { status } = await wasmvisor(["run", "--bare", elf, "--signature", out]);
    expect(await readFile(out, "utf8")).toBe(WORDS.map(lineOf).join(""));
    expect(status).toBe(expected);
  });

  test("of a program that has none is wrong usage", async () => {
    const elf = await program("unsigned", 1, false);
    const out = join(scratch, "none.sig");
    const { status, stderr } = await wasmvisor(["run", "--bare", elf, "--signature", out]);
    expect(stderr).toContain("begin_signature");
    expect(status).toBe(2);
  });
});
