/**
 * Dynamic updates of DNS (RFC 2136): one name gets one address. Signed with a key that the server knows (TSIG, RFC
 * 8945, HMAC-SHA256), if there is one.
 *
 *   header 12   zone: name, SOA, IN   update 1: name, A, ANY (all that there is goes)   update 2: name, A, IN, TTL, address
 */
import { createHmac } from "node:crypto";
import { WasmvisorError } from "../base/errors.ts";
import { get16, put16, put32 } from "./bytes.ts";

const HEADER_BYTES = 12;
const OPCODE_UPDATE = 5;
const TYPE_A = 1;
const TYPE_SOA = 6;
const TYPE_TSIG = 250;
const CLASS_IN = 1;
const CLASS_ANY = 255;
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?$/i;
const NAME_BYTES_MAX = 255;
const FUDGE_SEC = 300;
const ALGORITHM = "hmac-sha256";

export interface TsigKey {
  readonly name: string;
  readonly secret: Uint8Array;
}

export interface DnsUpdate {
  readonly zone: string;
  /** In the zone, and with its name: `web.example.org`. */
  readonly name: string;
  /** IPv4. */
  readonly address: number;
  readonly ttlSec: number;
}

/** A name as DNS has it, in lower case. Throws `WV_CONFIG`. */
export function encodeName(name: string): Uint8Array {
  const labels = name.replace(/\.$/, "").toLowerCase().split(".");
  const bytes = labels.flatMap((label) => [label.length, ...Buffer.from(label, "latin1")]);
  if (labels.every((label) => LABEL.test(label)) && bytes.length < NAME_BYTES_MAX)
    return Uint8Array.from([...bytes, 0]);
  throw new WasmvisorError("WV_CONFIG", `dns: expected a name like web.example.org, got "${name}"`);
}

function words(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 2);
  values.forEach((value, i) => {
    put16(bytes, i * 2, value);
  });
  return bytes;
}

function word32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  put32(bytes, 0, value);
  return bytes;
}

/** The message with that `id`. Throws `WV_CONFIG` for names that are none. */
export function encodeUpdate(update: DnsUpdate, id: number): Uint8Array {
  const name = encodeName(update.name);
  const zone = encodeName(update.zone);
  return Buffer.concat([
    words(id, OPCODE_UPDATE << 11, 1, 0, 2, 0),
    ...[zone, words(TYPE_SOA, CLASS_IN)],
    ...[name, words(TYPE_A, CLASS_ANY), word32(0), words(0)],
    ...[name, words(TYPE_A, CLASS_IN), word32(update.ttlSec), words(4), word32(update.address)],
  ]);
}

/** The same with a signature at its end; `nowSec` since 1970. */
export function signedUpdate(message: Uint8Array, key: TsigKey, nowSec: number): Uint8Array {
  const name = encodeName(key.name);
  const algorithm = encodeName(ALGORITHM);
  const time = Buffer.concat([words(Math.floor(nowSec / 2 ** 32)), word32(nowSec % 2 ** 32)]);
  const stamp = Buffer.concat([time, words(FUDGE_SEC)]);
  const variables = [name, words(CLASS_ANY), word32(0), algorithm, stamp, words(0, 0)];
  const mac = createHmac("sha256", key.secret)
    .update(Buffer.concat([message, ...variables]))
    .digest();
  const data = Buffer.concat([
    algorithm,
    stamp,
    words(mac.length),
    mac,
    words(get16(message, 0), 0, 0),
  ]);
  const record = [name, words(TYPE_TSIG, CLASS_ANY), word32(0), words(data.length), data];
  const signed = Buffer.concat([message, ...record]);
  put16(signed, 10, 1); // One additional record.
  return signed;
}

/** What a server said to the update with that `id`: 0 is done. Undefined: it answers something else. */
export function updateStatus(response: Uint8Array, id: number): number | undefined {
  if (response.length < HEADER_BYTES || get16(response, 0) !== id) return undefined;
  const flags = get16(response, 2);
  const isAnswer = flags >>> 15 === 1 && ((flags >>> 11) & 15) === OPCODE_UPDATE;
  return isAnswer ? flags & 15 : undefined;
}

/** What servers say in words (RFC 2136, section 2.2). */
export const statusName = (status: number): string =>
  [
    "done",
    "FORMERR",
    "SERVFAIL",
    "NXDOMAIN",
    "NOTIMP",
    "REFUSED",
    "YXDOMAIN",
    "YXRRSET",
    "NXRRSET",
    "NOTAUTH",
    "NOTZONE",
  ][status] ?? `error ${status}`;

/** The key in a file as `tsig-keygen` writes it. Throws `WV_CONFIG`. */
export function parseTsigKey(text: string, what: string): TsigKey {
  const name = /key\s+"?([^"\s{]+)"?\s*\{/.exec(text)?.[1];
  const algorithm = /algorithm\s+"?([\w-]+)"?\s*;/.exec(text)?.[1];
  const secret = /secret\s+"([A-Za-z0-9+/=]+)"\s*;/.exec(text)?.[1];
  if (name === undefined || secret === undefined || algorithm !== ALGORITHM)
    throw new WasmvisorError("WV_CONFIG", `${what}: expected a key of tsig-keygen -a ${ALGORITHM}`);
  encodeName(name);
  return { name, secret: new Uint8Array(Buffer.from(secret, "base64")) };
}
