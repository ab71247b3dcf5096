/** The handle on a migration under way: where it is, the order to switch now, its limits. */
import { checkLimits, type MovingLimits } from "./limits.ts";
import type { MigrationStats } from "./stats.ts";

/**
 * Phases of a migration, as in the literature. `activation`: the guest runs on the target; in
 * post-copy its last pages still come. `recovery`: the channel broke meanwhile and is sought anew.
 */
export type Phase =
  | "setup"
  | "iterative-copy"
  | "stop-and-copy"
  | "commitment"
  | "activation"
  | "recovery";

/** Hand one to `migrate`, for one migration. */
export class MigrationControl {
  #isPostCopyAsked = false;
  #phase: Phase = "setup";
  #stats: (() => MigrationStats) | undefined;
  #isPauseAsked = false;
  #onPause: (() => void) | undefined;
  /** What was asked for, until there is a migration to tell. */
  #limits: MovingLimits = {};
  #onLimits: ((limits: MovingLimits) => void) | undefined;

  /** Changes limits, from now on: of pre-copy, and of the push of post-copy. Throws `WV_CONFIG`. */
  setLimits(limits: MovingLimits): void {
    checkLimits(limits);
    if (this.#onLimits) this.#onLimits(limits);
    else this.#limits = { ...this.#limits, ...limits };
  }

  /**
   * Switches as soon as the target knows the guest: what was not sent yet follows on demand. Ignored
   * once the guest is stopped. Not for `stop-and-copy`.
   */
  startPostCopy(): void {
    this.#isPostCopyAsked = true;
  }

  get isPostCopyAsked(): boolean {
    return this.#isPostCopyAsked;
  }

  /**
   * Breaks a post-copy off whose guest runs at the target: its result is `paused`, and `recover` goes on with
   * it. What has not arrived stays here. False: the guest does not run there yet, or has all its pages.
   */
  pausePostCopy(): boolean {
    if (!this.#onPause) return false;
    this.#isPauseAsked = true;
    this.#onPause();
    return true;
  }

  /** True from that order on until the migration goes on. */
  get isPauseAsked(): boolean {
    return this.#isPauseAsked;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** What was counted so far; undefined before it began. */
  stats(): MigrationStats | undefined {
    return this.#stats?.();
  }

  /** @internal The engine says where to look. */
  attach(stats: () => MigrationStats, onLimits: (limits: MovingLimits) => void): void {
    this.#stats = stats;
    this.#onLimits = onLimits;
    onLimits(this.#limits);
  }

  /** @internal From now on there is a post-copy to pause; undefined: there is none any more. */
  pausable(onPause: (() => void) | undefined): void {
    this.#onPause = onPause;
    if (onPause) this.#isPauseAsked = false;
  }

  /** @internal */
  enter(phase: Phase): void {
    this.#phase = phase;
  }
}
