/**
 * mac1 and mac2 at the end of handshakes, and cookies (WireGuard's white paper, section 5.4.7): who knows our public
 * key has a good mac1; who is where it says it is has, when we are busy, a good mac2 from a cookie that we sent there.
 */
import {
  concat,
  hash,
  isSame,
  KEY_BYTES,
  MAC_BYTES,
  mac,
  type RandomBytes,
  XNONCE_BYTES,
  xopen,
  xseal,
} from "./crypto.ts";
import { type CookieReply, encodeCookieReply, MACS_BYTES } from "./messages.ts";

const LABEL_MAC1 = new TextEncoder().encode("mac1----");
const LABEL_COOKIE = new TextEncoder().encode("cookie--");
const COOKIE_AGE_NS = 120e9;

const mac1At = (message: Uint8Array): number => message.length - MACS_BYTES;
const mac2At = (message: Uint8Array): number => message.length - MAC_BYTES;

/** Where a message came from, in bytes: what a cookie is bound to. */
const sourceBytes = (source: string): Uint8Array => new TextEncoder().encode(source);

/** Our side as somebody who is asked. */
export class MacChecker {
  readonly #mac1Key: Uint8Array;
  readonly #cookieKey: Uint8Array;
  readonly #random: RandomBytes;
  #secret = new Uint8Array(KEY_BYTES);
  #secretNs = Number.NEGATIVE_INFINITY;

  constructor(publicKey: Uint8Array, random: RandomBytes) {
    this.#mac1Key = hash(LABEL_MAC1, publicKey);
    this.#cookieKey = hash(LABEL_COOKIE, publicKey);
    this.#random = random;
  }

  hasGoodMac1(message: Uint8Array): boolean {
    const at = mac1At(message);
    return isSame(
      mac(this.#mac1Key, message.subarray(0, at)),
      message.subarray(at, at + MAC_BYTES),
    );
  }

  /** `source` is its address and port as text. */
  hasGoodMac2(message: Uint8Array, source: string, nowNs: number): boolean {
    if (nowNs - this.#secretNs > COOKIE_AGE_NS) return false;
    const at = mac2At(message);
    const cookie = mac(this.#secret, sourceBytes(source));
    return isSame(mac(cookie, message.subarray(0, at)), message.subarray(at));
  }

  /** What `source` has to show with its next message. */
  cookieReply(message: Uint8Array, source: string, nowNs: number): Uint8Array {
    if (nowNs - this.#secretNs > COOKIE_AGE_NS) {
      this.#secret = this.#random(new Uint8Array(KEY_BYTES)).slice();
      this.#secretNs = nowNs;
    }
    const nonce = this.#random(new Uint8Array(XNONCE_BYTES));
    const at = mac1At(message);
    const cookie = mac(this.#secret, sourceBytes(source));
    const sealedCookie = xseal(
      this.#cookieKey,
      nonce,
      cookie,
      message.subarray(at, at + MAC_BYTES),
    );
    const receiver = new DataView(message.buffer, message.byteOffset).getUint32(4, true);
    return encodeCookieReply({ receiver, nonce, sealedCookie });
  }
}

/** Our side as somebody who asks `peerKey`. */
export class MacMaker {
  readonly #mac1Key: Uint8Array;
  readonly #cookieKey: Uint8Array;
  #lastMac1: Uint8Array | undefined;
  #cookie: { readonly bytes: Uint8Array; readonly sinceNs: number } | undefined;

  constructor(peerKey: Uint8Array) {
    this.#mac1Key = hash(LABEL_MAC1, peerKey);
    this.#cookieKey = hash(LABEL_COOKIE, peerKey);
  }

  /** Fills both macs in. */
  sign(message: Uint8Array, nowNs: number): void {
    const at = mac1At(message);
    const mac1 = mac(this.#mac1Key, message.subarray(0, at));
    message.set(mac1, at);
    this.#lastMac1 = mac1;
    if (!this.#cookie || nowNs - this.#cookie.sinceNs > COOKIE_AGE_NS) return;
    message.set(mac(this.#cookie.bytes, message.subarray(0, mac2At(message))), mac2At(message));
  }

  /** Keeps the cookie for the next message. False: it answers nothing that was sent. */
  takeCookie(reply: CookieReply, nowNs: number): boolean {
    if (!this.#lastMac1) return false;
    const bytes = xopen(this.#cookieKey, reply.nonce, reply.sealedCookie, this.#lastMac1);
    if (!bytes) return false;
    this.#cookie = { bytes: concat(bytes), sinceNs: nowNs };
    this.#lastMac1 = undefined; // One answer each.
    return true;
  }
}
