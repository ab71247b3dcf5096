import type { Wait } from "../../base/task.ts";
import type { FileStat } from "./codec.ts";

/** A number by which the tree knows a file or directory that is held, or open. */
export type Handle = number;

/** A name in a directory that is held. */
export interface Entry {
  readonly directory: Handle;
  readonly name: string;
}

export interface TreeStat {
  readonly type: number;
  readonly blockBytes: number;
  readonly blocks: number;
  readonly freeBlocks: number;
  readonly availableBlocks: number;
  readonly files: number;
  readonly freeFiles: number;
}

export interface OpenMode {
  readonly canRead: boolean;
  readonly canWrite: boolean;
  readonly appends: boolean;
}

/**
 * Files as the server wants them. A handle that is held is one file for good, whoever renames or replaces what; it
 * is followed by nothing. Names are single ones: never empty, `.`, `..`, or with `/` or NUL in them. Everything
 * throws errors that `errnoOf` understands.
 */
export interface FileTree {
  readonly readOnly: boolean;
  /** Nothing is held any more, and nothing will be. */
  close(): void;
  /** Holds the root. */
  root(): Handle;
  /** Holds what `name` is now in a directory; symbolic links are held themselves. */
  hold(entry: Entry): Handle;
  /** Holds once more what is held or open. */
  holdAgain(handle: Handle): Handle;
  /** Lets go what was held, or closes what was open. */
  release(handle: Handle): void;
  stat(handle: Handle): FileStat;
  /** Names from the root on by which what is held may be found now; undefined: nothing inside leads there. */
  pathOf(held: Handle): readonly string[] | undefined;
  /** Of a name, without holding it. */
  statEntry(entry: Entry): FileStat;
  statTree(handle: Handle): TreeStat;
  /** Names in a directory. */
  list(directory: Handle): string[];
  /** Opens a regular file that is held. */
  open(held: Handle, mode: OpenMode): Handle;
  /** Makes a file and opens it; with `isNew` it may not be there. */
  create(entry: Entry, options: { mode: number; isNew: boolean; open: OpenMode }): Handle;
  read(open: Handle, offset: number, into: Uint8Array): number;
  write(open: Handle, offset: number, from: Uint8Array): number;
  sync(open: Handle, what: "data" | "all"): Wait<void>;
  truncate(held: Handle, bytes: number): void;
  setMode(held: Handle, mode: number): void;
  setTimes(held: Handle, times: { readonly atimeNs: bigint; readonly mtimeNs: bigint }): void;
  makeDirectory(entry: Entry, mode: number): void;
  makeSymlink(entry: Entry, target: string): void;
  readSymlink(entry: Entry): string;
  makeLink(from: Entry, to: Entry): void;
  rename(from: Entry, to: Entry): void;
  removeFile(entry: Entry): void;
  removeDirectory(entry: Entry): void;
}
