import { WasmvisorError } from "../base/errors.ts";
import { andThen, isPromiseLike, startAll, type Wait } from "../base/task.ts";
import type { BlockBackend } from "../machine/block.ts";
import type { Persist } from "../machine/persist.ts";
import { badState, StateFields } from "../machine/state-fields.ts";

/** Granularity of copies. */
const OVERLAY_BLOCK_BYTES = 4096;

export interface OverlayState {
  /** Size of the base; the state fits only on an equal one. */
  readonly bytes: number;
  readonly blocks: readonly OverlayBlock[];
}

/** A block that differs from the base. */
interface OverlayBlock {
  readonly index: number;
  readonly content: Uint8Array;
}

export interface OverlayMetrics {
  readonly changedBlocks: number;
  /** Those of them that belong to this overlay alone. */
  readonly ownedBlocks: number;
}

/** A writable disk over a base that it never writes: changed blocks stay in memory. */
export class Overlay implements BlockBackend, Persist<OverlayState> {
  readonly readOnly = false;
  readonly #base: BlockBackend;
  readonly #blocks = new Map<number, Uint8Array>();
  /** Blocks that no fork shares, so that they may be written in place. */
  readonly #owned = new Set<number>();
  /** Blocks whose old content the base is still reading. */
  readonly #coming = new Map<number, PromiseLike<Uint8Array>>();

  constructor(base: BlockBackend) {
    this.#base = base;
  }

  get bytes(): number {
    return this.#base.bytes;
  }

  read(offset: number, into: Uint8Array): Wait<void> {
    this.#check(offset, into.length);
    return startAll(this.#runs(offset, into.length), ({ index, within, at, count }) => {
      const block = this.#blocks.get(index);
      const part = into.subarray(at, at + count);
      if (!block) return this.#base.read(offset + at, part);
      part.set(block.subarray(within, within + count));
    });
  }

  /** Pieces; those next to each other that are not here as one. */
  *#runs(offset: number, bytes: number): Generator<Piece> {
    let run: Piece | undefined;
    for (const piece of pieces(offset, bytes)) {
      if (!this.#blocks.has(piece.index)) {
        run = run ? { ...run, count: run.count + piece.count } : piece;
        continue;
      }
      if (run) yield run;
      run = undefined;
      yield piece;
    }
    if (run) yield run;
  }

  write(offset: number, from: Uint8Array): Wait<void> {
    this.#check(offset, from.length);
    return startAll(pieces(offset, from.length), ({ index, within, at, count }) =>
      andThen(this.#writable(index, count), (block) => {
        block.set(from.subarray(at, at + count), within);
      }),
    );
  }

  flush(): void {
    // Nothing here survives the process, and the base is not written.
  }

  discard(offset: number, bytes: number): Wait<void> {
    this.#check(offset, bytes);
    return startAll(pieces(offset, bytes), ({ index, within, count }) =>
      andThen(this.#writable(index, count), (block) => {
        block.fill(0, within, within + count);
      }),
    );
  }

  /** A second disk with the same content. Unchanged blocks stay shared until one side writes them. */
  fork(): Overlay {
    const twin = new Overlay(this.#base);
    for (const [index, block] of this.#blocks) twin.#blocks.set(index, block);
    this.#owned.clear();
    return twin;
  }

  metrics(): OverlayMetrics {
    return { changedBlocks: this.#blocks.size, ownedBlocks: this.#owned.size };
  }

  /** The changed blocks in ascending order. */
  save(): OverlayState {
    const blocks = [...this.#blocks]
      .sort(([a], [b]) => a - b)
      .map(([index, content]) => ({ index, content: content.slice() }));
    return { bytes: this.bytes, blocks };
  }

  restore(state: OverlayState): void {
    const fields = new StateFields("overlay", state);
    const bytes = fields.integer("bytes", Number.MAX_SAFE_INTEGER);
    if (bytes !== this.bytes)
      throw badState("overlay.bytes", `a disk of ${this.bytes} bytes`, bytes);
    const blocksMax = Math.ceil(this.bytes / OVERLAY_BLOCK_BYTES);
    const blocks = new Map<number, Uint8Array>();
    for (const entry of fields.objectsUpTo("blocks", blocksMax)) {
      const index = entry.integer("index", blocksMax - 1);
      const content = entry.bytes("content", OVERLAY_BLOCK_BYTES);
      if (content.length !== OVERLAY_BLOCK_BYTES)
        throw badState("overlay.blocks.content", `${OVERLAY_BLOCK_BYTES} bytes`, content);
      blocks.set(index, content);
    }
    this.#blocks.clear();
    this.#owned.clear();
    for (const [index, content] of blocks) {
      this.#blocks.set(index, content);
      this.#owned.add(index);
    }
  }

  /** The block, ours alone from now on; `count` bytes of it are about to be overwritten. */
  #writable(index: number, count: number): Wait<Uint8Array> {
    const coming = this.#coming.get(index);
    if (coming) return coming;
    const known = this.#blocks.get(index);
    if (known && this.#owned.has(index)) return known;
    const block = new Uint8Array(OVERLAY_BLOCK_BYTES);
    if (known && count < OVERLAY_BLOCK_BYTES) block.set(known);
    if (known || count === OVERLAY_BLOCK_BYTES) return this.#own(index, block);
    const start = index * OVERLAY_BLOCK_BYTES;
    const part = block.subarray(0, Math.min(block.length, this.bytes - start));
    const filled = andThen(this.#base.read(start, part), () => this.#own(index, block));
    if (isPromiseLike(filled)) this.#await(index, filled);
    return filled;
  }

  #own(index: number, block: Uint8Array): Uint8Array {
    this.#blocks.set(index, block);
    this.#owned.add(index);
    return block;
  }

  /** Whoever writes to the block meanwhile waits for it, too. */
  #await(index: number, filled: PromiseLike<Uint8Array>): void {
    const forget = (): void => void this.#coming.delete(index);
    this.#coming.set(index, filled);
    filled.then(forget, forget);
  }

  #check(offset: number, bytes: number): void {
    if (offset < 0 || offset + bytes > this.bytes)
      throw new WasmvisorError(
        "WV_DISK",
        `overlay: ${bytes} bytes at ${offset} are beyond its ${this.bytes} bytes`,
      );
  }
}

interface Piece {
  readonly index: number;
  /** Offset in the block. */
  readonly within: number;
  /** Offset in the request. */
  readonly at: number;
  readonly count: number;
}

/** Cuts a request at block borders. */
function* pieces(offset: number, bytes: number): Generator<Piece> {
  for (let at = 0; at < bytes; ) {
    const index = Math.floor((offset + at) / OVERLAY_BLOCK_BYTES);
    const within = offset + at - index * OVERLAY_BLOCK_BYTES;
    const count = Math.min(OVERLAY_BLOCK_BYTES - within, bytes - at);
    yield { index, within, at, count };
    at += count;
  }
}
