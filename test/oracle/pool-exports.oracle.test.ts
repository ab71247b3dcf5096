/**
 * Pools whose devices are exports of qemu-nbd and nbdkit: one of them is killed while its volumes are written. A mirror
 * goes on, and both legs are equal again when the server is back; what lay only there is an IO error meanwhile.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import { Host } from "../../ts/host/host.ts";
import type { PoolInfo } from "../../ts/host/pool-commands.ts";
import { createPool, openVolume, poolCommand } from "../../ts/host/pools.ts";
import { pullDebian } from "../../ts/image/debian.ts";
import type { MappedRange } from "../../ts/storage/pool/volume.ts";
import { freePort } from "../free-port.ts";
import { bootDebian, say, WAIT_MS } from "./debian-guest.ts";

const runs = (tool: string, ...args: string[]): boolean => spawnSync(tool, args).status === 0;
const hasServers = runs("qemu-nbd", "--version") && runs("nbdkit", "--version");
const hasApt = runs("apt-get", "--version");
const BYTES = 32 << 20;

/** A server of others with an image of its own. */
class Leg {
  readonly path: string;
  readonly kind: "qemu-nbd" | "nbdkit";
  #port = 0;
  #child: ChildProcess | undefined;

  constructor(kind: "qemu-nbd" | "nbdkit") {
    this.kind = kind;
    this.path = join(dir, `${kind}.raw`);
    writeFileSync(this.path, "");
    truncateSync(this.path, BYTES);
  }

  get url(): string {
    return `nbd://127.0.0.1:${this.#port}/${this.kind === "nbdkit" ? "" : "d"}`;
  }

  async start(): Promise<void> {
    if (this.#port === 0) this.#port = await freePort();
    const port = String(this.#port);
    const args =
      this.kind === "nbdkit"
        ? ["-f", "-i", "127.0.0.1", "-p", port, "file", this.path]
        : ["-f", "raw", "-b", "127.0.0.1", "-p", port, "-e", "8", "-t", "-x", "d", this.path];
    this.#child = spawn(this.kind, args, { stdio: "ignore" });
    while (!(await this.#listens())) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  async #listens(): Promise<boolean> {
    const socket = connect(this.#port, "127.0.0.1");
    const ok = await Promise.race([
      once(socket, "connect").then(() => true),
      once(socket, "close").then(() => false),
    ]).catch(() => false);
    socket.destroy();
    return ok;
  }

  async kill(): Promise<void> {
    if (!this.#child) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "close");
    this.#child = undefined;
  }
}

let dir = "";
let file = "";
let legs: Leg[] = [];
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "wasmvisor-legs-"));
  file = join(dir, "pool");
});
afterEach(async () => {
  for (const leg of legs.splice(0)) await leg.kill();
  rmSync(dir, { recursive: true, force: true });
});

/** Volumes `safe` (mirrored) and `alone`, all of which is on the first device. */
async function makePool(first: "qemu-nbd" | "nbdkit"): Promise<[Leg, Leg]> {
  const second = first === "nbdkit" ? "qemu-nbd" : "nbdkit";
  const pair: [Leg, Leg] = [new Leg(first), new Leg(second)];
  legs = pair;
  for (const leg of legs) await leg.start();
  const pool = await createPool(file, { devices: legs.map(({ url }) => url) });
  await pool.createVolume({ name: "alone", bytes: 4 << 20, room: "full" });
  await pool.createVolume({ name: "safe", bytes: 16 << 20, layout: "mirrored" });
  await pool.close();
  return pair;
}

const info = async () => (await poolCommand(file, { do: "info" })) as PoolInfo;

/** Until every second copy is there, by whoever has the pool open. */
async function whole(): Promise<PoolInfo> {
  for (;;) {
    const now = await info();
    const isWell = now.devices.every(({ state }) => state === "healthy");
    if (isWell && now.degradedBytes === 0) return now;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Reads past the pool, in the servers' own files: both copies of each chunk. Returns how many bytes were compared. */
async function compareLegs(): Promise<number> {
  const ranges = (await poolCommand(file, { do: "map", name: "safe" })) as MappedRange[];
  const contents = new Map(legs.map(({ path, url }) => [url, readFileSync(path)]));
  let compared = 0;
  for (const { bytes, copies } of ranges) {
    if (copies.length === 0) continue;
    const [a, b] = copies.map(({ device, offset }) =>
      contents.get(device)?.subarray(offset, offset + bytes),
    );
    if (!a || !b) throw new Error("a chunk has one copy only");
    expect(Buffer.compare(a, b)).toBe(0);
    compared += bytes;
  }
  return compared;
}

describe.skipIf(!hasServers)(
  "a pool over real servers (skipped unless installed: apt install qemu-utils nbdkit)",
  () => {
    test.each(["qemu-nbd", "nbdkit"] as const)(
      "%s is killed while a mirror is written: nothing is lost, and both legs are equal when it is back",
      { timeout: WAIT_MS },
      async (kind) => {
        const [first] = await makePool(kind);
        const disk = await openVolume(`pool:${file}/safe`, false);
        const alone = await openVolume(`pool:${file}/alone`, false);
        await alone.write(0, new Uint8Array(4096).fill(7));
        await alone.flush();
        const random = new Random(11).split(kind);
        const model = new Uint8Array(disk.bytes);
        const write = async (count: number): Promise<void> => {
          for (let i = 0; i < count; i++) {
            const at = 512 * random.below(model.length / 512 - 256);
            const bytes = random.bytes(new Uint8Array(512 * (1 + random.below(256))));
            model.set(bytes, at);
            await disk.write(at, bytes);
            if (i % 20 === 0) await disk.flush();
          }
        };
        await write(100);
        const writing = write(150);
        await new Promise((resolve) => setTimeout(resolve, 30));
        await first.kill();
        await writing;
        await disk.flush();
        expect((await info()).devices).toMatchObject([
          { state: "failed", problem: expect.stringMatching(/ECONNREFUSED|gone/) },
          { state: "healthy" },
        ]);
        const failed = { code: "WV_DISK" };
        await expect((async () => alone.read(0, new Uint8Array(512)))()).rejects.toMatchObject(
          failed,
        );
        await first.start();
        await write(20); // Beside what is made again.
        const after = await whole();
        expect(after.rebuild.doneBytes).toBeGreaterThan(0);
        const found = new Uint8Array(model.length);
        await disk.read(0, found);
        expect(Buffer.compare(found, model)).toBe(0);
        await alone.read(0, found.subarray(0, 4096));
        expect(found.subarray(0, 4096).every((byte) => byte === 7)).toBe(true);
        await disk.flush();
        expect(await compareLegs()).toBeGreaterThan(8 << 20);
        expect(await poolCommand(file, { do: "check" })).toMatchObject({ problems: [] });
        await disk.close?.();
        await alone.close?.();
        // With the other one alone, too.
        await legs[1]?.kill();
        const again = await openVolume(`pool:${file}/safe`, true);
        await again.read(0, found);
        expect(Buffer.compare(found, model)).toBe(0);
        await again.close?.();
      },
    );

    test.skipIf(!hasApt)(
      "Debian on a mirror does not notice that a server is killed; on a volume that lay there it is told EIO",
      { timeout: 3 * WAIT_MS },
      async () => {
        await pullDebian();
        const [first] = await makePool("qemu-nbd");
        await using host = await Host.create({ memory: "512MiB" });
        const disks = ["safe", "alone"].map((name) => ({ path: `pool:${file}/${name}` }));
        const vm = await bootDebian(host, { disks });
        const write = (to: string, mib: number): string =>
          `dd if=/dev/urandom of=/dev/${to} bs=1M count=${mib} conv=fsync 2>&1 | tail -4`;
        expect(await say(vm, write("vdb", 2))).toMatch(/2\+0 records out/);
        await say(vm, "dd if=/dev/urandom of=/tmp/data bs=1M count=12 2>/dev/null");
        const writing = say(vm, "dd if=/tmp/data of=/dev/vda bs=64k conv=fsync 2>&1 | tail -4");
        await new Promise((resolve) => setTimeout(resolve, 50));
        await first.kill();
        expect(await writing).toMatch(/192\+0 records out/);
        const same = "dd if=/dev/vda bs=1M count=12 2>/dev/null | cmp - /tmp/data && echo sa''me";
        await say(vm, "echo 3 > /proc/sys/vm/drop_caches");
        expect(await say(vm, same)).toMatch(/\nsame/);
        expect(await say(vm, "dmesg | grep -c 'I/O error, dev vda'")).toMatch(/\n0\r?\n/);
        expect(await say(vm, write("vdb", 2))).toMatch(/Input\/output error/);
        await first.start();
        await whole();
        expect(await say(vm, write("vdb", 2))).toMatch(/2\+0 records out/);
        await say(vm, "echo 3 > /proc/sys/vm/drop_caches");
        expect(await say(vm, same)).toMatch(/\nsame/);
        expect(vm.console.text).not.toMatch(/Call Trace|Oops/);
        expect(await compareLegs()).toBeGreaterThanOrEqual(12 << 20);
        await vm.destroy();
      },
    );
  },
);
