/** Internal snapshots: each is an L1 table of its own. */
import type { ImageFile } from "../image-file.ts";
import { badImage, l1EntriesFor, load64, type Qcow2Header, REMEDY_CHECK } from "./format.ts";
import type { L1Place } from "./mapping.ts";

const ENTRY_BYTES = 40;
const L1_BYTES_MAX = 32 * 1024 * 1024;
const EXTRA_BYTES_MAX = 1024;

export interface Qcow2Snapshot {
  readonly id: string;
  readonly name: string;
  /** Seconds since 1970. */
  readonly dateSec: number;
  /** Size of the disk when it was taken. */
  readonly bytes: number;
  /** @internal */
  readonly l1: L1Place;
}

/** @internal Everything the table says, and how long it is. */
export interface SnapshotTable {
  readonly snapshots: readonly Qcow2Snapshot[];
  readonly bytes: number;
}

export function readSnapshots(file: ImageFile, header: Qcow2Header): SnapshotTable {
  const snapshots: Qcow2Snapshot[] = [];
  let at = header.snapshotsOffset;
  for (let i = 0; i < header.snapshotCount; i++) {
    const entry = readEntry(file, header, at);
    snapshots.push(entry.snapshot);
    at += entry.bytes;
  }
  return { snapshots, bytes: at - header.snapshotsOffset };
}

function readEntry(
  file: ImageFile,
  header: Qcow2Header,
  at: number,
): { readonly snapshot: Qcow2Snapshot; readonly bytes: number } {
  const head = new Uint8Array(ENTRY_BYTES);
  file.read(at, head);
  const view = new DataView(head.buffer);
  const l1 = { offset: load64(view, 0), entries: view.getUint32(8) };
  const [idBytes, nameBytes, extraBytes] = [
    view.getUint16(12),
    view.getUint16(14),
    view.getUint32(36),
  ];
  const bytes = ENTRY_BYTES + extraBytes + idBytes + nameBytes;
  if (extraBytes > EXTRA_BYTES_MAX || at + bytes > file.bytes)
    throw badImage(file.path, `the table of its snapshots is cut; ${REMEDY_CHECK}`, at);
  const rest = new Uint8Array(bytes - ENTRY_BYTES);
  file.read(at + ENTRY_BYTES, rest);
  const diskBytes = extraBytes >= 16 ? load64(new DataView(rest.buffer), 8) : header.bytes;
  const clusterBytes = 2 ** header.clusterBits;
  const isGood =
    l1.entries * 8 <= L1_BYTES_MAX &&
    l1.offset % clusterBytes === 0 &&
    l1.offset + l1.entries * 8 <= file.bytes + clusterBytes &&
    l1EntriesFor(diskBytes, header.clusterBits) <= l1.entries;
  if (!isGood)
    throw badImage(file.path, `a snapshot has an impossible L1 table; ${REMEDY_CHECK}`, at);
  const text = (from: number, count: number): string =>
    new TextDecoder().decode(rest.subarray(from, from + count));
  const snapshot = {
    id: text(extraBytes, idBytes),
    name: text(extraBytes + idBytes, nameBytes),
    dateSec: view.getUint32(16),
    bytes: diskBytes,
    l1,
  };
  return { snapshot, bytes: Math.ceil(bytes / 8) * 8 };
}
