/**
 * What is inside a Debian package, as bytes in memory. Nothing is ever written to a path that the
 * package names: the caller picks files out of the returned map.
 */
import { createTarDecoder, type ParsedTarEntry } from "modern-tar";
import xz from "xz-decompress";
import { WasmvisorError } from "../base/errors.ts";
import { readAr } from "./ar.ts";
import { isInsidePath } from "./cpio.ts";

/** Bounds on what a package may unfold to; beyond them it is refused, not truncated. */
export interface DebLimits {
  readonly fileBytesMax: number;
  readonly keptBytesMax: number;
  readonly fileCountMax: number;
}

/** Wide enough for a distribution kernel (135 MB in 3900 files), far from a decompression bomb. */
export const DEFAULT_DEB_LIMITS: DebLimits = Object.freeze({
  fileBytesMax: 256 * 1024 * 1024,
  keptBytesMax: 512 * 1024 * 1024,
  fileCountMax: 100_000,
});

export interface DebOptions {
  /** Which paths (relative, without `./`) to keep. */
  readonly keep: (path: string) => boolean;
  readonly limits?: DebLimits | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The regular files of a package that `keep` accepts. Links and device nodes are passed over.
 *
 * Throws `WV_BAD_IMAGE` for a package that is cut, of another format version, of another
 * compression than xz, or has a member path that leaves its tree; `WV_LIMIT` beyond the limits.
 */
export async function readDeb(deb: Uint8Array, options: DebOptions): Promise<Map<string, Buffer>> {
  const members = readAr(deb);
  if (members[0]?.name !== "debian-binary" || members[0].bytes[0] !== 0x32 /* "2" */) {
    throw bad("expected a debian-binary member of version 2 first");
  }
  const data = members.find((member) => member.name.startsWith("data.tar"));
  if (!data) throw bad("there is no data.tar member");
  if (data.name !== "data.tar.xz") throw bad(`expected data.tar.xz, got "${data.name}"`);
  return await wrapStream(() => collect(data.bytes, options));
}

/** The bytes of an .xz file. Throws `WV_BAD_IMAGE` when it is damaged, `WV_LIMIT` when too large. */
export async function unxz(compressed: Uint8Array, bytesMax: number): Promise<Buffer> {
  return await wrapStream(async () => {
    const stream = new xz.XzReadableStream(streamOf(compressed));
    return await readAll(stream, bytesMax);
  });
}

async function collect(data: Uint8Array, options: DebOptions): Promise<Map<string, Buffer>> {
  const limits = options.limits ?? DEFAULT_DEB_LIMITS;
  const files = new Map<string, Buffer>();
  let [fileCount, keptBytes] = [0, 0];
  const stream = new xz.XzReadableStream(streamOf(data));
  for await (const entry of entriesOf(stream)) {
    options.signal?.throwIfAborted();
    if (++fileCount > limits.fileCountMax) throw tooLarge(`${limits.fileCountMax} files`);
    const path = pathOf(entry);
    if (entry.header.type !== "file" || path === undefined || !options.keep(path)) {
      await entry.body.cancel();
      continue;
    }
    const bytesMax = Math.min(limits.fileBytesMax, limits.keptBytesMax - keptBytes);
    if (entry.header.size > bytesMax) throw tooLarge(`${bytesMax} bytes at "${path}"`);
    const bytes = await readAll(entry.body, bytesMax);
    if (bytes.length !== entry.header.size) throw bad(`"${path}" is cut`);
    keptBytes += bytes.length;
    files.set(path, bytes);
  }
  return files;
}

function entriesOf(tar: ReadableStream<Uint8Array>): AsyncIterable<ParsedTarEntry> {
  // The DOM's stream type has no async iterator; Node's streams do.
  const entries: unknown = tar.pipeThrough(createTarDecoder({ strict: true }));
  return entries as AsyncIterable<ParsedTarEntry>;
}

function pathOf(entry: ParsedTarEntry): string | undefined {
  const path = entry.header.name.replace(/^\.\//, "").replace(/\/$/, "");
  if (path === "" || path === ".") return undefined;
  if (!isInsidePath(path)) throw bad(`the path "${entry.header.name}" leaves the tree`);
  return path;
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  const chunkBytes = 256 * 1024;
  let offset = 0;
  return new ReadableStream({
    pull(controller) {
      if (offset >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(offset, offset + chunkBytes));
      offset += chunkBytes;
    },
  });
}

async function readAll(stream: ReadableStream<Uint8Array>, bytesMax: number): Promise<Buffer> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let total = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks, total);
    total += value.length;
    if (total > bytesMax) {
      await reader.cancel();
      throw tooLarge(`${bytesMax} bytes`);
    }
    // A copy: the decoder may reuse the memory behind its chunk.
    chunks.push(value.slice());
  }
}

/** The decoders throw plain errors; here they become ours. Aborts pass through. */
async function wrapStream<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof WasmvisorError) throw error;
    if (error instanceof Error && error.name === "AbortError") throw error;
    throw new WasmvisorError("WV_BAD_IMAGE", `package: damaged data: ${String(error)}`, {
      cause: error,
    });
  }
}

function tooLarge(what: string): WasmvisorError {
  return new WasmvisorError("WV_LIMIT", `package: larger than the allowed ${what}`);
}

function bad(why: string): WasmvisorError {
  return new WasmvisorError("WV_BAD_IMAGE", `package: ${why}`);
}
