/** Work left to cards, done for those that cannot: against sums computed one word at a time, here. */
import { expect, test } from "vitest";
import { checksum, pseudoSum } from "../../ts/net/checksum.ts";
import { parseIpv4 } from "../../ts/net/ipv4.ts";
import { isSaneOffload, plainFrames } from "../../ts/net/offload.ts";
import { FIN, PSH, parseTcp } from "../../ts/net/tcp.ts";
import { segmentOf } from "./fakes.ts";

const noise = (count: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, i) => (i * 131 + (i >> 8)) & 255);

/** RFC 1071 as it is written down. */
function slowSum(words: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < words.length; i += 2) {
    sum += ((words[i] as number) << 8) | (words[i + 1] ?? 0);
    if (sum > 0xffff) sum = (sum & 0xffff) + 1;
  }
  return ~sum & 0xffff;
}

test("checksums are those of RFC 1071, of odd lengths, too", () => {
  for (const count of [0, 1, 2, 3, 20, 1460, 65535])
    expect(checksum(noise(count), 0, count)).toBe(slowSum(noise(count)));
});

test.each([1, 1460, 1461, 4380, 65000])(
  "a segment of %i bytes is cut into whole packets",
  (count) => {
    const data = noise(count);
    const frame = segmentOf(data, { seq: 0xffff_ff00, flags: 0x10 | PSH | FIN });
    const pieces = plainFrames(frame);
    expect(pieces.length).toBe(Math.ceil(count / 1460));
    const got: number[] = [];
    for (const [i, { bytes, offload }] of pieces.entries()) {
      expect(offload).toBeUndefined();
      const packet = parseIpv4(bytes, 14);
      const segment = packet && parseTcp(bytes, packet, false); // Checks its sum.
      expect(segment?.seq).toBe((0xffff_ff00 + got.length) >>> 0);
      expect((segment?.flags ?? 0) & (FIN | PSH)).toBe(i === pieces.length - 1 ? FIN | PSH : 0);
      for (const byte of segment?.data ?? []) got.push(byte);
    }
    expect(got.length).toBe(count);
    expect(Buffer.compare(Uint8Array.from(got), data)).toBe(0);
  },
);

test("a pseudo header counts the length of the transport", () => {
  const { bytes } = segmentOf(noise(5));
  expect(pseudoSum(bytes, 14, 25)).toBe(0x0a00 + 0x020f + 0x0a00 + 0x0202 + 6 + 25);
});

test.each([
  [
    "a sum that starts in the Ethernet header",
    { checksumStart: 12, checksumOffset: 16, segmentBytes: 0 },
  ],
  ["a field behind the end", { checksumStart: 34, checksumOffset: 4000, segmentBytes: 0 }],
  ["pieces of nothing", { checksumStart: 34, checksumOffset: 16, segmentBytes: 1 }],
  ["TCP in the wrong place", { checksumStart: 36, checksumOffset: 16, segmentBytes: 1460 }],
  ["another field than TCP's", { checksumStart: 34, checksumOffset: 6, segmentBytes: 1460 }],
])("nobody believes %s", (_, offload) => {
  expect(isSaneOffload(segmentOf(noise(3000)).bytes, offload)).toBe(false);
});
