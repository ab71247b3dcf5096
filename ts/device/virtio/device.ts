import type { Wait } from "../../base/task.ts";
import type { Persist } from "../../machine/persist.ts";
import type { VirtQueue } from "./queue.ts";

/** What a virtio device may do with its transport. */
export interface VirtioLink {
  readonly queues: readonly VirtQueue[];
  /** True from DRIVER_OK on, until reset or NEEDS_RESET: only then queues may be touched. */
  readonly isLive: boolean;
  hasFeature(bit: number): boolean;
  /** The configuration space changed: new generation, interrupt. */
  signalConfig(): void;
  /** The driver broke the device's protocol: NEEDS_RESET. */
  fault(reason: string): void;
}

/** The part of a virtio device that is not transport (virtio 1.2, section 5). */
export interface VirtioDevice extends Persist<object> {
  readonly name: string;
  /** Device type, section 5. */
  readonly deviceId: number;
  /** Device-specific feature bits 0 to 23; the transport adds its own. */
  readonly features: number;
  /** Largest size of each queue, a power of two. */
  readonly queueSizesMax: readonly number[];
  /** The configuration space as of now. */
  readonly config: Uint8Array;
  /** Called once, by the transport that owns the device. */
  attach(link: VirtioLink): void;
  /** The driver has put buffers into a queue. */
  notify(queueIndex: number): void;
  /** Back to the state after power on. */
  reset(): void;
  /** Requests that it has taken and not answered yet. Absent: it answers at once. */
  readonly inFlight?: number;
  /** Takes no more requests; done when all are answered, and what was written is safe. */
  drain?(): Wait<void>;
  /** Takes requests again, those first that came meanwhile or before it was restored. */
  resume?(): void;
}
