/** What the link of a scenario moves, with its losses and its connections. */
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

/** How post-copy pushes pages in a guest whose stores wait for nothing. */
export function idlePush(scenario: Scenario): {
  readonly pushNs: number;
  readonly pushPages: number;
} {
  const capBytesPerSec = scenario.bandwidthCapBytesPerSec ?? Number.POSITIVE_INFINITY;
  const bytesPerSec = Math.min(capBytesPerSec, connectionBytesPerSec(scenario));
  const pages = Math.floor((bytesPerSec * IDLE_PUSH_NS) / 1e9 / scenario.wire.normalPageBytes);
  return { pushNs: IDLE_PUSH_NS, pushPages: Math.max(1, pages) };
}
