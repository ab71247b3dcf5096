/** What the phases of a migration's source share. */
import { joinParts } from "../base/join-parts.ts";
import type { Task } from "../base/task.ts";
import { wait } from "../base/task.ts";
import type { Migratable, PageBatch, PageSet } from "../machine/migratable.ts";
import { type BlockBatch, encodeBlocks } from "./block-frames.ts";
import { brokenError, type Channel } from "./channel.ts";
import { CheckpointKeeper } from "./checkpoints.ts";
import { Connection, WatchedParts, watchConnection } from "./connection.ts";
import type { Phase } from "./control.ts";
import { Inbox } from "./inbox.ts";
import { Lanes } from "./lanes.ts";
import { LeavingDisks } from "./leaving-disks.ts";
import { type MovingLimits, withLimits } from "./limits.ts";
import { encodePagesHeader } from "./messages.ts";
import type { ResolvedSourceOptions } from "./options.ts";
import { PagePacker } from "./packing.ts";
import { adaptiveRate } from "./policy/pacing.ts";
import { RateWindow } from "./rate-window.ts";
import { type MigrationStats, StatsCounter } from "./stats.ts";
import * as stream from "./stream.ts";

const ACCEPTED = [
  stream.FRAME_ACCEPT,
  stream.FRAME_REFUSE,
  stream.FRAME_READY,
  stream.FRAME_RUNNING,
  stream.FRAME_OUTCOME,
  stream.FRAME_REQUEST,
  stream.FRAME_WANTED,
  stream.FRAME_CREDIT,
  stream.FRAME_LACKING,
  stream.FRAME_COMPLETE,
  stream.FRAME_CHECKPOINT_PAGES,
  stream.FRAME_CHECKPOINT,
  stream.FRAME_DRAINED,
  stream.FRAME_BLOCK_REQUEST,
];

/** A frame of pages that follow. */
interface PushFrame {
  readonly type: number;
  readonly parts: readonly Uint8Array[];
  readonly modelBytes: number | undefined;
}

export class Session {
  readonly guest: Migratable;
  #options: ResolvedSourceOptions;
  readonly window: RateWindow;
  readonly stats: StatsCounter;
  /** What the target's guest has become, in post-copy. */
  readonly checkpoints: CheckpointKeeper;
  /** Disks that are copied along. */
  readonly disks: LeavingDisks | undefined;
  /** Pages that are still to be sent. Made in setup. */
  set: PageSet | undefined;
  remainingPages = 0;
  /** True right after a harvest: `remainingPages` is exact. */
  isSynced = true;
  isPaused = false;
  /** True from the moment at which COMMIT may have left. */
  isCommitted = false;
  /** The guest went, or goes, without the pages in `set`. */
  isPostCopy = false;
  #connection: Connection;
  #inbox: Inbox;
  #lanes: Lanes;
  /** The target takes several connections. */
  #hasChannels = false;
  /** The target looks at seals. */
  #hasSeals = false;
  /** The target unpacks what this packs. */
  #packer: PagePacker | undefined;
  #unwatch: () => void;
  /** Post-copy: since when a credit is waited for. */
  waitsSinceNs: () => number | undefined = () => undefined;
  /** Bytes sent over connections that broke. */
  #sentBytes = 0;
  /** Called when limits have changed. */
  onLimits: () => void = () => undefined;

  constructor(guest: Migratable, channel: Channel, options: ResolvedSourceOptions) {
    this.guest = guest;
    this.#options = options;
    this.window = new RateWindow({
      clock: options.clock,
      capBytesPerSec:
        options.pacing === "adaptive" ? adaptiveRate([], options) : options.bandwidthCapBytesPerSec,
      signal: options.signal,
    });
    this.checkpoints = new CheckpointKeeper(guest);
    this.stats = new StatsCounter(options.clock.nowNs(), options.silence);
    const { leavingDisks: disks = [] } = guest;
    if (disks.length > 0)
      this.disks = new LeavingDisks({
        disks,
        how: options.diskCopy,
        nowNs: () => this.nowNs(),
        send: (batch) => this.#sendBlocks(batch),
        barrier: () => this.#lanes.barrier(),
        hear: (value) => this.#inbox.unlessFailed(value),
      });
    this.#connection = new Connection(channel, ACCEPTED);
    this.#lanes = new Lanes(this.#connection);
    this.#unwatch = this.#watch();
    this.#inbox = new Inbox(this.#connection);
    options.control?.attach(
      () => this.snapshot(),
      (limits) => this.#setLimits(limits),
    );
  }

  /** As they are now: limits may change. */
  get options(): ResolvedSourceOptions {
    return this.#options;
  }

  #setLimits(limits: MovingLimits): void {
    const before = this.#options.bandwidthCapBytesPerSec;
    this.#options = withLimits(this.#options, limits);
    const cap = this.#options.bandwidthCapBytesPerSec;
    // Where it is lifted, or another one for this round, the next round sees to it.
    if (!this.isPaused && this.window.capBytesPerSec === before) this.window.cap(cap);
    this.onLimits();
  }

  get connection(): Connection {
    return this.#connection;
  }

  /** All connections; the first is {@link connection}. */
  get lanes(): Lanes {
    return this.#lanes;
  }

  get inbox(): Inbox {
    return this.#inbox;
  }

  #watch(): () => void {
    const { clock, stallTimeoutNs } = this.options;
    const lanes = this.#lanes;
    const watched = new WatchedParts({
      abort: (reason) => lanes.abort(reason),
      progress: () => lanes.progress,
      senders: () => lanes.senders,
      waitsSinceNs: () => this.waitsSinceNs(),
    });
    return watchConnection({ clock, connection: watched, stallNs: stallTimeoutNs });
  }

  /** From now on `channel` is the way to the target. */
  reconnect(channel: Channel): void {
    this.#unwatch();
    this.waitsSinceNs = () => undefined;
    this.#sentBytes += this.#lanes.sentBytes;
    this.#lanes.abort(brokenError("another one took its place"));
    this.#connection = new Connection(channel, ACCEPTED);
    this.#lanes = new Lanes(this.#connection);
    this.#unwatch = this.#watch();
    this.#inbox = new Inbox(this.#connection);
    this.checkpoints.drop();
  }

  /** What the target takes of what was offered. */
  accepted(features: readonly string[]): void {
    this.#hasChannels = features.includes("channels");
    this.#hasSeals = features.includes("seals");
    const { packer } = this.options;
    if (packer && features.includes(packer.name)) this.#packer = new PagePacker(packer);
  }

  /** Opens further connections, as many as were asked for, or `channelsMax`. */
  *openLanes(channelsMax: number): Task<void> {
    const { channels, id, openChannel } = this.options;
    if (!openChannel || !this.#hasChannels) return;
    yield* this.#lanes.open(Math.min(channels, channelsMax), id, openChannel);
    this.stats.channels = Math.max(this.stats.channels, this.#lanes.count);
  }

  /** Nothing more is expected to move. */
  end(): void {
    this.#unwatch();
  }

  nowNs(): number {
    return this.options.clock.nowNs();
  }

  enter(phase: Phase): void {
    this.options.control?.enter(phase);
    this.options.onPhase?.(phase, this.nowNs() - this.stats.startNs);
  }

  /** Sends what `takeBatch` gave while pre-copy goes on, or the guest stands still. Keeps the cap. */
  *sendPages(batch: PageBatch): Task<void> {
    this.remainingPages -= batch.normalPages + batch.zeroPages;
    // A page that is sent as the number of another one: that one comes first.
    if ((batch.twinPages ?? 0) > 0) yield* this.#lanes.barrier();
    const packer = this.#packer;
    const payload = packer && this.#payloadOf(batch);
    const packed = packer && payload && (yield* packer.pack(payload));
    const frame = packed ? { type: stream.FRAME_PACKED, parts: packed } : this.#frameOf(batch);
    const { parts, type } = frame;
    const headroomBytes = packed ? undefined : batch.headroomBytes;
    const bytes = yield* this.#lanes.send(type, parts, batch.modelBytes, headroomBytes);
    this.stats.batch(batch, bytes);
    // What is left is counted in pages, so the rate is that of pages, too.
    const unpacked = payload && packed ? payload.length : bytes;
    yield* this.window.pace(bytes, unpacked);
  }

  /** Sends blocks of a disk while the guest runs here, or stands still. Keeps the cap. */
  *#sendBlocks(batch: BlockBatch): Task<void> {
    this.#inbox.check();
    const bytes = yield* this.#lanes.send(stream.FRAME_BLOCKS, encodeBlocks(batch));
    // One without blocks says nothing about the link.
    if (batch.blocks.length > 0) yield* this.window.pace(bytes);
  }

  /** The payload of PAGES: a copy. */
  #payloadOf(batch: PageBatch): Uint8Array {
    return joinParts([encodePagesHeader(this.stats.round, batch), batch.records]);
  }

  /** A frame that is not packed; of a batch that has a seal nothing is summed twice, if the target can do that. */
  #frameOf(batch: PageBatch): PushFrame {
    const { modelBytes, records } = batch;
    const seal = this.#hasSeals ? batch.seal : undefined;
    const type = seal === undefined ? stream.FRAME_PAGES : stream.FRAME_SEALED;
    return { type, parts: [encodePagesHeader(this.stats.round, batch, seal), records], modelBytes };
  }

  /** Something is here that the guest went without. */
  get hasLeft(): boolean {
    return this.isPostCopy || this.remainingBlocks > 0;
  }

  /** Blocks of disks that follow the guest. */
  get remainingBlocks(): number {
    return this.disks?.how === "on-demand" ? this.disks.leftBlocks : 0;
  }

  /** True if the push goes packed. */
  get packsPush(): boolean {
    return this.#packer !== undefined;
  }

  /** What `takeBatch` gave as a frame of the push, packed if that is worth it; `plain`: never. */
  *pushFrame(batch: PageBatch, how?: "plain"): Task<PushFrame> {
    const { modelBytes } = batch;
    const packer = how === "plain" ? undefined : this.#packer;
    if (!packer) return this.#frameOf(batch);
    // A copy: the guest's buffer may be used for a checkpoint while this is packed.
    const payload = this.#payloadOf(batch);
    const packed = yield* packer.pack(payload);
    if (packed) return { type: stream.FRAME_PACKED, parts: packed, modelBytes };
    return { type: stream.FRAME_PAGES, parts: [payload], modelBytes };
  }

  /** Sends `frame` of `batch` in post-copy; returns the bytes of it. */
  *followPages(batch: PageBatch, { modelBytes, parts, type }: PushFrame): Task<number> {
    this.remainingPages -= batch.normalPages + batch.zeroPages;
    const bytes = yield* this.#lanes.sendPush(type, parts, modelBytes);
    this.stats.batch(batch, bytes);
    return bytes;
  }

  /** Sends pages that somebody waits for past the push, and never packed: that would take time. */
  *sendUrgent(batch: PageBatch): Task<number> {
    this.remainingPages -= batch.normalPages + batch.zeroPages;
    const { modelBytes, parts, type } = this.#frameOf(batch);
    const bytes = yield* this.#lanes.sendUrgent(type, parts, modelBytes);
    this.stats.batch(batch, bytes);
    return bytes;
  }

  /** Waits until the target has taken in all that was sent. */
  *drain(): Task<void> {
    yield* this.#lanes.barrier();
    yield* this.#connection.send(stream.FRAME_DRAIN);
    yield* this.#inbox.expect(stream.FRAME_DRAINED);
  }

  /** Looks at the dirty log; returns how many pages it held. */
  *harvest(): Task<number> {
    const set = this.set as PageSet;
    const dirtiedPages = yield* wait(this.guest.harvest(set));
    this.stats.dirtySyncCount++;
    this.remainingPages = set.count();
    this.isSynced = true;
    return dirtiedPages;
  }

  /** From now on the guest dirties no more pages a second than this. */
  limitDirty(pagesPerSec: number): void {
    if (pagesPerSec === this.stats.dirtyLimitPagesPerSec || !this.guest.limitDirty) return;
    this.guest.limitDirty(pagesPerSec, this.options.dirtyLimitPer);
    this.stats.limited(this.nowNs(), pagesPerSec);
  }

  /** The round under way is over. */
  endRound(dirtiedPages: number): void {
    const round = this.stats.endRound(this.nowNs(), dirtiedPages, this.remainingPages);
    this.options.onRound?.(round);
  }

  snapshot(): MigrationStats {
    this.stats.checkpoints = this.checkpoints.count;
    if (this.#packer) {
      const { packedBytes, unpackedBytes } = this.#packer;
      this.stats.packing = { packedBytes, unpackedBytes };
    }
    this.stats.disks = this.disks?.stats();
    const sentBytes = this.#sentBytes + this.#lanes.sentBytes;
    return this.stats.snapshot(this.nowNs(), sentBytes, this.remainingPages);
  }
}
