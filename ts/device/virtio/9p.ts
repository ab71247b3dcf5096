/**
 * virtio 9P transport: a directory of the host for the guest. Configuration: the length of the tag, 16 bits, and the
 * tag. One queue; a request is a message of 9P to read and room for its answer.
 */
import { andThen, isPromiseLike, type Wait } from "../../base/task.ts";
import type { FileShare } from "../../machine/file-share.ts";
import { badState, StateFields } from "../../machine/state-fields.ts";
import type { DescriptorChain } from "./chain.ts";
import type { VirtioDevice, VirtioLink } from "./device.ts";
import type { VirtQueue } from "./queue.ts";
import { RequestsInFlight } from "./requests.ts";

const F_MOUNT_TAG = 1 << 0;
const QUEUE_SIZE = 128;
const TAG_BYTES_MAX = 0xffff;
/** Longer than any message that a client may agree on. */
const MESSAGE_BYTES_MAX = 1024 * 1024;
/** Of LERROR, which stands in for an answer that does not fit. */
const ERROR_BYTES = 11;
const R_LERROR = 7;
const EIO = 5;

export interface Virtio9pOptions {
  readonly share: FileShare;
  /** The name by which the guest mounts it. */
  readonly tag: string;
  /** Name of the device on its bus; "virtio-9p" by default. */
  readonly name?: string | undefined;
  /** Runs what a request does to the guest when it ends later; by default just that. */
  readonly onLater?: ((answer: () => void) => void) | undefined;
}

/** The tag must be the same where the state goes: the guest has read it. */
export interface Virtio9pState {
  readonly tag: string;
  readonly share: object;
}

export interface Virtio9pMetrics {
  readonly requests: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

export class Virtio9p implements VirtioDevice {
  readonly name: string;
  readonly deviceId = 9;
  readonly features = F_MOUNT_TAG;
  readonly queueSizesMax = [QUEUE_SIZE];
  readonly config: Uint8Array;
  readonly #share: FileShare;
  readonly #tag: string;
  readonly #onLater: (answer: () => void) => void;
  readonly #metrics = { requests: 0, readBytes: 0, writtenBytes: 0 };
  #message = new Uint8Array(4096);
  #link: VirtioLink | undefined;
  readonly #requests: RequestsInFlight;

  constructor(options: Virtio9pOptions) {
    const tag = new TextEncoder().encode(options.tag);
    if (tag.length === 0 || tag.length > TAG_BYTES_MAX)
      throw new RangeError(`virtio-9p: "tag" expected 1 to 65535 bytes, got ${tag.length}`);
    this.name = options.name ?? "virtio-9p";
    this.#requests = new RequestsInFlight(this.name);
    this.#share = options.share;
    this.#tag = options.tag;
    this.#onLater = options.onLater ?? ((answer) => answer());
    this.config = new Uint8Array(2 + tag.length);
    new DataView(this.config.buffer).setUint16(0, tag.length, true);
    this.config.set(tag, 2);
  }

  attach(link: VirtioLink): void {
    this.#link = link;
  }

  notify(queueIndex: number): void {
    const queue = this.#link?.queues[queueIndex];
    if (!queue) return;
    while (!this.#requests.isDraining && this.#requests.count < QUEUE_SIZE) {
      const chain = queue.pop();
      if (!chain) break;
      if (chain.readableBytes > MESSAGE_BYTES_MAX || chain.writableBytes < ERROR_BYTES) {
        this.#link?.fault("request");
        return;
      }
      this.#start(queue, chain);
    }
    queue.flush();
  }

  #start(queue: VirtQueue, chain: DescriptorChain): void {
    this.#metrics.requests++;
    const message = this.#take(chain);
    const reply = this.#share.request(message);
    if (isPromiseLike(reply)) this.#await(reply, queue, chain);
    else this.#answer(queue, chain, reply);
  }

  #await(reply: PromiseLike<Uint8Array>, queue: VirtQueue, chain: DescriptorChain): void {
    // The message is the share's until it has answered: the next one has a buffer of its own.
    this.#message = new Uint8Array(4096);
    this.#requests.begin();
    const { generation } = queue;
    reply.then((bytes) => {
      this.#requests.end();
      this.#onLater(() => {
        const isWanted = this.#link?.isLive === true && queue.generation === generation;
        if (isWanted) {
          this.#answer(queue, chain, bytes);
          queue.flush();
        }
        this.#goOn();
      });
    });
  }

  /** The message, as long as it says, if that much is there. */
  #take(chain: DescriptorChain): Uint8Array {
    const bytes = chain.readableBytes;
    if (this.#message.length < bytes) this.#message = new Uint8Array(2 * bytes);
    const message = this.#message.subarray(0, bytes);
    chain.read(message);
    this.#metrics.readBytes += bytes;
    return message;
  }

  #answer(queue: VirtQueue, chain: DescriptorChain, reply: Uint8Array): void {
    const bytes = reply.length <= chain.writableBytes ? reply : tooLong(reply);
    chain.write(bytes);
    this.#metrics.writtenBytes += bytes.length;
    queue.push(chain, bytes.length);
  }

  reset(): void {
    this.#share.reset();
  }

  get inFlight(): number {
    return this.#requests.count;
  }

  /** What the guest has written is safe then: another host sees it in a directory of the network. */
  drain(): Wait<void> {
    return andThen(this.#requests.drain(), () => this.#share.sync());
  }

  resume(): void {
    this.#requests.resume();
    this.#goOn();
  }

  #goOn(): void {
    this.#requests.settle();
    const queue = this.#link?.queues[0];
    if (!this.#link?.isLive || !queue?.isReady || this.#requests.isDraining) return;
    queue.beginBatch();
    this.notify(0);
  }

  metrics(): Virtio9pMetrics {
    return { ...this.#metrics };
  }

  save(): Virtio9pState {
    return { tag: this.#tag, share: this.#share.save() };
  }

  restore(state: Virtio9pState): void {
    const fields = new StateFields(this.name, state);
    const tag = fields.text("tag");
    if (tag !== this.#tag) throw badState(`${this.name}.tag`, `"${this.#tag}"`, tag);
    this.#share.restore(state.share);
  }
}

/** LERROR with the tag of a reply that does not fit into the room that its driver gave. */
function tooLong(reply: Uint8Array): Uint8Array {
  const error = new Uint8Array(ERROR_BYTES);
  const view = new DataView(error.buffer);
  view.setUint32(0, ERROR_BYTES, true);
  view.setUint8(4, R_LERROR);
  error.set(reply.subarray(5, 7), 5);
  view.setUint32(7, EIO, true);
  return error;
}
