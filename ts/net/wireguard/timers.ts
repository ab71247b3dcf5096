/**
 * When a peer has to do something by itself (WireGuard's white paper, section 6). Deadlines alone: who asks `due` says
 * what time it is, and does it.
 */
export const REKEY_TIMEOUT_NS = 5e9;
export const KEEPALIVE_NS = 10e9;
export const REKEY_ATTEMPT_NS = 90e9;
/** Keys that no handshake has renewed are forgotten after three lifetimes. */
export const FORGET_AFTER_NS = 3 * 180e9;

export type TimerName =
  | "retransmit" // The initiation was not answered.
  | "keepalive" // Something came, and nothing was sent since.
  | "renew" // Something was sent, and nothing came since.
  | "forget" // The keys are too old to be kept.
  | "persistent"; // A middlebox would forget us.

export class Timers {
  readonly #deadlines = new Map<TimerName, number>();

  arm(name: TimerName, atNs: number): void {
    this.#deadlines.set(name, atNs);
  }

  isArmed(name: TimerName): boolean {
    return this.#deadlines.has(name);
  }

  disarm(...names: readonly TimerName[]): void {
    for (const name of names) this.#deadlines.delete(name);
  }

  clear(): void {
    this.#deadlines.clear();
  }

  /** What is due, each once. */
  due(nowNs: number): TimerName[] {
    const names = [...this.#deadlines].filter(([, atNs]) => atNs <= nowNs).map(([name]) => name);
    this.disarm(...names);
    return names;
  }
}
