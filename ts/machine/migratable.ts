/**
 * What a guest must offer so that it can be moved while it runs. VMs, containers and page-level
 * models implement it; the migration engine knows nothing else of them.
 *
 * Everything here works on whole batches of pages, inside the implementer's own memory (for a VM
 * in the Wasm core): no page and no bitmap is ever touched word by word from JavaScript.
 *
 *           source                                        target
 *   startDirtyLog(set)  -> set = every page               (made by the embedder, empty, paused)
 *   takeBatch(set, gfn) -> records  == channel ==>        applyBatch(records)
 *   harvest(set)        -> set |= pages written since
 *   pause(), harvest, takeBatch ...
 *   saveState()         -> bytes    == channel ==>        restoreState(bytes)
 *                                                         resume()  on commit
 *   destroy()           on commit                         destroy() on anything else
 *   stopDirtyLog(), resume()  on anything else
 *
 * Post-copy switches first: what is left in the set when the source pauses stays there.
 *
 *   pause(), harvest, set.save()  -> bitmap == channel ==>  awaitPages(set, watcher)
 *   saveState() ...                                         restoreState, resume() on commit
 *   takeBatch(set, gfn)           <== gfn that is needed == onMissing(gfn): that vCPU waits
 *                                 <== gfns, not as urgent == onWanted(gfns): stores wait, nobody else
 *                                 == records ==>            placeBatch(records): it goes on
 *   destroy()  once the target has every page
 *
 * A method may return a promise where the work cannot be done at once (a vCPU that runs in a
 * worker must be waited for); `Wait<T>` says so.
 */
import type { Wait } from "../base/task.ts";
import type { ArrivingDisk, LeavingDisk } from "./moving-disk.ts";

/** Bytes in a page of guest memory. */
export const GUEST_PAGE_BYTES = 4096;

/**
 * A set of pages, one bit each, kept by the {@link Migratable} that made it, in its own memory.
 * gfns here count from 0 at the start of the guest's RAM.
 */
export interface PageSet {
  /** Pages in the set now. Costs nothing: implementers keep count or scan in the core. */
  count(): number;
  /** Is page `gfn` in the set? */
  has(gfn: number): boolean;
  /** The set as a bitmap of its own: page gfn is bit gfn % 8 of byte gfn / 8. */
  save(): Uint8Array;
  /** Makes the set what `save` gave. Throws `WV_BAD_STREAM` if it is of another size. */
  load(bitmap: Uint8Array): void;
  /** Gives the memory back; the set must not be used afterwards. */
  release(): void;
}

/** What {@link Migratable.takeBatch} took out of a set. */
export interface PageBatch {
  /** Pages whose bytes are in `records`. */
  readonly normalPages: number;
  /** Pages that are all zero: in `records` they have a header and no data. */
  readonly zeroPages: number;
  /** Where to go on: one above the last gfn taken, or `untilGfn` when there are no more below it. */
  readonly nextGfn: number;
  /**
   * Records {u32 gfn | BATCH_ZERO, page bytes unless zero} in gfn order, little endian, as
   * `bindings/abi.ts` says. A view on the implementer's send buffer: valid until the next call.
   */
  readonly records: Uint8Array;
  /** So many bytes in front of `records`, in the same buffer, are whoever's who has the batch; absent: none. */
  readonly headroomBytes?: number | undefined;
  /**
   * One number over all that the records' own checksums do not guard, if nothing in them is without. Whoever takes a
   * batch that has one compares it before a page is written, and throws `WV_BAD_STREAM`.
   */
  readonly seal?: number | undefined;
  /**
   * Bytes that a model pretends to send beyond `records`; absent or 0 for whatever holds real
   * memory. Only a simulated link carries them.
   */
  readonly modelBytes?: number | undefined;
  /** Of the normal pages: sent as differences, sent as the number of an equal page, too different. */
  readonly deltaPages?: number | undefined;
  readonly twinPages?: number | undefined;
  readonly overflowPages?: number | undefined;
}

/** How {@link Migratable.takeBatch} may write pages, beyond their bytes. */
export interface PageEncoding {
  /** Bytes of a cache of pages as they were sent: of those in it, differences suffice (XBZRLE). 0: none. */
  readonly cacheBytes: number;
  /** A page that the target has under another number is sent as that number. */
  readonly twins: boolean;
}

/** How much one {@link Migratable.takeBatch} may take. */
export interface BatchLimit {
  /** Pages with data. At least 1. */
  readonly normalPagesMax: number;
  /** Pages without data. At least 1. */
  readonly zeroPagesMax: number;
  /** Only pages below this one. Default: all. */
  readonly untilGfn?: number | undefined;
  /** `leave`: pages that were written since the last harvest stay in the set. Default: `take`. */
  readonly dirtyPages?: "take" | "leave" | undefined;
}

/** What both ends must agree on before a byte of memory moves. */
export interface GuestShape {
  /** Kind of guest and version of its state, for example `vm/1`. The target refuses another. */
  readonly kind: string;
  /** Pages of RAM. */
  readonly pageCount: number;
  /** Everything that the target's maker needs to build a twin, as `encodeState` bytes or empty. */
  readonly config: Uint8Array;
}

/** Hears of pages that a target's guest needs. All calls are short, and never throw. */
export interface MissingWatcher {
  /** A vCPU or device waits for page `gfn` from now on. */
  onMissing(gfn: number): void;
  /** It goes on: the page is there. Once for each `onMissing`. */
  onArrived(gfn: number): void;
  /** Nobody waits for these pages, but the guest has stored to them: what it stored waits. Each is told once. */
  onWanted(gfns: readonly number[]): void;
}

export interface Migratable {
  readonly shape: GuestShape;
  /** Disks that are copied along. All others are where the target finds them. */
  readonly leavingDisks?: readonly LeavingDisk[] | undefined;
  /** A twin's: those that come. */
  readonly arrivingDisks?: readonly ArrivingDisk[] | undefined;

  /** An empty set of this guest's pages. Throws `WV_NO_MEMORY` if there is no room for it. */
  newPageSet(): PageSet;

  /**
   * From now on writes are noted: by the guest, by devices, by whoever holds its memory. Adds every
   * page to `set` that may differ from a fresh guest's: populated pages, or simply all.
   */
  startDirtyLog(set: PageSet): Wait<void>;
  /** Forgets the log. Harmless if there is none. */
  stopDirtyLog(): Wait<void>;
  /**
   * Adds the pages written since the last harvest (or since {@link startDirtyLog}) to `set` and
   * clears the log, as one step: a write is in this harvest or in the next. Returns how many pages
   * the log held, whether or not `set` had them already.
   */
  harvest(set: PageSet): Wait<number>;

  /**
   * Takes pages out of `set`, in gfn order from `fromGfn` to the end of RAM, until a limit is
   * reached, and puts their bytes *as of now* into the send buffer. A page written later is in the
   * next harvest. Never wraps round: the caller does, when `nextGfn` is `pageCount`.
   */
  takeBatch(set: PageSet, fromGfn: number, limit: BatchLimit): Wait<PageBatch>;
  /**
   * From now on batches have checksums, and what `encoding` says; the target must get all of them, in
   * order, and they have seals. Throws `WV_NO_MEMORY`. Whoever can only write bytes, and compares no seal, has no
   * such method.
   */
  encode?(encoding: PageEncoding): Wait<void>;
  /**
   * From now on, until the dirty log is forgotten, it is noted which pages the guest reads. Whoever cannot
   * tell has no such method, and none of the next.
   */
  noteReads?(): Wait<void>;
  /**
   * Moves pages that were read since, `pagesMax` at most, from `set` to `into`: what the guest waits for where
   * it goes on without them. Returns how many.
   */
  takeReads?(set: PageSet, into: PageSet, pagesMax: number): Wait<number>;
  /**
   * Writes the pages of a batch into a target's memory. The records come from a network: throws
   * `WV_BAD_STREAM` when a gfn is outside of RAM, a record is cut, or the counts do not fit what
   * `records` holds.
   */
  applyBatch(batch: Omit<PageBatch, "nextGfn">): Wait<void>;

  /**
   * The pages in `set` have not arrived: whatever was there is forgotten. A vCPU (or a device) that
   * touches one of them waits until it is there, the others run on; `watcher` is told. Who only stores
   * to one need not wait, unless the dirty log is kept: its stores are done when the page comes.
   */
  awaitPages(set: PageSet, watcher: MissingWatcher): Wait<void>;
  /** Adds the pages that have not arrived. */
  addMissing(set: PageSet): Wait<void>;
  /**
   * Like `applyBatch`, but only pages that have not arrived yet take their contents: the guest may
   * have written the others. Lets go on who waited. Returns how many pages arrived.
   */
  placeBatch(batch: Omit<PageBatch, "nextGfn">): Wait<number>;

  /**
   * While the dirty log is kept, the guest dirties no more pages in a second than this: who wants to
   * waits. `per` `vcpu`: each of its vCPUs, and who dirties less does not wait for who would dirty more.
   * `Infinity`: no limit. A guest that cannot be slowed down has no such method.
   */
  limitDirty?(pagesPerSec: number, per?: "guest" | "vcpu"): void;

  /** Stops the guest between two instructions. Once it is done nothing writes its memory any more. */
  pause(): Wait<void>;
  /** Lets it go on, or start, from exactly where it was. Its clock stood still while it was paused. */
  resume(): Wait<void>;

  /** State of vCPUs, devices, clocks: everything but RAM. Only while paused. */
  saveState(): Wait<Uint8Array>;
  /** Takes the state of a twin. Throws `WV_BAD_SNAPSHOT` or `WV_BAD_STREAM` if it does not fit. */
  restoreState(state: Uint8Array): Wait<void>;

  /** 64-bit hash of all of RAM in hex, equal for equal contents on any host. For checkers; only while paused. */
  memoryHash(): Wait<string>;

  /** The guest is gone from here: nothing of it may run again, its memory goes back to the host. */
  destroy(): Wait<void>;
}
