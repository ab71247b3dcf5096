import type { Wait } from "../base/task.ts";
import type { Persist } from "./persist.ts";

/**
 * One client's session with a server of files, as a transport sees it: a message of the file protocol (9P) goes
 * in, its answer comes out, now or later; it never throws. What is saved are the client's handles: the state goes
 * where a share of the same content is.
 */
export interface FileShare extends Persist<object> {
  /** Answers one message. Several may be under way, and be answered in any order. */
  request(message: Uint8Array): Wait<Uint8Array>;
  /** The client has begun anew, or is gone: all its handles are closed. */
  reset(): void;
  /** Settles when what was written to files that are open is safe, and other machines see it. */
  sync(): Wait<void>;
  /** What the client holds, files that are open first. */
  inUse(): FilesInUse;
  /** Nobody uses it any more. */
  close(): void;
}

/** Names from the root of a share on, `a/b`. */
export interface FilesInUse {
  /** Some of what can be found again by name. */
  readonly paths: readonly string[];
  /** Files that are open and have no name any more: nobody finds them again. */
  readonly lost: readonly string[];
}

/** A share as a guest finds it. */
export interface TaggedShare {
  /** The name by which the guest mounts it. */
  readonly tag: string;
  readonly share: FileShare;
}
