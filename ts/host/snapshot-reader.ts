/** Reads snapshots, page by page: see snapshot-format.ts. */
import { crc32 } from "../base/crc32.ts";
import type { PageSource, PlacePage } from "../vmm/guest-ram.ts";
import {
  badSnapshot,
  bitCount,
  CLUSTER_PAGES,
  checkHeader,
  decodeFooter,
  FOOTER_BYTES,
  HEADER_BYTES,
  indexOf,
  SNAPSHOT_PAGE_BYTES,
  type SnapshotIndex,
  type SnapshotPart,
  wordsOf,
} from "./snapshot-format.ts";

/** The bytes of a snapshot. Reading is synchronous: a guest that touches a page waits for it. */
export interface SnapshotBytes {
  /** For messages. */
  readonly name: string;
  readonly length: number;
  /** Fills `into` from `offset` on; returns how many bytes there were. Throws what the system says. */
  read(offset: number, into: Uint8Array): number;
  close(): void;
}

/** A snapshot in memory. */
export function bytesInMemory(bytes: Uint8Array): SnapshotBytes {
  return {
    name: "in memory",
    length: bytes.length,
    read: (offset, into) => {
      const part = bytes.subarray(offset, offset + into.length);
      into.set(part);
      return part.length;
    },
    close: () => undefined,
  };
}

/** An open snapshot: what it says, and its pages for every guest that still waits for some. */
export class Snapshot implements PageSource {
  readonly config: Uint8Array;
  readonly state: Uint8Array;
  readonly guestPages: number;
  /** Called when nobody needs it any more; the file is closed already. */
  onClosed: () => void = () => undefined;
  readonly #bytes: SnapshotBytes;
  readonly #index: SnapshotIndex;
  readonly #buffer = new Uint8Array(CLUSTER_PAGES * SNAPSHOT_PAGE_BYTES);
  #users = 1;

  /**
   * Reads all but the pages. Throws `WV_BAD_SNAPSHOT`, and closes `bytes`. Whoever opens it releases it.
   */
  constructor(bytes: SnapshotBytes) {
    this.#bytes = bytes;
    try {
      checkHeader(this.#read(0, Math.min(HEADER_BYTES, bytes.length)), bytes.name);
      const end = this.#read(Math.max(0, bytes.length - FOOTER_BYTES), FOOTER_BYTES);
      const footer = decodeFooter(end, bytes.length, bytes.name);
      let at = HEADER_BYTES + footer.filePages * SNAPSHOT_PAGE_BYTES;
      this.config = this.#part(at, footer.config, "config");
      at += footer.config.bytes;
      this.state = this.#part(at, footer.state, "state");
      at += footer.state.bytes;
      this.guestPages = footer.guestPages;
      this.#index = indexOf(footer.guestPages, wordsOf(this.#part(at, footer.index, "index")));
    } catch (error) {
      bytes.close();
      throw error;
    }
  }

  /** One bit a page: those that are in the file. */
  get pages(): Uint32Array {
    return this.#index.pages;
  }

  #read(offset: number, length: number, into = new Uint8Array(length)): Uint8Array {
    const part = into.subarray(0, length);
    const { name } = this.#bytes;
    let taken = 0;
    try {
      taken = this.#bytes.read(offset, part);
    } catch (cause) {
      throw badSnapshot(`${name} at byte ${offset}: cannot be read`, cause);
    }
    if (taken !== length)
      throw badSnapshot(`${name} at byte ${offset}: cut: ${length} bytes expected, ${taken} there`);
    return part;
  }

  #part(offset: number, { bytes, crc }: SnapshotPart, what: string): Uint8Array {
    const part = this.#read(offset, bytes);
    if (crc32(part) === crc) return part;
    throw badSnapshot(`${this.#bytes.name} at byte ${offset}: the ${what} is damaged`);
  }

  fetch(index: number, place: PlacePage): void {
    const cluster = Math.floor(index / CLUSTER_PAGES);
    const first = cluster * CLUSTER_PAGES;
    const word = this.pages[cluster] as number;
    const offset = HEADER_BYTES + (this.#index.before[cluster] as number) * SNAPSHOT_PAGE_BYTES;
    const bytes = this.#read(offset, bitCount(word) * SNAPSHOT_PAGE_BYTES, this.#buffer);
    if (crc32(bytes) !== this.#index.crcs[cluster])
      throw badSnapshot(
        `${this.#bytes.name} at byte ${offset}: pages ${first} to ${first + CLUSTER_PAGES - 1} of the guest are damaged`,
      );
    for (let bit = 0, at = 0; bit < CLUSTER_PAGES; bit++) {
      if (((word >>> bit) & 1) === 0) continue;
      place(first + bit, bytes.subarray(at, at + SNAPSHOT_PAGE_BYTES));
      at += SNAPSHOT_PAGE_BYTES;
    }
  }

  retain(): void {
    this.#users++;
  }

  release(): void {
    if (--this.#users > 0) return;
    this.#bytes.close();
    this.onClosed();
  }
}
