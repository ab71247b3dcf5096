/** What a space has and what it costs, counted. */
import * as abi from "../../bindings/abi";
import { logFrames } from "./dirty";
import { CHUNK_ENTRIES, chunkOf, countExpected, expectedFrames, hasSharers } from "./map";
import { pendingFrames, slotFrames } from "./pending";
import { spaceFrames } from "./space";

/** Has `frame` not been counted in `bitmap` (one bit a machine frame)? Counts it. */
function isFirst(bitmap: usize, frame: usize): bool {
  const n = <u32>(frame >> abi.PAGE_SHIFT);
  const at = bitmap + (n >> 3);
  const bit: u8 = <u8>((<u32>1) << (n & 7));
  if (load<u8>(at) & bit) return false;
  store<u8>(at, load<u8>(at) | bit);
  return true;
}

/** Counts of the last survey. */
export abstract class Survey {
  /** Pages with a frame, and pages that have not arrived yet. */
  static populated: u32 = 0;
  static missing: u32 = 0;
  /** Frames that come back if the space goes: nobody else uses them. */
  static owned: u32 = 0;
  /** Frames of pages that were not counted in the bitmap before. */
  static distinct: u32 = 0;
}

function surveyChunk(chunk: usize, bitmap: usize): void {
  const isOwn = !hasSharers(chunk);
  if (isOwn) Survey.owned++;
  for (let at = chunk; at < chunk + abi.PAGE_BYTES; at += 4) {
    const entry = load<u32>(at);
    if (entry & abi.ENTRY_MISSING) Survey.missing++;
    if (!(entry & abi.ENTRY_PRESENT)) continue;
    const frame: usize = entry & ~0xfff;
    Survey.populated++;
    if (isOwn && !hasSharers(frame)) Survey.owned++;
    if (bitmap && isFirst(bitmap, frame)) Survey.distinct++;
  }
}

/** Counts `space` into `Survey`; frames are marked in `bitmap` (one bit a machine frame), unless it is 0. */
export function surveySpace(space: usize, bitmap: usize): void {
  const pages = load<u32>(space, abi.SPACE_PAGES);
  Survey.populated = 0;
  Survey.missing = 0;
  Survey.distinct = 0;
  Survey.owned = spaceFrames(pages);
  if (load<u32>(space, abi.SPACE_DIRTY)) Survey.owned += logFrames(space);
  if (load<u32>(space, abi.SPACE_EXPECTED)) Survey.owned += expectedFrames(pages);
  Survey.owned += pendingFrames(space) + slotFrames(space);
  for (let index: u32 = 0; index < pages; index += CHUNK_ENTRIES) {
    const chunk = chunkOf(space, index);
    if (chunk) surveyChunk(chunk, bitmap);
    else Survey.missing += countExpected(space, index);
  }
}
