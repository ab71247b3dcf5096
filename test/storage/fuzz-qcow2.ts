/** Broken qcow2 images: whatever is in one, it is read, written and checked, or refused with `WV_DISK`. */
import { WasmvisorError } from "../../ts/base/errors.ts";
import { Random } from "../../ts/base/random.ts";
import { checkQcow2 } from "../../ts/storage/qcow2/check.ts";
import { createQcow2 } from "../../ts/storage/qcow2/create.ts";
import { Qcow2Disk } from "../../ts/storage/qcow2/qcow2-disk.ts";
import { MemoryFile } from "./memory-file.ts";

const BYTES = 64 * 1024;
/** No image of this size makes anybody read more than this of its file, or takes longer. */
const BUDGET_MS = 2000;

function sound(random: Random): Uint8Array {
  const file = new MemoryFile();
  const clusterBytes = random.pick([512, 1024, 4096]);
  const refcountBits = random.pick([1, 8, 16, 64]);
  createQcow2(file, { bytes: BYTES, clusterBytes, refcountBits });
  const disk = new Qcow2Disk({ file, readOnly: false });
  for (let i = 0; i < 6; i++) {
    const at = 512 * random.below(BYTES / 512 - 16);
    disk.write(at, random.bytes(new Uint8Array(512 * (1 + random.below(15)))));
  }
  disk.discard(0, 4096);
  disk.flush();
  return file.content.slice();
}

/** Bytes, words and offsets that are wrong, most of them where tables are; or an end that is too early. */
function spoil(content: Uint8Array, random: Random): Uint8Array {
  const spoiled = content.slice(
    0,
    random.below(10) === 0 ? random.below(content.length) : undefined,
  );
  const view = new DataView(spoiled.buffer);
  for (let i = 1 + random.below(6); i > 0 && spoiled.length > 128; i--) {
    const reach = random.pick([112, 8192, spoiled.length]);
    const at = random.below(Math.min(reach, spoiled.length) - 8);
    const kind = random.below(5);
    if (kind === 0) spoiled[at] = random.below(256);
    else if (kind === 1) view.setUint32(at & ~3, random.pick([0, 1, 0xffffffff, 0x80000000]));
    else if (kind === 2)
      view.setUint32(at & ~7, random.pick([0, 0x40000000, 0x80000000, 0xc0ffffff]));
    else if (kind === 3)
      view.setUint32((at & ~7) + 4, 512 * random.below(Math.ceil(spoiled.length / 256)));
    else spoiled.copyWithin(at, random.below(spoiled.length - 64), random.below(spoiled.length));
  }
  return spoiled;
}

function exercise(content: Uint8Array, random: Random): void {
  const file = new MemoryFile(content);
  checkQcow2(file);
  const disk = new Qcow2Disk({ file, readOnly: random.below(3) === 0, cacheBytes: 8192 });
  const bytes = Math.min(disk.bytes, BYTES);
  const into = new Uint8Array(8192);
  for (let at = 0; at + into.length <= bytes; at += into.length) {
    disk.read(at, into);
    disk.extent(at, into.length);
  }
  if (disk.readOnly) return;
  for (let i = 0; i < 4 && bytes >= 8192; i++) {
    const at = 512 * random.below((bytes - 4096) / 512);
    if (random.below(3) === 0) disk.discard(at, 4096);
    else disk.write(at, into.subarray(0, 4096));
  }
  disk.flush();
}

/** Tries `inputs` images. Throws what no image may cause, with the seed and the number of the input. */
export function fuzzQcow2(seed: number, inputs: number): { readonly refused: number } {
  const random = new Random(seed);
  let refused = 0;
  let base = sound(random);
  for (let i = 0; i < inputs; i++) {
    if (i % 50 === 0) base = sound(random);
    const from = process.cpuUsage();
    try {
      exercise(spoil(base, random), random);
    } catch (error) {
      if (!(error instanceof WasmvisorError) || error.code !== "WV_DISK")
        throw new Error(`fuzz-qcow2: seed ${seed}, input ${i}`, { cause: error });
      refused++;
    }
    const { system, user } = process.cpuUsage(from); // Others may have the processor for longer.
    const tookMs = (system + user) / 1000;
    if (tookMs > BUDGET_MS)
      throw new Error(`fuzz-qcow2: seed ${seed}, input ${i}: ${tookMs} ms of work`);
  }
  return { refused };
}
