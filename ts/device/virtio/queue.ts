/**
 * The device's side of a split virtqueue (virtio 1.2, section 2.7). All integers little-endian:
 *
 *   descriptor table   16 bytes each: gpa u64, bytes u32, flags u16, next u16
 *   available ring     flags u16, idx u16, ring u16[size], used_event u16
 *   used ring          flags u16, idx u16, ring {id u32, bytes u32}[size], avail_event u16
 *
 * Everything in it is the guest's, so nothing in it is believed: each index, address and length is
 * checked, and whatever breaks the rules faults the device instead of throwing.
 */
import type { GuestMemory } from "../../machine/guest-memory.ts";
import type { Persist } from "../../machine/persist.ts";
import { badState, StateFields } from "../../machine/state-fields.ts";
import { DescriptorChain, type Segment } from "./chain.ts";

const DESC_BYTES = 16;
const DESC_NEXT = 1;
const DESC_WRITE = 2;
const DESC_INDIRECT = 4;
const AVAIL_NO_INTERRUPT = 1;
const INDIRECT_MAX = 1024;
const TWO_32 = 0x1_0000_0000;

/** How a driver broke the rules of its queue. */
export type QueueFault =
  | "queue-size" // not a power of two within the limit
  | "ring-address" // a ring is misaligned, outside RAM, or overlaps another
  | "avail-index" // more buffers than the queue holds
  | "descriptor-index" // head or next beyond the table
  | "chain-loop" // more descriptors than the table has
  | "chain-order" // a readable buffer after a writable one
  | "chain-bytes" // more bytes than the device takes at once
  | "buffer" // empty, or not in RAM
  | "indirect" // not negotiated, nested, or of an impossible size
  | "runaway"; // buffers appear faster than they are used

/** A 64-bit ring address as the driver writes it. */
export interface RingAddress {
  lo: number;
  hi: number;
}

export interface VirtQueueOptions {
  readonly memory: GuestMemory;
  /** A power of two up to 32768. */
  readonly sizeMax: number;
  /** Bytes of all buffers of one chain; 16 MiB by default. */
  readonly chainBytesMax?: number | undefined;
  readonly onFault: (fault: QueueFault) => void;
  /** The driver wants an interrupt for used buffers. */
  readonly onInterrupt: () => void;
}

export interface VirtQueueState {
  readonly size: number;
  readonly isReady: boolean;
  /** Low and high halves of descriptor table, available ring, used ring. */
  readonly addresses: readonly number[];
  readonly lastAvail: number;
  readonly usedIndex: number;
  readonly signalledUsed: number;
  readonly isSignalledValid: boolean;
  readonly hasUnsignalled: boolean;
}

export interface VirtQueueMetrics {
  readonly chains: number;
  readonly interrupts: number;
  readonly suppressedInterrupts: number;
}

const DEFAULT_CHAIN_BYTES_MAX = 16 * 1024 * 1024;

export class VirtQueue implements Persist<VirtQueueState> {
  readonly #options: VirtQueueOptions;
  readonly #memory: GuestMemory;
  readonly #chainBytesMax: number;
  readonly #scratch = new Uint8Array(DESC_BYTES);
  readonly #view = new DataView(this.#scratch.buffer);
  readonly #word = this.#scratch.subarray(0, 2);
  readonly #element = this.#scratch.subarray(0, 8);
  /** The three ring addresses; the transport writes them while the queue is not ready. */
  readonly desc: RingAddress = { lo: 0, hi: 0 };
  readonly avail: RingAddress = { lo: 0, hi: 0 };
  readonly used: RingAddress = { lo: 0, hi: 0 };
  #size: number;
  #isReady = false;
  #descGpa = 0;
  #availGpa = 0;
  #usedGpa = 0;
  #lastAvail = 0;
  #usedIndex = 0;
  #signalledUsed = 0;
  #isSignalledValid = false;
  #hasUnsignalled = false;
  #hasIndirect = false;
  #hasEventIndex = false;
  #popsLeft = 0;
  /** The pages of the rings are known to be there. */
  #areRingsHere = false;
  /** A chain could not be looked at: pages of it have not arrived yet. Look again when some have. */
  isLacking = false;
  #chains = 0;
  #interrupts = 0;
  #suppressedInterrupts = 0;

  constructor(options: VirtQueueOptions) {
    this.#options = options;
    this.#memory = options.memory;
    this.#chainBytesMax = options.chainBytesMax ?? DEFAULT_CHAIN_BYTES_MAX;
    this.#size = options.sizeMax;
  }

  get sizeMax(): number {
    return this.#options.sizeMax;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  get size(): number {
    return this.#size;
  }

  /** Descriptors in the table; checked when the queue is made ready. */
  set size(size: number) {
    if (!this.#isReady) this.#size = size;
  }

  reset(): void {
    for (const address of [this.desc, this.avail, this.used]) {
      address.lo = 0;
      address.hi = 0;
    }
    this.#isReady = false;
    this.#size = this.sizeMax;
    this.#restart();
  }

  /** The driver says that size and addresses are final (or, with false, takes the queue away). */
  setReady(isReady: boolean): void {
    if (isReady === this.#isReady) return;
    this.#isReady = false;
    if (!isReady) return;
    this.#restart();
    this.#isReady = this.#place();
  }

  /** What was negotiated; valid from FEATURES_OK on. */
  setFeatures(features: { readonly hasIndirect: boolean; readonly hasEventIndex: boolean }): void {
    this.#hasIndirect = features.hasIndirect;
    this.#hasEventIndex = features.hasEventIndex;
  }

  /** Allows one more batch of `pop` calls: what an honest driver can have queued, twice over. */
  beginBatch(): void {
    this.#popsLeft = 2 * this.#size;
  }

  /** Takes the next chain; undefined when there is none or the driver broke the rules. */
  pop(): DescriptorChain | undefined {
    if (!this.#isReady || !this.hasAvailable()) return undefined;
    if (this.#popsLeft === 0) return this.#fault("runaway");
    const head = this.#load16(this.#availGpa + 4 + 2 * (this.#lastAvail & (this.#size - 1)));
    const chain = this.#walk(head);
    if (!chain) return undefined;
    this.#popsLeft--;
    this.#lastAvail = (this.#lastAvail + 1) & 0xffff;
    this.#chains++;
    return chain;
  }

  /** Gives the last `count` chains back untouched: `pop` finds them again, in their order. */
  unpop(count: number): void {
    this.#popsLeft += count;
    this.#lastAvail = (this.#lastAvail - count) & 0xffff;
    this.#chains -= count;
  }

  /** True if `pop` would find a chain. When not, asks the driver to notify us of the next one. */
  hasAvailable(): boolean {
    if (!this.#isReady || !this.#hasRings()) return false;
    let count = this.#availableCount();
    if (count === 0 && this.#hasEventIndex) {
      this.#store16(this.#usedGpa + 4 + 8 * this.#size, this.#lastAvail);
      count = this.#availableCount(); // The driver may have added one just before it could see that.
    }
    if (count <= this.#size) return count > 0;
    this.#fault("avail-index");
    return false;
  }

  /** Returns a chain, into which `writtenBytes` were written. `flush` tells the driver. */
  push(chain: DescriptorChain, writtenBytes: number): void {
    if (!this.#isReady) return;
    const slot = this.#usedIndex & (this.#size - 1);
    this.#view.setUint32(0, chain.head, true);
    this.#view.setUint32(4, writtenBytes, true);
    this.#memory.write(this.#usedGpa + 4 + 8 * slot, this.#element);
    this.#usedIndex = (this.#usedIndex + 1) & 0xffff;
    this.#store16(this.#usedGpa + 2, this.#usedIndex);
    this.#hasUnsignalled = true;
  }

  /** Interrupts the driver if it wants to hear of what was pushed since the last time. */
  flush(): void {
    if (!this.#isReady || !this.#hasUnsignalled) return;
    this.#hasUnsignalled = false;
    if (this.#wantsInterrupt()) {
      this.#interrupts++;
      this.#options.onInterrupt();
    } else this.#suppressedInterrupts++;
  }

  metrics(): VirtQueueMetrics {
    return {
      chains: this.#chains,
      interrupts: this.#interrupts,
      suppressedInterrupts: this.#suppressedInterrupts,
    };
  }

  save(): VirtQueueState {
    return {
      size: this.#size,
      isReady: this.#isReady,
      addresses: [this.desc, this.avail, this.used].flatMap(({ lo, hi }) => [lo, hi]),
      lastAvail: this.#lastAvail,
      usedIndex: this.#usedIndex,
      signalledUsed: this.#signalledUsed,
      isSignalledValid: this.#isSignalledValid,
      hasUnsignalled: this.#hasUnsignalled,
    };
  }

  restore(state: VirtQueueState): void {
    const fields = new StateFields("queue", state);
    const [descLo = 0, descHi = 0, availLo = 0, availHi = 0, usedLo = 0, usedHi = 0] =
      fields.integers("addresses", 6);
    const isReady = fields.flag("isReady");
    const positions = {
      size: fields.integer("size"),
      lastAvail: fields.integer("lastAvail", 0xffff),
      usedIndex: fields.integer("usedIndex", 0xffff),
      signalledUsed: fields.integer("signalledUsed", 0xffff),
    };
    const isSignalledValid = fields.flag("isSignalledValid");
    const hasUnsignalled = fields.flag("hasUnsignalled");
    Object.assign(this.desc, { lo: descLo, hi: descHi });
    Object.assign(this.avail, { lo: availLo, hi: availHi });
    Object.assign(this.used, { lo: usedLo, hi: usedHi });
    this.#size = positions.size;
    this.#isReady = isReady && this.#findFault() === undefined;
    if (isReady && !this.#isReady)
      throw badState("queue.addresses", "rings inside RAM", "rings outside RAM");
    this.#computeGpas();
    this.#lastAvail = positions.lastAvail;
    this.#usedIndex = positions.usedIndex;
    this.#signalledUsed = positions.signalledUsed;
    this.#isSignalledValid = isSignalledValid;
    this.#hasUnsignalled = hasUnsignalled;
  }

  #restart(): void {
    this.#lastAvail = 0;
    this.#usedIndex = 0;
    this.#signalledUsed = 0;
    this.#isSignalledValid = false;
    this.#hasUnsignalled = false;
  }

  #computeGpas(): void {
    this.#areRingsHere = false;
    this.#descGpa = this.desc.hi * TWO_32 + this.desc.lo;
    this.#availGpa = this.avail.hi * TWO_32 + this.avail.lo;
    this.#usedGpa = this.used.hi * TWO_32 + this.used.lo;
  }

  #place(): boolean {
    const fault = this.#findFault();
    if (fault) this.#fault(fault);
    return fault === undefined;
  }

  /** Checks size and rings, and computes their addresses. */
  #findFault(): QueueFault | undefined {
    const size = this.#size;
    if (size === 0 || size > this.sizeMax || (size & (size - 1)) !== 0) return "queue-size";
    this.#computeGpas();
    let end = this.#memory.ramBase;
    for (const { gpa, bytes, alignment } of this.#rings().sort((a, b) => a.gpa - b.gpa)) {
      if (gpa % alignment !== 0 || gpa < end || !this.#isInRam(gpa, bytes)) return "ring-address";
      end = gpa + bytes;
    }
    return undefined;
  }

  #rings() {
    const size = this.#size;
    return [
      { gpa: this.#descGpa, bytes: DESC_BYTES * size, alignment: 16 },
      { gpa: this.#availGpa, bytes: 6 + 2 * size, alignment: 2 },
      { gpa: this.#usedGpa, bytes: 6 + 8 * size, alignment: 4 },
    ];
  }

  #isInRam(gpa: number, bytes: number): boolean {
    const { ramBase, ramBytes } = this.#memory;
    return gpa >= ramBase && gpa + bytes <= ramBase + ramBytes;
  }

  #hasRings(): boolean {
    if (this.#areRingsHere) return true;
    const missing = this.#rings().filter(({ gpa, bytes }) => !this.#memory.isHere(gpa, bytes));
    this.#areRingsHere = missing.length === 0;
    if (!this.#areRingsHere) this.isLacking = true;
    return this.#areRingsHere;
  }

  /** Nothing of a chain may be touched before all of it is there: a device cannot stop half-way. */
  #lacks(segments: readonly Segment[]): boolean {
    const missing = segments.filter(({ gpa, bytes }) => !this.#memory.isHere(gpa, bytes));
    if (missing.length > 0) this.isLacking = true;
    return missing.length > 0;
  }

  #availableCount(): number {
    return (this.#load16(this.#availGpa + 2) - this.#lastAvail) & 0xffff;
  }

  /** Follows a chain from its head through at most one indirect table. */
  #walk(head: number): DescriptorChain | undefined {
    const buffers = { readable: [] as Segment[], writable: [] as Segment[] };
    let table = this.#descGpa;
    let tableSize = this.#size;
    let index = head;
    let bytesLeft = this.#chainBytesMax;
    for (let count = 0; ; count++) {
      if (index >= tableSize) return this.#fault("descriptor-index");
      if (count === tableSize) return this.#fault("chain-loop");
      this.#memory.read(table + DESC_BYTES * index, this.#scratch);
      const gpa = this.#view.getUint32(4, true) * TWO_32 + this.#view.getUint32(0, true);
      const bytes = this.#view.getUint32(8, true);
      const flags = this.#view.getUint16(12, true);
      index = this.#view.getUint16(14, true);
      if (bytes === 0 || !this.#isInRam(gpa, bytes)) return this.#fault("buffer");
      if (flags & DESC_INDIRECT) {
        const isNested = table !== this.#descGpa;
        if (isNested || !this.#isIndirectTable(bytes, flags)) return this.#fault("indirect");
        if (this.#lacks([{ gpa, bytes }])) return undefined;
        table = gpa;
        tableSize = bytes / DESC_BYTES;
        index = 0;
        count = -1;
        continue;
      }
      bytesLeft -= bytes;
      if (bytesLeft < 0) return this.#fault("chain-bytes");
      if (flags & DESC_WRITE) buffers.writable.push({ gpa, bytes });
      else if (buffers.writable.length > 0) return this.#fault("chain-order");
      else buffers.readable.push({ gpa, bytes });
      if (flags & DESC_NEXT) continue;
      if (this.#lacks([...buffers.readable, ...buffers.writable])) return undefined;
      return new DescriptorChain(this.#memory, head, buffers);
    }
  }

  #isIndirectTable(bytes: number, flags: number): boolean {
    return (
      this.#hasIndirect &&
      (flags & DESC_NEXT) === 0 &&
      bytes % DESC_BYTES === 0 &&
      bytes <= INDIRECT_MAX * DESC_BYTES
    );
  }

  /** Sections 2.7.7 and 2.7.10. */
  #wantsInterrupt(): boolean {
    if (!this.#hasEventIndex) return (this.#load16(this.#availGpa) & AVAIL_NO_INTERRUPT) === 0;
    const usedEvent = this.#load16(this.#availGpa + 4 + 2 * this.#size);
    const before = this.#signalledUsed;
    const isFirst = !this.#isSignalledValid;
    this.#signalledUsed = this.#usedIndex;
    this.#isSignalledValid = true;
    const sinceEvent = (this.#usedIndex - usedEvent - 1) & 0xffff;
    return isFirst || sinceEvent < ((this.#usedIndex - before) & 0xffff);
  }

  #load16(gpa: number): number {
    this.#memory.read(gpa, this.#word);
    return this.#view.getUint16(0, true);
  }

  #store16(gpa: number, value: number): void {
    this.#view.setUint16(0, value, true);
    this.#memory.write(gpa, this.#word);
  }

  #fault(fault: QueueFault): undefined {
    this.#isReady = false;
    this.#options.onFault(fault);
    return undefined;
  }
}
