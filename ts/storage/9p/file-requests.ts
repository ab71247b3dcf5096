/** Requests about what is in files, and about files as such. */
import type { Wait } from "../../base/task.ts";
import { type Answer, answer, type Client, mustBeWritable, nameOf, permissions } from "./client.ts";
import type { FileStat, MessageReader, MessageWriter } from "./codec.ts";
import { EBADF, EEXIST, EINVAL, EISDIR, EOPNOTSUPP, EPERM, errnoOf, FileError } from "./errno.ts";
import { checkDepth, Fid } from "./fids.ts";
import * as m from "./messages.ts";
import { mustBeDirectory } from "./name-requests.ts";
import type { Handle, OpenMode } from "./tree.ts";

const GETATTR_BYTES = 153;
const TEXT_MAX = 1024;
/** Of one answer to READDIR: each entry is looked at on the host. */
const READDIR_BYTES_MAX = 64 * 1024;
const DIRENT_BYTES = 24;

function modeOf(flags: number): OpenMode {
  const access = flags & m.OPEN_ACCESS;
  if (access > m.OPEN_RDWR) throw new FileError(EINVAL);
  return {
    canRead: access !== m.OPEN_WRONLY,
    canWrite: access !== m.OPEN_RDONLY,
    appends: (flags & m.OPEN_APPEND) !== 0,
  };
}

function openAnswer(client: Client, handle: Handle): Answer {
  return answer(17)
    .qid(client.tree.stat(handle))
    .u32(client.msize - m.IO_HEADER_BYTES);
}

export function lopen(client: Client, body: MessageReader): Answer {
  const { fids, tree } = client;
  const fid = fids.get(body.u32());
  const flags = body.u32();
  body.end();
  if (fid.isOpen) throw new FileError(EINVAL, "it is open");
  const mode = modeOf(flags);
  const truncates = (flags & m.OPEN_TRUNC) !== 0;
  if (mode.canWrite || truncates) mustBeWritable(client);
  if ((tree.stat(fid.handle).mode & m.S_IFMT) === m.S_IFDIR) {
    if (mode.canWrite || truncates) throw new FileError(EISDIR);
    fid.isOpenDirectory = true;
    return openAnswer(client, fid.handle);
  }
  fids.mayOpen();
  fids.setOpen(fid, tree.open(fid.handle, mode), mode);
  if (truncates) tree.truncate(fid.handle, 0);
  return openAnswer(client, fid.handle);
}

/** The fid of the directory becomes that of the file. */
export function lcreate(client: Client, body: MessageReader): Answer {
  const { fids, tree } = client;
  const directory = fids.get(body.u32());
  const name = nameOf(body);
  const flags = body.u32();
  const mode = permissions(body.u32());
  body.u32();
  body.end();
  if (directory.isOpen) throw new FileError(EINVAL, "it is open");
  mustBeWritable(client);
  mustBeDirectory(client, directory);
  fids.mayOpen();
  const path = [...directory.path, name];
  checkDepth(path);
  const open = modeOf(flags);
  const handle = createFile(client, { directory: directory.handle, name }, { flags, mode, open });
  const fid = new Fid(directory.number, path, tree.holdAgain(handle));
  fids.put(fid);
  fids.setOpen(fid, handle, open);
  return openAnswer(client, handle);
}

function createFile(
  { tree }: Client,
  entry: { readonly directory: Handle; readonly name: string },
  options: { readonly flags: number; readonly mode: number; readonly open: OpenMode },
): Handle {
  const { flags, mode, open } = options;
  try {
    const made = tree.create(entry, { mode, isNew: true, open });
    tree.setMode(made, mode);
    return made;
  } catch (error) {
    if (errnoOf(error) !== EEXIST || flags & m.OPEN_EXCL) throw error;
  }
  const found = tree.create(entry, { mode, isNew: false, open });
  if (flags & m.OPEN_TRUNC) tree.truncate(found, 0);
  return found;
}

export function read({ fids, msize, tree }: Client, body: MessageReader): Answer {
  const { open } = fids.get(body.u32());
  const offset = body.offset();
  const count = Math.min(body.u32(), msize - m.DATA_HEADER_BYTES);
  body.end();
  if (!open?.mode.canRead) throw new FileError(EBADF);
  return answer(4 + count).data(count, (into) => tree.read(open.handle, offset, into));
}

export function write(client: Client, body: MessageReader): Answer {
  const { open } = client.fids.get(body.u32());
  const offset = body.offset();
  const data = body.data(body.u32());
  body.end();
  if (!open?.mode.canWrite) throw new FileError(EBADF);
  open.isUnsynced = true;
  return answer(4).u32(client.tree.write(open.handle, offset, data));
}

export function fsync({ fids }: Client, body: MessageReader): Wait<Answer> {
  const fid = fids.get(body.u32());
  const isDataOnly = body.u32() !== 0;
  body.end();
  if (!fid.open) {
    if (fid.isOpenDirectory) return answer();
    throw new FileError(EBADF);
  }
  const done = fids.syncOne(fid, isDataOnly ? "data" : "all");
  return Promise.resolve(done).then(() => answer());
}

export function readdir(client: Client, body: MessageReader): Answer {
  const { fids, msize, tree } = client;
  const fid = fids.get(body.u32());
  const offset = body.offset();
  const count = Math.min(body.u32(), msize - m.DATA_HEADER_BYTES, READDIR_BYTES_MAX);
  body.end();
  if (!fid.isOpenDirectory) throw new FileError(EBADF);
  if (offset === 0 || !fid.listing)
    fids.setListing(fid, [".", "..", ...tree.list(fid.handle).sort()]);
  const names = fid.listing ?? [];
  const reply = answer(4 + count);
  const from = reply.mark();
  for (let i = offset; i < names.length; i++) {
    const name = names[i] as string;
    if (reply.roomBytes < DIRENT_BYTES + name.length) return reply.setDataCount(from);
    writeEntry(client, { fid, name, next: i + 1 }, reply);
  }
  if (offset >= names.length) fids.setListing(fid, undefined);
  return reply.setDataCount(from);
}

/** What has gone since it was listed is left out. */
function writeEntry(
  { fids, tree }: Client,
  { fid, name, next }: { readonly fid: Fid; readonly name: string; readonly next: number },
  reply: MessageWriter,
): void {
  let stat: FileStat;
  try {
    if (name === "..") {
      const parent = fids.walk(fid.path.slice(0, -1));
      stat = tree.stat(parent);
      tree.release(parent);
    } else if (name === ".") stat = tree.stat(fid.handle);
    else stat = tree.statEntry({ directory: fid.handle, name });
  } catch {
    return;
  }
  reply
    .qid(stat)
    .u64(next)
    .u8((stat.mode & m.S_IFMT) >> 12) // DT_DIR and the like are these bits.
    .text(name);
}

export function statfs({ fids, tree }: Client, body: MessageReader): Answer {
  const fid = fids.get(body.u32());
  body.end();
  const stat = tree.statTree(fid.handle);
  return answer(60)
    .u32(stat.type)
    .u32(stat.blockBytes)
    .u64(stat.blocks)
    .u64(stat.freeBlocks)
    .u64(stat.availableBlocks)
    .u64(stat.files)
    .u64(stat.freeFiles)
    .u64(0)
    .u32(m.NAME_BYTES_MAX);
}

/** All files belong to user and group 0 of the guest: owners of the host are the host's business. */
export function getattr({ fids, tree }: Client, body: MessageReader): Answer {
  const fid = fids.get(body.u32());
  body.u64(); // What it wants to know: it gets what there is.
  body.end();
  const stat = tree.stat(fid.handle);
  return answer(GETATTR_BYTES)
    .u64(m.GETATTR_BASIC)
    .qid(stat)
    .u32(stat.mode)
    .u32(0)
    .u32(0)
    .u64(stat.nlink)
    .u64(stat.rdev)
    .u64(stat.size)
    .u64(stat.blksize)
    .u64(stat.blocks)
    .time(stat.atimeNs)
    .time(stat.mtimeNs)
    .time(stat.ctimeNs)
    .time(0n)
    .u64(0)
    .u64(0);
}

export function setattr(client: Client, body: MessageReader): Answer {
  const fid = client.fids.get(body.u32());
  const valid = body.u32();
  const [mode, uid, gid] = [body.u32(), body.u32(), body.u32()];
  const size = body.offset();
  const [atimeNs, mtimeNs] = [time(body), time(body)];
  body.end();
  mustBeWritable(client);
  const changesOwner = (valid & m.SET_UID && uid !== 0) || (valid & m.SET_GID && gid !== 0);
  if (changesOwner) throw new FileError(EPERM);
  if (valid & m.SET_MODE) client.tree.setMode(fid.handle, permissions(mode));
  if (valid & m.SET_SIZE) client.tree.truncate(fid.handle, size);
  if (valid & (m.SET_ATIME | m.SET_MTIME)) setTimes(client, fid, { valid, atimeNs, mtimeNs });
  return answer();
}

function time(body: MessageReader): bigint {
  return BigInt.asIntN(64, body.u64()) * 1_000_000_000n + body.u64();
}

function setTimes(
  { nowNs, tree }: Client,
  fid: Fid,
  wish: { readonly valid: number; readonly atimeNs: bigint; readonly mtimeNs: bigint },
): void {
  const { valid } = wish;
  const stat = tree.stat(fid.handle);
  const now = BigInt(nowNs());
  const pick = (given: number, set: number, wanted: bigint, old: bigint): bigint => {
    if (valid & set) return valid & given ? wanted : now;
    return old;
  };
  tree.setTimes(fid.handle, {
    atimeNs: pick(m.SET_ATIME_GIVEN, m.SET_ATIME, wish.atimeNs, stat.atimeNs),
    mtimeNs: pick(m.SET_MTIME_GIVEN, m.SET_MTIME, wish.mtimeNs, stat.mtimeNs),
  });
}

/** Locks are the guest's own: its kernel keeps them among its processes, and others are not asked. */
export function lock({ fids }: Client, body: MessageReader): Answer {
  fids.get(body.u32());
  body.data(25); // Type, flags, start, length, process.
  body.text(TEXT_MAX);
  body.end();
  return answer(1).u8(m.LOCK_SUCCESS);
}

export function getlock({ fids }: Client, body: MessageReader): Answer {
  fids.get(body.u32());
  body.u8();
  const [start, length, process] = [body.u64(), body.u64(), body.u32()];
  const client = body.text(TEXT_MAX);
  body.end();
  return answer(23 + client.length)
    .u8(m.LOCK_UNLOCKED)
    .u64(start)
    .u64(length)
    .u32(process)
    .text(client);
}

/** There are no extended attributes. */
export function xattr(): never {
  throw new FileError(EOPNOTSUPP);
}
