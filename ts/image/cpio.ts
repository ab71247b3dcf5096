/**
 * The initramfs archive: cpio "newc" (kernel, Documentation/driver-api/early-userspace/
 * buffer-format.rst). Every entry is
 *
 *   "070701" | 13 fields of 8 hex digits | name NUL | pad to 4 | data | pad to 4
 *
 * and the archive ends with an entry called `TRAILER!!!`. The writer is deterministic: entries are
 * sorted, times are zero, inodes count from 1, missing parent directories are added, so equal
 * content gives equal bytes and an image can be named by its hash.
 */
import { WasmvisorError } from "../base/errors.ts";

const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const S_IFCHR = 0o020000;

const HEADER_BYTES = 110;
const TRAILER = "TRAILER!!!";
const PATH_BYTES_MAX = 4095;
const DATA_BYTES_MAX = 0xffffffff;

/** What an initramfs can hold here. `path` is relative, without `.` and `..` parts. */
export type CpioEntry =
  | { readonly type: "directory"; readonly path: string }
  | {
      readonly type: "file";
      readonly path: string;
      readonly data: Uint8Array;
      readonly executable?: boolean;
    }
  | { readonly type: "symlink"; readonly path: string; readonly target: string }
  | {
      readonly type: "character-device";
      readonly path: string;
      readonly major: number;
      readonly minor: number;
    };

interface Header {
  readonly inode: number;
  readonly mode: number;
  readonly linkCount: number;
  readonly dataBytes: number;
  readonly major: number;
  readonly minor: number;
}

/**
 * The archive of `entries`, whatever their order.
 *
 * Throws `WV_BAD_IMAGE` for a path that is absolute, escapes, repeats, or lies below something
 * that is not a directory.
 */
export function writeCpio(entries: readonly CpioEntry[]): Uint8Array {
  const sorted = [...withParents(entries).values()].sort((a, b) => compareText(a.path, b.path));
  const chunks: Uint8Array[] = [];
  for (const [index, entry] of sorted.entries()) {
    const data = dataOf(entry);
    if (data.length > DATA_BYTES_MAX) throw bad(entry.path, "is too large for the format");
    pushEntry(chunks, entry.path, { ...headerOf(entry), inode: index + 1, dataBytes: data.length });
    chunks.push(data, new Uint8Array(-data.length & 3));
  }
  pushEntry(chunks, TRAILER, {
    inode: 0,
    mode: 0,
    linkCount: 1,
    dataBytes: 0,
    major: 0,
    minor: 0,
  });
  return Buffer.concat(chunks);
}

/** True when `path` names something inside a tree: relative, and without `.`, `..` and NUL. */
export function isInsidePath(path: string): boolean {
  if (path.includes("\0") || Buffer.byteLength(path) > PATH_BYTES_MAX) return false;
  return path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

/** Code unit order: independent of the locale, so archives are equal everywhere. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function withParents(entries: readonly CpioEntry[]): Map<string, CpioEntry> {
  const tree = new Map<string, CpioEntry>();
  for (const entry of entries) {
    if (!isInsidePath(entry.path)) throw bad(entry.path, "is not a path inside the tree");
    const known = tree.get(entry.path);
    if (known && !(known.type === "directory" && entry.type === "directory")) {
      throw bad(entry.path, "is there twice");
    }
    tree.set(entry.path, entry);
  }
  for (const path of [...tree.keys()]) {
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      const parent = path.slice(0, end);
      const known = tree.get(parent);
      if (known && known.type !== "directory") throw bad(path, `lies below a ${known.type}`);
      tree.set(parent, { type: "directory", path: parent });
    }
  }
  return tree;
}

function headerOf(entry: CpioEntry): Omit<Header, "inode" | "dataBytes"> {
  const plain = { linkCount: 1, major: 0, minor: 0 };
  switch (entry.type) {
    case "directory":
      return { ...plain, mode: S_IFDIR | 0o755, linkCount: 2 };
    case "file":
      return { ...plain, mode: S_IFREG | (entry.executable ? 0o755 : 0o644) };
    case "symlink":
      return { ...plain, mode: S_IFLNK | 0o777 };
    case "character-device":
      return { ...plain, mode: S_IFCHR | 0o600, major: entry.major, minor: entry.minor };
  }
}

function dataOf(entry: CpioEntry): Uint8Array {
  if (entry.type === "file") return entry.data;
  return entry.type === "symlink" ? Buffer.from(entry.target) : new Uint8Array(0);
}

function pushEntry(chunks: Uint8Array[], path: string, header: Header): void {
  const name = Buffer.from(`${path}\0`);
  const fields = [
    header.inode,
    header.mode,
    0, // uid
    0, // gid
    header.linkCount,
    0, // mtime
    header.dataBytes,
    0, // device of the archive, major and minor
    0,
    header.major,
    header.minor,
    name.length,
    0, // check, only used by the "crc" variant
  ];
  const text = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
  chunks.push(Buffer.from(text), name, new Uint8Array(-(HEADER_BYTES + name.length) & 3));
}

function bad(path: string, why: string): WasmvisorError {
  return new WasmvisorError("WV_BAD_IMAGE", `cpio: "${path}" ${why}`);
}
