/**
 * Records of a batch (see `bindings/abi.ts`): how one page goes to the other side of a migration, or into a
 * snapshot, and how it is read back. What is read comes from a network or a file: nothing is believed.
 */
import {
  BATCH_CHECKED,
  BATCH_DELTA,
  BATCH_GFN,
  BATCH_HEADER_BYTES,
  BATCH_TWIN,
  BATCH_ZERO,
  PAGE_BYTES,
} from "../../bindings/abi";
import { digestFrame } from "./content";
import { applyDelta, encodeDelta } from "./delta";
import { noteSent, sentPage, twinOf } from "./sent";
import { peekFrame, Space } from "./space";

/** Bytes of a record of differences before them: header, checksum, their number. */
const DELTA_HEADER: u32 = 10;
/** Differences that are longer are no use. */
const DELTA_MAX: u32 = 3072;

/** What the records of the last batch were. */
export abstract class Encoded {
  static deltas: u32 = 0;
  static twins: u32 = 0;
  /** Pages that were in the cache and had changed too much. */
  static overflows: u32 = 0;
}

/** Writes the record of page `index`, which is not zero, without an encoder; returns where it ends. */
export function putPlain(index: u32, frame: usize, at: usize): usize {
  store<u32>(at, index);
  memory.copy(at + BATCH_HEADER_BYTES, frame, PAGE_BYTES);
  return at + BATCH_HEADER_BYTES + PAGE_BYTES;
}

/** Likewise with a checksum, and as short as the encoder can make it. */
export function putEncoded(encoder: usize, index: u32, frame: usize, at: usize): usize {
  const digest = digestFrame(frame);
  store<u32>(at, <u32>digest, 4);
  const twin = twinOf(encoder, index, digest);
  const end = twin >= 0 ? putTwin(index, <u32>twin, at) : putDelta(encoder, index, frame, at);
  noteSent(encoder, index, frame, digest);
  if (end) return end;
  store<u32>(at, index | BATCH_CHECKED);
  memory.copy(at + 8, frame, PAGE_BYTES);
  return at + 8 + PAGE_BYTES;
}

function putTwin(index: u32, twin: u32, at: usize): usize {
  Encoded.twins++;
  store<u32>(at, index | BATCH_CHECKED | BATCH_TWIN);
  store<u32>(at, twin, 8);
  return at + 12;
}

/** What differs from what was sent last; 0: nobody knows that, or it is too much. */
function putDelta(encoder: usize, index: u32, frame: usize, at: usize): usize {
  const old = sentPage(encoder, index);
  if (!old) return 0;
  const bytes = encodeDelta(old, frame, at + DELTA_HEADER, DELTA_MAX);
  if (bytes < 0) {
    Encoded.overflows++;
    return 0;
  }
  Encoded.deltas++;
  store<u32>(at, index | BATCH_CHECKED | BATCH_DELTA);
  store<u16>(at, <u16>bytes, 8);
  return at + DELTA_HEADER + bytes;
}

/** The record that was read last. */
export abstract class Rec {
  static index: u32 = 0;
  /** BATCH_ZERO, BATCH_CHECKED, BATCH_DELTA, BATCH_TWIN. */
  static kind: u32 = 0;
  static checksum: u32 = 0;
  /** Page, differences, or number of the twin. */
  static body: usize = 0;
  static bytes: u32 = 0;
  static end: usize = 0;
}

/** Reads the record at `at`; false: it is cut by `end`, of no kind that there is, or of no page of `space`. */
export function readRecord(space: usize, at: usize, end: usize): bool {
  if (at + BATCH_HEADER_BYTES > end) return false;
  const head = load<u32>(at);
  Rec.index = head & BATCH_GFN;
  Rec.kind = head & ~BATCH_GFN;
  Rec.body = at + BATCH_HEADER_BYTES;
  if (Rec.index >= Space.pages(space)) return false;
  return Rec.kind & BATCH_CHECKED ? readChecked(at, end) : readUnchecked(end);
}

function readUnchecked(end: usize): bool {
  if (Rec.kind & ~BATCH_ZERO) return false;
  Rec.bytes = Rec.kind ? 0 : PAGE_BYTES;
  Rec.end = Rec.body + Rec.bytes;
  return Rec.end <= end;
}

function readChecked(at: usize, end: usize): bool {
  if (at + 8 > end) return false;
  Rec.checksum = load<u32>(at, 4);
  Rec.body = at + 8;
  const kind = Rec.kind & ~BATCH_CHECKED;
  if (kind == 0) Rec.bytes = PAGE_BYTES;
  else if (kind == BATCH_TWIN) Rec.bytes = 4;
  else if (kind == BATCH_DELTA && at + DELTA_HEADER <= end) {
    Rec.bytes = load<u16>(at, 8);
    Rec.body = at + DELTA_HEADER;
  } else return false;
  Rec.end = Rec.body + Rec.bytes;
  return Rec.end <= end;
}

/** Does the record stand on its own, without what the space holds? */
export function isWhole(): bool {
  return !(Rec.kind & (BATCH_DELTA | BATCH_TWIN));
}

/** Makes the page at `frame` what the record says. False: it cannot be that. */
export function fillPage(space: usize, frame: usize): bool {
  if (Rec.kind & BATCH_DELTA) {
    if (!applyDelta(frame, Rec.body, Rec.bytes)) return false;
  } else if (Rec.kind & BATCH_TWIN) {
    const twin = peekFrame(space, load<u32>(Rec.body));
    if (!twin || twin == frame) return false;
    memory.copy(frame, twin, PAGE_BYTES);
  } else if (Rec.kind & BATCH_ZERO) memory.fill(frame, 0, PAGE_BYTES);
  else memory.copy(frame, Rec.body, PAGE_BYTES);
  return !(Rec.kind & BATCH_CHECKED) || <u32>digestFrame(frame) == Rec.checksum;
}
