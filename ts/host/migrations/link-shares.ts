/**
 * One link for many migrations. With a cap, whoever sends waits for its turn: start-time fair queueing
 * over the frames, so that each running migration gets an equal share of the cap and what one does not
 * use is the others'. A guest that stands still goes first: its users wait, those of the others do not.
 */
import type { Clock } from "../../base/clock.ts";
import { joinParts } from "../../base/join-parts.ts";
import { Future, rejected, runTask, type Task, type Wait, wait } from "../../base/task.ts";
import type { Channel } from "../../migrate/channel.ts";

/** Frames up to this size pass by: what they say must not wait behind a megabyte of somebody's pages. */
const SMALL_BYTES = 4096;
/** So much may pass by before a sender waits like everybody. */
const PASSING_BYTES_MAX = 64 << 10;
/** Timers are late; what was lost by that may be made up for, as far back as this. */
const BURST_NS = 20e6;

/** What shares the link equally with others: all channels of one migration. */
export interface Flow {
  /** Where its next request begins at the earliest, in bytes of virtual time. */
  finishTag: number;
}

interface Request {
  readonly channel: SharedChannel;
  readonly bytes: number;
  readonly startTag: number;
  readonly grant: () => Wait<void>;
  readonly sent: Future<void>;
}

export interface LinkSharesOptions {
  readonly clock: Clock;
  /** Bytes a second of all together. `Infinity`: nobody waits. */
  readonly capBytesPerSec: number;
}

export class LinkShares {
  readonly #clock: Clock;
  readonly #nsPerByte: number;
  readonly #requests: Request[] = [];
  /** Start tag of the request in service. */
  #virtualTime = 0;
  #freeAtNs = Number.NEGATIVE_INFINITY;
  #isServing = false;

  constructor({ capBytesPerSec, clock }: LinkSharesOptions) {
    this.#clock = clock;
    this.#nsPerByte = 1e9 / capBytesPerSec;
  }

  /** `channel` as one of those that share, as part of `flow`. `isUrgent`: its guest stands still. */
  open(
    channel: Channel,
    isUrgent: () => boolean = () => false,
    flow: Flow = { finishTag: 0 },
  ): SharedChannel {
    return new SharedChannel(this, channel, { isUrgent, flow });
  }

  /** @internal True if so few bytes go without waiting. They are on the link's account all the same. */
  passBy(flow: Flow, bytes: number): boolean {
    const startTag = Math.max(this.#virtualTime, flow.finishTag);
    if (bytes > SMALL_BYTES || startTag - this.#virtualTime > PASSING_BYTES_MAX) return false;
    flow.finishTag = startTag + bytes;
    this.#charge(bytes);
    return true;
  }

  get isUnlimited(): boolean {
    return this.#nsPerByte === 0;
  }

  /** @internal */
  request(channel: SharedChannel, bytes: number, grant: () => Wait<void>): Future<void> {
    const { flow } = channel;
    const startTag = Math.max(this.#virtualTime, flow.finishTag);
    flow.finishTag = startTag + bytes;
    const request = { channel, bytes, startTag, grant, sent: new Future<void>() };
    this.#requests.push(request);
    if (!this.#isServing) runTask(this.#serve());
    return request.sent;
  }

  /** @internal Nothing goes over `channel` any more. */
  drop(channel: SharedChannel, reason: unknown): void {
    for (const request of this.#requests.filter((one) => one.channel === channel)) {
      this.#requests.splice(this.#requests.indexOf(request), 1);
      request.sent.reject(reason);
    }
  }

  #charge(bytes: number): number {
    const nowNs = this.#clock.nowNs();
    this.#freeAtNs = Math.max(this.#freeAtNs, nowNs - BURST_NS) + bytes * this.#nsPerByte;
    return this.#freeAtNs - nowNs;
  }

  #next(): Request | undefined {
    const urgent = this.#requests.filter((one) => one.channel.isUrgent());
    const among = urgent.length > 0 ? urgent : this.#requests;
    let first = among[0];
    for (const one of among) if (first && one.startTag < first.startTag) first = one;
    if (first) this.#requests.splice(this.#requests.indexOf(first), 1);
    return first;
  }

  /** Lets one after the other have the link, as long as its bytes take. */
  *#serve(): Task<void> {
    this.#isServing = true;
    for (let one = this.#next(); one; one = this.#next()) {
      this.#virtualTime = one.startTag;
      const granted = this.#granted(one);
      const leftNs = this.#charge(one.bytes);
      if (leftNs > 0) yield* wait(this.#clock.sleep(leftNs));
      // The channel's own back-pressure is the sender's alone; the link goes to the next.
      granted.observe((o) => (o.ok ? one.sent.resolve() : one.sent.reject(o.reason)));
    }
    this.#isServing = false;
  }

  #granted({ grant }: Request): Future<void> {
    return runTask(
      (function* (): Task<void> {
        yield* wait(grant());
      })(),
    );
  }
}

/** A channel whose sender takes its share, and that counts what it sends. */
export class SharedChannel implements Channel {
  readonly flow: Flow;
  readonly isUrgent: () => boolean;
  sentBytes = 0;
  readonly #shares: LinkShares;
  readonly #channel: Channel;
  #waiting = 0;
  #failure: { readonly reason: unknown } | undefined;

  /** @internal Made by `LinkShares.open`. */
  constructor(
    shares: LinkShares,
    channel: Channel,
    as: { readonly isUrgent: () => boolean; readonly flow: Flow },
  ) {
    this.#shares = shares;
    this.#channel = channel;
    this.isUrgent = as.isUrgent;
    this.flow = as.flow;
  }

  send(bytes: Uint8Array, modelBytes = 0): Wait<void> {
    if (this.#failure) return rejected(this.#failure.reason);
    const total = bytes.length + modelBytes;
    this.sentBytes += total;
    if (this.#shares.isUnlimited) return this.#channel.send(bytes, modelBytes);
    if (this.#waiting === 0 && this.#shares.passBy(this.flow, total))
      return this.#channel.send(bytes, modelBytes);
    this.#waiting++;
    const sent = this.#shares.request(this, total, () => this.#channel.send(bytes, modelBytes));
    sent.observe(() => {
      this.#waiting--;
    });
    return sent;
  }

  sendParts(parts: readonly Uint8Array[]): Wait<void> {
    // Whoever waits for its turn needs a copy.
    if (!this.#shares.isUnlimited || !this.#channel.sendParts || this.#failure)
      return this.send(joinParts(parts));
    for (const { length } of parts) this.sentBytes += length;
    return this.#channel.sendParts(parts);
  }

  sendLent(parts: readonly Uint8Array[], headroomBytes: number): Wait<void> {
    if (!this.#shares.isUnlimited || !this.#channel.sendLent || this.#failure)
      return this.sendParts(parts);
    for (const { length } of parts) this.sentBytes += length;
    return this.#channel.sendLent(parts, headroomBytes);
  }

  receive(): Wait<Uint8Array | undefined> {
    return this.#channel.receive();
  }

  close(): void {
    this.#channel.close();
  }

  abort(reason: unknown): void {
    this.#failure ??= { reason };
    this.#channel.abort(reason);
    this.#shares.drop(this, reason);
  }
}
