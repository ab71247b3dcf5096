/** What the link of a scenario moves, with its losses and its connections. */
import { GUEST_PAGE_BYTES } from "../machine/migratable.ts";
import { flowBytesPerSec } from "../migrate/tcp-flow.ts";
import type { Scenario } from "./scenario.ts";

/** Frames of each connection in a window of 100 ms, where there are several. */
export const FRAMES_PER_WINDOW = 8;

/** Bytes a second of one connection that has the link to itself. */
export function connectionBytesPerSec(scenario: Scenario): number {
  const { bandwidthBytesPerSec: bytesPerSec, latencyNs, lossRatio = 0 } = scenario;
  return flowBytesPerSec({ bytesPerSec, latencyNs, lossRatio });
}

/** Bytes a second of all connections together. */
export function pagesBytesPerSec(scenario: Scenario): number {
  const { bandwidthBytesPerSec, channels = 1 } = scenario;
  return Math.min(bandwidthBytesPerSec, channels * connectionBytesPerSec(scenario));
}

/** A frame of post-copy's push takes this long where nobody waits for a page: as few events as may be. */
const IDLE_PUSH_NS = 20e6;
/** The engine's own frames. */
export const ENGINE_PUSH = { pushNs: 250e3, pushPages: 64 } as const;
/** Of the push, so much is on its way whatever is known of the link. */
const PUSH_FLOOR_BYTES = 1 << 16;

/** Is more on its way over this link than the push begins with? It has to find out how much. */
export function isLongLink(scenario: Scenario): boolean {
  return (2 * scenario.latencyNs * connectionBytesPerSec(scenario)) / 1e9 > PUSH_FLOOR_BYTES;
}

interface PushFrames {
  readonly pushNs: number;
  readonly pushPages: number;
}

/**
 * How post-copy pushes pages in a guest whose stores wait for nothing. Over a long link in the engine's own frames: how
 * fast it finds out what the link moves depends on them (up to a fifth of the total at 20 ms).
 */
export function idlePush(scenario: Scenario): PushFrames {
  if (isLongLink(scenario)) return ENGINE_PUSH;
  const capBytesPerSec = scenario.bandwidthCapBytesPerSec ?? Number.POSITIVE_INFINITY;
  const bytesPerSec = Math.min(capBytesPerSec, connectionBytesPerSec(scenario));
  const pages = Math.floor((bytesPerSec * IDLE_PUSH_NS) / 1e9 / scenario.wire.normalPageBytes);
  return { pushNs: IDLE_PUSH_NS, pushPages: Math.max(1, pages) };
}

/** A frame of the engine's push is for so long at least under a cap. */
const CAPPED_PUSH_NS = 1e6;

/** Pages of a frame when so much is known to be moved. */
export function pushedPages(
  scenario: Scenario,
  { pushNs, pushPages }: PushFrames,
  bytesPerSec: number,
): number {
  const ns = scenario.bandwidthCapBytesPerSec === null ? pushNs : Math.max(pushNs, CAPPED_PUSH_NS);
  return Math.max(1, Math.min(Math.floor((bytesPerSec * ns) / 1e9 / GUEST_PAGE_BYTES), pushPages));
}
