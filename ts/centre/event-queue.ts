/**
 * What happens next: slots with a time each, the earliest first, and what was set first among equals. A slot's time can
 * be changed or taken away while it waits, which is what a flow whose rate changes needs.
 */
export class EventQueue {
  readonly #heap: number[] = [];
  readonly #time: number[] = [];
  readonly #order: number[] = [];
  readonly #place: number[] = [];
  #orders = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** The slot that is due first, and when. */
  get first(): number {
    return this.#heap[0] as number;
  }
  get firstNs(): number {
    return this.#time[this.first] as number;
  }

  set(slot: number, timeNs: number): void {
    this.#time[slot] = timeNs;
    this.#order[slot] = this.#orders++;
    let place = this.#place[slot] ?? -1;
    if (place < 0) {
      place = this.#heap.length;
      this.#heap.push(slot);
    }
    this.#down(this.#up(place, slot), slot);
  }

  delete(slot: number): void {
    const place = this.#place[slot] ?? -1;
    if (place < 0) return;
    this.#place[slot] = -1;
    const last = this.#heap.pop() as number;
    if (last !== slot) this.#down(this.#up(place, last), last);
  }

  #isBefore(a: number, b: number): boolean {
    const before = this.#time[a] as number;
    const after = this.#time[b] as number;
    if (before !== after) return before < after;
    return (this.#order[a] as number) < (this.#order[b] as number);
  }

  #up(from: number, slot: number): number {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const other = this.#heap[parent] as number;
      if (!this.#isBefore(slot, other)) break;
      this.#put(place, other);
      place = parent;
    }
    return place;
  }

  #down(from: number, slot: number): void {
    const { length } = this.#heap;
    let place = from;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= length) break;
      if (
        child + 1 < length &&
        this.#isBefore(this.#heap[child + 1] as number, this.#heap[child] as number)
      )
        child++;
      const other = this.#heap[child] as number;
      if (!this.#isBefore(other, slot)) break;
      this.#put(place, other);
      place = child;
    }
    this.#put(place, slot);
  }

  #put(place: number, slot: number): void {
    this.#heap[place] = slot;
    this.#place[slot] = place;
  }
}
