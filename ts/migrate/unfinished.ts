/** Why a migration stops after COMMIT without being over. */
export class Unfinished extends Error {
  /**
   * `in-doubt`: nobody knows whether the target runs the guest. `paused`: it does, and lacks pages
   * that are here. `target-lost`: it did, and is gone.
   */
  readonly state: "in-doubt" | "paused" | "target-lost";

  constructor(state: Unfinished["state"], cause: unknown) {
    super(state, { cause });
    this.state = state;
  }
}
