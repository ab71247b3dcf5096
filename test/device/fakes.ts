/** Stand-ins for the machine around a device: RAM, clock, lines, and a virtio driver. */

import type { VirtioMmio } from "../../ts/device/virtio/mmio.ts";
import * as reg from "../../ts/device/virtio/registers.ts";
import type { GuestClock } from "../../ts/machine/guest-clock.ts";
import type { GuestMemory } from "../../ts/machine/guest-memory.ts";

export class FakeMemory implements GuestMemory {
  readonly ramBase = 0x8000_0000;
  readonly ram: Uint8Array;
  readonly view: DataView;

  constructor(ramBytes: number) {
    this.ram = new Uint8Array(ramBytes);
    this.view = new DataView(this.ram.buffer);
  }

  get ramBytes(): number {
    return this.ram.length;
  }

  /** Pages (by gpa >> 12) that have not arrived. */
  readonly missing = new Set<number>();
  isHere(gpa: number, bytes: number): boolean {
    for (let page = gpa >>> 12; page <= (gpa + bytes - 1) >>> 12; page++)
      if (this.missing.has(page)) return false;
    return true;
  }

  read(gpa: number, into: Uint8Array): boolean {
    const at = gpa - this.ramBase;
    if (!(at >= 0 && at + into.length <= this.ram.length)) return false;
    into.set(this.ram.subarray(at, at + into.length));
    return true;
  }

  write(gpa: number, from: Uint8Array): boolean {
    const at = gpa - this.ramBase;
    if (!(at >= 0 && at + from.length <= this.ram.length)) return false;
    this.ram.set(from, at);
    return true;
  }
}

export class FakeClock implements GuestClock {
  now = 0;
  realNs = 1_700_000_000_000_000_000;

  ticks(): number {
    return this.now;
  }

  realTimeNs(): number {
    return this.realNs;
  }
}

export class FakeLine {
  level = false;
  readonly edges: boolean[] = [];

  readonly set = (level: boolean): void => {
    if (level !== this.level) this.edges.push(level);
    this.level = level;
  };
}

/** A buffer of a request: bytes for the device, or room for its answer. */
export type Buffer = { readonly send: Uint8Array } | { readonly receive: number };

export interface Request {
  readonly head: number;
  /** Where each buffer is. */
  readonly gpas: readonly number[];
}

const RING_BYTES = 0x4000;
const QUEUE_SIZE = 16;

/** An honest driver: each queue has up to 16 descriptors; buffers are never reused. */
export class FakeDriver {
  /** May be replaced by a restored twin. */
  device: VirtioMmio;
  readonly memory: FakeMemory;
  readonly features: readonly [number, number];
  readonly #avail: number[] = [];
  readonly #usedSeen: number[] = [];
  readonly #nextDesc: number[] = [];
  #nextBuffer = 0x8010_0000;

  constructor(
    device: VirtioMmio,
    memory: FakeMemory,
    features: readonly [number, number] = [0, 1],
  ) {
    this.device = device;
    this.memory = memory;
    this.features = features;
  }

  load(offset: number): number {
    return this.device.load(offset, 4);
  }

  store(offset: number, value: number): void {
    this.device.store(offset, 4, value);
  }

  get needsReset(): boolean {
    return (this.load(reg.STATUS) & reg.STATUS_NEEDS_RESET) !== 0;
  }

  /** Section 3.1.1, from reset to DRIVER_OK. */
  start(): this {
    this.store(reg.STATUS, 0);
    this.store(reg.STATUS, reg.STATUS_ACKNOWLEDGE | reg.STATUS_DRIVER);
    for (const word of [0, 1]) {
      this.store(reg.DRIVER_FEATURES_SEL, word);
      this.store(reg.DRIVER_FEATURES, this.features[word] ?? 0);
    }
    const status = reg.STATUS_ACKNOWLEDGE | reg.STATUS_DRIVER | reg.STATUS_FEATURES_OK;
    this.store(reg.STATUS, status);
    for (let queue = 0; queue < this.device.queues.length; queue++) this.#startQueue(queue);
    this.store(reg.STATUS, status | reg.STATUS_DRIVER_OK);
    return this;
  }

  ringsOf(queue: number) {
    const desc = this.memory.ramBase + queue * RING_BYTES;
    const size = Math.min(QUEUE_SIZE, this.device.queues[queue]?.sizeMax ?? 0);
    return { desc, avail: desc + 0x1000, used: desc + 0x2000, size };
  }

  #startQueue(queue: number): void {
    const { desc, avail, used, size } = this.ringsOf(queue);
    this.#avail[queue] = 0;
    this.#usedSeen[queue] = 0;
    this.#nextDesc[queue] = 0;
    this.memory.write(avail, new Uint8Array(4));
    this.memory.write(used, new Uint8Array(4));
    this.store(reg.QUEUE_SEL, queue);
    this.store(reg.QUEUE_NUM, size);
    this.store(reg.QUEUE_DESC_LOW, desc);
    this.store(reg.QUEUE_DRIVER_LOW, avail);
    this.store(reg.QUEUE_DEVICE_LOW, used);
    this.store(reg.QUEUE_READY, 1);
  }

  writeDesc(
    queue: number,
    index: number,
    desc: { gpa: number; bytes: number; flags: number; next?: number },
  ): void {
    const at = this.ringsOf(queue).desc - this.memory.ramBase + 16 * index;
    this.memory.view.setUint32(at, desc.gpa % 2 ** 32, true);
    this.memory.view.setUint32(at + 4, Math.floor(desc.gpa / 2 ** 32), true);
    this.memory.view.setUint32(at + 8, desc.bytes, true);
    this.memory.view.setUint16(at + 12, desc.flags, true);
    this.memory.view.setUint16(at + 14, desc.next ?? 0, true);
  }

  /** Makes the chain with this head available. */
  offer(queue: number, head: number): void {
    const { avail, size } = this.ringsOf(queue);
    const at = avail - this.memory.ramBase;
    const index = this.#avail[queue] ?? 0;
    this.memory.view.setUint16(at + 4 + 2 * (index % size), head, true);
    this.#avail[queue] = (index + 1) & 0xffff;
    this.memory.view.setUint16(at + 2, (index + 1) & 0xffff, true);
  }

  add(queue: number, buffers: readonly Buffer[]): Request {
    const { size } = this.ringsOf(queue);
    const first = this.#nextDesc[queue] ?? 0;
    const gpas: number[] = [];
    for (const [i, buffer] of buffers.entries()) {
      const bytes = "send" in buffer ? buffer.send.length : buffer.receive;
      const gpa = this.#nextBuffer;
      this.#nextBuffer += bytes;
      if ("send" in buffer) this.memory.write(gpa, buffer.send);
      const isLast = i === buffers.length - 1;
      const flags = (isLast ? 0 : 1) | ("send" in buffer ? 0 : 2);
      this.writeDesc(queue, (first + i) % size, {
        gpa,
        bytes,
        flags,
        next: (first + i + 1) % size,
      });
      gpas.push(gpa);
    }
    this.#nextDesc[queue] = (first + buffers.length) % size;
    this.offer(queue, first % size);
    return { head: first % size, gpas };
  }

  kick(queue: number): void {
    this.store(reg.QUEUE_NOTIFY, queue);
  }

  /** Used elements that were not taken yet. */
  takeUsed(queue: number): { head: number; bytes: number }[] {
    const { used, size } = this.ringsOf(queue);
    const at = used - this.memory.ramBase;
    const taken: { head: number; bytes: number }[] = [];
    const index = this.memory.view.getUint16(at + 2, true);
    let seen = this.#usedSeen[queue] ?? 0;
    for (; seen !== index; seen = (seen + 1) & 0xffff)
      taken.push({
        head: this.memory.view.getUint32(at + 4 + 8 * (seen % size), true),
        bytes: this.memory.view.getUint32(at + 8 + 8 * (seen % size), true),
      });
    this.#usedSeen[queue] = seen;
    return taken;
  }

  bytesAt(gpa: number, bytes: number): Uint8Array {
    const at = gpa - this.memory.ramBase;
    return this.memory.ram.slice(at, at + bytes);
  }
}

/** Compares contents; a matcher would take seconds over a megabyte. */
export function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
