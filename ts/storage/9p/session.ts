/**
 * A server of 9P2000.L for one client, over any {@link FileTree}. It believes nothing: lengths, names, fids and
 * numbers are checked, counts are limited, and whatever is wrong is answered with LERROR.
 *
 * All is done at once, but for FSYNC, which may wait for the disk: a local file system answers from memory sooner
 * than a thread could be asked.
 */
import { realTimeNs } from "../../base/clock.ts";
import { isPromiseLike, type Wait } from "../../base/task.ts";
import type { FileShare, FilesInUse } from "../../machine/file-share.ts";
import { StateFields } from "../../machine/state-fields.ts";
import { type Answer, answer, type Client } from "./client.ts";
import { MessageReader } from "./codec.ts";
import { EINVAL, EOPNOTSUPP, EPROTO, errnoOf, FileError } from "./errno.ts";
import { FidTable } from "./fids.ts";
import * as file from "./file-requests.ts";
import * as m from "./messages.ts";
import * as name from "./name-requests.ts";
import { isPlainName, textOf } from "./names.ts";
import type { FileTree } from "./tree.ts";

type Handler = (client: Client, body: MessageReader) => Wait<Answer>;

const HANDLERS: ReadonlyMap<number, Handler> = new Map<number, Handler>([
  [m.T_STATFS, file.statfs],
  [m.T_LOPEN, file.lopen],
  [m.T_LCREATE, file.lcreate],
  [m.T_SYMLINK, name.symlink],
  [m.T_MKNOD, name.mknod],
  [m.T_RENAME, name.rename],
  [m.T_READLINK, name.readlink],
  [m.T_GETATTR, file.getattr],
  [m.T_SETATTR, file.setattr],
  [m.T_XATTRWALK, file.xattr],
  [m.T_XATTRCREATE, file.xattr],
  [m.T_READDIR, file.readdir],
  [m.T_FSYNC, file.fsync],
  [m.T_LOCK, file.lock],
  [m.T_GETLOCK, file.getlock],
  [m.T_LINK, name.link],
  [m.T_MKDIR, name.mkdir],
  [m.T_RENAMEAT, name.renameat],
  [m.T_UNLINKAT, name.unlinkat],
  [m.T_AUTH, name.auth],
  [m.T_ATTACH, name.attach],
  [m.T_WALK, name.walk],
  [m.T_READ, file.read],
  [m.T_WRITE, file.write],
  [m.T_CLUNK, name.clunk],
  [m.T_REMOVE, name.remove],
]);

const VERSION_CHARS_MAX = 64;

export interface ShareSessionMetrics {
  readonly requests: number;
  readonly errors: number;
  readonly fids: number;
}

export class ShareSession implements FileShare, Client {
  readonly tree: FileTree;
  readonly fids: FidTable;
  readonly nowNs: () => number;
  msize = 0;
  readonly #onStale: (path: string, why: string) => void;
  /** Requests that wait, by their tags. */
  readonly #pending = new Map<number, PromiseLike<unknown>>();
  #requests = 0;
  #errors = 0;

  constructor(
    tree: FileTree,
    options: {
      readonly nowNs?: (() => number) | undefined;
      /** Told what of a client that comes is not found here as the client knows it; default: it becomes stale. */
      readonly onStale?: ((path: string, why: string) => void) | undefined;
    } = {},
  ) {
    this.tree = tree;
    this.fids = new FidTable(tree);
    this.nowNs = options.nowNs ?? realTimeNs;
    this.#onStale = options.onStale ?? (() => undefined);
  }

  request(message: Uint8Array): Wait<Uint8Array> {
    this.#requests++;
    if (message.length < m.HEADER_BYTES) return this.#failure(m.NO_TAG, new FileError(EPROTO));
    const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    const type = message[4] as number;
    const tag = view.getUint16(5, true);
    const isWhole = view.getUint32(0, true) === message.length;
    if (!isWhole || message.length > m.MSIZE_MAX) return this.#failure(tag, new FileError(EPROTO));
    try {
      const reply = this.#handle(type, new MessageReader(message));
      if (!isPromiseLike(reply)) return reply.finish(type + 1, tag);
      return this.#later(reply, type, tag);
    } catch (error) {
      return this.#failure(tag, error);
    }
  }

  #later(reply: PromiseLike<Answer>, type: number, tag: number): PromiseLike<Uint8Array> {
    const done = reply.then(
      (value) => value.finish(type + 1, tag),
      (error: unknown) => this.#failure(tag, error),
    );
    this.#pending.set(tag, done);
    const forget = (): void => {
      if (this.#pending.get(tag) === done) this.#pending.delete(tag);
    };
    done.then(forget, forget);
    return done;
  }

  #failure(tag: number, error: unknown): Uint8Array {
    this.#errors++;
    return answer(4).u32(errnoOf(error)).finish(m.R_LERROR, tag);
  }

  #handle(type: number, body: MessageReader): Wait<Answer> {
    if (type === m.T_VERSION) return this.#version(body);
    if (this.msize === 0) throw new FileError(EPROTO, "no version agreed");
    if (type === m.T_FLUSH) return this.#flush(body);
    const handler = HANDLERS.get(type);
    if (!handler) throw new FileError(EOPNOTSUPP);
    return handler(this, body);
  }

  /** The client begins anew. */
  #version(body: MessageReader): Answer {
    const msize = body.u32();
    const wanted = body.text(VERSION_CHARS_MAX);
    body.end();
    if (msize < m.MSIZE_MIN) throw new FileError(EINVAL, "messages are too short");
    this.reset();
    const isOurs = wanted === m.VERSION;
    const agreed = Math.min(msize, m.MSIZE_MAX);
    if (isOurs) this.msize = agreed;
    const version = isOurs ? m.VERSION : "unknown";
    return answer(6 + version.length)
      .u32(agreed)
      .text(version);
  }

  /** Nothing is taken back: what it was about is answered first. */
  #flush(body: MessageReader): Wait<Answer> {
    const pending = this.#pending.get(body.u16());
    body.end();
    if (!pending) return answer();
    return pending.then(
      () => answer(),
      () => answer(),
    );
  }

  reset(): void {
    this.fids.clear();
    this.msize = 0;
  }

  sync(): Wait<void> {
    return this.fids.sync();
  }

  inUse(): FilesInUse {
    return this.fids.inUse();
  }

  /** Tells `onStale` of paths, `a/b`, that lead to nothing here. */
  check(paths: readonly string[]): void {
    for (const path of paths) {
      const names = path.split("/");
      const found = names.every(isPlainName) ? this.fids.find(names) : undefined;
      if (found === undefined) this.#onStale(textOf(path), "is not there");
      else this.tree.release(found);
    }
  }

  close(): void {
    this.reset();
    this.tree.close();
  }

  metrics(): ShareSessionMetrics {
    return { requests: this.#requests, errors: this.#errors, fids: this.fids.count };
  }

  save(): object {
    return { msize: this.msize, readOnly: this.tree.readOnly, fids: this.fids.save() };
  }

  restore(state: object): void {
    const fields = new StateFields("share", state);
    const msize = fields.integer("msize", m.MSIZE_MAX);
    this.reset();
    this.fids.restore(fields, this.#onStale);
    this.msize = msize;
  }
}
