/** Which station is behind which port, for each VLAN: learned from what they send, forgotten when they are quiet. */

const AGE_NS = 300e9; // IEEE 802.1Q's default
const VLAN_SHIFT = 2 ** 12;

export interface MacTableOptions {
  readonly entriesMax?: number | undefined;
  /** Of one port: whoever makes addresses up fills its own share, not that of others. */
  readonly portEntriesMax?: number | undefined;
  readonly ageNs?: number | undefined;
}

/** A station that moves less than this after it has moved is at two places, or goes round. */
const FLAP_NS = 1e9;

/** `flapped`: it moved, and had moved just before. `full`: there is no room to know it. */
export type Learned = "known" | "new" | "moved" | "flapped" | "full";

interface Entry<Port> {
  port: Port;
  seenNs: number;
  movedNs: number;
}

export class MacTable<Port> {
  readonly #entriesMax: number;
  readonly #portEntriesMax: number;
  readonly #ageNs: number;
  /** By VLAN, then by address: 60 bits are too many for a number. */
  readonly #vlans = new Map<number, Map<number, Entry<Port>>>();
  readonly #counts = new Map<Port, number>();
  #size = 0;
  #sweptNs = 0;

  constructor(options: MacTableOptions = {}) {
    this.#entriesMax = options.entriesMax ?? 2 * VLAN_SHIFT;
    this.#portEntriesMax = options.portEntriesMax ?? VLAN_SHIFT / 4;
    this.#ageNs = options.ageNs ?? AGE_NS;
  }

  get size(): number {
    return this.#size;
  }

  /** `mac` is behind `port`. */
  learn(vlan: number, mac: number, at: { readonly port: Port; readonly nowNs: number }): Learned {
    const { nowNs, port } = at;
    const known = this.#vlans.get(vlan)?.get(mac);
    if (known?.port === port) {
      known.seenNs = nowNs;
      return "known";
    }
    if (nowNs - this.#sweptNs > this.#ageNs / 4) this.#sweep(nowNs);
    const count = this.#counts.get(port) ?? 0;
    if (count >= this.#portEntriesMax || (!known && this.#size >= this.#entriesMax)) return "full";
    if (known) this.#forget(vlan, mac, known);
    this.#counts.set(port, (this.#counts.get(port) ?? 0) + 1);
    this.#size++;
    const table = this.#vlans.get(vlan) ?? new Map<number, Entry<Port>>();
    const movedNs = known ? nowNs : Number.NEGATIVE_INFINITY;
    this.#vlans.set(vlan, table.set(mac, { port, seenNs: nowNs, movedNs }));
    if (!known) return "new";
    return nowNs - known.movedNs < FLAP_NS ? "flapped" : "moved";
  }

  /** The port of a station that was heard of lately. */
  find(vlan: number, mac: number, nowNs: number): Port | undefined {
    const entry = this.#vlans.get(vlan)?.get(mac);
    if (!entry || nowNs - entry.seenNs > this.#ageNs) return undefined;
    return entry.port;
  }

  /** Forgets all that is behind a port. */
  drop(port: Port): void {
    this.#removeIf((entry) => entry.port === port);
  }

  #sweep(nowNs: number): void {
    this.#sweptNs = nowNs;
    this.#removeIf((entry) => nowNs - entry.seenNs > this.#ageNs);
  }

  #removeIf(isWrong: (entry: Entry<Port>) => boolean): void {
    for (const [vlan, table] of this.#vlans) {
      for (const [mac, entry] of table) if (isWrong(entry)) this.#forget(vlan, mac, entry);
      if (table.size === 0) this.#vlans.delete(vlan);
    }
  }

  #forget(vlan: number, mac: number, { port }: Entry<Port>): void {
    this.#vlans.get(vlan)?.delete(mac);
    this.#size--;
    const left = (this.#counts.get(port) ?? 1) - 1;
    if (left === 0) this.#counts.delete(port);
    else this.#counts.set(port, left);
  }
}
