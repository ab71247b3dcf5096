/** What is longer than a tunnel carries: MSS, cutting, and who is told. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { get16 } from "../../ts/net/bytes.ts";
import { checksum, pseudoSum } from "../../ts/net/checksum.ts";
import { parseIpv4 } from "../../ts/net/ipv4.ts";
import { plainFrames } from "../../ts/net/offload.ts";
import { clampedFrame, fitted } from "../../ts/net/path-mtu.ts";
import { parseTcp, SYN } from "../../ts/net/tcp.ts";
import { frameOf, mac, segmentOf } from "./fakes.ts";

const syn = (mss: number): Uint8Array =>
  plainFrames(segmentOf(new Uint8Array(0), { flags: SYN, mss, scale: 7 }))[0]?.bytes as Uint8Array;

const mssOf = (bytes: Uint8Array): number | undefined => {
  const packet = parseIpv4(bytes, 14);
  return packet && parseTcp(bytes, packet, false)?.mss; // Undefined if its sum is wrong.
};

describe("the MSS of a SYN", () => {
  test.each([
    [1460, 1370, 1330],
    [1330, 1370, 1330],
    [536, 1370, 536],
    [1460, 500, 536],
    [8960, 1450, 1410],
  ])("of %i on a line of %i becomes %i", (mss, mtu, expected) => {
    expect(mssOf(clampedFrame(syn(mss), mtu))).toBe(expected);
    expect(mssOf(fitted({ bytes: syn(mss) }, mtu).frames[0] as Uint8Array)).toBe(expected);
  });

  test("is changed in a copy, and the sum is right wherever the option stands", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 537, max: 65535 }),
        fc.integer({ min: 0, max: 3 }),
        (mss, nops) => {
          const bytes = new Uint8Array(14 + 20 + 20 + 8);
          bytes.set(syn(mss).subarray(0, 54));
          bytes[14 + 2] = 0;
          bytes[14 + 3] = bytes.length - 14;
          bytes.fill(1, 54);
          bytes.set([2, 4, mss >> 8, mss & 255], 54 + nops);
          bytes[34 + 12] = 7 << 4;
          bytes[24] = bytes[25] = bytes[50] = bytes[51] = 0;
          const ip = checksum(bytes, 14, 34);
          bytes.set([ip >> 8, ip & 255], 24);
          const sum = checksum(bytes, 34, bytes.length, pseudoSum(bytes, 14, bytes.length - 34));
          bytes.set([sum >> 8, sum & 255], 50);
          const before = bytes.slice();
          const out = clampedFrame(bytes, 1370);
          expect(bytes).toEqual(before);
          expect(mssOf(out)).toBe(Math.min(mss, 1330));
        },
      ),
    );
  });
});

describe("a line of 1370 bytes", () => {
  test("takes what fits as it is", () => {
    const bytes = frameOf(mac(1), mac(2), 1350);
    expect(fitted({ bytes }, 1370)).toEqual({ frames: [bytes], refusal: undefined });
  });

  test("cuts segments that were left to be cut, wherever they end", () => {
    for (const length of [1, 1330, 1331, 1460, 10_000]) {
      const data = new Uint8Array(length).map((_, i) => i * 7);
      const { frames, refusal } = fitted(segmentOf(data), 1370);
      expect(refusal).toBeUndefined();
      const parts = frames.map((bytes) => {
        const packet = parseIpv4(bytes, 14);
        if (!packet) throw new Error("no packet");
        expect(packet.end - packet.at).toBeLessThanOrEqual(1370);
        return parseTcp(bytes, packet, false)?.data as Uint8Array;
      });
      expect(Buffer.concat(parts)).toEqual(Buffer.from(data));
    }
  });

  test("tells who forbids fragments, as the station it wrote to; what may be cut outside goes", () => {
    const bytes = frameOf(mac(1), mac(2), 1351);
    const { frames, refusal } = fitted({ bytes }, 1370);
    expect(frames).toEqual([]);
    const packet = parseIpv4(refusal as Uint8Array, 14);
    expect(packet).toMatchObject({ source: 2, target: 1, protocol: 1 });
    expect(checksum(refusal as Uint8Array, 34, packet?.end ?? 0)).toBe(0);
    expect([refusal?.[34], refusal?.[35], get16(refusal as Uint8Array, 40)]).toEqual([3, 4, 1370]);
    const loose = bytes.slice();
    loose[20] = 0; // No DF.
    loose[24] = loose[25] = 0;
    const sum = checksum(loose, 14, 34);
    loose.set([sum >> 8, sum & 255], 24);
    expect(fitted({ bytes: loose }, 1370)).toEqual({ frames: [loose], refusal: undefined });
  });
});
