/** The server of files over a real directory: what clients see, and what they never reach. */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WasmvisorError } from "../../ts/base/errors.ts";
import { HostDirectory } from "../../ts/storage/9p/host-directory.ts";
import { ShareSession } from "../../ts/storage/9p/session.ts";
import { body, errnoOf, message, P9Client } from "./p9-client.ts";

const [EPERM, ENOENT, EBADF, EEXIST, ENOTDIR, EISDIR, EINVAL, ENFILE] = [
  1, 2, 9, 17, 20, 21, 22, 23,
];
const [EROFS, ENAMETOOLONG, ENOTEMPTY, ELOOP, EPROTO, EOPNOTSUPP, ESTALE] = [
  30, 36, 39, 40, 71, 95, 116,
];
const RDWR = 2;

let base = "";
let share = "";
const opened: ShareSession[] = [];

beforeEach(() => {
  base = fs.mkdtempSync(join(tmpdir(), "wasmvisor-share-"));
  share = join(base, "share");
  fs.mkdirSync(share);
  fs.writeFileSync(join(base, "secret"), "secret");
});
afterEach(() => {
  for (const session of opened.splice(0)) session.close();
  fs.rmSync(base, { recursive: true, force: true });
});

function client(readOnly = false): P9Client {
  const session = new ShareSession(new HostDirectory({ path: share, readOnly }));
  opened.push(session);
  return new P9Client(session).start();
}

const openFds = (): number => fs.readdirSync("/proc/self/fd").length;

describe("files", () => {
  test("are written, read back, and are on the host as they were written", () => {
    const c = client();
    c.create(0, 1, "a", "hello");
    c.write(1, "J", 0);
    expect(c.read(1, 1, 3).toString()).toBe("ell");
    expect(fs.readFileSync(join(share, "a"), "utf8")).toBe("Jello");
    expect(c.stat(1)).toMatchObject({ size: 5, uid: 0, mode: 0o100644 });
    expect(c.contentOf("a")).toBe("Jello");
  });

  test("bytes of a name are kept whatever they mean", () => {
    const name = Buffer.from([0x66, 0xff, 0xfe]);
    fs.writeFileSync(Buffer.concat([Buffer.from(`${share}/`), name]), "x");
    const c = client();
    c.walk(0, 1);
    c.open(1);
    const reply = c.call(40, 1, 0n, 4096);
    expect(reply.includes(name)).toBe(true);
    const walk = Buffer.concat([Buffer.from([2, 0, 0, 0, 1, 0, 3, 0]), name]);
    c.call(110, 0, new Uint8Array(walk));
    c.open(2);
    expect(c.read(2).toString()).toBe("x");
  });

  test("are truncated, get modes and times, but no owner and no set-user-id", () => {
    const c = client();
    c.create(0, 1, "a", "hello");
    const set = (valid: number, mode: number, size = 0n, uid = 0) =>
      c.call(26, 1, valid, mode, uid, 0, size, 0n, 0n, 12345n, 0n);
    set(8, 0, 2n);
    set(1, 0o4755);
    set(0x120, 0);
    expect(c.stat(1)).toMatchObject({ size: 2, mode: 0o100755, mtime: 12345 });
    expect(errnoOf(() => set(2, 0, 0n, 1000))).toBe(EPERM);
    expect(errnoOf(() => set(2, 0, 0n, 0))).toBe(0);
  });

  test("a symbolic link has times of its own, and no mode", () => {
    fs.symlinkSync(join(base, "secret"), join(share, "link"));
    const before = fs.statSync(join(base, "secret"));
    const c = client();
    c.walk(0, 1, "link");
    const set = (valid: number) => c.call(26, 1, valid, 0o777, 0, 0, 0n, 5n, 0n, 5n, 0n);
    set(0x1b0);
    expect(errnoOf(() => set(1))).toBe(EOPNOTSUPP);
    expect(errnoOf(() => set(8))).toBe(EPERM);
    const after = fs.statSync(join(base, "secret"));
    expect([after.mtimeMs, after.mode, after.size]).toEqual([
      before.mtimeMs,
      before.mode,
      before.size,
    ]);
    expect(fs.lstatSync(join(share, "link")).mtimeMs).toBe(5000);
  });

  test("links, symbolic links, renames, removals are the host's", () => {
    const c = client();
    c.create(0, 1, "a", "A");
    c.call(72, 0, "d", 0o755, 0);
    c.walk(0, 2, "d");
    c.call(70, 2, 1, "hard");
    c.call(16, 0, "soft", "d/hard", 0);
    expect(c.stat(1).nlink).toBe(2n);
    expect(fs.readlinkSync(join(share, "soft"))).toBe("d/hard");
    c.walk(0, 3, "soft");
    expect(c.call(22, 3).subarray(2).toString()).toBe("d/hard");
    c.call(74, 0, "a", 2, "b");
    expect(fs.readdirSync(join(share, "d")).sort()).toEqual(["b", "hard"]);
    expect(errnoOf(() => c.call(76, 0, "d", 0x200))).toBe(ENOTEMPTY);
    c.call(76, 2, "b", 0);
    c.walk(2, 4, "hard");
    c.call(122, 4);
    c.call(76, 0, "d", 0x200);
    expect(fs.readdirSync(share)).toEqual(["soft"]);
    expect(errnoOf(() => c.stat(4))).toBe(EBADF);
  });

  test("a renamed directory takes the fids below it along", () => {
    fs.mkdirSync(join(share, "d/e"), { recursive: true });
    fs.writeFileSync(join(share, "d/e/f"), "F");
    const c = client();
    c.walk(0, 1, "d", "e", "f");
    c.call(74, 0, "d", 0, "D");
    c.walk(0, 2, "D", "e");
    c.call(20, 1, 2, "g"); // RENAME needs the place of the fid itself.
    expect(fs.readdirSync(join(share, "D/e"))).toEqual(["g"]);
    c.call(122, 1);
    expect(fs.readdirSync(join(share, "D/e"))).toEqual([]);
  });

  test("mknod makes regular files and no device, FIFO or socket", () => {
    const c = client();
    const mknod = (name: string, mode: number) => c.call(18, 0, name, mode, 1, 3, 0);
    mknod("plain", 0o100600);
    expect(fs.statSync(join(share, "plain")).isFile()).toBe(true);
    for (const kind of [0o020000, 0o060000, 0o010000, 0o140000])
      expect(errnoOf(() => mknod("x", kind | 0o666))).toBe(EPERM);
    expect(errnoOf(() => mknod("plain", 0o100600))).toBe(EEXIST);
  });

  test("a FIFO or device on the host is seen, but opening it neither waits nor reaches it", () => {
    execFileSync("mkfifo", [join(share, "fifo")]);
    const c = client();
    c.walk(0, 1, "fifo");
    expect(c.stat(1).mode & 0o170000).toBe(0o010000);
    expect(errnoOf(() => c.open(1))).toBe(EPERM);
    c.walk(0, 2);
    expect(errnoOf(() => c.call(14, 2, "fifo", RDWR, 0o644, 0))).toBe(EPERM);
  });

  test("5,000 names are listed, each once, in answers of any size", () => {
    for (let i = 0; i < 5000; i++) fs.writeFileSync(join(share, `file-${i}`), "");
    const c = client();
    for (const count of [300, 8192, 1 << 20]) {
      c.walk(0, 1);
      c.open(1);
      const names = c.list(1, count).map(({ name }) => name);
      expect(names.length).toBe(5002);
      expect(new Set(names).size).toBe(5002);
      c.clunk(1);
    }
  });

  test("fsync waits for the disk, and a flush of it is answered after it", async () => {
    const c = client();
    c.create(0, 1, "a", "x");
    const order: string[] = [];
    const sync = Promise.resolve(c.session.request(message(50, 1, 0)));
    const flush = Promise.resolve(c.session.request(message(108, [2, 1])));
    await Promise.all([sync.then(() => order.push("sync")), flush.then(() => order.push("flush"))]);
    expect(order).toEqual(["sync", "flush"]);
    expect(body(50, await sync).length).toBe(0);
  });

  test("locks are granted, extended attributes are not there, statfs tells of the file system", () => {
    const c = client();
    c.create(0, 1, "a");
    expect(c.call(52, 1, [1, 1], 0, 0n, 0n, 5, "me")[0]).toBe(0);
    expect(c.call(54, 1, [1, 1], 0n, 7n, 5, "me")[0]).toBe(2);
    expect(errnoOf(() => c.call(30, 1, 2, "security.capability"))).toBe(EOPNOTSUPP);
    const stat = c.call(8, 0);
    expect(stat.readBigUInt64LE(8)).toBe(BigInt(fs.statfsSync(share).blocks));
  });
});

describe("nothing outside is reached", () => {
  test.each(["", ".", "a/b", "/etc", "x\0y", "../secret"])(
    "a step called %j is refused",
    (name) => {
      const c = client();
      const doing = [
        () => c.walk(0, 1, name),
        () => c.call(14, 0, name, RDWR, 0o644, 0),
        () => c.call(72, 0, name, 0o755, 0),
        () => c.call(16, 0, name, "t", 0),
        () => c.call(76, 0, name, 0),
        () => c.call(74, 0, "a", 0, name),
        () => c.call(70, 0, 0, name),
      ];
      for (const one of doing) expect(errnoOf(one)).toBe(EINVAL);
      expect(fs.readdirSync(base).sort()).toEqual(["secret", "share"]);
    },
  );

  test("`..` stops at the root, and goes by name where a directory was moved away", () => {
    fs.mkdirSync(join(share, "d/e"), { recursive: true });
    const c = client();
    expect(c.walk(0, 1, "..", "..", "d")).toBe(3);
    c.walk(0, 2, "d", "e");
    fs.renameSync(join(share, "d/e"), join(base, "outside"));
    // The way back leads to the share's own `d`, not to where the directory is now.
    expect(c.walk(2, 3, "..", "..", "..")).toBe(3);
    expect(errnoOf(() => c.walk(3, 4, "secret"))).toBe(ENOENT);
    expect(errnoOf(() => c.call(76, 0, "..", 0x200))).toBe(EINVAL);
  });

  test("symbolic links are never followed on the host", () => {
    fs.symlinkSync("..", join(share, "up"));
    fs.symlinkSync(join(base, "secret"), join(share, "link"));
    const c = client();
    expect(c.walk(0, 1, "up", "secret")).toBe(1); // One step, which leaves no fid.
    expect(errnoOf(() => c.stat(1))).toBe(EBADF);
    c.walk(0, 2, "link");
    c.walk(2, 20);
    for (const fid of [2, 20]) expect(errnoOf(() => c.open(fid))).toBe(EPERM);
    expect(errnoOf(() => c.walk(2, 21, "x"))).toBe(ENOTDIR);
    c.walk(0, 3);
    expect(errnoOf(() => c.call(14, 3, "link", RDWR, 0o644, 0))).toBe(ELOOP);
    expect(errnoOf(() => c.call(14, 3, "up", RDWR, 0o644, 0))).toBe(ELOOP);
    c.call(70, 0, 2, "again"); // A second name of the link, not of what it leads to.
    expect(fs.lstatSync(join(share, "again")).isSymbolicLink()).toBe(true);
    expect(fs.readFileSync(join(base, "secret"), "utf8")).toBe("secret");
  });

  test("a directory that becomes a link to outside while clients walk, 10,000 times", async () => {
    const inside = join(share, "d");
    fs.mkdirSync(inside);
    fs.writeFileSync(join(inside, "secret"), "harmless");
    const flag = new SharedArrayBuffer(8);
    const cell = new Int32Array(flag);
    const worker = new Worker(SWAPPER, { eval: true, workerData: { flag, inside, base } });
    const ended = new Promise((resolve) => worker.once("exit", resolve));
    while (Atomics.load(cell, 1) === 0) await new Promise(setImmediate);
    const c = client();
    const seen = new Map<string, number>();
    const attempt = (action: () => string): void => {
      const errno = errnoOf(() => {
        const what = action();
        seen.set(what, (seen.get(what) ?? 0) + 1);
      });
      if (errno !== 0) seen.set(`errno ${errno}`, (seen.get(`errno ${errno}`) ?? 0) + 1);
    };
    for (let i = 0; i < 10_000; i++) {
      attempt(() => c.contentOf("d", "secret"));
      if (i % 4 === 0) attempt(() => makeThere(c, i));
    }
    Atomics.store(cell, 0, 1);
    await ended;
    process.stderr.write(`share: ${Atomics.load(cell, 1)} swaps; ${JSON.stringify([...seen])}\n`);
    expect(seen.has("secret")).toBe(false);
    expect(seen.get("harmless")).toBeGreaterThan(0);
    expect(Atomics.load(cell, 1)).toBeGreaterThan(1000);
    expect(fs.readdirSync(base).sort()).toEqual(["secret", "share"]);
    expect(fs.readFileSync(join(base, "secret"), "utf8")).toBe("secret");
  }, 60_000);
});

/** Takes a directory away, puts a link to the outside there, and back again. */
const SWAPPER = `
  const fs = require("node:fs");
  const { workerData: { flag, inside, base } } = require("node:worker_threads");
  const cell = new Int32Array(flag);
  while (Atomics.load(cell, 0) === 0) {
    fs.renameSync(inside, base + "/aside");
    fs.symlinkSync("..", inside);
    Atomics.add(cell, 1, 1);
    fs.unlinkSync(inside);
    fs.renameSync(base + "/aside", inside);
  }`;

/** Ways to make or remove something where the link leads. */
function makeThere(c: P9Client, round: number): string {
  if (c.walk(0, 50, "d") !== 1) return "no walk";
  try {
    c.walk(50, 51);
    const name = `made-${round}`;
    c.call(14, 51, name, RDWR | 0o100, 0o644, 0);
    c.call(76, 50, name, 0);
    c.call(72, 50, name, 0o755, 0);
    c.walk(50, 52, name);
    c.call(122, 52);
    return "made and removed";
  } finally {
    errnoOf(() => c.clunk(51));
    c.clunk(50);
  }
}

describe("limits", () => {
  test("a read-only share changes nothing", () => {
    fs.writeFileSync(join(share, "a"), "A");
    fs.mkdirSync(join(share, "d"));
    const c = client(true);
    c.walk(0, 1, "a");
    c.walk(0, 2);
    const doing = [
      () => c.open(1, RDWR),
      () => c.open(1, 0o1000),
      () => c.call(14, 2, "b", RDWR, 0o644, 0),
      () => c.call(72, 0, "e", 0o755, 0),
      () => c.call(16, 0, "s", "t", 0),
      () => c.call(18, 0, "n", 0o100600, 0, 0, 0),
      () => c.call(70, 0, 1, "h"),
      () => c.call(74, 0, "a", 0, "b"),
      () => c.call(20, 1, 0, "b"),
      () => c.call(76, 0, "a", 0),
      () => c.call(26, 1, 1, 0, 0, 0, 0n, 0n, 0n, 0n, 0n),
      () => c.call(122, 1),
    ];
    for (const one of doing) expect(errnoOf(one)).toBe(EROFS);
    expect(fs.readdirSync(share).sort()).toEqual(["a", "d"]);
    expect(c.contentOf("a")).toBe("A");
  });

  test("fids and open files are bounded, and nothing is left open in the end", () => {
    const before = openFds();
    const c = client();
    fs.writeFileSync(join(share, "a"), "A");
    let walked = 0;
    while (errnoOf(() => c.walk(0, walked + 1, "a")) === 0) walked++;
    expect(errnoOf(() => c.walk(0, walked + 1))).toBe(ENFILE);
    expect(walked).toBe(8191);
    let open = 0;
    while (open < walked && errnoOf(() => c.open(open + 1)) === 0) open++;
    expect(open).toBe(2048);
    c.session.close();
    expect(openFds()).toBe(before);
  });

  test("before a version is agreed, nothing is done; another version is unknown", () => {
    const session = new ShareSession(new HostDirectory({ path: share }));
    opened.push(session);
    const c = new P9Client(session);
    expect(errnoOf(() => c.call(104, 0, 0xffff_ffff, "", "", 0))).toBe(EPROTO);
    expect(c.call(100, 65536, "9P2000.u").toString("latin1", 6)).toBe("unknown");
    expect(errnoOf(() => c.call(100, 100, "9P2000.L"))).toBe(EINVAL);
    expect(c.call(100, 0x7fff_ffff, "9P2000.L").readUInt32LE(0)).toBe(512 * 1024);
    c.start();
    expect(errnoOf(() => c.walk(0, 1, "a".repeat(256)))).toBe(ENAMETOOLONG);
    expect(errnoOf(() => c.call(72, 0, "a".repeat(256), 0, 0))).toBe(ENAMETOOLONG);
    expect(errnoOf(() => c.walk(0, 0xffff_ffff))).toBe(EINVAL);
    expect(errnoOf(() => c.call(200))).toBe(EOPNOTSUPP);
    expect(errnoOf(() => c.call(102, 1, "", "", 0))).toBe(ENOENT);
  });

  test("a directory that is not there is WV_SHARE", () => {
    const open = () => new HostDirectory({ path: join(base, "secret") });
    expect(open).toThrow(expect.objectContaining({ code: "WV_SHARE" }));
    expect(open).toThrow(WasmvisorError);
  });
});

describe("a client that moves", () => {
  test("finds its fids again by their paths, open ones open", () => {
    fs.mkdirSync(join(share, "d"));
    const c = client();
    c.walk(0, 5, "d");
    c.create(5, 1, "a", "hello");
    c.walk(0, 2);
    c.open(2);
    c.create(0, 3, "gone", "x");
    const state = structuredClone(c.session.save());
    fs.unlinkSync(join(share, "gone"));
    const twin = new ShareSession(new HostDirectory({ path: share }));
    opened.push(twin);
    twin.restore(state);
    const there = new P9Client(twin);
    expect(there.read(1).toString()).toBe("hello");
    there.write(1, "J");
    expect(there.contentOf("d", "a")).toBe("Jello");
    expect(there.list(2).length).toBe(4 - 1);
    expect(errnoOf(() => there.stat(3))).toBe(ESTALE);
    expect(errnoOf(() => there.read(3))).toBe(EBADF);
    there.clunk(3);
    expect(errnoOf(() => there.open(0, RDWR))).toBe(EISDIR);
  });

  /** A twin of `c` over the same directory, and what it was told is not as `c` knows it. */
  function twinOf(c: P9Client, path = share) {
    const stale: string[] = [];
    const onStale = (file: string, why: string) => void stale.push(`${file} ${why}`);
    const twin = new ShareSession(new HostDirectory({ path }), { onStale });
    opened.push(twin);
    twin.restore(structuredClone(c.session.save()));
    return { there: new P9Client(twin), stale };
  }

  test("an open file that was replaced is not taken for what has its name now", () => {
    const c = client();
    c.create(0, 1, "a", "mine");
    c.create(0, 2, "b", "other");
    c.call(74, 0, "b", 0, "a");
    expect(c.read(1).toString()).toBe("mine");
    expect(c.session.inUse()).toEqual({ paths: ["a"], lost: ["a"] });
    const { stale, there } = twinOf(c);
    expect(stale).toEqual(["a was removed while it is open"]);
    expect(errnoOf(() => there.read(1))).toBe(EBADF);
    expect(there.read(2).toString()).toBe("other");
  });

  test("what somebody on the host has renamed is found under its new name", () => {
    fs.mkdirSync(join(share, "d"));
    const c = client();
    c.walk(0, 5, "d");
    c.create(5, 1, "a", "hello");
    fs.renameSync(join(share, "d"), join(share, "D"));
    const { stale, there } = twinOf(c);
    expect(stale).toEqual([]);
    there.write(1, "J");
    expect(fs.readFileSync(join(share, "D/a"), "utf8")).toBe("Jello");
    fs.renameSync(join(share, "D"), join(base, "D"));
    expect(c.session.inUse()).toEqual({ paths: [], lost: ["d/a"] });
  });

  test("files that are missing, of another kind, shorter, or not to be opened are told", () => {
    const c = client();
    for (const [i, name] of ["gone", "kind", "short", "longer", "sealed"].entries())
      c.create(0, i + 1, name, "hello");
    fs.mkdirSync(join(share, "d"));
    c.walk(0, 9, "d");
    c.clunk(2);
    c.walk(0, 2, "kind");
    const away = join(base, "away");
    fs.cpSync(share, away, { recursive: true });
    fs.rmSync(join(away, "gone"));
    fs.rmSync(join(away, "kind"));
    fs.mkdirSync(join(away, "kind"));
    fs.truncateSync(join(away, "short"), 3);
    fs.appendFileSync(join(away, "longer"), "!");
    fs.rmSync(join(away, "sealed"));
    execFileSync("mkfifo", [join(away, "sealed")]);
    const before = openFds();
    const { stale, there } = twinOf(c, away);
    expect(stale.sort()).toEqual([
      "gone is not there",
      "kind is something else",
      "sealed is something else",
      "short has 3 bytes, not 5",
    ]);
    expect(there.read(4).toString()).toBe("hello!");
    there.session.close();
    expect(openFds()).toBe(before);
  });

  test("what was written is made safe before it goes, once", async () => {
    const c = client();
    c.create(0, 1, "a", "hello");
    const synced = c.session.sync();
    expect(synced).toBeInstanceOf(Promise);
    await synced;
    expect(c.session.sync()).toBeUndefined();
    c.write(1, "J");
    const again = c.session.sync();
    expect(again).toBeInstanceOf(Promise);
    await again;
  });

  test("a state that leads elsewhere is refused", () => {
    const c = client();
    const fid = { number: 1, path: [".."], isOpenDirectory: false, open: null };
    const state = { msize: 65536, fids: [fid] };
    const restoring = () => c.session.restore(state);
    expect(restoring).toThrow(expect.objectContaining({ code: "WV_BAD_SNAPSHOT" }));
  });
});
