/**
 * Events for rare control-plane facts (a round ended, a guest stopped). Details are frozen plain
 * objects. Hot paths count in metrics structs instead.
 */

export type Listener<Detail> = (detail: Detail) => void;

/**
 * `class Vm { readonly events = new TypedEventTarget<{ exit: { reason: string } }>() }`. Listeners
 * run synchronously, in the order in which they came; the first error of one of them is thrown to
 * the emitter after all have run.
 */
export class TypedEventTarget<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();

  /** Listens; the result stops listening, as does an abort of `signal`. */
  on<Name extends keyof Events>(
    name: Name,
    listener: Listener<Events[Name]>,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): () => void {
    const { signal } = options;
    if (signal?.aborted) return () => undefined;
    let set = this.#listeners.get(name);
    if (!set) {
      set = new Set();
      this.#listeners.set(name, set);
    }
    // A wrapper of its own, so that the same function may listen twice.
    const entry: Listener<Events[Name]> = (detail) => listener(detail);
    const listeners = set;
    listeners.add(entry as Listener<never>);
    const off = (): void => {
      listeners.delete(entry as Listener<never>);
      signal?.removeEventListener("abort", off);
    };
    signal?.addEventListener("abort", off, { once: true });
    return off;
  }

  emit<Name extends keyof Events>(name: Name, detail: Events[Name]): void {
    const set = this.#listeners.get(name);
    if (!set || set.size === 0) return;
    Object.freeze(detail);
    const errors: unknown[] = [];
    for (const listener of [...set] as unknown as Listener<Events[Name]>[]) {
      try {
        listener(detail);
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
