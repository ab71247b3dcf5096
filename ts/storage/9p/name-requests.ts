/** Requests about names: attach, walk, make, link, rename, remove. */
import {
  type Answer,
  answer,
  type Client,
  mustBeWritable,
  nameOf,
  permissions,
  qidAnswer,
} from "./client.ts";
import type { MessageReader } from "./codec.ts";
import { EINVAL, ENAMETOOLONG, ENOENT, ENOTDIR, EPERM, FileError } from "./errno.ts";
import { checkDepth, Fid } from "./fids.ts";
import {
  MSIZE_MAX,
  NAME_BYTES_MAX,
  NO_FID,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  TARGET_BYTES_MAX,
  UNLINK_DIR,
  WALK_NAMES_MAX,
} from "./messages.ts";
import { isPlainName } from "./names.ts";
import type { Entry, Handle } from "./tree.ts";

const TEXT_MAX = 1024;

/** Nobody is asked who they are: whoever reaches the share may use it. Clients take ENOENT for just that. */
export function auth(): never {
  throw new FileError(ENOENT);
}

export function attach({ fids, tree }: Client, body: MessageReader): Answer {
  const number = body.u32();
  const authFid = body.u32();
  body.text(TEXT_MAX); // Who: all are the same.
  const where = body.text(MSIZE_MAX);
  body.u32();
  body.end();
  if (authFid !== NO_FID) throw new FileError(EINVAL);
  fids.mustBeFree(number);
  const path = where.split("/").filter((name) => name !== "");
  if (!path.every(isPlainName)) throw new FileError(ENOENT);
  checkDepth(path);
  const fid = new Fid(number, path, fids.walk(path));
  fids.put(fid);
  return qidAnswer(tree.stat(fid.handle));
}

/** One step, `..` included: up by name, never above the root, wherever the directory is by now. */
function step(client: Client, from: { path: readonly string[]; handle: Handle }, name: string) {
  if (name === "..") {
    const path = from.path.slice(0, -1);
    return { path, handle: client.fids.walk(path) };
  }
  if (name.length > NAME_BYTES_MAX) throw new FileError(ENAMETOOLONG);
  if (!isPlainName(name)) throw new FileError(EINVAL);
  const path = [...from.path, name];
  checkDepth(path);
  return { path, handle: client.tree.hold({ directory: from.handle, name }) };
}

export function walk(client: Client, body: MessageReader): Answer {
  const { fids, tree } = client;
  const fid = fids.get(body.u32());
  const number = body.u32();
  const count = body.u16();
  if (count > WALK_NAMES_MAX) throw new FileError(EINVAL);
  const names = Array.from({ length: count }, () => body.text(MSIZE_MAX));
  body.end();
  if (number !== fid.number) fids.mustBeFree(number);
  else if (fid.isOpen) throw new FileError(EINVAL, "it is open");
  const reply = answer(2 + 13 * count).u16(0);
  let at = { path: fid.path, handle: tree.holdAgain(fid.handle) };
  let done = 0;
  try {
    for (const name of names) {
      const next = step(client, at, name);
      tree.release(at.handle);
      at = next;
      reply.qid(tree.stat(at.handle));
      done++;
    }
  } catch (error) {
    tree.release(at.handle);
    // Some of the way is an answer, too, and leaves no fid.
    if (done === 0) throw error;
    return reply.setCount(done);
  }
  fids.put(new Fid(number, at.path, at.handle));
  return reply.setCount(done);
}

export function clunk({ fids }: Client, body: MessageReader): Answer {
  const number = body.u32();
  body.end();
  fids.remove(number);
  return answer();
}

/** Makes something in a directory and answers with what it is. */
function make(client: Client, entry: Entry, action: () => void): Answer {
  mustBeWritable(client);
  action();
  return qidAnswer(client.tree.statEntry(entry));
}

function entryOf({ fids }: Client, body: MessageReader): Entry {
  return { directory: fids.get(body.u32()).handle, name: nameOf(body) };
}

export function mkdir(client: Client, body: MessageReader): Answer {
  const entry = entryOf(client, body);
  const mode = permissions(body.u32());
  body.u32();
  body.end();
  return make(client, entry, () => {
    client.tree.makeDirectory(entry, mode);
    setMode(client, entry, mode);
  });
}

/** The host's umask has had its say: the guest's kernel has applied the guest's. */
function setMode({ tree }: Client, entry: Entry, mode: number): void {
  const made = tree.hold(entry);
  try {
    if ((tree.stat(made).mode & S_IFMT) === S_IFDIR) tree.setMode(made, mode);
  } finally {
    tree.release(made);
  }
}

export function symlink(client: Client, body: MessageReader): Answer {
  const entry = entryOf(client, body);
  const target = body.text(TARGET_BYTES_MAX);
  body.u32();
  body.end();
  if (target === "" || target.includes("\0")) throw new FileError(EINVAL);
  return make(client, entry, () => client.tree.makeSymlink(entry, target));
}

/** Only regular files: a device or FIFO that a guest makes on its host is nobody's wish. */
export function mknod(client: Client, body: MessageReader): Answer {
  const entry = entryOf(client, body);
  const mode = body.u32();
  body.data(12); // Major, minor, group.
  body.end();
  if ((mode & S_IFMT) !== S_IFREG) throw new FileError(EPERM);
  const { tree } = client;
  return make(client, entry, () => {
    const open = { canRead: false, canWrite: true, appends: false };
    const file = tree.create(entry, { mode: permissions(mode), isNew: true, open });
    tree.release(file);
  });
}

export function readlink({ fids, tree }: Client, body: MessageReader): Answer {
  const fid = fids.get(body.u32());
  body.end();
  const target = fids.withEntry(fid, (entry) => tree.readSymlink(entry));
  return answer(2 + target.length).text(target);
}

export function link(client: Client, body: MessageReader): Answer {
  const { fids, tree } = client;
  const directory = fids.get(body.u32()).handle;
  const fid = fids.get(body.u32());
  const to = { directory, name: nameOf(body) };
  body.end();
  mustBeWritable(client);
  fids.withOwnEntry(fid, (from) => tree.makeLink(from, to));
  return answer();
}

export function renameat(client: Client, body: MessageReader): Answer {
  const { fids, tree } = client;
  const [source, sourceName] = [fids.get(body.u32()), nameOf(body)];
  const [target, targetName] = [fids.get(body.u32()), nameOf(body)];
  body.end();
  mustBeWritable(client);
  tree.rename(
    { directory: source.handle, name: sourceName },
    { directory: target.handle, name: targetName },
  );
  fids.renamed([...source.path, sourceName], [...target.path, targetName]);
  return answer();
}

export function rename(client: Client, body: MessageReader): Answer {
  const { fids, tree } = client;
  const fid = fids.get(body.u32());
  const target = fids.get(body.u32());
  const name = nameOf(body);
  body.end();
  mustBeWritable(client);
  const to = { directory: target.handle, name };
  fids.withOwnEntry(fid, (from) => tree.rename(from, to));
  fids.renamed(fid.path, [...target.path, name]);
  return answer();
}

export function unlinkat(client: Client, body: MessageReader): Answer {
  const entry = entryOf(client, body);
  const flags = body.u32();
  body.end();
  mustBeWritable(client);
  if (flags & UNLINK_DIR) client.tree.removeDirectory(entry);
  else client.tree.removeFile(entry);
  return answer();
}

/** Whether it can be removed or not: the fid is gone. */
export function remove(client: Client, body: MessageReader): Answer {
  const { fids, tree } = client;
  const fid = fids.get(body.u32());
  body.end();
  try {
    mustBeWritable(client);
    const isDirectory = (tree.stat(fid.handle).mode & S_IFMT) === S_IFDIR;
    fids.withOwnEntry(fid, (entry) =>
      isDirectory ? tree.removeDirectory(entry) : tree.removeFile(entry),
    );
  } finally {
    fids.remove(fid.number);
  }
  return answer();
}

/** Throws unless `fid` is a directory. */
export function mustBeDirectory({ tree }: Client, fid: Fid): void {
  if ((tree.stat(fid.handle).mode & S_IFMT) !== S_IFDIR) throw new FileError(ENOTDIR);
}
