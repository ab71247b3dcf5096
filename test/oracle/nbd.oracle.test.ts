/**
 * NBD against everybody else's: libnbd's and QEMU's clients at our server, our client at their servers, and the
 * Debian guest with its disk at one export that two hosts reach, moved while it writes.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import { Host } from "../../ts/host/host.ts";
import { issue, makeAuthority, validFor } from "../../ts/host/tls/certificates.ts";
import { pullDebian } from "../../ts/image/debian.ts";
import { NbdDisk } from "../../ts/storage/nbd/client.ts";
import { NbdServer, type NbdServerOptions } from "../../ts/storage/nbd/server.ts";
import { openDisk } from "../../ts/storage/open-disk.ts";
import { freePort } from "../free-port.ts";
import { printed, startDaemon } from "../host/daemon-process.ts";
import { bootDebian, say, WAIT_MS } from "./debian-guest.ts";

const runs = (tool: string, ...args: string[]): boolean => spawnSync(tool, args).status === 0;
const hasQemu = runs("qemu-img", "--version");
const hasLibnbd = runs("nbdinfo", "--version");
const hasNbdkit = runs("nbdkit", "--version");
const hasGuest = runs("apt-get", "--version") && runs("mke2fs", "-V") && hasQemu;
const BYTES = 8 << 20;

let dir = "";
const cleanups: (() => unknown)[] = [];
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "wasmvisor-nbd-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Runs a tool while our server, in this process, goes on. */
async function tool(name: string, ...args: string[]): Promise<string> {
  const child = spawn(name, args, { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
  const [status] = (await once(child, "close")) as [number | null];
  if (status !== 0) throw new Error(`${name} ${args.join(" ")}: ${status} ${text}`);
  return text;
}

async function serveImage(path: string, more: Partial<NbdServerOptions> = {}): Promise<string> {
  const disk = openDisk({ path, format: path.endsWith("raw") ? "raw" : "qcow2" });
  const server = await NbdServer.listen({ exports: [{ name: "d", disk }], port: 0, ...more });
  cleanups.push(async () => {
    await server.close();
    disk.flush();
    disk.close();
  });
  return `nbd://127.0.0.1:${server.port}/d`;
}

async function newImage(name: string): Promise<{ path: string; model: Uint8Array }> {
  const path = join(dir, name);
  const model = new Uint8Array(BYTES);
  new Random(4).bytes(model.subarray(1 << 20, 3 << 20));
  const raw = join(dir, `${name}.model.raw`);
  writeFileSync(raw, model);
  await tool(
    "qemu-img",
    "convert",
    "-f",
    "raw",
    "-O",
    name.endsWith("raw") ? "raw" : "qcow2",
    raw,
    path,
  );
  return { path, model };
}

async function listening(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    const ok = await new Promise<boolean>((resolve) => {
      socket.on("connect", () => resolve(true));
      socket.on("error", () => resolve(false));
    });
    socket.destroy();
    if (ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A server of others, which ends with the test. */
async function theirServer(port: number, name: string, ...args: string[]): Promise<ChildProcess> {
  const child = spawn(name, args, { stdio: "ignore" });
  cleanups.push(() => child.kill("SIGKILL"));
  await listening(port);
  return child;
}

const qemuNbd = (port: number, path: string): Promise<ChildProcess> =>
  theirServer(port, "qemu-nbd", "-f", "raw", "-p", String(port), "-e", "8", "-t", "-x", "d", path);

describe.skipIf(!hasQemu || !hasLibnbd)(
  "our server (skipped unless installed: apt install qemu-utils libnbd-bin)",
  () => {
    test.each(["s.raw", "s.qcow2"])("is an NBD server for libnbd and QEMU (%s)", async (name) => {
      const { model, path } = await newImage(name);
      const url = await serveImage(path);
      const info = JSON.parse(await tool("nbdinfo", "--json", url)) as {
        protocol: string;
        structured: boolean;
        exports: object[];
      };
      expect(info).toMatchObject({ protocol: "newstyle-fixed", structured: true });
      expect(info.exports[0]).toMatchObject({
        "export-size": BYTES,
        is_read_only: false,
        can_flush: true,
        can_fua: true,
        can_trim: true,
        can_zero: true,
        can_multi_conn: true,
      });
      expect(await tool("nbdinfo", "--list", url.slice(0, -2))).toContain('export="d"');
      const out = join(dir, "out.raw");
      await tool("nbdcopy", url, out);
      expect(Buffer.compare(readFileSync(out), model)).toBe(0);
      new Random(8).bytes(model.subarray(0, 1 << 20));
      model.fill(0, 2 << 20, 5 << 20);
      writeFileSync(out, model);
      await tool("nbdcopy", "--flush", out, url);
      expect(await tool("qemu-img", "compare", "-f", "raw", "-F", "raw", out, url)).toContain(
        "identical",
      );
      await tool(
        "qemu-io",
        "-f",
        "raw",
        ...[
          "write -P 7 512 1024",
          "write -z 4096 8192",
          "discard 65536 65536",
          "write -f -P 9 0 512",
          "flush",
        ].flatMap((command) => ["-c", command]),
        ...["read -P 7 512 1024", "read -P 0 4096 8192", "read -P 9 0 512"].flatMap((command) => [
          "-c",
          command,
        ]),
        url,
      );
      if (name === "s.qcow2") {
        const map = JSON.parse(await tool("nbdinfo", "--map", "--json", url)) as { type: number }[];
        expect(new Set(map.map(({ type }) => type))).toEqual(new Set([0, 3]));
      }
      for (const cleanup of cleanups.splice(0)) await cleanup();
      if (name === "s.qcow2") await tool("qemu-img", "check", path);
    });

    test("wants TLS where it is told to, and a certificate of the same authority", async () => {
      const { model, path } = await newImage("tls.raw");
      const authority = await makeAuthority();
      const ca = authority.certificate.toString("pem");
      const host = await issue(authority, ["localhost", "127.0.0.1"], validFor(1));
      const url = await serveImage(path, { tls: { ca, ...host } });
      await expect(tool("nbdinfo", url)).rejects.toThrow(/TLS|tls/);
      const folder = join(dir, "pki");
      mkdirSync(folder);
      writeFileSync(join(folder, "ca-cert.pem"), ca);
      writeFileSync(join(folder, "client-cert.pem"), host.cert);
      writeFileSync(join(folder, "client-key.pem"), host.key);
      const secure = `${url.replace("nbd:", "nbds:")}?tls-certificates=${folder}`;
      const out = join(dir, "tls.out");
      await tool("nbdcopy", secure, out);
      expect(Buffer.compare(readFileSync(out), model)).toBe(0);
      const ours = await NbdDisk.connect({
        url: url.replace("nbd:", "nbds:"),
        tls: { ca, ...host },
      });
      const part = new Uint8Array(4096);
      await ours.read(1 << 20, part);
      expect(Buffer.compare(part, model.subarray(1 << 20, (1 << 20) + 4096))).toBe(0);
      await ours.close();
    });
  },
);

async function exerciseClient(url: string, model: Uint8Array): Promise<void> {
  const disk = await NbdDisk.connect({ url });
  const random = new Random(2);
  const all = new Uint8Array(BYTES);
  await disk.read(0, all);
  expect(Buffer.compare(all, model)).toBe(0);
  const piece = BYTES / 32;
  await Promise.all(
    Array.from({ length: 32 }, async (_, i) => {
      const data = random.bytes(new Uint8Array(512 * (1 + random.below(200))));
      model.set(data, i * piece);
      await disk.write(i * piece, data);
      model.fill(0, i * piece + 512, i * piece + 1536);
      await (i % 2 ? disk.zero(i * piece + 512, 1024) : disk.discard?.(i * piece + 512, 1024));
    }),
  );
  await disk.flush();
  await disk.read(0, all);
  expect(Buffer.compare(all, model)).toBe(0);
  await disk.close();
}

/** A client's disk, and how its server answers, as seen on the wire. */
async function repliesOf(
  port: number,
  name: string,
): Promise<{ disk: NbdDisk; seen: () => string }> {
  let [structured, simple] = [0, 0];
  const disk = await NbdDisk.connect({
    url: `nbd://127.0.0.1:${port}/${name}`,
    dial: (address) => {
      const socket = connect(address);
      const read = socket.read.bind(socket);
      socket.read = (bytes) => {
        const chunk = read(bytes) as Buffer | null;
        if (bytes === 16 && chunk) {
          if (chunk.readUInt32BE(0) === 0x668e_33ef) structured++;
          if (chunk.readUInt32BE(0) === 0x6744_6698) simple++;
        }
        return chunk;
      };
      return socket;
    },
  });
  cleanups.push(() => disk.close());
  return { disk, seen: () => `${structured > 0 ? "chunks" : ""}${simple > 0 ? "simple" : ""}` };
}

async function readsAll(disk: NbdDisk, model: Uint8Array): Promise<void> {
  const all = new Uint8Array(BYTES).fill(255);
  const piece = BYTES / 16;
  await Promise.all(
    Array.from({ length: 16 }, (_, i) =>
      disk.read(i * piece, all.subarray(i * piece, (i + 1) * piece)),
    ),
  );
  expect(Buffer.compare(all, model)).toBe(0);
}

describe("our client", () => {
  test.skipIf(!hasQemu)(
    "takes chunks of data and holes from qemu-nbd, of a sparse image (skipped unless installed: apt install qemu-utils)",
    async () => {
      const { model, path } = await newImage("holes.qcow2");
      const port = await freePort();
      const args = ["-f", "qcow2", "-p", String(port), "-e", "8", "-t", "-x", "d", path];
      await theirServer(port, "qemu-nbd", ...args);
      const { disk, seen } = await repliesOf(port, "d");
      await readsAll(disk, model);
      expect(seen()).toBe("chunks");
    },
  );

  test.skipIf(!hasNbdkit || !hasQemu)(
    "takes chunks from nbdkit, simple replies where it is told to know no other, and errors of both (skipped unless installed: apt install nbdkit)",
    async () => {
      const { model, path } = await newImage("chunks.raw");
      for (const [args, kind] of [
        [[], "chunks"],
        [["--no-sr"], "simple"],
      ] as const) {
        const port = await freePort();
        const common = [...args, "-f", "-i", "127.0.0.1", "-p", String(port)];
        await theirServer(port, "nbdkit", ...common, "file", path);
        const { disk, seen } = await repliesOf(port, "");
        await readsAll(disk, model);
        expect(seen()).toBe(kind);
        const bad = await freePort();
        const failing = [
          "--filter=error",
          "memory",
          String(BYTES),
          "error-pread=ENOSPC",
          "error-pread-rate=100%",
        ];
        await theirServer(
          bad,
          "nbdkit",
          ...args,
          "-f",
          "-i",
          "127.0.0.1",
          "-p",
          String(bad),
          ...failing,
        );
        const broken = await repliesOf(bad, "");
        await expect(broken.disk.read(0, new Uint8Array(512))).rejects.toThrow(/no space left/);
        await broken.disk.write(0, new Uint8Array(512));
      }
    },
  );

  test.skipIf(!hasQemu)(
    "at qemu-nbd (skipped unless installed: apt install qemu-utils)",
    async () => {
      const { model, path } = await newImage("q.raw");
      const port = await freePort();
      await qemuNbd(port, path);
      await exerciseClient(`nbd://127.0.0.1:${port}/d`, model);
    },
  );

  test.skipIf(!hasNbdkit || !hasQemu)(
    "at nbdkit (skipped unless installed: apt install nbdkit)",
    async () => {
      const { model, path } = await newImage("k.raw");
      const port = await freePort();
      await theirServer(port, "nbdkit", "-f", "-i", "127.0.0.1", "-p", String(port), "file", path);
      await exerciseClient(`nbd://127.0.0.1:${port}/`, model);
    },
  );

  test.skipIf(!hasQemu)("comes back to a qemu-nbd that was killed while it wrote", async () => {
    const { model, path } = await newImage("again.raw");
    const port = await freePort();
    let server = await qemuNbd(port, path);
    const disk = await NbdDisk.connect({ url: `nbd://127.0.0.1:${port}/d` });
    const random = new Random(3);
    for (let round = 0; round < 3; round++) {
      const writes = Array.from({ length: 64 }, (_, i) => {
        const data = random.bytes(new Uint8Array(4096));
        model.set(data, i * 65536);
        return disk.write(i * 65536, data);
      });
      server.kill("SIGKILL");
      await once(server, "close");
      server = await qemuNbd(port, path);
      await Promise.all(writes);
    }
    await disk.flush();
    await disk.close();
    expect(Buffer.compare(readFileSync(path), model)).toBe(0);
  });
});

describe.skipIf(!hasGuest)(
  "Debian (skipped unless installed: apt install qemu-utils e2fsprogs) with its disk at",
  () => {
    beforeAll(() => pullDebian(), 600_000);

    async function ext4(name: string): Promise<string> {
      const raw = join(dir, `${name}.ext4.raw`);
      writeFileSync(raw, "");
      await tool("mke2fs", "-q", "-t", "ext4", raw, "64M");
      const path = join(dir, name);
      if (name.endsWith("raw")) return raw;
      await tool("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, path);
      return path;
    }

    test.each(["our server, a qcow2 image", "qemu-nbd, a raw one"])(
      "%s, moves between two hosts while it writes, and loses nothing",
      { timeout: 2 * WAIT_MS },
      async (which) => {
        const isOurs = which.startsWith("our");
        const path = await ext4(isOurs ? "guest.qcow2" : "guest.raw");
        const port = await freePort();
        if (!isOurs) await qemuNbd(port, path);
        const url = isOurs ? await serveImage(path) : `nbd://127.0.0.1:${port}/d`;
        const daemon = await startDaemon("512MiB");
        cleanups.push(() => daemon.kill("SIGKILL"));
        await using host = await Host.create({ memory: "512MiB" });
        const vm = await bootDebian(host, { name: "m", memory: "192MiB", disks: [{ path: url }] });
        expect(await say(vm, "grep -q vda /proc/mounts")).toMatch(/done 0/);
        const loop =
          "for i in $(seq 40); do head -c 300000 /dev/urandom > /mnt/f$i; md5sum /mnt/f$i >> /mnt/sums; sync; done; echo all wri''tten";
        vm.console.write(`(${loop}) &\n`);
        await new Promise((resolve) => setTimeout(resolve, 1500));
        expect(await vm.migrate(daemon.address)).toMatchObject({ state: "completed" });
        const input =
          "wait; cd /mnt && md5sum -c sums | grep -c OK; cd /; umount /mnt; echo un''mounted $?\n";
        const text = await printed(daemon.client, "m", {
          pattern: /unmounted \d/,
          input,
          timeoutMs: WAIT_MS,
        });
        expect(text).toMatch(/\n40\r?\n[\s\S]*unmounted 0/);
        await daemon.client.destroy("m");
        for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
        if (isOurs) await tool("qemu-img", "check", path);
        const raw = join(dir, "after.raw");
        await tool("qemu-img", "convert", "-f", isOurs ? "qcow2" : "raw", "-O", "raw", path, raw);
        await tool("e2fsck", "-fn", raw);
      },
    );
  },
);
