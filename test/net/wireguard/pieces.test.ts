/** Pieces of WireGuard against published vectors, and against models that are slow and plain. */
import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
} from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AllowedIps, formatPrefix, parsePrefix } from "../../../ts/net/wireguard/allowed-ips.ts";
import {
  dh,
  hash,
  hmac,
  kdf,
  PacketKey,
  publicKeyOf,
  xopen,
  xseal,
} from "../../../ts/net/wireguard/crypto.ts";
import { formatKey, parseKey } from "../../../ts/net/wireguard/keys.ts";
import { isLater, tai64n } from "../../../ts/net/wireguard/noise.ts";
import { ReplayWindow, WINDOW } from "../../../ts/net/wireguard/replay-window.ts";

const hex = (text: string): Uint8Array =>
  new Uint8Array(Buffer.from(text.replace(/\s/g, ""), "hex"));

const DER_PRIVATE = "302e020100300506032b656e04220420";
const DER_PUBLIC = "302a300506032b656e032100";
const der = (head: string, bytes: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(head, "hex"), bytes]);

describe("primitives", () => {
  test("X25519 is RFC 7748's (section 6.1), and OpenSSL's", () => {
    const alice = hex("77076d0a7318a57d3c16c17251b26645 4c66b2f992ebc087 2a2b9ab1f2bb3e0f");
    const bob = hex("5dab087e624a8a4b79e17f8b83800ee6 6f3bb1292618b6fd1c2f8b27ff88e0eb");
    expect(dh(bob, publicKeyOf(alice))).toEqual(dh(alice, publicKeyOf(bob)));
    expect(publicKeyOf(bob)).toEqual(
      hex("de9edb7d7b7dc1b4d35b61c2ece43537 3f8343c85b78674dadfc7e146f882b4f"),
    );
    const shared = diffieHellman({
      privateKey: createPrivateKey({ key: der(DER_PRIVATE, alice), format: "der", type: "pkcs8" }),
      publicKey: createPublicKey({
        key: der(DER_PUBLIC, publicKeyOf(bob)),
        format: "der",
        type: "spki",
      }),
    });
    expect(dh(alice, publicKeyOf(bob))).toEqual(new Uint8Array(shared));
    expect(dh(alice, new Uint8Array(32))).toBeUndefined();
  });

  test("BLAKE2s is RFC 7693's (appendix B), HMAC and HKDF over it OpenSSL's", () => {
    expect(hash(Buffer.from("abc"))).toEqual(
      hex("508c5e8c327c14e2e1a72ba34eeb452f 37458b209ed63a294d999b4c86675982"),
    );
    const [key, input] = [hex("0102030405"), Buffer.from("what to sum")];
    const openssl = (k: Uint8Array, ...parts: Uint8Array[]): Buffer =>
      createHmac("blake2s256", k).update(Buffer.concat(parts)).digest();
    expect(Buffer.from(hmac(key, input))).toEqual(openssl(key, input));
    const secret = openssl(key, input);
    const first = openssl(secret, Uint8Array.of(1));
    const second = openssl(secret, first, Uint8Array.of(2));
    expect(kdf(2, key, input).map((one) => Buffer.from(one))).toEqual([first, second]);
    expect(createHash("blake2s256").update("abc").digest()).toEqual(
      Buffer.from(hash(Buffer.from("abc"))),
    );
  });

  test("packets are ChaCha20-Poly1305 with the counter as nonce (RFC 8439)", () => {
    const key = new PacketKey(Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i));
    for (const counter of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 3]) {
      const plain = Buffer.from("Ladies and Gentlemen");
      const bytes = new Uint8Array(2 + plain.length + 16);
      key.seal(counter, plain, { bytes, at: 2 });
      const sealed = bytes.subarray(2);
      expect(key.open(counter, sealed)).toEqual(plain);
      expect(key.open(counter + 1, sealed)).toBeUndefined();
      sealed[3] = (sealed[3] as number) ^ 4;
      expect(key.open(counter, sealed)).toBeUndefined();
    }
  });

  test("XChaCha20-Poly1305 is that of draft-irtf-cfrg-xchacha-03, appendix A.3.1", () => {
    const plain = Buffer.from(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    );
    const aad = hex("50515253c0c1c2c3c4c5c6c7");
    const key = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i);
    const nonce = Uint8Array.from({ length: 24 }, (_, i) => 0x40 + i);
    const sealed = xseal(key, nonce, plain, aad);
    expect(sealed.subarray(-16)).toEqual(hex("c0875924c1c7987947deafd8780acf49"));
    expect(xopen(key, nonce, sealed, aad)).toEqual(new Uint8Array(plain));
    expect(xopen(key, nonce, sealed, key)).toBeUndefined();
  });
});

describe("the window of counters", () => {
  test("takes each counter once, and none that is too old, like a set would", () => {
    const step = fc.oneof(
      fc.integer({ min: -WINDOW - 50, max: 40 }),
      fc.integer({ min: 0, max: 3 * WINDOW }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const window = new ReplayWindow();
        const seen = new Set<number>();
        let highest = -1;
        for (const by of steps) {
          const counter = Math.max(0, highest + by);
          const isGood = !seen.has(counter) && highest - counter < WINDOW;
          expect(window.accept(counter)).toBe(isGood);
          seen.add(counter);
          highest = Math.max(highest, counter);
        }
      }),
    );
  });
});

test("times grow with the clock, and an older one is not later", () => {
  const [a, b] = [tai64n(1_700_000_000e9), tai64n(1_700_000_000e9 + 20e6)];
  expect([isLater(b, a), isLater(a, b), isLater(a, a)]).toEqual([true, false, false]);
  expect(tai64n(0)).toEqual(hex("400000000000000a00000000"));
});

describe("text", () => {
  test("of keys goes there and back; what is none is refused without being shown", () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => i * 5);
    expect(parseKey(`${formatKey(key)}\n`, "key")).toEqual(key);
    for (const text of ["", "secret", formatKey(key).slice(1), `${formatKey(key)}=`])
      expect(() => parseKey(text, "key")).toThrow(/^key: expected a key of 32 bytes in base64$/);
  });

  test("of prefixes drops what is behind them", () => {
    expect(formatPrefix(parsePrefix("10.9.8.7/20"))).toBe("10.9.0.0/20");
    expect(formatPrefix(parsePrefix("10.9.8.7"))).toBe("10.9.8.7/32");
    for (const text of ["10.9.8/24", "10.9.8.7/33", "10.9.8.7/1/2", "10.9.8.7/x"])
      expect(() => parsePrefix(text)).toThrow(expect.objectContaining({ code: "WV_CONFIG" }));
    const table = new AllowedIps<string>();
    table.add(parsePrefix("10.0.0.0/8"), "wide");
    table.add(parsePrefix("10.9.0.0/16"), "narrow");
    table.add(parsePrefix("10.9.0.0/16"), "later");
    expect([0x0a08_0000, 0x0a09_0000, 0x0b00_0000].map((ip) => table.find(ip))).toEqual([
      "wide",
      "later",
      undefined,
    ]);
  });
});
