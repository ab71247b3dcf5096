/** What a migration counts, and the same under the names that QEMU's `query-migrate` uses. */
import { assert } from "../base/assert.ts";
import { GUEST_PAGE_BYTES, type PageBatch } from "../machine/migratable.ts";
import { MOVING_BLOCK_BYTES } from "../machine/moving-disk.ts";
import type { DiskCopyStats } from "./leaving-disks.ts";
import type { Arrived } from "./messages.ts";
import type { SilenceMeter } from "./silence.ts";

/** One pass over the dirty pages; the last one runs with the guest stopped. */
export interface RoundStats {
  readonly round: number;
  /** Since the migration began. */
  readonly startNs: number;
  readonly durationNs: number;
  readonly normalPages: number;
  readonly zeroPages: number;
  readonly bytes: number;
  /** Pages that the dirty log held when the round ended. */
  readonly dirtiedPages: number;
  /** Pages left to send after that. */
  readonly remainingPages: number;
  /** Pages a second that the guest could dirty in this round; `Infinity`: it was not held back. */
  readonly dirtyLimitPagesPerSec: number;
}

export interface MigrationStats {
  readonly totalNs: number;
  /** From the order to pause until the target said that it runs; 0 if the guest was never paused. */
  readonly downtimeNs: number;
  /**
   * From the order to pause until the last byte of memory and state was handed to the channel: where QEMU's
   * downtime ends. What comes then, until the guest runs again, is not in it; 0: nothing was.
   */
  readonly downtimeSentNs: number;
  /** From the start until the first page could be sent. */
  readonly setupNs: number;
  readonly transferredBytes: number;
  readonly normalPages: number;
  readonly zeroPages: number;
  /** Of the normal pages: sent as differences (XBZRLE), in the cache but too different, sent as equal. */
  readonly deltaPages: number;
  readonly overflowPages: number;
  readonly twinPages: number;
  /** How often the dirty log was looked at: at the start, after each round, after the pause. */
  readonly dirtySyncCount: number;
  readonly remainingPages: number;
  /** Pages dirtied a second between the last two looks at the dirty log. */
  readonly dirtyPagesPerSec: number;
  /** Pages that the target asked for in post-copy. */
  readonly postcopyRequests: number;
  /** When the first and the last of them came, since the guest ran there; 0: none came. */
  readonly firstRequestNs: number;
  readonly lastRequestNs: number;
  /** How often a vCPU of the target had to wait for a page, the longest and all these waits. */
  readonly faults: number;
  readonly longestWaitNs: number;
  readonly waitedNs: number;
  /**
   * The longest silence that is known of, as somebody outside would say: the downtime and what the guest
   * then waited for pages at once, a later wait that was longer, or what was seen from outside.
   */
  readonly gapNs: number;
  /** How often post-copy went on over another channel. */
  readonly recoveries: number;
  /** Bytes of frames that went packed, after and before that. */
  readonly packing: { readonly packedBytes: number; readonly unpackedBytes: number };
  /** Connections that pages went over. */
  readonly channels: number;
  /** Checkpoints of post-copy that came back as a whole. */
  readonly checkpoints: number;
  /** How long the guest was held back from dirtying memory. */
  readonly throttledNs: number;
  readonly rounds: readonly RoundStats[];
  /** Of disks that were copied along; undefined: none was. */
  readonly disks?: DiskCopyStats | undefined;
}

const roundTo = (value: number, digits: number): number => Number(value.toFixed(digits));

/** Milliseconds with three decimals; megabits a second over the whole time. */
export function qemuStats(stats: MigrationStats, pageCount: number) {
  const seconds = stats.totalNs / 1e9;
  const normalPages = stats.normalPages - stats.deltaPages - stats.twinPages;
  const { packedBytes, unpackedBytes } = stats.packing;
  return {
    "total-time": roundTo(stats.totalNs / 1e6, 3),
    downtime: roundTo(stats.downtimeNs / 1e6, 3),
    "downtime-sent": roundTo(stats.downtimeSentNs / 1e6, 3),
    "setup-time": roundTo(stats.setupNs / 1e6, 3),
    gap: roundTo(stats.gapNs / 1e6, 3),
    recoveries: stats.recoveries,
    channels: stats.channels,
    checkpoints: stats.checkpoints,
    "throttled-time": roundTo(stats.throttledNs / 1e6, 3),
    ram: {
      total: pageCount * GUEST_PAGE_BYTES,
      transferred: stats.transferredBytes,
      remaining: stats.remainingPages * GUEST_PAGE_BYTES,
      duplicate: stats.zeroPages,
      normal: normalPages,
      "normal-bytes": normalPages * GUEST_PAGE_BYTES,
      "page-size": GUEST_PAGE_BYTES,
      "dirty-sync-count": stats.dirtySyncCount,
      "dirty-pages-rate": Math.round(stats.dirtyPagesPerSec),
      "postcopy-requests": stats.postcopyRequests,
      "first-request": roundTo(stats.firstRequestNs / 1e6, 3),
      "last-request": roundTo(stats.lastRequestNs / 1e6, 3),
      faults: stats.faults,
      mbps: seconds > 0 ? roundTo((stats.transferredBytes * 8) / seconds / 1e6, 3) : 0,
    },
    "xbzrle-cache": { pages: stats.deltaPages, overflow: stats.overflowPages },
    "identical-pages": stats.twinPages,
    compression: {
      "compressed-size": packedBytes,
      "compression-rate": packedBytes > 0 ? roundTo(unpackedBytes / packedBytes, 2) : 0,
    },
    rounds: stats.rounds,
    ...(stats.disks ? { disk: qemuDiskStats(stats.disks) } : {}),
  };
}

function qemuDiskStats(disks: DiskCopyStats) {
  const { blocks, bytes, heldNs, passes, remainingBytes, requests, totalBytes, zeroBlocks } = disks;
  return {
    disks: disks.disks,
    total: totalBytes,
    transferred: bytes,
    remaining: remainingBytes,
    duplicate: zeroBlocks,
    normal: blocks,
    "block-size": MOVING_BLOCK_BYTES,
    "dirty-sync-count": passes,
    "throttled-time": roundTo(heldNs / 1e6, 3),
    "postcopy-requests": requests,
  };
}

/** Counts while a migration runs; `snapshot` gives the plain result. */
export class StatsCounter {
  readonly startNs: number;
  readonly #silence: SilenceMeter | undefined;
  readonly rounds: RoundStats[] = [];
  normalPages = 0;
  zeroPages = 0;
  deltaPages = 0;
  overflowPages = 0;
  twinPages = 0;
  dirtySyncCount = 0;
  dirtyPagesPerSec = 0;
  setupNs = 0;
  downtimeNs = 0;
  #downtimeSentNs = 0;
  postcopyRequests = 0;
  #firstRequestNs = 0;
  #lastRequestNs = 0;
  #ranAtNs = 0;
  recoveries = 0;
  checkpoints = 0;
  channels = 1;
  packing = { packedBytes: 0, unpackedBytes: 0 };
  disks: DiskCopyStats | undefined;
  dirtyLimitPagesPerSec = Number.POSITIVE_INFINITY;
  #throttledNs = 0;
  #limitedAtNs = 0;
  /** What the target told in the end. */
  arrived: Arrived | undefined;
  /** Undefined as long as the guest runs. */
  pausedAtNs: number | undefined;
  #round = { startNs: 0, normalPages: 0, zeroPages: 0, bytes: 0 };

  constructor(startNs: number, silence?: SilenceMeter) {
    this.startNs = startNs;
    this.#silence = silence;
    this.#round.startNs = startNs;
  }

  /** The number of the round under way; the first is 1. */
  get round(): number {
    return this.rounds.length + 1;
  }

  batch(batch: PageBatch, bytes: number): void {
    const { deltaPages = 0, normalPages, overflowPages = 0, twinPages = 0, zeroPages } = batch;
    this.deltaPages += deltaPages;
    this.overflowPages += overflowPages;
    this.twinPages += twinPages;
    this.normalPages += normalPages;
    this.zeroPages += zeroPages;
    this.#round.normalPages += normalPages;
    this.#round.zeroPages += zeroPages;
    this.#round.bytes += bytes;
  }

  /** The guest runs again, here or there. */
  ranAgain(nowNs: number): void {
    this.#ranAtNs = nowNs;
    this.downtimeNs = nowNs - (this.pausedAtNs ?? nowNs);
  }

  /** The target says that it runs there; saying so again is no news. */
  ranThere(nowNs: number): void {
    if (this.#ranAtNs === 0) this.ranAgain(nowNs);
  }

  /** All that the guest is was handed to the channel, or all but the pages that follow. */
  allSent(nowNs: number): void {
    this.#downtimeSentNs = nowNs - (this.pausedAtNs ?? nowNs);
  }

  /** The target asks for `count` pages that somebody waits for. */
  requested(nowNs: number, count: number): void {
    const sinceNs = Math.max(0, nowNs - this.#ranAtNs);
    if (this.postcopyRequests === 0) this.#firstRequestNs = sinceNs;
    this.#lastRequestNs = sinceNs;
    this.postcopyRequests += count;
  }

  /** The guest is held back from now on, or (`Infinity`) no more. */
  limited(nowNs: number, pagesPerSec: number): void {
    this.#throttledNs += this.#sinceLimited(nowNs);
    this.#limitedAtNs = nowNs;
    this.dirtyLimitPagesPerSec = pagesPerSec;
  }

  #sinceLimited(nowNs: number): number {
    const isLimited = this.dirtyLimitPagesPerSec !== Number.POSITIVE_INFINITY;
    return isLimited ? nowNs - this.#limitedAtNs : 0;
  }

  /** The pages begin to move: what came before was setup. */
  setupDone(nowNs: number): void {
    this.setupNs = nowNs - this.startNs;
    this.#round.startNs = nowNs;
  }

  /** How long the round under way has lasted. */
  sinceRound(nowNs: number): number {
    return nowNs - this.#round.startNs;
  }

  /** Ends the round under way. */
  endRound(nowNs: number, dirtiedPages: number, remainingPages: number): RoundStats {
    const { startNs, ...sent } = this.#round;
    const durationNs = nowNs - startNs;
    const round: RoundStats = {
      round: this.round,
      startNs: startNs - this.startNs,
      durationNs,
      ...sent,
      dirtiedPages,
      remainingPages,
      dirtyLimitPagesPerSec: this.dirtyLimitPagesPerSec,
    };
    if (durationNs > 0) this.dirtyPagesPerSec = (dirtiedPages * 1e9) / durationNs;
    this.rounds.push(round);
    this.#round = { startNs: nowNs, normalPages: 0, zeroPages: 0, bytes: 0 };
    return round;
  }

  snapshot(nowNs: number, transferredBytes: number, remainingPages: number): MigrationStats {
    const totalNs = nowNs - this.startNs;
    assert(this.downtimeNs <= totalNs, "the downtime is part of the total time");
    const { faults = 0, longestWaitNs = 0, waitedNs = 0 } = this.arrived ?? {};
    const { firstStallNs = 0, longestStallNs = 0 } = this.arrived ?? {};
    const stalledNs = Math.max(this.downtimeNs + firstStallNs, longestStallNs);
    return {
      totalNs,
      downtimeNs: this.downtimeNs,
      downtimeSentNs: this.#downtimeSentNs,
      setupNs: this.setupNs,
      transferredBytes,
      normalPages: this.normalPages,
      zeroPages: this.zeroPages,
      deltaPages: this.deltaPages,
      overflowPages: this.overflowPages,
      twinPages: this.twinPages,
      dirtySyncCount: this.dirtySyncCount,
      remainingPages,
      dirtyPagesPerSec: this.dirtyPagesPerSec,
      postcopyRequests: this.postcopyRequests,
      firstRequestNs: this.#firstRequestNs,
      lastRequestNs: this.#lastRequestNs,
      faults,
      longestWaitNs,
      waitedNs,
      gapNs: this.#silence
        ? Math.max(this.downtimeNs, longestWaitNs, this.#silence.longestNs)
        : stalledNs,
      recoveries: this.recoveries,
      checkpoints: this.checkpoints,
      channels: this.channels,
      packing: this.packing,
      throttledNs: this.#throttledNs + this.#sinceLimited(nowNs),
      rounds: this.rounds,
      ...(this.disks ? { disks: this.disks } : {}),
    };
  }
}
