/** Writing so that zeros stay holes. */
import { isZero } from "../base/zeros.ts";

/** Where nothing but zeros is so far: writes what is not zero of `bytes`, by pieces that are either whole or left out. */
export function writeNonZero(
  target: { write(offset: number, from: Uint8Array): void },
  offset: number,
  { bytes, pieceBytes }: { readonly bytes: Uint8Array; readonly pieceBytes: number },
): void {
  for (let at = 0; at < bytes.length; ) {
    let end = at;
    while (end < bytes.length && !isZero(bytes.subarray(end, end + pieceBytes)))
      end = Math.min(end + pieceBytes, bytes.length);
    if (end > at) target.write(offset + at, bytes.subarray(at, end));
    at = end + pieceBytes;
  }
}
