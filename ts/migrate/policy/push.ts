/**
 * How the background push of post-copy goes on, and when who waits for a page gets it. `around`: ours, around the
 * last fault; requests are answered at once, and not counted, as the cap is for what can wait. `qemu`, to compare
 * with it, as its own trace shows it under a cap (7.2): on behind the last fault to the end of memory, then
 * from its start; requests wait for the next window of 100 ms and are paid from its budget; and what is left when a
 * window is over goes without a cap if it fits the limit of downtime.
 */
import { GUEST_PAGE_BYTES } from "../../machine/migratable.ts";
import { WINDOW_NS } from "../rate-window.ts";
import { type Bubble, nextRange, nextUpwards, type Range } from "./prefetch.ts";

export interface PushState {
  readonly remainingPages: number;
  /** The cap. */
  readonly bytesPerSec: number;
  readonly downtimeLimitNs: number;
}

export interface PushPolicy {
  readonly next: (bubble: Bubble, pageCount: number) => Range | undefined;
  /** `at-once`, beside the cap; or `next-window`, from its budget. */
  readonly answers: "at-once" | "next-window";
  /** Asked when a window is over: may the rest go without a cap? */
  readonly lifts: (state: PushState) => boolean;
}

export const PUSH_POLICIES = {
  around: { next: nextRange, answers: "at-once", lifts: () => false },
  qemu: {
    next: nextUpwards,
    answers: "next-window",
    lifts: ({ bytesPerSec, downtimeLimitNs, remainingPages }) =>
      remainingPages * GUEST_PAGE_BYTES <= (bytesPerSec * downtimeLimitNs) / 1e9,
  },
} as const satisfies Readonly<Record<string, PushPolicy>>;

export type PushName = keyof typeof PUSH_POLICIES;
export const PUSH_NAMES = Object.keys(PUSH_POLICIES) as readonly PushName[];

/** The end of the window that `ns` after the migration's beginning lies in, or is. */
export function windowEnd(ns: number): number {
  return Math.ceil(ns / WINDOW_NS) * WINDOW_NS;
}
