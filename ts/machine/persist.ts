/**
 * Whatever moves with a guest: `save()` returns plain data (JSON values and `Uint8Array`s), that a
 * fresh object of the same configuration takes back with `restore()`.
 */
export interface Persist<State> {
  save(): State;
  /** Throws `WV_BAD_SNAPSHOT` naming the field when the state does not fit. */
  restore(state: State): void;
}
