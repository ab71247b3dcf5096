/** The door of the translator: its memory, and whether it is on. */

import { COUNTERS_BYTES, initCounters } from "./counters";
import { ENTRIES_BYTES, initEntries } from "./entries";
import { initGenerations } from "./generations";
import { Heat } from "./heat";
import { initModule, MODULE_BYTES } from "./module";
import { initTargets, TARGETS_BYTES } from "./targets";
import { initWork, WORK_BYTES } from "./work";

/** Bytes that `initJit` takes. */
export const JIT_BYTES: u32 =
  WORK_BYTES + MODULE_BYTES + ENTRIES_BYTES + COUNTERS_BYTES + TARGETS_BYTES;

/** Takes JIT_BYTES from `base` on. */
export function initJit(base: usize): void {
  initWork(base);
  initModule(base + WORK_BYTES);
  initEntries(base + WORK_BYTES + MODULE_BYTES);
  initCounters(base + WORK_BYTES + MODULE_BYTES + ENTRIES_BYTES);
  initTargets(base + WORK_BYTES + MODULE_BYTES + ENTRIES_BYTES + COUNTERS_BYTES);
  initGenerations();
}

/**
 * Translates blocks that are met in `threshold` samples; a sample is taken every `interval` instructions
 * of the interpreter. 0: nothing more is translated.
 */
export function setTranslation(interval: u32, threshold: u32): void {
  Heat.interval = (<i32>interval) << 3;
  Heat.threshold = threshold;
}
