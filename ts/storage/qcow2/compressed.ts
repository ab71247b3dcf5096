import * as zlib from "node:zlib";
import { WasmvisorError } from "../../base/errors.ts";
import type { ImageFile } from "../image-file.ts";
import { badImage, type CompressionType, REMEDY_CHECK } from "./format.ts";

/** What newer versions of Node offer. */
type Zstd = {
  zstdDecompressSync?(from: Uint8Array, options: { maxOutputLength: number }): Uint8Array;
};

/** Reads one compressed cluster: `bytes` bytes at most, which may be cut by the end of the file. */
export function readCompressed(
  file: ImageFile,
  place: { readonly offset: number; readonly bytes: number },
  image: { readonly clusterBytes: number; readonly compression: CompressionType },
): Uint8Array {
  const packed = new Uint8Array(Math.min(place.bytes, file.bytes - place.offset));
  file.read(place.offset, packed);
  const { clusterBytes, compression } = image;
  let cluster: Uint8Array;
  try {
    cluster =
      compression === "zstd" ? unzstd(file, packed, clusterBytes) : inflate(packed, clusterBytes);
  } catch (cause) {
    if (cause instanceof WasmvisorError) throw cause;
    throw badImage(
      file.path,
      `a compressed cluster cannot be unpacked; ${REMEDY_CHECK}`,
      place.offset,
    );
  }
  if (cluster.length === clusterBytes) return cluster;
  throw badImage(
    file.path,
    `a compressed cluster has ${cluster.length} bytes instead of ${clusterBytes}; ${REMEDY_CHECK}`,
    place.offset,
  );
}

/** Behind the deflated data others follow: `finishFlush` keeps zlib from asking for an end in order. */
function inflate(packed: Uint8Array, clusterBytes: number): Uint8Array {
  return zlib.inflateRawSync(packed, {
    maxOutputLength: clusterBytes,
    finishFlush: zlib.constants.Z_SYNC_FLUSH,
  });
}

function unzstd(file: ImageFile, packed: Uint8Array, clusterBytes: number): Uint8Array {
  const { zstdDecompressSync } = zlib as Zstd;
  if (!zstdDecompressSync)
    throw badImage(
      file.path,
      "it is compressed with zstd, which Node unpacks from 22.15 on; convert it with: qemu-img convert",
    );
  return zstdDecompressSync(packed, { maxOutputLength: clusterBytes });
}
