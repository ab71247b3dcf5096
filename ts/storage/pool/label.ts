/**
 * What a device says of itself in its first 4 KiB, if it was given an id when it came into the pool. A path or an
 * address may lead to another disk tomorrow: one that does not show the label is not this device.
 *
 *   "WVPD"  u32 CRC-32 of what follows  u32 bytes of the id  id (UTF-8)  zeros to 4096
 */
import { crc32 } from "../../base/crc32.ts";
import { WasmvisorError } from "../../base/errors.ts";
import { type Task, wait } from "../../base/task.ts";
import type { BlockBackend } from "../../machine/block.ts";

const MAGIC = 0x4450_5657;
const HEADER_BYTES = 12;
const ID_BYTES_MAX = 128;

export const LABEL_BYTES = 4096;

/** Where extents begin on a device with this id; "": it has no label. */
export const dataOffset = (id: string): number => (id === "" ? 0 : LABEL_BYTES);

/** Done when it is safe. */
export function* writeLabel(backend: BlockBackend, id: string): Task<void> {
  if (id === "") return;
  const text = new TextEncoder().encode(id);
  if (text.length > ID_BYTES_MAX)
    throw new WasmvisorError("WV_CONFIG", `pool: a device's id has at most ${ID_BYTES_MAX} bytes`);
  const label = new Uint8Array(LABEL_BYTES);
  const view = new DataView(label.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(8, text.length, true);
  label.set(text, HEADER_BYTES);
  view.setUint32(4, crc32(label, 0, 8, LABEL_BYTES), true);
  yield* wait(backend.write(0, label));
  yield* wait(backend.flush());
}

/** Throws `WV_DISK` unless `backend` is the device with this id. */
export function* checkLabel(backend: BlockBackend, name: string, id: string): Task<void> {
  if (id === "") return;
  const label = new Uint8Array(LABEL_BYTES);
  if (backend.bytes >= LABEL_BYTES) yield* wait(backend.read(0, label));
  if (idIn(label) === id) return;
  throw new WasmvisorError(
    "WV_DISK",
    `pool: what is at "${name}" now is another disk; bring the right one back, or add this one as an empty device`,
  );
}

function idIn(label: Uint8Array): string | undefined {
  const view = new DataView(label.buffer);
  const bytes = view.getUint32(8, true);
  const isLabel =
    view.getUint32(0, true) === MAGIC &&
    view.getUint32(4, true) === crc32(label, 0, 8, LABEL_BYTES) &&
    bytes <= ID_BYTES_MAX;
  if (!isLabel) return undefined;
  return new TextDecoder().decode(label.subarray(HEADER_BYTES, HEADER_BYTES + bytes));
}
