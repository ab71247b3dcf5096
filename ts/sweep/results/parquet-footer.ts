/** What a chunk's file of Parquet says of itself, at its end. */
import { type FileMetaData, parquetMetadata } from "hyparquet";

/** Length of the footer, and the magic bytes behind it. */
export const TAIL_BYTES = 8;

/** Who takes a chunk in looks at it, and whoever joins it does again. */
const known = new WeakMap<Uint8Array, FileMetaData>();

/** Undefined: there is none. */
export function footerIn(part: Uint8Array): FileMetaData | undefined {
  const before = known.get(part);
  if (before || part.length < TAIL_BYTES) return before;
  const view = new DataView(part.buffer, part.byteOffset, part.length);
  const bytes = view.getUint32(part.length - TAIL_BYTES, true) + TAIL_BYTES;
  try {
    // A copy of the footer alone: the rows are megabytes, and lie in a larger buffer.
    const footer = part.slice(Math.max(0, part.length - bytes));
    const metadata = parquetMetadata(new Uint8Array(footer).buffer);
    known.set(part, metadata);
    return metadata;
  } catch {
    return undefined;
  }
}
