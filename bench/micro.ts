/** Short functions on the paths that carry bytes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 as zlibCrc32 } from "node:zlib";
import { crc32 } from "../ts/base/crc32.ts";
import { Random } from "../ts/base/random.ts";
import { parseElf } from "../ts/vmm/elf.ts";
import { type BenchRow, microSuite } from "./harness.ts";

export function benchMicro(root: string, rounds: number): Promise<BenchRow[]> {
  const elf = new Uint8Array(readFileSync(join(root, "guests/bin/kernels.elf")));
  const random = new Random(1);
  const page = Uint8Array.from({ length: 4096 }, () => random.below(256));
  return microSuite({
    suite: "micro",
    rounds,
    maxTimeSec: 1,
    cases: [
      {
        name: "crc32 of a page",
        run: () => crc32(page),
        peer: { name: "node:zlib", run: () => zlibCrc32(page) },
      },
      { name: "parse an ELF file", run: () => parseElf(elf) },
    ],
  });
}
