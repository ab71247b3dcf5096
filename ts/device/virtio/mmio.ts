/**
 * virtio over MMIO, version 2 (virtio 1.2, section 4.2). One class carries every virtio device: it
 * owns registers, negotiation, status, interrupts and queues; the device behind it does the rest.
 */
import type { Wait } from "../../base/task.ts";
import type { GuestMemory } from "../../machine/guest-memory.ts";
import type { IrqLine } from "../../machine/irq.ts";
import type { AccessBytes, MmioDevice } from "../../machine/mmio.ts";
import type { Persist } from "../../machine/persist.ts";
import { badState, StateFields } from "../../machine/state-fields.ts";
import type { VirtioDevice, VirtioLink } from "./device.ts";
import {
  type RingAddress,
  VirtQueue,
  type VirtQueueMetrics,
  type VirtQueueState,
} from "./queue.ts";
import * as reg from "./registers.ts";

export interface VirtioMmioOptions {
  readonly device: VirtioDevice;
  readonly memory: GuestMemory;
  readonly irq: IrqLine;
  /** Bytes of all buffers of one request; 16 MiB by default. */
  readonly chainBytesMax?: number | undefined;
}

export interface VirtioMmioState {
  /** Name of the device behind the transport. */
  readonly name: string;
  readonly status: number;
  readonly interruptStatus: number;
  readonly configGeneration: number;
  readonly deviceFeaturesSelect: number;
  readonly driverFeaturesSelect: number;
  readonly driverFeatures: readonly number[];
  readonly queueSelect: number;
  readonly queues: readonly VirtQueueState[];
  readonly device: object;
}

export interface VirtioMmioMetrics {
  readonly notifications: number;
  readonly interrupts: number;
  readonly resets: number;
  /** Broken rules by kind; each one led to NEEDS_RESET. */
  readonly faults: Readonly<Record<string, number>>;
  readonly queues: readonly VirtQueueMetrics[];
}

export class VirtioMmio implements MmioDevice, Persist<VirtioMmioState>, VirtioLink {
  readonly name: string;
  readonly windowBytes = 0x1000;
  readonly queues: readonly VirtQueue[];
  readonly #device: VirtioDevice;
  readonly #irq: IrqLine;
  readonly #faults = new Map<string, number>();
  readonly #driverFeatures = new Uint32Array(2);
  #status = 0;
  #interruptStatus = 0;
  #configGeneration = 0;
  #deviceFeaturesSelect = 0;
  #driverFeaturesSelect = 0;
  #queueSelect = 0;
  #notifications = 0;
  #interrupts = 0;
  #resets = 0;

  constructor(options: VirtioMmioOptions) {
    const { device, memory, chainBytesMax } = options;
    this.name = device.name;
    this.#device = device;
    this.#irq = options.irq;
    this.queues = device.queueSizesMax.map(
      (sizeMax) =>
        new VirtQueue({
          memory,
          sizeMax,
          chainBytesMax,
          onFault: (fault) => this.fault(fault),
          onInterrupt: () => this.#interrupt(reg.INT_USED),
        }),
    );
    device.attach(this);
  }

  get isLive(): boolean {
    return (
      (this.#status & (reg.STATUS_DRIVER_OK | reg.STATUS_NEEDS_RESET)) === reg.STATUS_DRIVER_OK
    );
  }

  hasFeature(bit: number): boolean {
    return (((this.#driverFeatures[bit >> 5] ?? 0) >>> (bit & 31)) & 1) === 1;
  }

  signalConfig(): void {
    this.#configGeneration = (this.#configGeneration + 1) >>> 0;
    if (this.#status & reg.STATUS_DRIVER_OK) this.#interrupt(reg.INT_CONFIG);
  }

  /** Section 2.1.2: ask for a reset, and say so by a configuration change. */
  fault(reason: string): void {
    this.#faults.set(reason, (this.#faults.get(reason) ?? 0) + 1);
    this.#status |= reg.STATUS_NEEDS_RESET;
    if (this.#status & reg.STATUS_DRIVER_OK) this.#interrupt(reg.INT_CONFIG);
  }

  load(offset: number, bytes: AccessBytes): number {
    if (offset >= reg.CONFIG) return this.#loadConfig(offset - reg.CONFIG, bytes);
    if (bytes !== 4) return 0;
    switch (offset) {
      case reg.MAGIC_VALUE:
        return reg.MAGIC;
      case reg.VERSION:
        return 2;
      case reg.DEVICE_ID:
        return this.#device.deviceId;
      case reg.VENDOR_ID:
        return reg.VENDOR;
      case reg.DEVICE_FEATURES:
        return this.#offered(this.#deviceFeaturesSelect);
      case reg.QUEUE_NUM_MAX:
        return this.#queue?.sizeMax ?? 0;
      case reg.QUEUE_READY:
        return this.#queue?.isReady ? 1 : 0;
      case reg.INTERRUPT_STATUS:
        return this.#interruptStatus;
      case reg.STATUS:
        return this.#status;
      case reg.SHM_LEN_LOW:
      case reg.SHM_LEN_HIGH:
      case reg.SHM_BASE_LOW:
      case reg.SHM_BASE_HIGH:
        return 0xffff_ffff; // No shared memory regions.
      case reg.CONFIG_GENERATION:
        return this.#configGeneration;
      default:
        return 0;
    }
  }

  /** The configuration spaces of our devices are read-only, and so is everything not named here. */
  store(offset: number, bytes: AccessBytes, value: number): void {
    if (bytes !== 4) return;
    switch (offset) {
      case reg.DEVICE_FEATURES_SEL:
        this.#deviceFeaturesSelect = value;
        break;
      case reg.DRIVER_FEATURES_SEL:
        this.#driverFeaturesSelect = value;
        break;
      case reg.DRIVER_FEATURES:
        if (this.#driverFeaturesSelect < 2 && !(this.#status & reg.STATUS_FEATURES_OK))
          this.#driverFeatures[this.#driverFeaturesSelect] = value;
        break;
      case reg.QUEUE_SEL:
        this.#queueSelect = value;
        break;
      case reg.QUEUE_NOTIFY:
        this.#notify(value);
        break;
      case reg.INTERRUPT_ACK:
        this.#interruptStatus &= ~value;
        this.#driveIrq();
        break;
      case reg.STATUS:
        this.#storeStatus(value);
        break;
      default:
        this.#storeQueue(offset, value);
    }
  }

  metrics(): VirtioMmioMetrics {
    return {
      notifications: this.#notifications,
      interrupts: this.#interrupts,
      resets: this.#resets,
      faults: Object.fromEntries(this.#faults),
      queues: this.queues.map((queue) => queue.metrics()),
    };
  }

  save(): VirtioMmioState {
    return {
      name: this.name,
      status: this.#status,
      interruptStatus: this.#interruptStatus,
      configGeneration: this.#configGeneration,
      deviceFeaturesSelect: this.#deviceFeaturesSelect,
      driverFeaturesSelect: this.#driverFeaturesSelect,
      driverFeatures: [...this.#driverFeatures],
      queueSelect: this.#queueSelect,
      queues: this.queues.map((queue) => queue.save()),
      device: this.#device.save(),
    };
  }

  /** Drives the interrupt line again. */
  restore(state: VirtioMmioState): void {
    const fields = new StateFields(this.name, state);
    const name = fields.text("name");
    if (name !== this.name) throw badState("name", `"${this.name}"`, `"${name}"`);
    const status = fields.integer("status", 0xff);
    const interruptStatus = fields.integer("interruptStatus", reg.INT_USED | reg.INT_CONFIG);
    const configGeneration = fields.integer("configGeneration");
    const deviceFeaturesSelect = fields.integer("deviceFeaturesSelect");
    const driverFeaturesSelect = fields.integer("driverFeaturesSelect");
    const queueSelect = fields.integer("queueSelect");
    const driverFeatures = fields.integers("driverFeatures", 2);
    if (status & reg.STATUS_FEATURES_OK && !this.#isOffered(driverFeatures))
      throw badState(`${this.name}.driverFeatures`, "features of this device", driverFeatures);
    fields.objects("queues", this.queues.length);
    for (const [index, queue] of this.queues.entries())
      queue.restore(state.queues[index] as VirtQueueState);
    this.#driverFeatures.set(driverFeatures);
    this.#applyFeatures();
    this.#status = status;
    this.#interruptStatus = interruptStatus;
    this.#configGeneration = configGeneration;
    this.#deviceFeaturesSelect = deviceFeaturesSelect;
    this.#driverFeaturesSelect = driverFeaturesSelect;
    this.#queueSelect = queueSelect;
    this.#device.restore(state.device);
    this.#driveIrq();
  }

  get #queue(): VirtQueue | undefined {
    return this.queues[this.#queueSelect];
  }

  #offered(word: number): number {
    if (word === 0) return (this.#device.features | reg.RING_FEATURES) >>> 0;
    return word === 1 ? reg.FEATURES_HI : 0;
  }

  #isOffered(features: ArrayLike<number>): boolean {
    const [lo, hi] = [features[0] ?? 0, features[1] ?? 0];
    return (lo & ~this.#offered(0)) === 0 && (hi & ~this.#offered(1)) === 0;
  }

  #loadConfig(offset: number, bytes: AccessBytes): number {
    const config = this.#device.config;
    let value = 0;
    for (let i = bytes - 1; i >= 0; i--) value = value * 256 + (config[offset + i] ?? 0);
    return value;
  }

  #storeStatus(value: number): void {
    if (value === 0) {
      this.#reset();
      return;
    }
    const before = this.#status;
    let next = (value & reg.STATUS_DRIVER_BITS) | (before & reg.STATUS_NEEDS_RESET);
    if (next & ~before & reg.STATUS_FEATURES_OK && !this.#acceptFeatures())
      next &= ~reg.STATUS_FEATURES_OK;
    if (!(next & reg.STATUS_FEATURES_OK)) next &= ~reg.STATUS_DRIVER_OK;
    this.#status = next;
    if (next & ~before & reg.STATUS_DRIVER_OK)
      for (let index = 0; index < this.queues.length; index++) this.#serve(index);
  }

  /** Section 3.1.1: FEATURES_OK stays only on a subset of ours that has VERSION_1. */
  #acceptFeatures(): boolean {
    if (!this.hasFeature(reg.F_VERSION_1) || !this.#isOffered(this.#driverFeatures)) return false;
    this.#applyFeatures();
    return true;
  }

  #applyFeatures(): void {
    const features = {
      hasIndirect: this.hasFeature(reg.F_INDIRECT_DESC),
      hasEventIndex: this.hasFeature(reg.F_EVENT_IDX),
    };
    for (const queue of this.queues) queue.setFeatures(features);
  }

  #reset(): void {
    this.#resets++;
    this.#status = 0;
    this.#interruptStatus = 0;
    this.#driverFeatures.fill(0);
    this.#deviceFeaturesSelect = 0;
    this.#driverFeaturesSelect = 0;
    this.#queueSelect = 0;
    for (const queue of this.queues) queue.reset();
    this.#applyFeatures();
    this.#device.reset();
    this.#driveIrq();
  }

  /** Pages of the guest have arrived: looks again at what lacked some. */
  retry(): void {
    for (const [index, queue] of this.queues.entries()) {
      if (!queue.isLacking) continue;
      queue.isLacking = false;
      this.#serve(index);
    }
  }

  /** Requests that are under way; a state that is saved meanwhile would lose them. */
  get inFlight(): number {
    return this.#device.inFlight ?? 0;
  }

  /** Waits until no request is under way; none begins until `resume`. */
  drain(): Wait<void> {
    return this.#device.drain?.();
  }

  resume(): void {
    this.#device.resume?.();
  }

  #notify(index: number): void {
    this.#notifications++;
    this.#serve(index);
  }

  #serve(index: number): void {
    if (!this.isLive || !this.queues[index]?.isReady) return;
    this.queues[index].beginBatch();
    this.#device.notify(index);
  }

  #storeQueue(offset: number, value: number): void {
    const queue = this.#queue;
    if (!queue) return;
    if (offset === reg.QUEUE_READY) queue.setReady((value & 1) === 1);
    else if (offset === reg.QUEUE_NUM) queue.size = value;
    else this.#storeAddress(ringOf(queue, offset), offset, value);
  }

  #storeAddress(ring: RingAddress | undefined, offset: number, value: number): void {
    if (!ring || this.#queue?.isReady) return;
    if (offset & 4) ring.hi = value;
    else ring.lo = value;
  }

  #interrupt(cause: number): void {
    this.#interrupts++;
    this.#interruptStatus |= cause;
    this.#driveIrq();
  }

  #driveIrq(): void {
    this.#irq(this.#interruptStatus !== 0);
  }
}

function ringOf(queue: VirtQueue, offset: number): RingAddress | undefined {
  switch (offset & ~4) {
    case reg.QUEUE_DESC_LOW:
      return queue.desc;
    case reg.QUEUE_DRIVER_LOW:
      return queue.avail;
    case reg.QUEUE_DEVICE_LOW:
      return queue.used;
    default:
      return undefined;
  }
}
