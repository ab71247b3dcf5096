/**
 * WireGuard's four messages (its white paper, section 5.4). Integers are little-endian.
 *
 *   1 initiation   type 1, 0 0 0   sender 4   ephemeral 32   static 32+16   timestamp 12+16   mac1 16   mac2 16
 *   2 response     type 1, 0 0 0   sender 4   receiver 4     ephemeral 32   nothing 0+16      mac1 16   mac2 16
 *   3 cookie       type 1, 0 0 0   receiver 4   nonce 24   cookie 16+16
 *   4 data         type 1, 0 0 0   receiver 4   counter 8  packet, padded to 16, +16
 */
import { TAG_BYTES } from "./crypto.ts";

export const TYPE_INITIATION = 1;
export const TYPE_RESPONSE = 2;
export const TYPE_COOKIE = 3;
export const TYPE_DATA = 4;

export const INITIATION_BYTES = 148;
export const RESPONSE_BYTES = 92;
export const COOKIE_BYTES = 64;
export const DATA_HEADER_BYTES = 16;
/** What a message of data has around its packet. */
export const DATA_OVERHEAD_BYTES = DATA_HEADER_BYTES + TAG_BYTES;
/** mac1 and mac2, at the end of handshakes. */
export const MACS_BYTES = 32;

export interface Initiation {
  readonly type: typeof TYPE_INITIATION;
  readonly sender: number;
  readonly ephemeral: Uint8Array;
  readonly sealedStatic: Uint8Array;
  readonly sealedTimestamp: Uint8Array;
}

export interface Response {
  readonly type: typeof TYPE_RESPONSE;
  readonly sender: number;
  readonly receiver: number;
  readonly ephemeral: Uint8Array;
  readonly sealedNothing: Uint8Array;
}

export interface CookieReply {
  readonly type: typeof TYPE_COOKIE;
  readonly receiver: number;
  readonly nonce: Uint8Array;
  readonly sealedCookie: Uint8Array;
}

export interface Data {
  readonly type: typeof TYPE_DATA;
  readonly receiver: number;
  readonly counter: number;
  readonly sealed: Uint8Array;
}

export type Message = Initiation | Response | CookieReply | Data;

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Undefined: none of the four, or of another length than it has. Parts are views into `bytes`. */
export function parseMessage(bytes: Uint8Array): Message | undefined {
  if (bytes.length < DATA_OVERHEAD_BYTES) return undefined;
  const view = viewOf(bytes);
  const type = view.getUint32(0, true); // The reserved bytes are zero.
  if (type === TYPE_DATA) return parseData(bytes, view);
  if (type === TYPE_INITIATION && bytes.length === INITIATION_BYTES)
    return {
      type,
      sender: view.getUint32(4, true),
      ephemeral: bytes.subarray(8, 40),
      sealedStatic: bytes.subarray(40, 88),
      sealedTimestamp: bytes.subarray(88, 116),
    };
  if (type === TYPE_RESPONSE && bytes.length === RESPONSE_BYTES)
    return {
      type,
      sender: view.getUint32(4, true),
      receiver: view.getUint32(8, true),
      ephemeral: bytes.subarray(12, 44),
      sealedNothing: bytes.subarray(44, 60),
    };
  if (type === TYPE_COOKIE && bytes.length === COOKIE_BYTES)
    return {
      type,
      receiver: view.getUint32(4, true),
      nonce: bytes.subarray(8, 32),
      sealedCookie: bytes.subarray(32, 64),
    };
  return undefined;
}

/** Counters beyond 2^53 are refused: no session lives for so many. */
function parseData(bytes: Uint8Array, view: DataView): Data | undefined {
  const counter = view.getUint32(12, true) * 2 ** 32 + view.getUint32(8, true);
  if (counter > Number.MAX_SAFE_INTEGER) return undefined;
  const receiver = view.getUint32(4, true);
  return { type: TYPE_DATA, receiver, counter, sealed: bytes.subarray(DATA_HEADER_BYTES) };
}

function start(
  type: number,
  bytes: number,
): { readonly bytes: Uint8Array; readonly view: DataView } {
  const out = new Uint8Array(bytes);
  out[0] = type;
  return { bytes: out, view: viewOf(out) };
}

/** The macs at its end are still zero. */
export function encodeInitiation(message: Omit<Initiation, "type">): Uint8Array {
  const { bytes, view } = start(TYPE_INITIATION, INITIATION_BYTES);
  view.setUint32(4, message.sender, true);
  bytes.set(message.ephemeral, 8);
  bytes.set(message.sealedStatic, 40);
  bytes.set(message.sealedTimestamp, 88);
  return bytes;
}

/** The macs at its end are still zero. */
export function encodeResponse(message: Omit<Response, "type">): Uint8Array {
  const { bytes, view } = start(TYPE_RESPONSE, RESPONSE_BYTES);
  view.setUint32(4, message.sender, true);
  view.setUint32(8, message.receiver, true);
  bytes.set(message.ephemeral, 12);
  bytes.set(message.sealedNothing, 44);
  return bytes;
}

export function encodeCookieReply(message: Omit<CookieReply, "type">): Uint8Array {
  const { bytes, view } = start(TYPE_COOKIE, COOKIE_BYTES);
  view.setUint32(4, message.receiver, true);
  bytes.set(message.nonce, 8);
  bytes.set(message.sealedCookie, 32);
  return bytes;
}

/** With room for `sealedBytes` behind its header. */
export function startData(receiver: number, counter: number, sealedBytes: number): Uint8Array {
  const { bytes, view } = start(TYPE_DATA, DATA_HEADER_BYTES + sealedBytes);
  view.setUint32(4, receiver, true);
  view.setUint32(8, counter >>> 0, true);
  view.setUint32(12, Math.floor(counter / 2 ** 32), true);
  return bytes;
}
