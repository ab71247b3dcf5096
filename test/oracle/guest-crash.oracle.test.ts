/**
 * The host of a Debian guest is killed at random moments while the guest keeps a journal on ext4. A new host boots
 * the guest with the same disk: it mounts, and every record whose fsync was acknowledged is there, byte by byte.
 * GUEST_CRASHES=N for more of them.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import { createPool, openVolume, withPool } from "../../ts/host/pools.ts";
import { pullDebian } from "../../ts/image/debian.ts";
import { WAIT_MS } from "./debian-guest.ts";
import { JournalGuest } from "./guest-journal.ts";

const BYTES = 64 << 20;
const crashes = Number(process.env["GUEST_CRASHES"] ?? 3);
const runs = (tool: string, ...args: string[]): boolean => spawnSync(tool, args).status === 0;
const hasTools =
  runs("apt-get", "--version") && runs("mke2fs", "-V") && runs("qemu-img", "--version");

function run(tool: string, ...args: string[]): string {
  const { status, stderr, stdout } = spawnSync(tool, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${tool} ${args.join(" ")}: ${status} ${stdout}${stderr}`);
  return stdout;
}

interface Subject {
  readonly disk: string;
  /** Throws if the image or pool is not in order as the crash left it. */
  readonly check: () => Promise<void>;
  /** What the disk holds. */
  readonly read: () => Promise<Uint8Array>;
}

describe.skipIf(!hasTools)(
  `killed ${crashes} times (skipped unless installed: apt install qemu-utils e2fsprogs)`,
  () => {
    let dir = "";
    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), "wasmvisor-guest-crash-"));
      await pullDebian();
    }, 600_000);
    afterAll(() => rmSync(dir, { recursive: true, force: true }));

    function ext4(): string {
      const raw = join(dir, "empty.raw");
      writeFileSync(raw, "");
      run("mke2fs", "-q", "-F", "-t", "ext4", raw, "64M");
      return raw;
    }

    async function qcow2(): Promise<Subject> {
      const path = join(dir, "guest.qcow2");
      run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", ext4(), path);
      const raw = join(dir, "after.raw");
      return {
        disk: `${path},format=qcow2`,
        check: async () => {
          const found = spawnSync("qemu-img", ["check", path], { encoding: "utf8" });
          expect([0, 3], found.stdout + found.stderr).toContain(found.status);
        },
        read: async () => {
          run("qemu-img", "convert", "-f", "qcow2", "-O", "raw", path, raw);
          return readFileSync(raw);
        },
      };
    }

    async function mirror(): Promise<Subject> {
      const file = join(dir, "pool");
      const devices = [0, 1, 2].map((i) => join(dir, `device${i}`));
      for (const device of devices) {
        writeFileSync(device, "");
        truncateSync(device, BYTES);
      }
      await (await createPool(file, { devices })).close();
      await withPool(file, async (pool) => {
        await pool.createVolume({ name: "d", bytes: BYTES, layout: "mirrored" });
        await pool.volume("d").write(0, readFileSync(ext4()));
      });
      const read = async (): Promise<Uint8Array> => {
        const disk = await openVolume(`pool:${file}/d`, true);
        const content = new Uint8Array(BYTES);
        await disk.read(0, content);
        await disk.close?.();
        return content;
      };
      return {
        disk: `pool:${file}/d`,
        check: () =>
          withPool(file, (pool) => {
            expect(pool.check().problems).toEqual([]);
            // Past the pool: both legs say the same.
            const legs = devices.map((device) => readFileSync(device));
            for (const { bytes, copies } of pool.volume("d").map()) {
              const [a, b] = copies.map(({ device, offset }) =>
                legs[devices.indexOf(device)]?.subarray(offset, offset + bytes),
              );
              if (a && b) expect(Buffer.compare(a, b)).toBe(0);
            }
          }),
        read,
      };
    }

    test.each([
      ["a qcow2 image", qcow2],
      ["a mirrored volume of a pool", mirror],
    ] as const)(
      "%s keeps what a guest was told is safe, and mounts",
      { timeout: (crashes + 2) * WAIT_MS },
      async (_, make) => {
        const random = new Random(crashes);
        const { check, disk, read } = await make();
        const rounds: number[][] = [];
        for (let crash = 0; crash < crashes; crash++) {
          const guest = await JournalGuest.boot(disk);
          expect(await guest.wrong(rounds)).toBe("");
          const first = 100_000 * (crash + 1);
          guest.startJournal(first);
          await guest.expect(new RegExp(`safe ${first + 2}\\.`), 0);
          await new Promise((resolve) => setTimeout(resolve, random.below(3000)));
          await guest.kill();
          rounds.push(guest.safe);
          await check();
        }
        const guest = await JournalGuest.boot(disk);
        expect(await guest.wrong(rounds)).toBe("");
        await guest.powerOff();
        await check();
        const raw = join(dir, "last.raw");
        writeFileSync(raw, await read());
        run("e2fsck", "-fn", raw);
        const count = rounds.reduce((sum, one) => sum + one.length, 0);
        process.stderr.write(`${disk}: ${crashes} crashes, ${count} records were safe\n`);
        expect(count).toBeGreaterThan(2 * crashes);
      },
    );
  },
);
