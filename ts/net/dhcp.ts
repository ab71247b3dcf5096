/**
 * DHCP messages (RFC 2131, 2132).
 *
 *   op 1   htype 1   hlen 1   hops 1   xid 4   secs 2   flags 2   ciaddr 4   yiaddr 4   siaddr 4   giaddr 4
 *   chaddr 16   sname 64   file 128   magic 63825363   options
 */
import { get16, get32, put16, put32 } from "./bytes.ts";
import { getMac, putMac } from "./mac.ts";

export const DHCP_SERVER_PORT = 67;
export const DHCP_CLIENT_PORT = 68;
export const DISCOVER = 1;
export const OFFER = 2;
export const REQUEST = 3;
export const DECLINE = 4;
export const ACKNOWLEDGE = 5;
export const REFUSE = 6;
export const RELEASE = 7;
export const INFORM = 8;

export const OPTION_MASK = 1;
export const OPTION_ROUTER = 3;
export const OPTION_DNS = 6;
export const OPTION_MTU = 26;
export const OPTION_REQUESTED_IP = 50;
export const OPTION_LEASE_TIME = 51;
export const OPTION_TYPE = 53;
export const OPTION_SERVER = 54;
const OPTION_PAD = 0;
const OPTION_END = 255;

const OP_REQUEST = 1;
const OP_REPLY = 2;
const MAGIC = 0x6382_5363;
const MAGIC_AT = 236;
const OPTIONS_AT = 240;
/** The shortest that old clients take (RFC 1542). */
const MESSAGE_BYTES_MIN = 300;

export interface DhcpMessage {
  readonly isReply: boolean;
  readonly xid: number;
  readonly flags: number;
  readonly clientIp: number;
  readonly yourIp: number;
  readonly mac: number;
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** Undefined: cut, or not a message of an Ethernet client. */
export function parseDhcp(bytes: Uint8Array): DhcpMessage | undefined {
  if (bytes.length < OPTIONS_AT || get32(bytes, MAGIC_AT) !== MAGIC) return undefined;
  const op = bytes[0] as number;
  if ((op !== OP_REQUEST && op !== OP_REPLY) || get16(bytes, 1) !== 0x0106) return undefined;
  const options = parseOptions(bytes);
  return (
    options && {
      isReply: op === OP_REPLY,
      xid: get32(bytes, 4),
      flags: get16(bytes, 10),
      clientIp: get32(bytes, 12),
      yourIp: get32(bytes, 16),
      mac: getMac(bytes, 28),
      options,
    }
  );
}

function parseOptions(bytes: Uint8Array): Map<number, Uint8Array> | undefined {
  const options = new Map<number, Uint8Array>();
  for (let at = OPTIONS_AT; at < bytes.length; ) {
    const kind = bytes[at] as number;
    if (kind === OPTION_END) break;
    if (kind === OPTION_PAD) {
      at++;
      continue;
    }
    const count = bytes[at + 1];
    if (count === undefined || at + 2 + count > bytes.length) return undefined;
    options.set(kind, bytes.subarray(at + 2, at + 2 + count));
    at += 2 + count;
  }
  return options;
}

/** An option that is one address or number of 32 bits. */
export function option32(message: DhcpMessage, kind: number): number | undefined {
  const value = message.options.get(kind);
  return value?.length === 4 ? get32(value, 0) : undefined;
}

export function word32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  put32(bytes, 0, value);
  return bytes;
}

export function encodeDhcp(message: DhcpMessage): Uint8Array {
  let at = OPTIONS_AT;
  const options = [...message.options];
  const count = options.reduce((sum, [, value]) => sum + 2 + value.length, OPTIONS_AT + 1);
  const bytes = new Uint8Array(Math.max(MESSAGE_BYTES_MIN, count));
  bytes[0] = message.isReply ? OP_REPLY : OP_REQUEST;
  put16(bytes, 1, 0x0106);
  put32(bytes, 4, message.xid);
  put16(bytes, 10, message.flags);
  put32(bytes, 12, message.clientIp);
  put32(bytes, 16, message.yourIp);
  putMac(bytes, 28, message.mac);
  put32(bytes, MAGIC_AT, MAGIC);
  for (const [kind, value] of options) {
    bytes.set([kind, value.length], at);
    bytes.set(value, at + 2);
    at += 2 + value.length;
  }
  bytes[at] = OPTION_END;
  return bytes;
}
