/** A client's handles (fids): what each is, and how it is found again where the client goes. */
import type { Plain } from "../../base/codec.ts";
import { isPromiseLike, startAll, type Wait } from "../../base/task.ts";
import type { FilesInUse } from "../../machine/file-share.ts";
import type { StateFields } from "../../machine/state-fields.ts";
import { EBADF, EINVAL, ENFILE, ENOENT, ESTALE, FileError } from "./errno.ts";
import { NO_FID, S_IFMT } from "./messages.ts";
import { isPlainName, textOf } from "./names.ts";
import { type SavedFid, savedFid } from "./saved-fid.ts";
import type { Entry, FileTree, Handle, OpenMode } from "./tree.ts";

const FIDS_MAX = 8192;
const OPEN_MAX = 2048;
const DEPTH_MAX = 512;
/** Names in listings that are being read, of all directories of a client. */
const LISTED_MAX = 1 << 20;
/** Names that a host is asked for before a client comes. */
const IN_USE_MAX = 64;
const ENOMEM = 12;

export class Fid {
  readonly number: number;
  /** Names from the root on; changes when the client renames something on the way. */
  path: readonly string[];
  /** Undefined: it was not found again after a restore. */
  readonly held: Handle | undefined;
  open: { readonly handle: Handle; readonly mode: OpenMode; isUnsynced: boolean } | undefined;
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
    fid.open = { handle, mode, isUnsynced: false };
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

  /** Settles when what was written to open files is safe. */
  sync(): Wait<void> {
    const unsynced = [...this.#fids.values()].filter(({ open }) => open?.isUnsynced);
    return startAll(unsynced, (fid) => this.syncOne(fid, "data"));
  }

  syncOne({ open }: Fid, what: "data" | "all"): Wait<void> {
    if (!open) return;
    open.isUnsynced = false;
    const done = this.#tree.sync(open.handle, what);
    if (!isPromiseLike(done)) return;
    return done.then(undefined, (error: unknown) => {
      open.isUnsynced = true;
      throw error;
    });
  }

  inUse(): FilesInUse {
    const paths: string[] = [];
    const lost: string[] = [];
    const fids = [...this.#fids.values()].sort((a, b) => Number(b.isOpen) - Number(a.isOpen));
    for (const fid of fids) {
      const place = this.#placeOf(fid);
      if (place && place.length > 0 && paths.length < IN_USE_MAX) paths.push(place.join("/"));
      if (!place && fid.open) lost.push(fid.path.join("/"));
    }
    return { paths, lost: lost.map(textOf) };
  }

  /** Where what a fid holds is found: by the client's names, or where somebody else has moved it. */
  #placeOf({ held, path }: Fid): readonly string[] | undefined {
    if (held === undefined) return undefined;
    if (this.#leadsTo(path, held)) return path;
    const found = this.#tree.pathOf(held);
    return found?.every(isPlainName) && this.#leadsTo(found, held) ? found : undefined;
  }

  #leadsTo(path: readonly string[], held: Handle): boolean {
    const found = this.find(path);
    if (found === undefined) return false;
    try {
      const [ours, its] = [this.#tree.stat(held), this.#tree.stat(found)];
      return ours.ino === its.ino && ours.dev === its.dev;
    } finally {
      this.#tree.release(found);
    }
  }

  save(): Plain {
    return [...this.#fids.values()].map((fid): SavedFid => {
      const { held, isOpenDirectory, number, open } = fid;
      const place = this.#placeOf(fid);
      const stat = held === undefined ? undefined : this.#tree.stat(held);
      return {
        number,
        path: place ?? fid.path,
        isLost: place === undefined,
        kind: (stat?.mode ?? 0) & S_IFMT,
        isOpenDirectory,
        open: open ? { ...open.mode, bytes: Number(stat?.size ?? 0) } : null,
      };
    }) as unknown as Plain;
  }

  /**
   * What is not there, or may not be opened any more, becomes stale, after `onStale` was told; that may throw.
   */
  restore(fields: StateFields, onStale: (path: string, why: string) => void): void {
    this.clear();
    for (const one of fields.objectsUpTo("fids", FIDS_MAX)) {
      const saved = savedFid(one, DEPTH_MAX);
      const why = this.#takeBack(saved);
      if (why !== undefined) onStale(textOf(saved.path.join("/")), why);
    }
  }

  /** What is wrong with it, if anything is that the client would notice. */
  #takeBack({ isLost, isOpenDirectory, kind, number, open, path }: SavedFid): string | undefined {
    let held = isLost ? undefined : this.find(path);
    const isOther = held !== undefined && kind !== 0 && this.#kindOf(held) !== kind;
    if (isOther && held !== undefined) this.#tree.release(held);
    if (isOther) held = undefined;
    const fid = new Fid(number, path, held);
    this.put(fid);
    fid.isOpenDirectory = isOpenDirectory;
    if (isLost) return open ? "was removed while it is open" : undefined;
    if (held === undefined) return isOther ? "is something else" : "is not there";
    return open ? this.#reopen(fid, open) : undefined;
  }

  #kindOf(held: Handle): number {
    return this.#tree.stat(held).mode & S_IFMT;
  }

  /** The caller releases it. */
  find(path: readonly string[]): Handle | undefined {
    try {
      return this.walk(path);
    } catch {
      return undefined;
    }
  }

  /** If that fails it reads as not open, and the guest is told EBADF. */
  #reopen(fid: Fid, open: NonNullable<SavedFid["open"]>): string | undefined {
    const { appends, bytes, canRead, canWrite } = open;
    if (canWrite && this.#tree.readOnly) return "cannot be written";
    try {
      this.mayOpen();
      const mode = { canRead, canWrite, appends };
      const handle = this.#tree.open(fid.handle, mode);
      this.setOpen(fid, handle, mode);
      const now = Number(this.#tree.stat(handle).size);
      // Longer is what another writer makes it.
      return bytes !== undefined && now < bytes ? `has ${now} bytes, not ${bytes}` : undefined;
    } catch (error) {
      return `cannot be opened (${(error as { code?: string }).code ?? String(error)})`;
    }
  }
}

/** Throws unless a fid may have a path of such a depth. */
export function checkDepth(path: readonly string[]): void {
  if (path.length > DEPTH_MAX) throw new FileError(EINVAL, "too deep");
}
