/** The handle on a migration under way: where it is, and the order to switch now. */
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

  get phase(): Phase {
    return this.#phase;
  }

  /** What was counted so far; undefined before it began. */
  stats(): MigrationStats | undefined {
    return this.#stats?.();
  }

  /** @internal The engine says where to look. */
  attach(stats: () => MigrationStats): void {
    this.#stats = stats;
  }

  /** @internal */
  enter(phase: Phase): void {
    this.#phase = phase;
  }
}
