/** Debian's own kernel mounts directories of its host, beside QEMU in the same run; diod's tools read them over TCP. */
import { spawn, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Host } from "../../ts/host/host.ts";
import type { VirtualMachine } from "../../ts/host/virtual-machine.ts";
import type { CreateVmOptions } from "../../ts/host/vm-config.ts";
import { pullDebian } from "../../ts/image/debian.ts";
import { type ResolvedImage, resolveImage } from "../../ts/image/store.ts";
import { bootDebian, PROMPT, say, WAIT_MS } from "./debian-guest.ts";

const runs = (tool: string, ...args: string[]): boolean => spawnSync(tool, args).status === 0;
const hasApt = runs("apt-get", "--version");
const hasQemu = runs("qemu-system-riscv64", "--version");

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const MOUNT = "mkdir -p /s; mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144 data /s";

describe.skipIf(!hasApt)("Debian (skipped unless apt is installed)", () => {
  let scratch = "";
  let share = "";
  let image: ResolvedImage;

  beforeAll(async () => {
    scratch = fs.mkdtempSync(join(tmpdir(), "wasmvisor-9p-"));
    share = join(scratch, "share");
    fs.mkdirSync(share);
    await pullDebian();
    image = await resolveImage("debian");
  }, 600_000);
  afterAll(() => fs.rmSync(scratch, { recursive: true, force: true }));

  const boot = (host: Host, options: CreateVmOptions = {}): Promise<VirtualMachine> =>
    bootDebian(host, { shares: [{ path: share, tag: "data" }], ...options });

  test("files go both ways, and names are made, moved and removed", {
    timeout: 2 * WAIT_MS,
  }, async () => {
    const large = randomBytes(24 << 20);
    fs.writeFileSync(join(share, "large"), large);
    fs.writeFileSync(join(scratch, "secret"), "the host's secret\n");
    fs.symlinkSync("../secret", join(share, "up"));
    fs.symlinkSync(join(scratch, "secret"), join(share, "away"));
    await using host = await Host.create({ memory: "512MiB" });
    const vm = await boot(host);
    expect(await say(vm, MOUNT)).toContain("done 0");
    expect(await say(vm, "sha256sum /s/large")).toContain(sha256(large));
    await say(vm, "dd if=/dev/urandom of=/tmp/r bs=1M count=5; cp /tmp/r /s/r; sync");
    expect(await say(vm, "sha256sum /tmp/r")).toContain(sha256(fs.readFileSync(join(share, "r"))));
    // A link of the share is followed by the guest, in the guest: it finds nothing of the host.
    for (const name of ["up", "away"])
      expect(await say(vm, `cat /s/${name}`)).toMatch(/No such file/);
    expect(await say(vm, "echo x >/s/up")).not.toContain("the host's secret");
    expect(fs.readFileSync(join(scratch, "secret"), "utf8")).toBe("the host's secret\n");

    await say(
      vm,
      "mkdir /s/d; cp -r /bin/busybox /s/d/b; ln -s d/b /s/l; ln /s/d/b /s/h; mv /s/d /s/D",
    );
    expect(fs.readlinkSync(join(share, "l"))).toBe("d/b");
    expect(fs.statSync(join(share, "D/b")).nlink).toBe(2);
    expect(await say(vm, "cmp /bin/busybox /s/h && echo sa''me")).toContain("\nsame");
    expect(await say(vm, "rm /s/l /s/h && rm -r /s/D && ls /s")).toMatch(/away +large +r +up/);
    expect(await say(vm, "mknod /s/null c 1 3")).toMatch(/not permitted/);
    expect(await say(vm, "echo one >/s/t; echo two >>/s/t; truncate -s 4 /s/t; cat /s/t")).toMatch(
      /\none\r?\n/,
    );
    expect(await say(vm, "mv /s/t /s/r && cat /s/r && ls -l /s/r")).toMatch(/ root +root +4 /);
    expect(fs.readFileSync(join(share, "r"), "utf8")).toBe("one\n");
    expect(await say(vm, "rmdir /s/none; chown 5 /s/r; chmod 600 /s/r")).toMatch(/not permitted/);
    expect(fs.statSync(join(share, "r")).mode & 0o777).toBe(0o600);

    fs.mkdirSync(join(share, "many"));
    for (let i = 0; i < 5000; i++) fs.writeFileSync(join(share, "many", `name-${i}`), "");
    expect(await say(vm, "ls /s/many | sort -u | wc -l")).toMatch(/\n5000\r?\n/);
    expect(await say(vm, "rm -r /s/many; ls /s | wc -l")).toMatch(/\n4\r?\n/);
    expect(vm.console.text).not.toMatch(/Call Trace|Oops/);
    // An open file is open in a copy, too, and where the guest is restored.
    await say(vm, "exec 5<>/s/open; echo before >&5");
    const file = join(scratch, "saved.wvsn");
    await vm.snapshot(file);
    await vm.destroy();
    const twin = await host.restore(file);
    await twin.resume();
    expect(await say(twin, "echo after >&5; exec 5>&-; cat /s/open")).toMatch(/before\r?\nafter/);
    await say(twin, "umount /s");
    await twin.destroy();
    fs.renameSync(share, `${share}-away`);
    await expect(host.restore(file)).rejects.toMatchObject({ code: "WV_SHARE" });
    fs.renameSync(`${share}-away`, share);
  });

  test("a share for reading only", { timeout: WAIT_MS }, async () => {
    fs.writeFileSync(join(share, "a"), "readable\n");
    await using host = await Host.create({ memory: "512MiB" });
    const vm = await boot(host, { shares: [{ path: share, tag: "data", readOnly: true }] });
    await say(vm, MOUNT);
    expect(await say(vm, "cat /s/a; echo x >/s/b")).toMatch(/readable[\s\S]*Read-only/);
    expect(fs.existsSync(join(share, "b"))).toBe(false);
  });

  test.skipIf(!hasQemu)(
    "reads and writes at QEMU's pace (skipped unless QEMU is installed)",
    {
      timeout: 3 * WAIT_MS,
    },
    async () => {
      fs.writeFileSync(join(share, "bulk"), randomBytes(64 << 20));
      const timed = (what: string): string =>
        `for i in 1 2 3; do a=$(cat /proc/uptime); ${what} 2>/dev/null; b=$(cat /proc/uptime); echo ra''te $a $b; done`;
      const writing = timed("dd if=/dev/zero of=/s/out bs=1M count=64");
      const script = `${timed("dd if=/s/bulk of=/dev/null bs=1M")}; ${writing}`;
      await using host = await Host.create({ memory: "512MiB" });
      const vm = await boot(host);
      await say(vm, MOUNT);
      const ours = rates(await say(vm, script));
      await vm.destroy();
      const theirs = rates(await qemu(image, share, `${MOUNT}; ${script}`));
      const mib = ({ read, write }: Rates) =>
        `read ${read.toFixed(0)}, write ${write.toFixed(0)} MB/s`;
      process.stderr.write(
        `virtio-9p: ${mib(ours)}; QEMU ${mib(theirs)}; ` +
          `${(ours.read / theirs.read).toFixed(2)} and ${(ours.write / theirs.write).toFixed(2)} of it\n`,
      );
      expect(fs.statSync(join(share, "out")).size).toBe(64 << 20);
      expect(ours.read).toBeGreaterThan(0.2 * theirs.read);
      expect(ours.write).toBeGreaterThan(0.2 * theirs.write);
    },
  );
});

interface Rates {
  readonly read: number;
  readonly write: number;
}

/** Medians by the guest's clock: three of reading, then three of writing, in MB/s of 64 MiB. */
function rates(text: string): Rates {
  const seconds = [...text.matchAll(/\nrate ([\d.]+) [\d.]+ ([\d.]+)/g)].map(
    ([, from, to]) => Number(to) - Number(from),
  );
  const rate = (from: number): number =>
    67.1 / (seconds.slice(from, from + 3).sort((a, b) => a - b)[1] as number);
  if (seconds.length < 6) throw new Error(`no figures in ${text}`);
  return { read: rate(0), write: rate(3) };
}

/** What QEMU's guest prints for a script typed at its prompt. */
function qemu(image: ResolvedImage, share: string, script: string): Promise<string> {
  const args = ["-machine", "virt", "-m", "256M", "-nographic", "-no-reboot", "-kernel"];
  args.push(image.kernel as string, "-initrd", image.initrd as string, "-append", image.cmdline);
  args.push("-fsdev", `local,id=f,path=${share},security_model=none`);
  args.push("-device", "virtio-9p-device,fsdev=f,mount_tag=data");
  return new Promise((resolve, reject) => {
    const child = spawn("qemu-system-riscv64", args, { stdio: ["pipe", "pipe", "inherit"] });
    const timer = setTimeout(() => child.kill(), WAIT_MS);
    let text = "";
    let isTyped = false;
    child.stdout.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1");
      if (!isTyped && PROMPT.test(text)) {
        isTyped = true;
        child.stdin.write(`${script}; echo do''ne; poweroff -f\n`);
      }
      if (/\ndone/.test(text)) child.kill();
    });
    child.on("error", reject);
    child.on("exit", () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
}
