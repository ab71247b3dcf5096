/** virtio console with a single port (virtio 1.2, section 5.3). Queue 0 to the guest, 1 from it. */
import { StateFields } from "../../machine/state-fields.ts";
import { ByteQueue } from "../byte-queue.ts";
import type { VirtioDevice, VirtioLink } from "./device.ts";

const F_SIZE = 1 << 0;
const RECEIVE_QUEUE = 0;
const TRANSMIT_QUEUE = 1;
const QUEUE_SIZE = 128;
const CHUNK_BYTES = 4096;
const DEFAULT_INPUT_BYTES_MAX = 1024 * 1024;

export interface VirtioConsoleOptions {
  /** Bytes the guest sends, in order; each array is the callee's to keep. */
  readonly onTransmit: (bytes: Uint8Array) => void;
  /** Input that may wait for the guest; 1 MiB by default. */
  readonly inputBytesMax?: number | undefined;
  /** Size of the terminal; without it the guest is not told one. */
  readonly size?: TerminalSize | undefined;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface VirtioConsoleState {
  readonly columns: number;
  readonly rows: number;
  readonly input: Uint8Array;
}

export interface VirtioConsoleMetrics {
  readonly transmittedBytes: number;
  readonly receivedBytes: number;
  /** Input refused because the queue was full. */
  readonly droppedBytes: number;
}

export class VirtioConsole implements VirtioDevice {
  readonly name = "virtio-console";
  readonly deviceId = 3;
  readonly features: number;
  readonly queueSizesMax = [QUEUE_SIZE, QUEUE_SIZE];
  readonly config = new Uint8Array(4);
  readonly #options: VirtioConsoleOptions;
  readonly #inputBytesMax: number;
  readonly #input: ByteQueue;
  readonly #chunk = new Uint8Array(CHUNK_BYTES);
  #link: VirtioLink | undefined;
  readonly #metrics = { transmittedBytes: 0, receivedBytes: 0, droppedBytes: 0 };

  constructor(options: VirtioConsoleOptions) {
    this.#options = options;
    this.#inputBytesMax = options.inputBytesMax ?? DEFAULT_INPUT_BYTES_MAX;
    this.#input = new ByteQueue(this.#inputBytesMax);
    this.features = options.size ? F_SIZE : 0;
    if (options.size) this.#setSize(options.size);
  }

  attach(link: VirtioLink): void {
    this.#link = link;
  }

  /** Gives the guest input; returns how many bytes were accepted (fewer: offer the rest later). */
  receive(bytes: Uint8Array): number {
    const accepted = this.#input.push(bytes);
    this.#metrics.receivedBytes += accepted;
    this.#metrics.droppedBytes += bytes.length - accepted;
    this.#link?.queues[RECEIVE_QUEUE]?.beginBatch();
    this.#deliver();
    return accepted;
  }

  /** Input bytes that the guest has not taken yet. */
  get waitingBytes(): number {
    return this.#input.length;
  }

  /** The terminal has another size now. */
  resize(size: TerminalSize): void {
    if (!(this.features & F_SIZE)) return;
    this.#setSize(size);
    this.#link?.signalConfig();
  }

  notify(queueIndex: number): void {
    if (queueIndex === TRANSMIT_QUEUE) this.#transmit();
    else this.#deliver();
  }

  reset(): void {
    // Input that no driver has taken yet waits for the next one.
  }

  metrics(): VirtioConsoleMetrics {
    return { ...this.#metrics };
  }

  save(): VirtioConsoleState {
    const view = new DataView(this.config.buffer);
    return {
      columns: view.getUint16(0, true),
      rows: view.getUint16(2, true),
      input: this.#input.toBytes(),
    };
  }

  restore(state: VirtioConsoleState): void {
    const fields = new StateFields(this.name, state);
    const size = {
      columns: fields.integer("columns", 0xffff),
      rows: fields.integer("rows", 0xffff),
    };
    const input = fields.bytes("input", this.#inputBytesMax);
    this.#setSize(size);
    this.#input.clear();
    this.#input.push(input);
  }

  #setSize(size: TerminalSize): void {
    const view = new DataView(this.config.buffer);
    view.setUint16(0, size.columns, true);
    view.setUint16(2, size.rows, true);
  }

  #transmit(): void {
    const queue = this.#link?.queues[TRANSMIT_QUEUE];
    if (!queue) return;
    for (let chain = queue.pop(); chain; chain = queue.pop()) {
      while (chain.unreadBytes > 0) {
        const count = chain.read(this.#chunk);
        this.#metrics.transmittedBytes += count;
        this.#options.onTransmit(this.#chunk.slice(0, count));
      }
      queue.push(chain, 0);
    }
    queue.flush();
  }

  /** Moves waiting input into the buffers that the driver has provided. */
  #deliver(): void {
    const queue = this.#link?.queues[RECEIVE_QUEUE];
    if (!queue || !this.#link?.isLive) return;
    while (this.#input.length > 0) {
      const chain = queue.pop();
      if (!chain) break;
      let written = 0;
      while (written < chain.writableBytes && this.#input.length > 0) {
        const room = Math.min(CHUNK_BYTES, chain.writableBytes - written);
        const count = this.#input.take(this.#chunk.subarray(0, room));
        written += chain.write(this.#chunk.subarray(0, count));
      }
      queue.push(chain, written);
    }
    queue.flush();
  }
}
