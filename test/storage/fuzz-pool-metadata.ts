/** What a pool knows, spoiled: it opens and is used, or is refused with `WV_DISK`. An entry for `fuzzParsers`. */
import { crc32 } from "../../ts/base/crc32.ts";
import { MemoryDisk } from "../../ts/storage/memory-disk.ts";
import { Pool } from "../../ts/storage/pool/pool.ts";
import type { FuzzedParser } from "../fuzz/parsers.ts";

const CHUNK_BYTES = 4096;
const METADATA_BYTES = 20 * 1024;
const SLOT_BYTES = METADATA_BYTES / 2;
const HEADER_BYTES = 16;
const RECORD_BYTES = 4096;
/** Of a record of what was being written: its head, and some regions. */
const RECORD_HEAD_BYTES = 64;
const READ_BYTES = 64 * 1024;

const device = (name: string) => ({
  name,
  backend: new MemoryDisk({ content: 32 * CHUNK_BYTES }),
});

/** What a pool with volumes of all kinds has on disk, left while mirrors were being written: nothing but what it says. */
function sample(): Uint8Array {
  const content = new Uint8Array(METADATA_BYTES);
  const devices = [device("a"), device("b")];
  const metadata = new MemoryDisk({ content });
  const pool = Pool.create({ metadata, devices, chunkBytes: CHUNK_BYTES }) as Pool;
  for (const layout of ["linear", "striped", "mirrored"] as const) {
    const volume = pool.createVolume({ name: layout, bytes: 8 * CHUNK_BYTES, layout });
    void (volume as { write(at: number, bytes: Uint8Array): void }).write(
      512,
      new Uint8Array(9000),
    );
  }
  void pool.snapshot("mirrored", "kept");
  void pool.volume("mirrored").write(0, new Uint8Array(CHUNK_BYTES));
  void pool.flush();
  void pool.volume("mirrored").write(0, new Uint8Array(512).fill(1));
  const view = new DataView(content.buffer);
  const slot = view.getFloat64(8, true) > view.getFloat64(SLOT_BYTES + 8, true) ? 0 : SLOT_BYTES;
  const end = slot + HEADER_BYTES + view.getUint32(slot + 4, true);
  const record = METADATA_BYTES - RECORD_BYTES;
  return Buffer.concat([
    content.subarray(slot, end),
    content.subarray(record, record + RECORD_HEAD_BYTES),
  ]);
}

/** Puts what a pool says where it belongs. */
function lay(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(METADATA_BYTES);
  const split = Math.max(HEADER_BYTES, bytes.length - RECORD_HEAD_BYTES);
  const state = bytes.subarray(0, Math.min(split, SLOT_BYTES - 2 * RECORD_BYTES));
  const isOdd =
    state.length >= 16 &&
    new DataView(state.buffer, state.byteOffset).getFloat64(8, true) % 2 === 1;
  out.set(state, isOdd ? SLOT_BYTES : 0);
  out.set(bytes.subarray(split, split + RECORD_HEAD_BYTES), METADATA_BYTES - RECORD_BYTES);
  return out;
}

/** The checksums that fit. */
function mend(bytes: Uint8Array): Uint8Array {
  const out = Uint8Array.from(bytes);
  const end = out.length - RECORD_HEAD_BYTES;
  if (end < HEADER_BYTES + 8) return out;
  const view = new DataView(out.buffer);
  view.setUint32(4, end - HEADER_BYTES, true);
  view.setUint32(end - 4, crc32(out, 0, HEADER_BYTES, end - 4), true);
  const record = new Uint8Array(RECORD_BYTES);
  record.set(out.subarray(end));
  view.setUint32(end + 4, crc32(record, 0, 8, RECORD_BYTES), true);
  return out;
}

async function use(bytes: Uint8Array): Promise<void> {
  const content = lay(bytes);
  const pool = await Pool.open(new MemoryDisk({ content }), (name) => device(name).backend);
  pool.check();
  for (const volume of pool.volumes) {
    volume.map();
    const some = new Uint8Array(Math.min(volume.bytes, READ_BYTES));
    await volume.read(0, some);
    if (!volume.readOnly) await volume.write(0, some.subarray(0, 512));
  }
  await pool.flush();
  await pool.rebuild();
}

export const POOL_PARSERS: readonly FuzzedParser[] = [
  {
    name: "metadata of a pool",
    samples: [sample()],
    codes: ["WV_DISK", "WV_NO_SPACE"],
    parse: use,
    mend,
  },
];
