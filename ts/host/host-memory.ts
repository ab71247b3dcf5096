/** Machine memory as a whole: what guests use of it, and identical pages shared between them. */
import type { Core } from "../../bindings/core.ts";
import { throwIfAborted } from "../base/abort.ts";
import { WasmvisorError } from "../base/errors.ts";
import { turnPassed } from "../base/turns.ts";
import type { GuestRam } from "../vmm/guest-ram.ts";
import type { HostMemory, SharedPages } from "./api.ts";

const FRAME_BYTES = 4096;
/** Pages of one batch: 2 to 4 ms. */
const BATCH_PAGES = 4096;
/** Slots of the table of pages that were seen in one frame. */
const SLOTS_PER_FRAME = 256;
const TABLE_FRAMES_MIN = 4;

/** RAM of guests that are alive; a guest's is undefined once it is gone. */
export type LiveRam = () => GuestRam | undefined;

/** Counts what guests have and what they share. Throws `WV_NO_MEMORY` if there is no room for a bitmap. */
export function hostMemory(core: Core, guests: readonly GuestRam[]): HostMemory {
  const { exports } = core;
  const frames = Math.ceil(core.u8.length / FRAME_BYTES / 8 / FRAME_BYTES);
  const seen = exports.allocRegion(frames) >>> 0;
  if (seen === 0) throw new WasmvisorError("WV_NO_MEMORY", "no room to count the host's memory");
  let populated = 0;
  let distinct = 0;
  try {
    for (const ram of guests) {
      const { distinctFrames, populatedPages } = ram.survey(seen);
      populated += populatedPages;
      distinct += distinctFrames;
    }
  } finally {
    exports.freeRegion(seen, frames);
  }
  return {
    totalBytes: core.frames * FRAME_BYTES,
    freeBytes: (exports.freeFrames() >>> 0) * FRAME_BYTES,
    populatedBytes: populated * FRAME_BYTES,
    savedBytes: (populated - distinct) * FRAME_BYTES,
  };
}

/** Begins a pass with a table for `pages` pages, or for as many as there is room for. */
function begin(core: Core, pages: number): void {
  let frames = TABLE_FRAMES_MIN;
  while (frames * SLOTS_PER_FRAME < pages * 1.5) frames *= 2;
  for (; frames >= TABLE_FRAMES_MIN; frames /= 2)
    if (core.exports.beginSharing(frames) !== 0) return;
  throw new WasmvisorError("WV_NO_MEMORY", "no room for a table of pages that were seen");
}

/**
 * One pass over the pages of all guests: equal ones share a frame afterwards, until one is written.
 * Guests run between its batches. An abort leaves shared what was found until then.
 */
export async function sharePages(
  core: Core,
  guests: readonly LiveRam[],
  signal?: AbortSignal,
): Promise<SharedPages> {
  throwIfAborted(signal);
  const { exports } = core;
  const alive = guests.flatMap((guest) => guest() ?? []);
  begin(
    core,
    alive.reduce((sum, ram) => sum + ram.survey().populatedPages, 0),
  );
  const total = { scannedPages: 0, mergedPages: 0, zeroPages: 0 };
  try {
    for (const guest of guests) {
      let ram = guest();
      for (let at = 0; ram && at < ram.ramBytes / FRAME_BYTES; ram = guest()) {
        at = exports.sharePages(ram.space, at, BATCH_PAGES) >>> 0;
        total.scannedPages += exports.sharedScanned() >>> 0;
        total.mergedPages += exports.sharedMerged() >>> 0;
        total.zeroPages += exports.sharedZero() >>> 0;
        await turnPassed();
        throwIfAborted(signal);
      }
    }
  } finally {
    exports.endSharing();
  }
  return { ...total, savedBytes: (total.mergedPages + total.zeroPages) * FRAME_BYTES };
}
