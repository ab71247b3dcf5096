/** Writes snapshots: see snapshot-format.ts. */
import { throwIfAborted } from "../base/abort.ts";
import { crc32 } from "../base/crc32.ts";
import { WasmvisorError } from "../base/errors.ts";
import { joinParts } from "../base/join-parts.ts";
import type { MigratableVm } from "../vmm/migratable-vm.ts";
import {
  bytesOf,
  CLUSTER_PAGES,
  encodeFooter,
  encodeHeader,
  indexOf,
  partOf,
  SNAPSHOT_PAGE_BYTES,
  type SnapshotIndex,
} from "./snapshot-format.ts";

const BATCH = { normalPagesMax: 256, zeroPagesMax: 4096 } as const;
const RECORD_HEADER_BYTES = 4;
/** Bit of a record's header that says: no bytes follow. As in `bindings/abi.ts`. */
const ZERO = 1 << 30;

/** Where the bytes of a snapshot go. */
export interface SnapshotSink {
  write(bytes: Uint8Array): Promise<void>;
}

/** Takes pages as records, and notes them in an index. */
class PageWriter {
  readonly #index: SnapshotIndex;
  filePages = 0;

  constructor(guestPages: number) {
    this.#index = indexOf(guestPages);
  }

  get index(): Uint8Array {
    return bytesOf(this.#index.words);
  }

  /** The pages of a batch, one behind the other. */
  take(records: Uint8Array): Uint8Array {
    const view = new DataView(records.buffer, records.byteOffset, records.byteLength);
    const pages = new Uint8Array(BATCH.normalPagesMax * SNAPSHOT_PAGE_BYTES);
    let bytes = 0;
    for (let at = 0; at < records.length; ) {
      const head = view.getUint32(at, true);
      at += RECORD_HEADER_BYTES;
      if (head & ZERO) continue;
      this.#note(head, records, at);
      pages.set(records.subarray(at, at + SNAPSHOT_PAGE_BYTES), bytes);
      bytes += SNAPSHOT_PAGE_BYTES;
      at += SNAPSHOT_PAGE_BYTES;
    }
    return pages.subarray(0, bytes);
  }

  #note(gfn: number, records: Uint8Array, at: number): void {
    const { before, crcs, pages } = this.#index;
    const cluster = Math.floor(gfn / CLUSTER_PAGES);
    const known = pages[cluster] as number;
    if (known === 0) before[cluster] = this.filePages;
    pages[cluster] = known | (1 << (gfn % CLUSTER_PAGES));
    crcs[cluster] = crc32(records, crcs[cluster], at, at + SNAPSHOT_PAGE_BYTES);
    this.filePages++;
  }
}

/** Writes a paused vm. An abort leaves the vm as it was and an unfinished sink. */
export async function writeSnapshot(
  vm: MigratableVm,
  sink: SnapshotSink,
  signal?: AbortSignal,
): Promise<void> {
  const guestPages = vm.shape.pageCount;
  const writer = new PageWriter(guestPages);
  const set = vm.newPageSet();
  try {
    await sink.write(encodeHeader());
    vm.addPopulated(set);
    for (let gfn = 0; gfn < guestPages; ) {
      throwIfAborted(signal);
      const batch = vm.takeBatch(set, gfn, BATCH);
      gfn = batch.nextGfn;
      await sink.write(writer.take(batch.records));
    }
  } finally {
    set.release();
  }
  const { filePages } = writer;
  const { config } = vm.shape;
  const state = vm.saveState();
  const { index } = writer;
  for (const part of [config, state, index]) await sink.write(part);
  const parts = { config: partOf(config), state: partOf(state), index: partOf(index) };
  await sink.write(encodeFooter({ guestPages, filePages, ...parts }));
}

/** A snapshot of a paused vm as bytes, for places without files. */
export async function snapshotBytes(vm: MigratableVm, signal?: AbortSignal): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const write = (bytes: Uint8Array): Promise<void> => {
    parts.push(bytes);
    return Promise.resolve();
  };
  await writeSnapshot(vm, { write }, signal);
  return joinParts(parts);
}

/** Writes a snapshot to `path`: to a file beside it first, so that `path` is always whole. */
export async function saveSnapshotFile(
  vm: MigratableVm,
  path: string,
  signal?: AbortSignal,
): Promise<void> {
  const { open, rename, rm } = await import("node:fs/promises");
  const partial = `${path}.partial`;
  try {
    const file = await open(partial, "w");
    try {
      const write = async (bytes: Uint8Array): Promise<void> => void (await file.writeFile(bytes));
      await writeSnapshot(vm, { write }, signal);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true });
    if (cause instanceof WasmvisorError) throw cause;
    throw new WasmvisorError("WV_CONFIG", `snapshot: cannot write "${path}"`, { cause });
  }
}
