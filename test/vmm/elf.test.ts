import fc from "fast-check";
import { expect, test } from "vitest";
import { WasmvisorError } from "../../ts/base/errors.ts";
import { parseElf } from "../../ts/vmm/elf.ts";
import { makeElf } from "./elf-maker.ts";

const RAM = { ramBase: 0x8000_0000, ramBytes: 1 << 20 };
const CODE = Uint8Array.of(0x13, 0, 0, 0, 0x6f, 0, 0, 0);

function goodElf(): Uint8Array {
  return makeElf({
    entry: 0x8000_0004,
    segments: [
      { gpa: 0x8000_1000, content: Uint8Array.of(1, 2, 3), memBytes: 4096 },
      { gpa: 0x8000_0000, content: CODE },
    ],
    symbols: { main: 0x8000_0000n, tohost: 0x8000_1000n, end_signature: 0x8000_2000n },
  });
}

function codeAndMessage(run: () => unknown): [string, string] {
  try {
    run();
  } catch (error) {
    if (error instanceof WasmvisorError) return [error.code, error.message];
    throw error;
  }
  return ["", "nothing was thrown"];
}

test("entry, segments in address order, and the known symbols are found", () => {
  const elf = parseElf(goodElf(), RAM);
  expect(elf.entry).toBe(0x8000_0004);
  expect(elf.segments).toEqual([
    { gpa: 0x8000_0000, bytes: CODE, memBytes: 8 },
    { gpa: 0x8000_1000, bytes: Uint8Array.of(1, 2, 3), memBytes: 4096 },
  ]);
  expect([...elf.symbols]).toEqual([
    ["tohost", 0x8000_1000],
    ["end_signature", 0x8000_2000],
  ]);
});

test("a file linked at high virtual addresses is loaded and entered at physical ones", () => {
  const file = makeElf({
    entry: 0xffff_ffff_8000_0004n,
    segments: [{ gpa: 0x8000_0000, gva: 0xffff_ffff_8000_0000n, content: CODE }],
    symbols: { tohost: 0xffff_ffff_8000_0000n },
  });
  const elf = parseElf(file, RAM);
  expect([elf.entry, elf.symbols.get("tohost")]).toEqual([0x8000_0004, 0x8000_0000]);
});

const patch =
  (at: number, value: number, bytes: 1 | 2 | 4 = 1) =>
  (file: Uint8Array) => {
    const view = new DataView(file.buffer);
    if (bytes === 1) view.setUint8(at, value);
    else if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    return file;
  };

test.each<[string, RegExp, (file: Uint8Array) => Uint8Array]>([
  ["shorter than a header", /truncated: 40 bytes/, (file) => file.slice(0, 40)],
  ["cut inside a segment", /truncated: segment 0/, (file) => file.slice(0, 178)],
  ["no ELF file", /magic/, patch(0, 0)],
  ["32-bit", /32-bit.*rv64/, patch(4, 1)],
  ["big-endian", /big-endian/, patch(5, 2)],
  ["for x86-64", /machine expected 243.*got 62/, patch(18, 62, 2)],
  ["position-independent", /position-independent.*-no-pie/, patch(16, 3, 2)],
  ["an object file", /object file/, patch(16, 1, 2)],
  ["dynamically linked", /program header 0.*dynamically linked/, patch(64, 3, 4)],
  ["without segments", /no program headers/, patch(56, 0, 2)],
  ["with tiny program headers", /program header size/, patch(54, 8, 2)],
  ["with a segment larger in the file than in memory", /segment 0.*larger/, patch(64 + 40, 1, 4)],
  ["with overlapping segments", /overlap/, patch(64 + 56 + 40, 0x2000, 4)],
  ["larger than RAM", /outside of RAM.*more memory/, patch(64 + 40, 0x1000_0000, 4)],
  ["below RAM", /outside of RAM/, patch(64 + 24, 0x1000, 4)],
  ["at impossible addresses", /physical address.*beyond/, patch(64 + 28, 0xffff_ffff, 4)],
  ["entered outside of itself", /entry/, patch(24, 0x9000_0000, 4)],
  ["with section headers beyond its end", /section headers/, patch(40, 0x7fff_ffff, 4)],
])("a file that is %s is refused with WV_BAD_ELF and a reason", (_, message, change) => {
  const [code, text] = codeAndMessage(() => parseElf(change(goodElf()), RAM));
  expect([code, text]).toEqual(["WV_BAD_ELF", expect.stringMatching(message)]);
});

test("no change of any bytes gets anything but WV_BAD_ELF out of it", () => {
  const good = goodElf();
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 }),
      fc.nat(good.length),
      (changes, length) => {
        const file = goodElf();
        for (const [at, value] of changes) file[at] = value;
        const cut = changes.length % 2 ? file.slice(0, length) : file;
        expect(["", "WV_BAD_ELF"]).toContain(codeAndMessage(() => parseElf(cut, RAM))[0]);
      },
    ),
    { numRuns: 1000 },
  );
});
