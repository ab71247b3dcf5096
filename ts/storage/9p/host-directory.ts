/**
 * A directory of the host as a tree of files. Node on Linux only.
 *
 * Nothing outside of it can be reached, whoever races: each step of a walk opens one name, relative to a directory
 * that is already open, without following a symbolic link. Node has no `openat`; `/proc/self/fd/N/NAME` is the same,
 * since the kernel goes from N itself, not from where N's name leads now. What is held is open with O_PATH: that
 * touches no device and waits for no FIFO.
 */
import * as fs from "node:fs";
import { WasmvisorError } from "../../base/errors.ts";
import type { FileStat } from "./codec.ts";
import { EISDIR, EOPNOTSUPP, EPERM, FileError } from "./errno.ts";
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from "./messages.ts";
import type { Entry, FileTree, Handle, OpenMode, TreeStat } from "./tree.ts";

const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
const { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
const { O_RDONLY, O_RDWR, O_WRONLY } = fs.constants;
const HOLD = O_PATH | O_NOFOLLOW | O_CLOEXEC;
/** Never waits for a FIFO that has come where a file was, and follows no link. */
const SAFELY = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

/** The file itself, whatever its name has become. */
const held = (handle: Handle): string => `/proc/self/fd/${handle}`;

/** Names are bytes. */
const at = ({ directory, name }: Entry): Buffer =>
  Buffer.from(`/proc/self/fd/${directory}/${name}`, "latin1");

const accessOf = ({ appends, canRead, canWrite }: OpenMode): number =>
  (canWrite ? (canRead ? O_RDWR : O_WRONLY) : O_RDONLY) | (appends ? O_APPEND : 0);

export class HostDirectory implements FileTree {
  readonly readOnly: boolean;
  readonly #root: Handle;
  #isOpen = true;

  /** Throws `WV_SHARE` if `path` is no directory, or this system has no way to walk safely. */
  constructor(options: { readonly path: string; readonly readOnly?: boolean | undefined }) {
    this.readOnly = options.readOnly ?? false;
    if (process.platform !== "linux")
      throw new WasmvisorError("WV_SHARE", "shared directories need a host with Linux");
    try {
      this.#root = fs.openSync(options.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      const why = code === "ENOENT" || code === "ENOTDIR" ? "it is no directory" : String(code);
      throw new WasmvisorError("WV_SHARE", `share "${options.path}": ${why}; check the path`, {
        cause,
      });
    }
  }

  close(): void {
    if (this.#isOpen) fs.closeSync(this.#root);
    this.#isOpen = false;
  }

  root(): Handle {
    return fs.openSync(`${held(this.#root)}/.`, O_PATH | O_DIRECTORY | O_CLOEXEC);
  }

  hold(entry: Entry): Handle {
    return fs.openSync(at(entry), HOLD);
  }

  /** A link that is held is not followed: the kernel goes to the file that N is, and is there. */
  holdAgain(handle: Handle): Handle {
    return fs.openSync(held(handle), O_PATH | O_CLOEXEC);
  }

  release(handle: Handle): void {
    fs.closeSync(handle);
  }

  stat(handle: Handle): FileStat {
    return plain(fs.fstatSync(handle, { bigint: true }));
  }

  /** As the kernel knows it, whoever has renamed what. */
  pathOf(handle: Handle): readonly string[] | undefined {
    const [root, path] = [this.#root, handle].map((one) =>
      fs.readlinkSync(held(one), { encoding: "latin1" }),
    ) as [string, string];
    if (path === root) return [];
    const above = root === "/" ? root : `${root}/`;
    return path.startsWith(above) ? path.slice(above.length).split("/") : undefined;
  }

  statEntry(entry: Entry): FileStat {
    return plain(fs.lstatSync(at(entry), { bigint: true }));
  }

  statTree(handle: Handle): TreeStat {
    const stat = fs.statfsSync(held(this.#isSymlink(handle) ? this.#root : handle));
    return {
      type: stat.type,
      blockBytes: stat.bsize,
      blocks: stat.blocks,
      freeBlocks: stat.bfree,
      availableBlocks: stat.bavail,
      files: stat.files,
      freeFiles: stat.ffree,
    };
  }

  list(directory: Handle): string[] {
    return fs.readdirSync(held(directory), { encoding: "latin1" });
  }

  open(handle: Handle, mode: OpenMode): Handle {
    this.#mustBeFile(handle);
    return fs.openSync(held(handle), accessOf(mode) | O_NONBLOCK | O_CLOEXEC);
  }

  create(entry: Entry, options: { mode: number; isNew: boolean; open: OpenMode }): Handle {
    const flags = accessOf(options.open) | O_CREAT | SAFELY | (options.isNew ? O_EXCL : 0);
    const file = fs.openSync(at(entry), flags, options.mode);
    try {
      this.#mustBeFile(file);
      return file;
    } catch (error) {
      fs.closeSync(file);
      throw error;
    }
  }

  read(open: Handle, offset: number, into: Uint8Array): number {
    return into.length === 0 ? 0 : fs.readSync(open, into, 0, into.length, offset);
  }

  write(open: Handle, offset: number, from: Uint8Array): number {
    return from.length === 0 ? 0 : fs.writeSync(open, from, 0, from.length, offset);
  }

  /** Disks may take long: the guest goes on meanwhile. */
  sync(open: Handle, what: "data" | "all"): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (error: Error | null): void => (error ? reject(error) : resolve());
      if (what === "data") fs.fdatasync(open, done);
      else fs.fsync(open, done);
    });
  }

  truncate(handle: Handle, bytes: number): void {
    this.#mustBeFile(handle);
    const file = fs.openSync(held(handle), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    try {
      fs.ftruncateSync(file, bytes);
    } finally {
      fs.closeSync(file);
    }
  }

  setMode(handle: Handle, mode: number): void {
    if (this.#isSymlink(handle)) throw new FileError(EOPNOTSUPP);
    fs.chmodSync(held(handle), mode);
  }

  setTimes(handle: Handle, times: { readonly atimeNs: bigint; readonly mtimeNs: bigint }): void {
    fs.utimesSync(held(handle), Number(times.atimeNs) / 1e9, Number(times.mtimeNs) / 1e9);
  }

  makeDirectory(entry: Entry, mode: number): void {
    fs.mkdirSync(at(entry), mode);
  }

  makeSymlink(entry: Entry, target: string): void {
    fs.symlinkSync(Buffer.from(target, "latin1"), at(entry));
  }

  readSymlink(entry: Entry): string {
    return fs.readlinkSync(at(entry), { encoding: "latin1" });
  }

  makeLink(from: Entry, to: Entry): void {
    fs.linkSync(at(from), at(to));
  }

  rename(from: Entry, to: Entry): void {
    fs.renameSync(at(from), at(to));
  }

  removeFile(entry: Entry): void {
    fs.unlinkSync(at(entry));
  }

  removeDirectory(entry: Entry): void {
    fs.rmdirSync(at(entry));
  }

  #isSymlink(handle: Handle): boolean {
    return (fs.fstatSync(handle).mode & S_IFMT) === S_IFLNK;
  }

  /** Devices, FIFOs and sockets of the host are seen, but never opened. */
  #mustBeFile(handle: Handle): void {
    const kind = fs.fstatSync(handle).mode & S_IFMT;
    if (kind === S_IFDIR) throw new FileError(EISDIR);
    if (kind !== S_IFREG) throw new FileError(EPERM);
  }
}

function plain(stat: fs.BigIntStats): FileStat {
  const { atimeNs, blksize, blocks, ctimeNs, dev, ino, mtimeNs, nlink, rdev, size } = stat;
  const mode = Number(stat.mode);
  return { mode, dev, ino, nlink, rdev, size, blksize, blocks, atimeNs, mtimeNs, ctimeNs };
}
