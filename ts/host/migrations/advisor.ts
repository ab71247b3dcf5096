/** Who chooses how a guest is moved, where nobody has said it: the interface that a host asks. */
import type { VirtualMachine } from "../virtual-machine.ts";
import type { PlainMigrateOptions } from "./options.ts";

/** What is known of the way to the target. */
export interface Link {
  readonly bytesPerSec: number;
  /** One way. */
  readonly latencyNs: number;
  /** `assumed`: the target could not be asked. */
  readonly source: "measured" | "assumed";
}

/** What was chosen, and why: plain data for whoever asked. */
export interface MigrationAdvice {
  /** `pre-copy, auto-converge`. */
  readonly choice: string;
  readonly reason: string;
  /** Does it keep to the downtime, for all that is known? */
  readonly fits: "yes" | "maybe" | "no";
  /** The guest as it was measured. */
  readonly writer: {
    readonly distribution: string;
    readonly dirtyRate: number;
    readonly workingSetBytes: number;
    readonly error: number;
  };
  readonly link: Link;
  /** What is expected, in ms, and between what it lies. */
  readonly totalMs: { readonly expected: number; readonly low: number; readonly high: number };
  readonly silenceMs: { readonly expected: number; readonly low: number; readonly high: number };
}

export interface AdvisorQuestion {
  readonly vm: VirtualMachine;
  /** What was asked for beside the strategy. */
  readonly asked: PlainMigrateOptions;
  readonly link: Link;
  readonly signal: AbortSignal;
}

export interface AdvisorAnswer {
  readonly advice: MigrationAdvice;
  /** The strategy, and what goes with it. */
  readonly options: PlainMigrateOptions;
}

export type MigrationAdvisor = (question: AdvisorQuestion) => Promise<AdvisorAnswer>;
