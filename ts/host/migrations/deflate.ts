/** Pages packed by zlib, in threads of its own: the guests of this host run on meanwhile. */
import { promisify } from "node:util";
import { deflateRaw, inflateRaw } from "node:zlib";
import type { Packer } from "../../migrate/packing.ts";

const pack = promisify<Uint8Array, { level: number }, Buffer>(deflateRaw);
const unpack = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(inflateRaw);

/** `level`: 1 (fast) to 9. */
export function deflatePacker(level = 1): Packer {
  return {
    name: "deflate",
    pack: (bytes) => pack(bytes, { level }),
    // A limit of 0 would be none.
    unpack: (bytes, bytesMax) => unpack(bytes, { maxOutputLength: Math.max(1, bytesMax) }),
  };
}
