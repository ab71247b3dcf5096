/** DNS messages (RFC 1035), as far as a forwarder needs them: one question, and answers to it. */
import { get16, put16, put32 } from "./bytes.ts";

export const DNS_PORT = 53;
export const TYPE_A = 1;
export const TYPE_PTR = 12;
export const TYPE_AAAA = 28;
export const CODE_OK = 0;
export const CODE_FAILED = 2;
export const CODE_NO_NAME = 3;

const CLASS_IN = 1;
const HEADER_BYTES = 12;
const FLAG_RESPONSE = 0x8000;
const FLAG_RECURSION_DESIRED = 0x0100;
const FLAG_RECURSION_AVAILABLE = 0x0080;
const OPCODE_BITS = 0x7800;
const NAME_BYTES_MAX = 255;
const LABEL_BYTES_MAX = 63;
/** A pointer to the question's name. */
const NAME_OF_QUESTION = 0xc00c;
const ANSWER_BYTES = 12;
/** What fits in any UDP answer. */
const MESSAGE_BYTES_MAX = 512;

export interface DnsQuery {
  readonly id: number;
  readonly flags: number;
  readonly name: string;
  readonly type: number;
  /** The question as it stands in the message. */
  readonly question: Uint8Array;
}

/** A plain query with one question of class IN; undefined: something else, or damaged. */
export function parseDnsQuery(bytes: Uint8Array): DnsQuery | undefined {
  if (bytes.length < HEADER_BYTES + 5) return undefined;
  const flags = get16(bytes, 2);
  if (flags & (FLAG_RESPONSE | OPCODE_BITS) || get16(bytes, 4) !== 1) return undefined;
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (;;) {
    const count = bytes[at];
    if (count === undefined || count > LABEL_BYTES_MAX) return undefined; // No pointers in questions.
    at++;
    if (count === 0) break;
    if (at + count > bytes.length || at + count - HEADER_BYTES > NAME_BYTES_MAX) return undefined;
    labels.push(String.fromCharCode(...bytes.subarray(at, at + count)));
    at += count;
  }
  if (at + 4 > bytes.length || get16(bytes, at + 2) !== CLASS_IN) return undefined;
  const question = bytes.subarray(HEADER_BYTES, at + 4);
  return { id: get16(bytes, 0), flags, name: labels.join("."), type: get16(bytes, at), question };
}

/** Data of a name as a PTR answer carries it; undefined: it is none. */
export function encodeName(name: string): Uint8Array | undefined {
  const labels = name === "" ? [] : name.split(".");
  const bytes = [...labels.flatMap((label) => [label.length, ...latin(label)]), 0];
  const isName = labels.every((label) => label.length > 0 && label.length <= LABEL_BYTES_MAX);
  return isName && bytes.length <= NAME_BYTES_MAX ? Uint8Array.from(bytes) : undefined;
}

const latin = (label: string): number[] => [...label].map((char) => char.charCodeAt(0) & 0xff);

/** The response; answers that do not fit are left out. */
export function encodeDnsResponse(
  query: DnsQuery,
  result: {
    readonly code: number;
    readonly answers?: readonly Uint8Array[];
    readonly ttl?: number;
  },
): Uint8Array {
  const bytes = new Uint8Array(MESSAGE_BYTES_MAX);
  bytes.set(query.question, HEADER_BYTES);
  let at = HEADER_BYTES + query.question.length;
  let count = 0;
  for (const data of result.answers ?? []) {
    if (at + ANSWER_BYTES + data.length > MESSAGE_BYTES_MAX) break;
    put16(bytes, at, NAME_OF_QUESTION);
    put16(bytes, at + 2, query.type);
    put16(bytes, at + 4, CLASS_IN);
    put32(bytes, at + 6, result.ttl ?? 60);
    put16(bytes, at + 10, data.length);
    bytes.set(data, at + ANSWER_BYTES);
    at += ANSWER_BYTES + data.length;
    count++;
  }
  const asked = query.flags & FLAG_RECURSION_DESIRED;
  put16(bytes, 0, query.id);
  put16(bytes, 2, FLAG_RESPONSE | asked | FLAG_RECURSION_AVAILABLE | result.code);
  put16(bytes, 4, 1);
  put16(bytes, 6, count);
  return bytes.subarray(0, at);
}
