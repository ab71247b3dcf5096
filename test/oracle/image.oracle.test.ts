/**
 * The pulled image against the real thing: Debian's archive through apt, and QEMU as the machine.
 * Checked: the image boots to /init's line, runs commands, mounts an ext4 disk over
 * virtio-blk-device, inserts every stripped module, and waits for a console on virtio.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pullDebian } from "../../ts/image/debian.ts";
import { INIT_LINE } from "../../ts/image/init-script.ts";
import { type ResolvedImage, resolveImage } from "../../ts/image/store.ts";

const runs = (tool: string, ...args: string[]): boolean => spawnSync(tool, args).status === 0;
const QEMU = "qemu-system-riscv64";
const hasApt = runs("apt-get", "--version");
const hasQemu = runs(QEMU, "--version");
const hasMke2fs = runs("mke2fs", "-V");
const needs = "(skipped unless apt and qemu-system-riscv64 are installed)";

const BOOT_MS_MAX = 300_000;

interface Boot {
  readonly output: string;
  readonly status: number | null;
}

/** Boots until the guest powers off. */
async function boot(image: ResolvedImage, append: string, devices: string[] = []): Promise<Boot> {
  const args = ["-M", "virt", "-m", "512M", "-nographic", "-no-reboot"];
  const child = spawn(
    QEMU,
    [
      ...[...args, "-global", "virtio-mmio.force-legacy=false"],
      ...["-kernel", image.kernel, "-initrd", image.initrd],
      ...["-append", `${image.cmdline} ${append}`, ...devices],
    ],
    { stdio: ["ignore", "pipe", "pipe"], timeout: BOOT_MS_MAX, killSignal: "SIGKILL" },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { output: output.replaceAll("\r", ""), status };
}

describe.skipIf(!hasApt || !hasQemu)(`pulled Debian ${needs}`, () => {
  let image: ResolvedImage;
  let scratch = "";

  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), "wasmvisor-boot-"));
    await pullDebian();
    image = await resolveImage("debian");
  }, 600_000);
  afterAll(async () => await rm(scratch, { recursive: true, force: true }));

  test("a second pull is up to date and quick", async () => {
    const lines: string[] = [];
    const again = await pullDebian({ log: (line) => lines.push(line) });
    expect(again).toEqual(image.manifest);
    expect(lines).toEqual([`up to date: ${image.manifest.name}`]);
  });

  test("an archive that cannot be reached is WV_NETWORK", { timeout: 60_000 }, async () => {
    const pull = pullDebian({ mirror: "file:///nonexistent/debian", cacheDir: scratch });
    await expect(pull).rejects.toMatchObject({ code: "WV_NETWORK" });
  });

  test("boots to /init, runs a command, and powers off", { timeout: BOOT_MS_MAX }, async () => {
    const { output, status } = await boot(image, "wv.exec=uname%20-r;ls%20/lib/modules/wv/;false");
    expect(status).toBe(0);
    expect(output.split(INIT_LINE).length).toBe(2);
    expect(output).toContain(`\n${image.manifest.kernelRelease}\n`);
    expect(output).toContain("wasmvisor: exit status 1");
    expect(output).toContain("reboot: Power down");
    expect(output).not.toContain("Call Trace");
  });

  test("every module of the image inserts", { timeout: BOOT_MS_MAX }, async () => {
    const names = image.manifest.modules;
    const { output } = await boot(image, `wv.modules=${names.join(",")} wv.exec=lsmod`);
    const loaded = new Set(output.split("\n").map((line) => line.split(" ")[0]));
    expect(names.filter((name) => !loaded.has(name))).toEqual([]);
    expect(output).not.toMatch(/Call Trace|insmod:|Unknown symbol/);
  });

  test.skipIf(!hasMke2fs)(
    "mounts an ext4 disk over virtio-mmio (skipped unless mke2fs is installed)",
    { timeout: BOOT_MS_MAX },
    async () => {
      const [tree, disk] = [join(scratch, "tree"), join(scratch, "disk.img")];
      await mkdir(tree);
      await writeFile(join(tree, "hello.txt"), "hello from the disk\n");
      expect(runs("mke2fs", "-q", "-t", "ext4", "-d", tree, disk, "16M")).toBe(true);
      const drive = ["-drive", `file=${disk},if=none,format=raw,id=d0`];
      const command = "cat%20/mnt/hello.txt;echo%20back%20%3E/mnt/written";
      const { output } = await boot(image, `wv.exec=${command}`, [
        ...[...drive, "-device", "virtio-blk-device,drive=d0"],
        ...["-device", "virtio-rng-device"],
      ]);
      expect(output).toContain("\nhello from the disk\n");
      expect(output).toContain("wasmvisor: exit status 0");
      expect(runs("e2fsck", "-fn", disk)).toBe(true);
      expect((await readFile(disk)).includes("back\n")).toBe(true);
    },
  );

  test("a console on virtio is waited for", { timeout: BOOT_MS_MAX }, async () => {
    const { output } = await boot(image, "console=hvc0 wv.exec=tty", [
      ...["-serial", "null", "-monitor", "none", "-device", "virtio-serial-device"],
      ...["-chardev", "stdio,id=c0", "-device", "virtconsole,chardev=c0"],
    ]);
    expect(output).toContain(INIT_LINE);
    expect(output).toContain("/dev/hvc0");
  });
});
