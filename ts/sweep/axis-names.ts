/** The axes of a plan. */

/** The slowest first. */
export const AXES = [
  "memory",
  "usedMemory",
  "workingSet",
  "workingSetOffset",
  "distribution",
  "bandwidth",
  "latency",
  "loss",
  "channels",
  "bandwidthCap",
  "downtimeLimit",
  "policy",
  "slowdown",
  "roundsMax",
  "preCopyRounds",
  "backgroundPages",
  "xbzrleCache",
  "strategy",
  "dirtyRate",
] as const;
export type AxisName = (typeof AXES)[number];
