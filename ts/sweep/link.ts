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
