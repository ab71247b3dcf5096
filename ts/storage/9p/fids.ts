/** A client's handles (fids): what each is, and how it is found again where the client goes. */
import type { Plain } from "../../base/codec.ts";
import { badState, type StateFields } from "../../machine/state-fields.ts";
import { EBADF, EINVAL, ENFILE, ENOENT, ESTALE, FileError } from "./errno.ts";
import { NAME_BYTES_MAX, NO_FID } from "./messages.ts";
import type { Entry, FileTree, Handle, OpenMode } from "./tree.ts";

const FIDS_MAX = 8192;
const OPEN_MAX = 2048;
const DEPTH_MAX = 512;
/** Names in listings that are being read, of all directories of a client. */
const LISTED_MAX = 1 << 20;
const ENOMEM = 12;

export class Fid {
  readonly number: number;
  /** Names from the root on; changes when the client renames something on the way. */
  path: readonly string[];
  /** Undefined: it was not found again after a restore. */
  readonly held: Handle | undefined;
  open: { readonly handle: Handle; readonly mode: OpenMode } | undefined;
  isOpenDirectory = false;
  /** Names of an open directory, while somebody reads them. */
  listing: readonly string[] | undefined;

  constructor(number: number, path: readonly string[], held: Handle | undefined) {
    this.number = number;
    this.path = path;
    this.held = held;
  }

  get isOpen(): boolean {
    return this.open !== undefined || this.isOpenDirectory;
  }

  /** Throws ESTALE. */
  get handle(): Handle {
    if (this.held === undefined) throw new FileError(ESTALE);
    return this.held;
  }
}

export class FidTable {
  readonly #tree: FileTree;
  readonly #fids = new Map<number, Fid>();
  #openCount = 0;
  #listedCount = 0;

  constructor(tree: FileTree) {
    this.#tree = tree;
  }

  get count(): number {
    return this.#fids.size;
  }

  get(number: number): Fid {
    const fid = this.#fids.get(number);
    if (!fid) throw new FileError(EBADF, "unknown fid");
    return fid;
  }

  /** Throws unless another fid may be called so. */
  mustBeFree(number: number): void {
    if (number === NO_FID || this.#fids.has(number)) throw new FileError(EINVAL, "fid in use");
    if (this.#fids.size >= FIDS_MAX) throw new FileError(ENFILE, "too many fids");
  }

  /** The fid owns `held` from now on, and whoever had the number is gone. */
  put(fid: Fid): void {
    if (this.#fids.has(fid.number)) this.remove(fid.number);
    this.#fids.set(fid.number, fid);
  }

  remove(number: number): void {
    const fid = this.get(number);
    this.#fids.delete(number);
    this.setListing(fid, undefined);
    if (fid.open) {
      this.#openCount--;
      this.#tree.release(fid.open.handle);
    }
    if (fid.held !== undefined) this.#tree.release(fid.held);
  }

  clear(): void {
    for (const number of [...this.#fids.keys()]) this.remove(number);
  }

  /** Throws unless the client may open one more file. */
  mayOpen(): void {
    if (this.#openCount >= OPEN_MAX) throw new FileError(ENFILE, "too many open files");
  }

  setOpen(fid: Fid, handle: Handle, mode: OpenMode): void {
    fid.open = { handle, mode };
    this.#openCount++;
  }

  setListing(fid: Fid, names: readonly string[] | undefined): void {
    const change = (names?.length ?? 0) - (fid.listing?.length ?? 0);
    if (this.#listedCount + change > LISTED_MAX) throw new FileError(ENOMEM);
    this.#listedCount += change;
    fid.listing = names;
  }

  /** Goes from the root along names, none of which may be a link or `..`. The caller releases it. */
  walk(path: readonly string[]): Handle {
    let handle = this.#tree.root();
    for (const name of path) {
      const before = handle;
      try {
        handle = this.#tree.hold({ directory: before, name });
      } finally {
        this.#tree.release(before);
      }
    }
    return handle;
  }

  /** Runs `action` with the directory that a fid was found in, and its name there. */
  withEntry<T>(fid: Fid, action: (entry: Entry) => T): T {
    const name = fid.path.at(-1);
    if (name === undefined) throw new FileError(EINVAL, "the root has no name");
    const directory = this.walk(fid.path.slice(0, -1));
    try {
      return action({ directory, name });
    } finally {
      this.#tree.release(directory);
    }
  }

  /** The same, only if what is found there is still what is held. */
  withOwnEntry<T>(fid: Fid, action: (entry: Entry) => T): T {
    return this.withEntry(fid, (entry) => {
      const [ours, found] = [this.#tree.stat(fid.handle), this.#tree.statEntry(entry)];
      if (ours.ino !== found.ino || ours.dev !== found.dev) throw new FileError(ENOENT);
      return action(entry);
    });
  }

  /** The client has given `from` the name `to`: so do fids at or below it. */
  renamed(from: readonly string[], to: readonly string[]): void {
    for (const fid of this.#fids.values())
      if (from.every((name, i) => fid.path[i] === name))
        fid.path = [...to, ...fid.path.slice(from.length)];
  }

  save(): Plain {
    return [...this.#fids.values()].map(({ isOpenDirectory, number, open, path }) => ({
      number,
      path,
      isOpenDirectory,
      open: open ? { ...open.mode } : null,
    }));
  }

  /** What is not there, or may not be opened any more, becomes stale. */
  restore(fields: StateFields): void {
    this.clear();
    for (const one of fields.objectsUpTo("fids", FIDS_MAX)) {
      const number = one.integer("number", NO_FID - 1);
      const path = checkedPath(one.raw("path"));
      const fid = new Fid(number, path, this.#find(path));
      this.put(fid);
      fid.isOpenDirectory = one.flag("isOpenDirectory");
      if (one.raw("open") !== null) this.#reopen(fid, one.object("open"));
    }
  }

  #find(path: readonly string[]): Handle | undefined {
    try {
      return this.walk(path);
    } catch {
      return undefined;
    }
  }

  #reopen(fid: Fid, fields: StateFields): void {
    const mode = {
      canRead: fields.flag("canRead"),
      canWrite: fields.flag("canWrite"),
      appends: fields.flag("appends"),
    };
    if (mode.canWrite && this.#tree.readOnly) return;
    try {
      this.mayOpen();
      this.setOpen(fid, this.#tree.open(fid.handle, mode), mode);
    } catch {
      // It reads as not open, and the guest is told EBADF.
    }
  }
}

function checkedPath(value: unknown): string[] {
  const isPath =
    Array.isArray(value) && value.length <= DEPTH_MAX && value.every((name) => isPlainName(name));
  if (!isPath) throw badState("share.fids.path", "names", value);
  return value;
}

/** One step down: nothing that means another directory. */
export function isPlainName(name: unknown): name is string {
  return (
    typeof name === "string" &&
    name.length > 0 &&
    name.length <= NAME_BYTES_MAX &&
    name !== "." &&
    name !== ".." &&
    !/[/\0]|[^\0-\xff]/.test(name)
  );
}

/** Throws unless a fid may have a path of such a depth. */
export function checkDepth(path: readonly string[]): void {
  if (path.length > DEPTH_MAX) throw new FileError(EINVAL, "too deep");
}
