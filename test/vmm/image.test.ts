import { expect, test } from "vitest";
import { isLinuxImage, parseLinuxImage } from "../../ts/vmm/linux-image.ts";
import { makeImage } from "./image-maker.ts";

test("the header gives offset and size, with and without a PE header", () => {
  const plain = makeImage({ imageBytes: 0x1e6_b000 });
  expect(parseLinuxImage(plain)).toEqual({ textOffset: 0x20_0000, imageBytes: 0x1e6_b000 });
  const pe = makeImage({ imageBytes: 0x1e6_b000 });
  pe.set([0x4d, 0x5a]);
  expect(parseLinuxImage(pe)).toEqual({ textOffset: 0x20_0000, imageBytes: 0x1e6_b000 });
});

test("a header without a size counts the file, and without an offset means 2 MiB", () => {
  const image = makeImage({ imageBytes: 0, textOffset: 0 });
  expect(parseLinuxImage(image)).toEqual({ textOffset: 0x20_0000, imageBytes: image.length });
});

test.each<[string, RegExp, Uint8Array]>([
  ["cut off", /cut off: 10 bytes/, new Uint8Array(10)],
  ["compressed", /gunzip/, new Uint8Array(100).fill(0x1f, 0, 1).fill(0x8b, 1, 2)],
  ["another kernel", /not a RISC-V kernel/, new Uint8Array(100).fill(0x4d, 0, 1).fill(0x5a, 1, 2)],
  ["something else", /no RISC-V Image header/, new Uint8Array(100)],
  ["big-endian", /big-endian/, makeImage({ imageBytes: 1, flags: 1 })],
  ["misplaced", /text_offset.*0x1234/, makeImage({ imageBytes: 1, textOffset: 0x1234 })],
])("a file that is %s is refused with WV_BAD_IMAGE and a reason", (_, message, bytes) => {
  expect(() => parseLinuxImage(bytes)).toThrow(
    expect.objectContaining({ code: "WV_BAD_IMAGE", message: expect.stringMatching(message) }),
  );
});

test("isLinuxImage looks at the header alone", () => {
  expect([isLinuxImage(makeImage({ imageBytes: 1 })), isLinuxImage(new Uint8Array(8))]).toEqual([
    true,
    false,
  ]);
});
