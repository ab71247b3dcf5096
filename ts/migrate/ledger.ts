/**
 * What became of each migration to this host. A source that lost the answer to its COMMIT asks
 * here, by a channel of its own; the answer is final: whatever was not running when it was asked
 * about will never run.
 */
import type { Connection } from "./connection.ts";
import type { Outcome } from "./messages.ts";

/** Finished migrations that are remembered; the oldest are forgotten first. */
const REMEMBERED_MAX = 65_536;

export class MigrationLedger {
  /** Undefined: under way. */
  readonly #outcomes = new Map<string, Outcome | undefined>();
  readonly #cancels = new Map<string, () => void>();
  /** Post-copies that still lack pages: each takes a new connection to its source. */
  readonly #resumes = new Map<string, (connection: Connection) => void>();

  /** Those under way that take further connections for their pages. */
  readonly #joins = new Map<string, (connection: Connection, index: number) => void>();

  /** Of those that run here and whose sources have not heard of it. */
  readonly #untold = new Map<string, () => void>();

  /** A migration begins. False if this id was used or asked about before. */
  begin(id: string, cancel: () => void): boolean {
    if (this.#outcomes.has(id)) return false;
    this.#outcomes.set(id, undefined);
    this.#cancels.set(id, cancel);
    return true;
  }

  /** COMMIT has come. False if it is too late: the guest must not run here. */
  commit(id: string): boolean {
    if (!this.#outcomes.has(id) || this.#outcomes.get(id) !== undefined) return false;
    this.#settle(id, "running");
    return true;
  }

  /** Guest `id` runs here and lacks pages: `take` gets any new connection to its source. */
  awaitResume(id: string, take: (connection: Connection) => void): () => void {
    this.#resumes.set(id, take);
    return () => this.#resumes.delete(id);
  }

  /** Hands `connection` to the post-copy `id`. False: there is none that lacks pages. */
  resume(id: string, connection: Connection): boolean {
    const take = this.#resumes.get(id);
    take?.(connection);
    return take !== undefined;
  }

  /** Further connections of `id` are taken, until the result is called. */
  awaitJoins(id: string, take: (connection: Connection, index: number) => void): () => void {
    this.#joins.set(id, take);
    return () => this.#joins.delete(id);
  }

  /** Hands `connection` to the migration `id`. Throws what `take` throws. False: it is not under way. */
  join(id: string, connection: Connection, index: number): boolean {
    const take = this.#joins.get(id);
    take?.(connection, index);
    return take !== undefined;
  }

  /** Guest `id` runs here: `action` when its source is told, by the answer to COMMIT or because it asks. */
  onTold(id: string, action: () => void): void {
    this.#untold.set(id, action);
  }

  told(id: string): void {
    const action = this.#untold.get(id);
    this.#untold.delete(id);
    action?.();
  }

  /** The guest does not run here and will not. */
  refuse(id: string): void {
    this.#settle(id, "not-running");
  }

  /** The final word on `id`. A migration that is still under way ends here. */
  query(id: string): Outcome {
    const outcome = this.#outcomes.get(id);
    if (outcome === "running") this.told(id);
    if (outcome) return outcome;
    const cancel = this.#cancels.get(id);
    this.#settle(id, "not-running");
    cancel?.();
    return "not-running";
  }

  #settle(id: string, outcome: Outcome): void {
    this.#cancels.delete(id);
    this.#outcomes.delete(id);
    this.#outcomes.set(id, outcome);
    if (this.#outcomes.size <= REMEMBERED_MAX) return;
    for (const [oldest, state] of this.#outcomes) {
      if (state === undefined) continue;
      this.#outcomes.delete(oldest);
      this.#untold.delete(oldest);
      break;
    }
  }
}
