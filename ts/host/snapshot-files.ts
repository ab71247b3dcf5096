/** Snapshots that are open, one for each file, however many guests wait for its pages. */
import { badSnapshot } from "./snapshot-format.ts";
import { Snapshot, type SnapshotBytes } from "./snapshot-reader.ts";

/** Opens files for a host. Only where there is Node. */
export class SnapshotFiles {
  readonly #open = new Map<string, Snapshot>();

  /** Files that are open. */
  get size(): number {
    return this.#open.size;
  }

  /**
   * The snapshot at `path`; release it when it is not needed any more. A file that is open already is
   * shared, unless another one has taken its place. Throws `WV_BAD_SNAPSHOT`, also if there is no file.
   */
  async open(path: string): Promise<Snapshot> {
    const { closeSync, fstatSync, openSync, readSync } = await import("node:fs");
    const file = attempt(path, () => openSync(path, "r"));
    let isKept = false;
    try {
      const stat = attempt(path, () => fstatSync(file, { bigint: true }));
      if (!stat.isFile()) throw badSnapshot(`"${path}": this is not a file`);
      const key = `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
      const known = this.#open.get(key);
      if (known) {
        known.retain();
        return known;
      }
      isKept = true;
      const bytes: SnapshotBytes = {
        name: `"${path}"`,
        length: Number(stat.size),
        read: (offset, into) =>
          readFully(into, (part, at) => readSync(file, part, 0, part.length, offset + at)),
        close: () => closeSync(file),
      };
      const snapshot = new Snapshot(bytes);
      this.#open.set(key, snapshot);
      snapshot.onClosed = () => this.#open.delete(key);
      return snapshot;
    } finally {
      if (!isKept) closeSync(file);
    }
  }
}

function attempt<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw badSnapshot(`"${path}": cannot be opened`, cause);
  }
}

/** Reads until `into` is full or nothing more comes. */
function readFully(into: Uint8Array, read: (part: Uint8Array, at: number) => number): number {
  let at = 0;
  while (at < into.length) {
    const taken = read(into.subarray(at), at);
    if (taken === 0) break;
    at += taken;
  }
  return at;
}
