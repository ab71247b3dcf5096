/**
 * The handshake: Noise_IKpsk2 (WireGuard's white paper, sections 5.4.2 to 5.4.5). Each step is a function of what one
 * side knows; nothing is kept here. `undefined` means that the message is not what it should be.
 */
import {
  concat,
  dh,
  HASH_BYTES,
  hash,
  type KeyPair,
  kdf,
  newPrivateKey,
  open,
  publicKeyOf,
  type RandomBytes,
  seal,
} from "./crypto.ts";
import { encodeInitiation, encodeResponse, type Initiation, type Response } from "./messages.ts";

const text = (of: string): Uint8Array => new TextEncoder().encode(of);
const NOTHING = new Uint8Array(0);
const CHAIN = hash(text("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"));
const NAMED = hash(CHAIN, text("WireGuard v1 zx2c4 Jason@zx2c4.com"));
const TIMESTAMP_BYTES = 12;
/** 1970 in TAI64, ten seconds of leap included, as everybody does. */
const TAI_BASE = 0x4000_0000_0000_000an;

/** Where a handshake is: the chaining key and the hash of all that was said. */
interface Chain {
  readonly key: Uint8Array;
  readonly hash: Uint8Array;
}

/** What the initiator has to remember until it is answered. */
export interface Pending extends Chain {
  readonly ephemeral: KeyPair;
  /** Index of the initiator. */
  readonly index: number;
}

/** What the responder knows of somebody who wants to talk. */
export interface Opened extends Chain {
  readonly peerKey: Uint8Array;
  readonly peerEphemeral: Uint8Array;
  readonly peerIndex: number;
  /** TAI64N: 12 bytes that only grow. */
  readonly timestamp: Uint8Array;
}

/** Keys for packets in each direction, and what the other side calls this session. */
export interface SessionKeys {
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
  readonly peerIndex: number;
}

/** The time of day as initiations carry it, so that an old one is known: TAI64N, big-endian, to 2^24 ns. */
export function tai64n(realNs: number): Uint8Array {
  const out = new Uint8Array(TIMESTAMP_BYTES);
  const view = new DataView(out.buffer);
  view.setBigUint64(0, TAI_BASE + BigInt(Math.floor(realNs / 1e9)));
  view.setUint32(8, ((realNs % 1e9) & ~0xff_ffff) >>> 0); // Less exact: it should not tell how fast this machine is.
  return out;
}

/** Is `a` later than `b`? */
export const isLater = (a: Uint8Array, b: Uint8Array): boolean => {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at >= 0 && (a[at] as number) > (b[at] as number);
};

function mixed(chain: Chain, ephemeral: Uint8Array): Chain {
  const [key] = kdf(1, chain.key, ephemeral);
  return { key: key as Uint8Array, hash: hash(chain.hash, ephemeral) };
}

/** The next chaining key, and a key for what is sealed with it. */
function mixedSecret(
  chain: Chain,
  secret: Uint8Array,
): { readonly chain: Chain; readonly key: Uint8Array } {
  const [next, key] = kdf(2, chain.key, secret);
  return { chain: { ...chain, key: next as Uint8Array }, key: key as Uint8Array };
}

const heard = (chain: Chain, sealed: Uint8Array): Chain => ({
  ...chain,
  hash: hash(chain.hash, sealed),
});
const begin = (responder: Uint8Array): Chain => ({ key: CHAIN, hash: hash(NAMED, responder) });

function newEphemeral(random: RandomBytes): KeyPair {
  const privateKey = newPrivateKey(random);
  return { privateKey, publicKey: publicKeyOf(privateKey) };
}

/** Undefined: `peerKey` is no key that anybody can have. */
export function makeInitiation(
  self: KeyPair,
  peerKey: Uint8Array,
  now: { readonly index: number; readonly timestamp: Uint8Array; readonly random: RandomBytes },
): { readonly message: Uint8Array; readonly pending: Pending } | undefined {
  const ephemeral = newEphemeral(now.random);
  const [es, ss] = [dh(ephemeral.privateKey, peerKey), dh(self.privateKey, peerKey)];
  if (!es || !ss) return undefined;
  const first = mixedSecret(mixed(begin(peerKey), ephemeral.publicKey), es);
  const sealedStatic = seal(first.key, self.publicKey, first.chain.hash);
  const second = mixedSecret(heard(first.chain, sealedStatic), ss);
  const sealedTimestamp = seal(second.key, now.timestamp, second.chain.hash);
  const chain = heard(second.chain, sealedTimestamp);
  const parts = {
    sender: now.index,
    ephemeral: ephemeral.publicKey,
    sealedStatic,
    sealedTimestamp,
  };
  return { message: encodeInitiation(parts), pending: { ...chain, ephemeral, index: now.index } };
}

/** Who asks, and when. The caller looks at both: this much proves that it is that peer, not that it is new. */
export function openInitiation(self: KeyPair, message: Initiation): Opened | undefined {
  const es = dh(self.privateKey, message.ephemeral);
  if (!es) return undefined;
  const first = mixedSecret(mixed(begin(self.publicKey), message.ephemeral), es);
  const peerKey = open(first.key, message.sealedStatic, first.chain.hash);
  const ss = peerKey && dh(self.privateKey, peerKey);
  if (!peerKey || !ss) return undefined;
  const second = mixedSecret(heard(first.chain, message.sealedStatic), ss);
  const timestamp = open(second.key, message.sealedTimestamp, second.chain.hash);
  if (!timestamp) return undefined;
  return {
    ...heard(second.chain, message.sealedTimestamp),
    peerKey,
    peerEphemeral: message.ephemeral.slice(),
    peerIndex: message.sender,
    timestamp,
  };
}

/** The key that both sides may share beforehand goes in last. */
function finish(
  chain: Chain,
  psk: Uint8Array,
): { readonly chain: Chain; readonly key: Uint8Array } {
  const [next, tau, key] = kdf(3, chain.key, psk);
  const said = { key: next as Uint8Array, hash: hash(chain.hash, tau as Uint8Array) };
  return { chain: said, key: key as Uint8Array };
}

function afterBoth(chain: Chain, ee: Uint8Array, se: Uint8Array): Chain {
  const [first] = kdf(1, chain.key, ee);
  const [second] = kdf(1, first as Uint8Array, se);
  return { ...chain, key: second as Uint8Array };
}

export function makeResponse(
  opened: Opened,
  mine: { readonly index: number; readonly psk: Uint8Array; readonly random: RandomBytes },
): { readonly message: Uint8Array; readonly keys: SessionKeys } | undefined {
  const ephemeral = newEphemeral(mine.random);
  const ee = dh(ephemeral.privateKey, opened.peerEphemeral);
  const se = dh(ephemeral.privateKey, opened.peerKey);
  if (!ee || !se) return undefined;
  const { chain, key } = finish(afterBoth(mixed(opened, ephemeral.publicKey), ee, se), mine.psk);
  const sealedNothing = seal(key, NOTHING, chain.hash);
  const [receiveKey, sendKey] = kdf(2, chain.key, NOTHING) as [Uint8Array, Uint8Array];
  const parts = {
    sender: mine.index,
    receiver: opened.peerIndex,
    ephemeral: ephemeral.publicKey,
    sealedNothing,
  };
  return {
    message: encodeResponse(parts),
    keys: { sendKey, receiveKey, peerIndex: opened.peerIndex },
  };
}

export function openResponse(
  self: KeyPair,
  pending: Pending,
  answer: { readonly message: Response; readonly psk: Uint8Array },
): SessionKeys | undefined {
  const { message, psk } = answer;
  const ee = dh(pending.ephemeral.privateKey, message.ephemeral);
  const se = dh(self.privateKey, message.ephemeral);
  if (!ee || !se) return undefined;
  const { chain, key } = finish(afterBoth(mixed(pending, message.ephemeral), ee, se), psk);
  if (!open(key, message.sealedNothing, chain.hash)) return undefined;
  const [sendKey, receiveKey] = kdf(2, chain.key, NOTHING) as [Uint8Array, Uint8Array];
  return { sendKey, receiveKey, peerIndex: message.sender };
}

/** No key: what peers without one share. */
export const NO_PSK = new Uint8Array(HASH_BYTES);
export const timestampBefore = (): Uint8Array => concat(new Uint8Array(TIMESTAMP_BYTES));
