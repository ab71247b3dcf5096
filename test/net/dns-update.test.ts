/** Dynamic updates of DNS, byte by byte. */
import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  encodeName,
  encodeUpdate,
  parseTsigKey,
  signedUpdate,
  statusName,
  updateStatus,
} from "../../ts/net/dns-update.ts";

const UPDATE = { zone: "example.org", name: "web.example.org", address: 0xc000_0207, ttlSec: 30 };
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("an update", () => {
  test("is what RFC 2136 says: zone, away with all addresses, this one", () => {
    const zone = "076578616d706c65036f726700";
    const name = `03776562${zone}`;
    expect(hex(encodeUpdate(UPDATE, 0x1234))).toBe(
      `12342800000100000002${"0000"}${zone}00060001${name}000100ff000000000000${name}000100010000001e0004c0000207`,
    );
  });

  test("carries a signature over all of it, and over when it was made", () => {
    const key = { name: "k.example.org", secret: Uint8Array.from([1, 2, 3]) };
    const plain = encodeUpdate(UPDATE, 7);
    const signed = signedUpdate(plain, key, 1_700_000_000);
    expect(signed[11]).toBe(1);
    const algorithm = "0b686d61632d73686132353600";
    const stamp = "00006553f100012c";
    const keyName = hex(encodeName(key.name));
    const over = `${hex(plain)}${keyName}00ff00000000${algorithm}${stamp}00000000`;
    const mac = createHmac("sha256", key.secret).update(Buffer.from(over, "hex")).digest("hex");
    expect(hex(signed).endsWith(`${algorithm}${stamp}0020${mac}000700000000`)).toBe(true);
  });

  test("refuses names that are none", () => {
    for (const name of ["", "a..b", "a b.c", "-a.b", `${"a".repeat(64)}.b`, `${"a.".repeat(130)}b`])
      expect(() => encodeUpdate({ ...UPDATE, name }, 1)).toThrow(
        expect.objectContaining({ code: "WV_CONFIG" }),
      );
  });
});

test("answers are believed if they are to that update", () => {
  const answer = Uint8Array.from([0, 7, 0xa8, 5, 0, 0, 0, 0, 0, 0, 0, 0]);
  expect(updateStatus(answer, 7)).toBe(5);
  expect(statusName(5)).toBe("REFUSED");
  expect(updateStatus(answer, 8)).toBeUndefined();
  expect(updateStatus(answer.subarray(0, 11), 7)).toBeUndefined();
  expect(updateStatus(Uint8Array.from([0, 7, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 7)).toBeUndefined();
});

test("keys are read as tsig-keygen writes them", () => {
  const text = 'key "wv" {\n\talgorithm hmac-sha256;\n\tsecret "AQID";\n};\n';
  expect(parseTsigKey(text, "key")).toEqual({ name: "wv", secret: Uint8Array.from([1, 2, 3]) });
  for (const wrong of ["", text.replace("sha256", "md5"), text.replace("secret", "public")])
    expect(() => parseTsigKey(wrong, "key")).toThrow(/tsig-keygen/);
});
