/** The Debian guest's own kernel module nbd, with busybox's client, at our server: what it writes is in the image. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { benchCache, fetchPackages } from "../../bench/debian-packages.ts";
import { Host } from "../../ts/host/host.ts";
import { unxz } from "../../ts/image/deb.ts";
import { pullDebian } from "../../ts/image/debian.ts";
import { stripModule } from "../../ts/image/strip-module.ts";
import { NbdServer } from "../../ts/storage/nbd/server.ts";
import { openDisk } from "../../ts/storage/open-disk.ts";
import { bootDebian, say, WAIT_MS } from "./debian-guest.ts";
import { setUp } from "./network-fixture.ts";

const runs = (tool: string, ...args: string[]): boolean => spawnSync(tool, args).status === 0;
const hasTools = runs("apt-get", "--version") && runs("qemu-img", "--version");
const BYTES = 16 << 20;

/** The module of the image's own kernel, from Debian's package of it; kept in the cache. */
async function nbdModule(): Promise<Uint8Array> {
  const manifest = await pullDebian();
  const { kernelRelease } = manifest;
  const cached = join(benchCache(), `nbd-${kernelRelease}.ko`);
  if (fs.existsSync(cached)) return fs.readFileSync(cached);
  const files = await fetchPackages(
    {
      names: [`linux-image-${kernelRelease}`],
      follow: () => false,
      keep: (path) => /\/nbd\.ko(\.xz)?$/.test(path),
    },
    { architecture: "riscv64", suite: "trixie", log: () => undefined },
  );
  const [file] = files;
  if (file?.type !== "file") throw new Error("the kernel package has no nbd.ko");
  const bytes = Buffer.from(file.data);
  const module = stripModule(file.path.endsWith(".xz") ? await unxz(bytes, 1 << 24) : bytes);
  fs.writeFileSync(cached, module);
  return module;
}

describe.skipIf(!hasTools)("Debian (skipped unless installed: apt install qemu-utils)", () => {
  test("attaches an export of ours, writes a qcow2 image through it, and reads it back", {
    timeout: 3 * WAIT_MS,
  }, async () => {
    const dir = fs.mkdtempSync(join(tmpdir(), "wasmvisor-guest-nbd-"));
    const path = join(dir, "d.qcow2");
    spawnSync("qemu-img", ["create", "-q", "-f", "qcow2", path, String(BYTES)]);
    const share = join(dir, "share");
    fs.mkdirSync(share);
    fs.writeFileSync(join(share, "nbd.ko"), await nbdModule());
    const disk = openDisk({ path, format: "qcow2" });
    const server = await NbdServer.listen({ exports: [{ name: "d", disk }], port: 0 });
    try {
      await using host = await Host.create({ memory: "512MiB" });
      const vm = await bootDebian(host, {
        networks: [{ kind: "user" }],
        shares: [{ path: share, tag: "s" }],
      });
      await say(vm, setUp("10.0.2.15"));
      await say(vm, "mkdir /s; mount -t 9p -o trans=virtio,version=9p2000.L s /s");
      expect(await say(vm, "insmod /s/nbd.ko")).toMatch(/done 0/);
      const attach = `nbd-client -N d 10.0.2.2 ${server.port} /dev/nbd0`;
      expect(await say(vm, attach)).toMatch(/done 0/);
      // The client goes into the background before its child has attached the device.
      const size = "cat /sys/block/nbd0/size";
      await say(
        vm,
        `n=0; until [ $(${size}) != 0 ] || [ $n = 100 ]; do n=$((n+1)); sleep 0.1; done`,
      );
      expect(await say(vm, size)).toContain(`\n${BYTES / 512}`);
      await say(vm, "dd if=/dev/urandom of=/tmp/r bs=1M count=4 2>/dev/null");
      const copy = "dd if=/tmp/r of=/dev/nbd0 bs=64k seek=32 conv=fsync 2>&1 | tail -1";
      expect(await say(vm, copy)).toMatch(/64\+0 records out/);
      await say(vm, "echo 3 >/proc/sys/vm/drop_caches");
      const back =
        "dd if=/dev/nbd0 bs=64k skip=32 count=64 2>/dev/null | cmp - /tmp/r && echo sa''me";
      expect(await say(vm, back)).toContain("\nsame");
      fs.writeFileSync(join(share, "r"), "");
      await say(vm, "cp /tmp/r /s/r; nbd-client -d /dev/nbd0");
      await vm.destroy();
      await server.close();
      disk.flush();
      disk.close();
      expect(spawnSync("qemu-img", ["check", path]).status).toBe(0);
      const raw = join(dir, "raw");
      spawnSync("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", path, raw]);
      const found = fs.readFileSync(raw).subarray(2 << 20, 6 << 20);
      expect(Buffer.compare(found, fs.readFileSync(join(share, "r")))).toBe(0);
    } finally {
      await server.close().catch(() => undefined);
      fs.rmSync(dir, { recursive: true, force: true });
    }
  });
});
