/** A rule of a flow table, and what it has counted. */
import type { Instructions } from "./actions.ts";
import type { Match, MatchWords } from "./match.ts";

export const DEFAULT_PRIORITY = 0x8000;

export interface FlowRule {
  readonly table: number;
  readonly priority: number;
  readonly match: Match;
  readonly cookie: bigint;
  /** Seconds without a frame after which it goes; 0: never. */
  readonly idleSec: number;
  /** Seconds after which it goes; 0: never. */
  readonly hardSec: number;
  readonly instructions: Instructions;
  /** Whoever asks is told when it is gone. */
  readonly isRemovalTold: boolean;
  /** OpenFlow's flags, as they were given. */
  readonly flags: number;
}

/** What a rule knows of the table that it is in. */
interface CountedTable {
  matched: number;
  remove(entry: FlowEntry): void;
}

export interface FlowEntry {
  rule: FlowRule;
  readonly table: CountedTable;
  readonly words: MatchWords;
  readonly createdNs: number;
  usedNs: number;
  frames: number;
  bytes: number;
}

/** Why a rule is gone, in OpenFlow's order. */
export type RemovalReason = "idle" | "hard" | "deleted";
