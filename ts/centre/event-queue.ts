/**
 * What happens next: slots with a time each, the earliest first, and what was set first among equals. A slot's time can
 * be changed or taken away while it waits, which is what a flow whose rate changes needs.
 *
 * A binary heap. Times and orders lie in it by place, so that a comparison looks at neighbours and not at slots, which
 * are anywhere. What is taken leaves a hole at the top: whoever is set next most often falls into it.
 */
export class EventQueue {
  readonly #slots: number[] = [];
  readonly #times: number[] = [];
  readonly #orders: number[] = [];
  /** Of each slot; -1: it does not wait. */
  readonly #place: number[] = [];
  #orderCount = 0;
  #hasHole = false;

  get size(): number {
    return this.#slots.length - (this.#hasHole ? 1 : 0);
  }

  /** When the first is due. */
  get firstNs(): number {
    this.#close();
    return this.#times[0] as number;
  }

  /** Takes the slot that is due first. */
  take(): number {
    this.#close();
    const slot = this.#slots[0] as number;
    this.#place[slot] = -1;
    this.#hasHole = true;
    return slot;
  }

  set(slot: number, timeNs: number): void {
    const order = this.#orderCount++;
    this.#move(this.#placeFor(slot, timeNs, order), slot, timeNs, order);
  }

  /** Where it is, or a free place. */
  #placeFor(slot: number, timeNs: number, order: number): number {
    const waits = (this.#place[slot] ?? -1) >= 0;
    if (waits) this.#close();
    if (waits) return this.#place[slot] as number;
    if (this.#hasHole) {
      this.#hasHole = false;
      return 0;
    }
    this.#put(this.#slots.length, slot, timeNs, order);
    return this.#slots.length - 1;
  }

  delete(slot: number): void {
    const place = this.#place[slot] ?? -1;
    if (place < 0) return;
    this.#place[slot] = -1;
    this.#remove(place);
  }

  #close(): void {
    if (!this.#hasHole) return;
    this.#hasHole = false;
    this.#remove(0);
  }

  /** The last one takes the place. */
  #remove(place: number): void {
    const slot = this.#slots.pop() as number;
    const timeNs = this.#times.pop() as number;
    const order = this.#orders.pop() as number;
    if (place < this.#slots.length) this.#move(place, slot, timeNs, order);
  }

  /** Up or down from a place that is free. */
  #move(from: number, slot: number, timeNs: number, order: number): void {
    const place = this.#up(from, timeNs, order);
    this.#put(place === from ? this.#down(from, timeNs, order) : place, slot, timeNs, order);
  }

  #isAfter(place: number, timeNs: number, order: number): boolean {
    const its = this.#times[place] as number;
    return its > timeNs || (its === timeNs && (this.#orders[place] as number) > order);
  }

  #up(from: number, timeNs: number, order: number): number {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.#isAfter(parent, timeNs, order)) break;
      this.#shift(parent, place);
      place = parent;
    }
    return place;
  }

  #down(from: number, timeNs: number, order: number): number {
    const { length } = this.#slots;
    let place = from;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= length) break;
      if (
        child + 1 < length &&
        this.#isAfter(child, this.#times[child + 1] as number, this.#orders[child + 1] as number)
      )
        child++;
      if (this.#isAfter(child, timeNs, order)) break;
      this.#shift(child, place);
      place = child;
    }
    return place;
  }

  #shift(from: number, to: number): void {
    const slot = this.#slots[from] as number;
    this.#put(to, slot, this.#times[from] as number, this.#orders[from] as number);
  }

  #put(place: number, slot: number, timeNs: number, order: number): void {
    this.#slots[place] = slot;
    this.#times[place] = timeNs;
    this.#orders[place] = order;
    this.#place[slot] = place;
  }
}
