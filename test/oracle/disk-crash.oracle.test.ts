/**
 * `wasmvisor disk serve` is killed at random points of random writes. What its clients were told was flushed is in
 * the image, where `qemu-img check` finds leaks at most, or in the volume of a pool, which finds nothing wrong with
 * itself. DISK_CRASHES=N for more of them.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import { openVolume } from "../../ts/host/pools.ts";
import { NbdDisk } from "../../ts/storage/nbd/client.ts";
import { openDisk } from "../../ts/storage/open-disk.ts";
import { ROOT } from "../host/daemon-process.ts";

const BYTES = 4 << 20;
const crashes = Number(process.env["DISK_CRASHES"] ?? 6);
const hasQemu = spawnSync("qemu-img", ["--version"]).status === 0;

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "wasmvisor-crash-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const CLI = join(ROOT, "dist/ts/cli/main.js");

async function serve(disk: readonly string[]): Promise<{ child: ChildProcess; url: string }> {
  const args = [CLI, "disk", "serve", ...disk, "--listen", "tcp://127.0.0.1:0", "--json"];
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [line] = (await once(child.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
  return { child, url: (JSON.parse(String(line)) as { url: string }).url };
}

/** Writes until it is cut off; `flushed` is what was there at the last flush, `loose` what was touched since. */
class Writer {
  readonly content: Uint8Array;
  flushed: Uint8Array;
  loose = new Set<number>();
  readonly #random: Random;
  writes = 0;

  constructor(content: Uint8Array, random: Random) {
    this.content = content;
    this.flushed = content.slice();
    this.#random = random;
  }

  async step(disk: NbdDisk): Promise<void> {
    const random = this.#random;
    const bytes = 512 * (1 + random.below(random.below(4) > 0 ? 8 : 256));
    const at = 512 * random.below((BYTES - bytes) / 512);
    for (let i = at; i < at + bytes; i += 512) this.loose.add(i);
    if (random.below(4) === 0) {
      await disk.discard?.(at, bytes);
      this.content.fill(0, at, at + bytes);
    } else {
      const data = random.bytes(new Uint8Array(bytes));
      await disk.write(at, data);
      this.content.set(data, at);
    }
    this.writes++;
    if (random.below(6) > 0) return;
    await disk.flush();
    this.flushed = this.content.slice();
    this.loose = new Set();
  }
}

/** A disk that is served, killed, and looked at. */
interface Subject {
  readonly served: readonly string[];
  /** What a check that is not this process's finds; throws if it is more than leaks. */
  readonly check: () => void;
  readonly read: (into: Uint8Array) => Promise<void>;
}

async function survives({ check, read, served }: Subject, random: Random): Promise<void> {
  let content = new Uint8Array(BYTES);
  let writes = 0;
  for (let crash = 0; crash < crashes; crash++) {
    const { child, url } = await serve(served);
    const disk = await NbdDisk.connect({ url, reconnectMs: 50 });
    const writer = new Writer(content, random);
    const killer = setTimeout(() => child.kill("SIGKILL"), 50 + random.below(600));
    await expect(
      (async () => {
        for (;;) await writer.step(disk);
      })(),
    ).rejects.toMatchObject({ code: "WV_DISK" });
    clearTimeout(killer);
    if (child.exitCode === null && child.signalCode === null) await once(child, "close");
    await disk.close();
    check();
    content = new Uint8Array(BYTES);
    await read(content);
    const isKept = (at: number): boolean =>
      Buffer.compare(content.subarray(at, at + 512), writer.flushed.subarray(at, at + 512)) === 0;
    for (let at = 0; at < BYTES; at += 512)
      if (!writer.loose.has(at)) expect(isKept(at)).toBe(true);
    writes += writer.writes;
  }
  expect(writes).toBeGreaterThan(crashes);
}

const timeout = 60_000 * (crashes + 2);

describe.skipIf(!hasQemu)("killed (skipped unless installed: apt install qemu-utils)", () => {
  test.each(["512", "4096", "65536"])(
    `${crashes} times, an image of %s-byte clusters keeps what was flushed`,
    { timeout },
    async (clusterBytes) => {
      const path = join(dir, `${clusterBytes}.qcow2`);
      const options = `cluster_size=${clusterBytes}`;
      spawnSync("qemu-img", ["create", "-q", "-f", "qcow2", "-o", options, path, String(BYTES)]);
      const check = (): void => {
        const found = spawnSync("qemu-img", ["check", path], { encoding: "utf8" });
        expect([0, 3], found.stdout + found.stderr).toContain(found.status);
      };
      const read = async (into: Uint8Array): Promise<void> => {
        const image = openDisk({ path, format: "qcow2", readOnly: true });
        image.read(0, into);
        image.close();
      };
      const served = [path, "--format", "qcow2"];
      await survives({ served, check, read }, new Random(Number(clusterBytes)));
    },
  );
});

test.each(["linear", "striped", "mirrored"])(
  `killed ${crashes} times, a pool keeps what was flushed to its %s volume`,
  { timeout },
  async (layout) => {
    const wasmvisor = (...args: string[]): void => {
      const { status, stderr } = spawnSync(process.execPath, [CLI, ...args], { encoding: "utf8" });
      expect(status, stderr).toBe(0);
    };
    const file = join(dir, `${layout}.pool`);
    const devices = [1, 2, 3].map((i) => join(dir, `${layout}-${i}.img`));
    for (const device of devices) {
      writeFileSync(device, "");
      truncateSync(device, 2 * BYTES);
    }
    wasmvisor("pool", "create", file, ...devices);
    wasmvisor("volume", "create", file, "data", "--size", `${BYTES >> 20}MiB`, "--layout", layout);
    const check = (): void => wasmvisor("pool", "check", file);
    const read = async (into: Uint8Array): Promise<void> => {
      const volume = await openVolume(`pool:${file}/data`, true);
      await volume.read(0, into);
      await volume.close?.();
    };
    await survives({ served: [`pool:${file}/data`], check, read }, new Random(layout.length));
  },
);
