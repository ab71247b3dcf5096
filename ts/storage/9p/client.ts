import { type FileStat, type MessageReader, MessageWriter } from "./codec.ts";
import { EINVAL, ENAMETOOLONG, EROFS, FileError } from "./errno.ts";
import type { FidTable } from "./fids.ts";
import { HEADER_BYTES, MSIZE_MAX, NAME_BYTES_MAX } from "./messages.ts";
import { isPlainName } from "./names.ts";
import type { FileTree } from "./tree.ts";

/** What requests of one client work on. */
export interface Client {
  readonly tree: FileTree;
  readonly fids: FidTable;
  /** Longest message, as agreed with VERSION. */
  readonly msize: number;
  /** What time it is, for files that are touched. */
  readonly nowNs: () => number;
}

/** What a handler answers with; whatever it throws becomes LERROR. */
export type Answer = MessageWriter;

const QID_BYTES = 13;

/** An answer with room for `bytes` bytes. */
export function answer(bytes = 0): MessageWriter {
  return new MessageWriter(HEADER_BYTES + bytes);
}

export function qidAnswer(stat: FileStat): MessageWriter {
  return answer(QID_BYTES).qid(stat);
}

/** A name in a directory; throws for what is none. */
export function nameOf(body: MessageReader): string {
  const name = body.text(MSIZE_MAX);
  if (name.length > NAME_BYTES_MAX) throw new FileError(ENAMETOOLONG);
  if (!isPlainName(name)) throw new FileError(EINVAL, "not a name");
  return name;
}

export function mustBeWritable({ tree }: Client): void {
  if (tree.readOnly) throw new FileError(EROFS);
}

/** Permission bits that files of a share may have: a guest makes nothing set-user-id on its host. */
export const permissions = (mode: number): number => mode & 0o1777;
