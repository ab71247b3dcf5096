/**
 * Snapshots: a vm in one file.
 *
 *   "WVSN"  u32 version
 *   sections: u32 kind, u32 bytes, u32 CRC-32 of the payload, payload
 *     CONFIG  the vm's config        STATE   vCPUs, devices, clock, disks
 *     PAGES   u32 pages, u32 zero pages, records as `collectPages` writes them (0 or more sections)
 *     END     hash of all memory, in hex
 *
 * All integers are little endian. Everything that is read back is checked before it is used.
 */

import { throwIfAborted } from "../base/abort.ts";
import { crc32 } from "../base/crc32.ts";
import { WasmvisorError } from "../base/errors.ts";
import type { MigratableVm } from "../vmm/migratable-vm.ts";

const MAGIC = 0x4e535657; // "WVSN"
const VERSION = 1;
const CONFIG = 1;
const STATE = 2;
const PAGES = 3;
const END = 4;
const SECTION_HEADER_BYTES = 12;
const FILE_HEADER_BYTES = 8;
const BATCH = { normalPagesMax: 256, zeroPagesMax: 4096 } as const;
/** No section is larger: a length beyond it is a broken file, not a reason to allocate. */
const SECTION_BYTES_MAX = 64 << 20;

/** Where the bytes of a snapshot go. */
export interface SnapshotSink {
  write(bytes: Uint8Array): Promise<void>;
}

/** Where they come from: exactly `bytes` bytes, fewer only at the end. */
export interface SnapshotSource {
  read(bytes: number): Promise<Uint8Array>;
}

function u32s(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setUint32(i * 4, value, true);
  return bytes;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}

async function writeSection(sink: SnapshotSink, kind: number, payload: Uint8Array): Promise<void> {
  await sink.write(concat(u32s(kind, payload.length, crc32(payload)), payload));
}

/** Writes a paused vm. An abort leaves the vm as it was and an unfinished sink. */
export async function writeSnapshot(
  vm: MigratableVm,
  sink: SnapshotSink,
  signal?: AbortSignal,
): Promise<void> {
  await sink.write(u32s(MAGIC, VERSION));
  await writeSection(sink, CONFIG, vm.shape.config);
  await writeSection(sink, STATE, vm.saveState());
  const pages = vm.newPageSet();
  try {
    vm.addPopulated(pages);
    for (let gfn = 0; gfn < vm.shape.pageCount; ) {
      throwIfAborted(signal);
      const batch = vm.takeBatch(pages, gfn, BATCH);
      gfn = batch.nextGfn;
      if (batch.records.length === 0) break;
      const counts = u32s(batch.normalPages, batch.zeroPages);
      await writeSection(sink, PAGES, concat(counts, batch.records));
    }
  } finally {
    pages.release();
  }
  await writeSection(sink, END, new TextEncoder().encode(vm.memoryHash()));
}

interface Section {
  readonly kind: number;
  readonly payload: Uint8Array;
}

class SnapshotReader {
  readonly #source: SnapshotSource;
  #at = 0;

  constructor(source: SnapshotSource) {
    this.#source = source;
  }

  fail(why: string, cause?: unknown): WasmvisorError {
    return new WasmvisorError("WV_BAD_SNAPSHOT", `snapshot at byte ${this.#at}: ${why}`, { cause });
  }

  async take(bytes: number): Promise<Uint8Array> {
    const taken = await this.#source.read(bytes);
    if (taken.length !== bytes)
      throw this.fail(`cut: ${bytes} bytes expected, ${taken.length} there`);
    this.#at += bytes;
    return taken;
  }

  async header(): Promise<void> {
    const view = viewOf(await this.take(FILE_HEADER_BYTES));
    if (view.getUint32(0, true) !== MAGIC) throw this.fail("this is not a snapshot");
    const version = view.getUint32(4, true);
    if (version !== VERSION)
      throw this.fail(`snapshot version ${version}; this release reads version ${VERSION}`);
  }

  async section(): Promise<Section> {
    const view = viewOf(await this.take(SECTION_HEADER_BYTES));
    const bytes = view.getUint32(4, true);
    if (bytes > SECTION_BYTES_MAX) throw this.fail(`a section of ${bytes} bytes`);
    const payload = await this.take(bytes);
    if (crc32(payload) !== view.getUint32(8, true)) throw this.fail("checksum wrong");
    return { kind: view.getUint32(0, true), payload };
  }

  async expect(kind: number, what: string): Promise<Uint8Array> {
    const section = await this.section();
    if (section.kind !== kind) throw this.fail(`section ${section.kind} where the ${what} belongs`);
    return section.payload;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Reads a snapshot: `build` makes an empty, paused twin from the config, which is then filled.
 * Throws `WV_BAD_SNAPSHOT` naming the place; the caller destroys the twin.
 */
export async function readSnapshot(
  source: SnapshotSource,
  build: (config: Uint8Array) => Promise<MigratableVm>,
): Promise<void> {
  const reader = new SnapshotReader(source);
  await reader.header();
  const vm = await build(await reader.expect(CONFIG, "config"));
  const state = await reader.expect(STATE, "state");
  for (;;) {
    const { kind, payload } = await reader.section();
    if (kind === PAGES) applyPages(reader, vm, payload);
    else if (kind === END) {
      if (new TextDecoder().decode(payload) !== vm.memoryHash())
        throw reader.fail("memory is not what was saved");
      break;
    } else throw reader.fail(`unknown section ${kind}`);
  }
  vm.restoreState(state);
}

function applyPages(reader: SnapshotReader, vm: MigratableVm, payload: Uint8Array): void {
  if (payload.length < 8) throw reader.fail("a page section without counts");
  const view = viewOf(payload);
  try {
    vm.applyBatch({
      normalPages: view.getUint32(0, true),
      zeroPages: view.getUint32(4, true),
      records: payload.subarray(8),
    });
  } catch (cause) {
    if (cause instanceof WasmvisorError && cause.code === "WV_NO_MEMORY") throw cause;
    throw reader.fail((cause as Error).message, cause);
  }
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
      await writeSnapshot(
        vm,
        { write: async (bytes) => void (await file.writeFile(bytes)) },
        signal,
      );
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

/** Reads the snapshot at `path`. Throws `WV_BAD_SNAPSHOT`, also when there is no such file. */
export async function loadSnapshotFile(
  path: string,
  build: (config: Uint8Array) => Promise<MigratableVm>,
): Promise<void> {
  const { open } = await import("node:fs/promises");
  const file = await open(path).catch((cause: unknown) => {
    throw new WasmvisorError("WV_BAD_SNAPSHOT", `cannot open snapshot "${path}"`, { cause });
  });
  try {
    await readSnapshot(
      {
        read: async (bytes) => {
          const buffer = new Uint8Array(bytes);
          let at = 0;
          while (at < bytes) {
            const { bytesRead } = await file.read(buffer, at, bytes - at);
            if (bytesRead === 0) break;
            at += bytesRead;
          }
          return buffer.subarray(0, at);
        },
      },
      build,
    );
  } finally {
    await file.close();
  }
}
