/** What the frames of a migration stream carry: plain objects to payload bytes and back. */
import { decodeState, encodeState, type Plain } from "../base/codec.ts";
import { type ErrorCode, WasmvisorError } from "../base/errors.ts";
import type { GuestShape, PageBatch } from "../machine/migratable.ts";
import { DISKS_MAX, type DiskShape, isDiskBytes } from "./block-frames.ts";
import {
  FRAME_SEALED,
  type Frame,
  frameName,
  loadU32,
  SEALED_HEADER_BYTES,
  storeU32,
  streamError,
} from "./stream.ts";

const MESSAGE_VERSION = 1;
const PAGES_HEADER_BYTES = 12;

/** How the end of a migration is known to its target. */
export type Outcome = "running" | "not-running";

export interface Hello {
  /** Names this attempt; both sides and nobody else know it. */
  readonly id: string;
  readonly strategy: string;
  /** Post-copy: the source wants a checkpoint this often; 0: never. */
  readonly checkpointNs: number;
  /** What the source would like, by name. */
  readonly features: readonly string[];
  /** What it does once it is here: a guest that was paused stays so. */
  readonly arrives: Arrival;
  readonly shape: GuestShape;
  /** Disks that are copied along, if the target can do that. */
  readonly disks?: readonly DiskShape[] | undefined;
}

export const ARRIVALS = ["running", "paused"] as const;
export type Arrival = (typeof ARRIVALS)[number];

export interface EndOfMemory {
  readonly normalPages: number;
  readonly zeroPages: number;
  /** Hash of the source's memory, or empty if the source does not ask for the comparison. */
  readonly memoryHash: string;
  /** Blocks of disks that were sent, zeros among them. */
  readonly blocks: number;
}

export interface Reason {
  readonly code: string;
  readonly message: string;
}

type Fields = { readonly [key: string]: Plain };

function decodeFields(frame: Frame): Fields {
  try {
    const value = decodeState(frame.payload, { version: MESSAGE_VERSION, code: "WV_BAD_STREAM" });
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new Error("type");
    return value as Fields;
  } catch (error) {
    const why = error instanceof WasmvisorError ? error.message : "not an object";
    throw streamError(frame, `${frameName(frame.type)}: ${why}`);
  }
}

function field<T extends "string" | "number">(
  frame: Frame,
  fields: Fields,
  name: string,
  type: T,
): T extends "string" ? string : number {
  const value = fields[name];
  if (typeof value !== type)
    throw streamError(frame, `${frameName(frame.type)}: "${name}" is not a ${type}`);
  return value as T extends "string" ? string : number;
}

function countField(frame: Frame, fields: Fields, name: string): number {
  const value = field(frame, fields, name, "number");
  if (!Number.isSafeInteger(value) || value < 0)
    throw streamError(frame, `${frameName(frame.type)}: "${name}" is not a count`);
  return value;
}

const NAMES_MAX = 64;

/** A list of names; one that is not there is empty. */
function namesField(frame: Frame, fields: Fields, name: string): string[] {
  const value = fields[name] ?? [];
  const isGood = Array.isArray(value) && value.length <= NAMES_MAX;
  if (isGood && value.every((one) => typeof one === "string")) return value as string[];
  throw streamError(frame, `${frameName(frame.type)}: "${name}" is not a list of names`);
}

export function encodeHello(hello: Hello): Uint8Array {
  const { kind, pageCount, config } = hello.shape;
  const { arrives, checkpointNs, features, id, strategy } = hello;
  const disks = hello.disks?.length ? hello.disks.map((disk) => ({ ...disk })) : undefined;
  return encodeState(
    {
      id,
      strategy,
      checkpointNs,
      arrives,
      features: [...features],
      kind,
      pageCount,
      config,
      disks,
    },
    MESSAGE_VERSION,
  );
}

/** None where there is no such field: nothing is copied along. */
function disksField(frame: Frame, fields: Fields): DiskShape[] {
  const value = fields["disks"] ?? [];
  if (!Array.isArray(value) || value.length > DISKS_MAX)
    throw streamError(frame, 'HELLO: "disks" is not a list of disks');
  const disks = value.map((one) => {
    if (typeof one !== "object" || one === null || Array.isArray(one))
      throw streamError(frame, 'HELLO: "disks" is not a list of disks');
    const disk = one as Fields;
    return {
      index: countField(frame, disk, "index"),
      bytes: countField(frame, disk, "bytes"),
      usedBytes: countField(frame, disk, "usedBytes"),
    };
  });
  for (const [i, { bytes, index }] of disks.entries()) {
    if (!isDiskBytes(bytes)) throw streamError(frame, `HELLO: a disk of ${bytes} bytes`);
    if (index >= DISKS_MAX || disks.findIndex((one) => one.index === index) !== i)
      throw streamError(frame, `HELLO: disk ${index} cannot be`);
  }
  return disks;
}

export function decodeHello(frame: Frame): Hello {
  const fields = decodeFields(frame);
  const config = fields["config"];
  if (!(config instanceof Uint8Array)) throw streamError(frame, 'HELLO: "config" is not bytes');
  const id = field(frame, fields, "id", "string");
  if (id.length === 0 || id.length > 128) throw streamError(frame, "HELLO: bad id");
  const arrives = ARRIVALS.find((one) => one === fields["arrives"]);
  if (!arrives) throw streamError(frame, "HELLO: arrives neither running nor paused");
  return {
    id,
    arrives,
    strategy: field(frame, fields, "strategy", "string"),
    checkpointNs: countField(frame, fields, "checkpointNs"),
    features: namesField(frame, fields, "features"),
    disks: disksField(frame, fields),
    shape: {
      kind: field(frame, fields, "kind", "string"),
      pageCount: countField(frame, fields, "pageCount"),
      config,
    },
  };
}

/** For ACCEPT: what the target takes of what the source would like. */
export function encodeAccept(features: readonly string[]): Uint8Array {
  return encodeState({ features: [...features] }, MESSAGE_VERSION);
}

export function decodeAccept(frame: Frame): string[] {
  return namesField(frame, decodeFields(frame), "features");
}

/** For JOIN: another connection for the pages of a migration under way. */
export interface Join {
  readonly id: string;
  /** From 1 on; the first connection is 0. */
  readonly index: number;
}

export function encodeJoin({ id, index }: Join): Uint8Array {
  return encodeState({ id, index }, MESSAGE_VERSION);
}

export function decodeJoin(frame: Frame): Join {
  const fields = decodeFields(frame);
  return { id: field(frame, fields, "id", "string"), index: countField(frame, fields, "index") };
}

export function encodeEnd({ blocks, ...memory }: EndOfMemory): Uint8Array {
  return encodeState({ ...memory, ...(blocks > 0 ? { blocks } : {}) }, MESSAGE_VERSION);
}

export function decodeEnd(frame: Frame): EndOfMemory {
  const fields = decodeFields(frame);
  return {
    normalPages: countField(frame, fields, "normalPages"),
    zeroPages: countField(frame, fields, "zeroPages"),
    memoryHash: field(frame, fields, "memoryHash", "string"),
    blocks: fields["blocks"] === undefined ? 0 : countField(frame, fields, "blocks"),
  };
}

/** For ABORT and REFUSE. */
export function encodeReason(error: unknown): Uint8Array {
  const code: ErrorCode = error instanceof WasmvisorError ? error.code : "WV_MIGRATION";
  const message = (error instanceof Error ? error.message : String(error)).slice(0, 4096);
  return encodeState({ code, message }, MESSAGE_VERSION);
}

export function decodeReason(frame: Frame): Reason {
  const fields = decodeFields(frame);
  return {
    code: field(frame, fields, "code", "string"),
    message: field(frame, fields, "message", "string"),
  };
}

export function encodeQuery(id: string): Uint8Array {
  return encodeState({ id }, MESSAGE_VERSION);
}

export function decodeQuery(frame: Frame): string {
  return field(frame, decodeFields(frame), "id", "string");
}

export function encodeOutcome(outcome: Outcome): Uint8Array {
  return encodeState({ outcome }, MESSAGE_VERSION);
}

export function decodeOutcome(frame: Frame): Outcome {
  const outcome = field(frame, decodeFields(frame), "outcome", "string");
  if (outcome !== "running" && outcome !== "not-running")
    throw streamError(frame, `OUTCOME: unknown outcome ${JSON.stringify(outcome)}`);
  return outcome;
}

/** What the target tells when the last page has arrived. */
export interface Arrived {
  /** Pages that came after the switch, and how often a vCPU had to wait for one. */
  readonly pages: number;
  readonly faults: number;
  /** Longest wait of a vCPU for one page, and all waits together. */
  readonly longestWaitNs: number;
  readonly waitedNs: number;
  /** How long the guest stood still for want of pages: right after the switch, and at the longest. */
  readonly firstStallNs: number;
  readonly longestStallNs: number;
}

export function encodeArrived(arrived: Arrived): Uint8Array {
  return encodeState({ ...arrived }, MESSAGE_VERSION);
}

export function decodeArrived(frame: Frame): Arrived {
  const fields = decodeFields(frame);
  return {
    pages: countField(frame, fields, "pages"),
    faults: countField(frame, fields, "faults"),
    longestWaitNs: countField(frame, fields, "longestWaitNs"),
    waitedNs: countField(frame, fields, "waitedNs"),
    firstStallNs: countField(frame, fields, "firstStallNs"),
    longestStallNs: countField(frame, fields, "longestStallNs"),
  };
}

/** For REQUEST: the pages that vCPUs wait for, the first first. For WANTED: those that they store to. */
export function encodeRequest(gfns: readonly number[]): Uint8Array {
  const payload = new Uint8Array(gfns.length * 4);
  for (const [i, gfn] of gfns.entries()) storeU32(payload, i * 4, gfn);
  return payload;
}

export function decodeRequest(frame: Frame, pageCount: number): number[] {
  const { payload } = frame;
  const name = frameName(frame.type);
  if (payload.length === 0 || payload.length % 4 !== 0) throw streamError(frame, `${name}: cut`);
  const gfns = Array.from({ length: payload.length / 4 }, (_, i) => loadU32(payload, i * 4));
  const wrong = gfns.find((gfn) => gfn >= pageCount);
  if (wrong !== undefined) throw streamError(frame, `${name}: there is no page ${wrong}`);
  return gfns;
}

/** For CREDIT: the number of a PAGES frame whose pages are in place. */
export function encodeCredit(sequence: number): Uint8Array {
  const payload = new Uint8Array(4);
  storeU32(payload, 0, sequence);
  return payload;
}

export function decodeCredit(frame: Frame): number {
  if (frame.payload.length !== 4) throw streamError(frame, "CREDIT: expected 4 bytes");
  return loadU32(frame.payload, 0);
}

/** For SYNC: the number of the barrier. */
export function encodeSync(barrier: number): Uint8Array {
  return encodeCredit(barrier);
}

export function decodeSync(frame: Frame): number {
  if (frame.payload.length !== 4) throw streamError(frame, "SYNC: expected 4 bytes");
  return loadU32(frame.payload, 0);
}

/** The header of a PAGES payload, or with `seal` of a SEALED one; the records follow it. */
export function encodePagesHeader(round: number, batch: PageBatch, seal?: number): Uint8Array {
  const header = new Uint8Array(seal === undefined ? PAGES_HEADER_BYTES : SEALED_HEADER_BYTES);
  if (seal !== undefined) storeU32(header, PAGES_HEADER_BYTES, seal);
  storeU32(header, 0, round);
  storeU32(header, 4, batch.normalPages);
  storeU32(header, 8, batch.zeroPages);
  return header;
}

export type ReceivedPages = Omit<PageBatch, "nextGfn"> & { readonly round: number };

export function decodePages(frame: Frame): ReceivedPages {
  const { payload, type } = frame;
  const isSealed = type === FRAME_SEALED;
  const headerBytes = isSealed ? SEALED_HEADER_BYTES : PAGES_HEADER_BYTES;
  if (payload.length < headerBytes) throw streamError(frame, `${frameName(type)}: cut`);
  return {
    seal: isSealed ? loadU32(payload, PAGES_HEADER_BYTES) : undefined,
    round: loadU32(payload, 0),
    normalPages: loadU32(payload, 4),
    zeroPages: loadU32(payload, 8),
    records: payload.subarray(headerBytes),
  };
}

export interface RoundMark {
  readonly round: number;
  readonly remainingPages: number;
}

export function encodeRound(mark: RoundMark): Uint8Array {
  const payload = new Uint8Array(8);
  storeU32(payload, 0, mark.round);
  storeU32(payload, 4, mark.remainingPages);
  return payload;
}

export function decodeRound(frame: Frame): RoundMark {
  const { payload } = frame;
  if (payload.length !== 8) throw streamError(frame, "ROUND: expected 8 bytes");
  return { round: loadU32(payload, 0), remainingPages: loadU32(payload, 4) };
}
