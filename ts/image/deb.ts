/**
 * What is inside a Debian package, as bytes in memory. Nothing is ever written to a path that the
 * package names: the caller picks files out of the returned map.
 */
import { type TarHeader, unpackTar } from "modern-tar";
import xz from "xz-decompress";
import { WasmvisorError } from "../base/errors.ts";
import { readAr } from "./ar.ts";
import { isInsidePath } from "./cpio.ts";

const CHUNK_BYTES = 256 * 1024;
const EMPTY_CHUNK_COUNT_MAX = 1000;

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
  /** Told of each symbolic link that `keep` accepts; its target may be anything. */
  readonly onLink?: ((path: string, target: string) => void) | undefined;
  readonly limits?: DebLimits | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The regular files of a package that `keep` accepts. Links and device nodes are passed over,
 * but that `onLink` hears of symbolic links.
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
  return await wrapStream(async () => await withXz(compressed, readAll(bytesMax)));
}

function readAll(bytesMax: number): (read: ReadChunk) => Promise<Buffer> {
  return async (read) => {
    const chunks: Uint8Array[] = [];
    let total = 0;
    for (let chunk = await read(); chunk; chunk = await read()) {
      total += chunk.length;
      if (total > bytesMax) throw tooLarge(`${bytesMax} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, total);
  };
}

async function collect(data: Uint8Array, options: DebOptions): Promise<Map<string, Buffer>> {
  const limits = options.limits ?? DEFAULT_DEB_LIMITS;
  let [fileCount, keptBytes] = [0, 0];
  const filter = (header: TarHeader): boolean => {
    options.signal?.throwIfAborted();
    if (++fileCount > limits.fileCountMax) throw tooLarge(`${limits.fileCountMax} files`);
    const path = pathOf(header);
    if (path === undefined || !options.keep(path)) return false;
    if (header.type === "symlink") options.onLink?.(path, header.linkname ?? "");
    if (header.type !== "file") return false;
    keptBytes += header.size;
    if (header.size > limits.fileBytesMax) throw tooLarge(`${limits.fileBytesMax} bytes`);
    if (keptBytes > limits.keptBytesMax) throw tooLarge(`${limits.keptBytesMax} bytes in all`);
    return true;
  };
  return await withXz(data, async (read) => {
    const tar = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const chunk = await read();
        if (chunk) controller.enqueue(chunk);
        else controller.close();
      },
    });
    const files = new Map<string, Buffer>();
    for (const { header, data: bytes } of await unpackTar(tar, { filter, strict: true })) {
      if (bytes?.length !== header.size) throw bad(`"${header.name}" is cut`);
      files.set(pathOf(header) ?? "", Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    }
    return files;
  });
}

function pathOf(header: TarHeader): string | undefined {
  const path = header.name.replace(/^\.\//, "").replace(/\/$/, "");
  if (path === "" || path === ".") return undefined;
  if (!isInsidePath(path)) throw bad(`the path "${header.name}" leaves the tree`);
  return path;
}

/** The next chunk of decompressed bytes, undefined at the end. */
type ReadChunk = () => Promise<Uint8Array | undefined>;

/**
 * Hands `use` a reader over decompressed bytes. The decoder holds a process-wide lock from first
 * to last byte, so it is always run to its end or cancelled; and on cut input it would produce
 * empty chunks for ever, which is an error here.
 */
async function withXz<T>(compressed: Uint8Array, use: (read: ReadChunk) => Promise<T>): Promise<T> {
  const reader = new xz.XzReadableStream(streamOf(compressed)).getReader();
  let emptyCount = 0;
  const read = async (): Promise<Uint8Array | undefined> => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return undefined;
      // A copy: the decoder reuses the memory behind its chunk.
      if (value.length > 0) return value.slice();
      if (++emptyCount > EMPTY_CHUNK_COUNT_MAX) throw bad("the xz data is cut");
    }
  };
  try {
    return await use(read);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let offset = 0;
  return new ReadableStream({
    pull(controller) {
      if (offset >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(offset, offset + CHUNK_BYTES));
      offset += CHUNK_BYTES;
    },
  });
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
