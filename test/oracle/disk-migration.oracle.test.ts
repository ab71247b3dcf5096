/**
 * A Debian that writes an ext4 on a disk of its own host moves with it between hosts that share nothing, back and
 * forth; then every file is what its checksum says, and e2fsck and qemu-img find nothing.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type DaemonProcess, printed, startDaemon } from "../host/daemon-process.ts";

const WAIT_MS = 300_000;
/** Of the test's time a step may have so much: then it says which it is, and how both hosts are. */
const STEP_MS = 120_000;
const STATE_MS = 5_000;
const WRITER =
  ": > /count; n=0; while [ ! -e /stop ]; do n=$((n % 12 + 1)); " +
  "dd if=/dev/urandom of=/mnt/f$n bs=64k count=4 2>/dev/null; " +
  "(cd /mnt; md5sum f$n > s$n); sync; echo $n >> /count; done & true";

let folder: string;
let hosts: DaemonProcess[];

const directory = (index: number): string => join(folder, `host${index}`);
const start = (index: number): Promise<DaemonProcess> =>
  startDaemon("512MiB", { args: ["--disk-directory", directory(index)] });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "wv-disks-"));
  hosts = [await start(0), await start(1)];
});
afterEach(async () => {
  for (const one of hosts) await one.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

/** `action` if it ends within `ms`. */
async function within<T>(ms: number, action: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it is not over after ${ms} ms`)), ms);
  });
  return Promise.race([action, over]).finally(() => clearTimeout(timer));
}

/** What both hosts know of guests and migrations. */
async function states(): Promise<string> {
  const asked = hosts.flatMap(({ client }) => [client.list(), client.migrations()]);
  const told = await Promise.allSettled(asked.map((one) => within<object[]>(STATE_MS, one)));
  return JSON.stringify(
    told.map((one) => (one.status === "fulfilled" ? one.value : `${one.reason}`)),
  );
}

/** Who has a deadline of its own, of `STEP_MS`, has more to say: that comes first. */
async function step<T>(what: string, action: Promise<T>): Promise<T> {
  try {
    return await within(STEP_MS + STATE_MS, action);
  } catch (cause) {
    throw new Error(`${what}: ${(cause as Error).message}; hosts: ${await states()}`, { cause });
  }
}

let said = 0;
/** What a command prints. A console begins with what it printed before: each end is of its own. */
async function say(where: DaemonProcess, command: string): Promise<string> {
  const end = `end${++said}`;
  const input = `${command}; echo ${end.slice(0, 2)}''${end.slice(2)} $?\n`;
  const pattern = new RegExp(`\\n${end} \\d+\\r?\\n`);
  const saying = printed(where.client, "web", { input, pattern, timeoutMs: STEP_MS });
  const text = await step(command, saying);
  return text.slice(text.lastIndexOf(`\nend${said - 1} `) + 1);
}

/** An ext4 in an image of `format`, of 96 MiB. */
function makeImage(format: "raw" | "qcow2"): string {
  const raw = join(folder, "disk.img");
  execFileSync("truncate", ["-s", "96M", raw]);
  execFileSync("mkfs.ext4", ["-q", raw]);
  if (format === "raw") return raw;
  const image = join(folder, "disk.qcow2");
  execFileSync("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", raw, image]);
  return image;
}

async function boot(where: DaemonProcess, path: string, format: "raw" | "qcow2"): Promise<void> {
  const disks = [{ path, format }];
  await where.client.create({ name: "web", image: "debian", memory: "128MiB", disks });
  await where.client.act("web", "start");
  const prompt = printed(where.client, "web", { pattern: /\/ # $/, timeoutMs: STEP_MS });
  await step("boot", prompt);
  await say(where, "mkdir -p /mnt; mount -t ext4 /dev/vda /mnt");
}

const newest = (index: number): string =>
  readdirSync(directory(index))
    .filter((name) => /\.(img|qcow2)$/.test(name))
    .map((name) => join(directory(index), name))
    .filter(
      (path) => !readdirSync(directory(index)).includes(`${path.split("/").at(-1)}.moved`),
    )[0] as string;

function checkImage(path: string, format: "raw" | "qcow2"): void {
  let raw = path;
  if (format === "qcow2") {
    execFileSync("qemu-img", ["check", path]);
    raw = join(folder, "end.img");
    execFileSync("qemu-img", ["convert", "-f", "qcow2", "-O", "raw", path, raw]);
  }
  execFileSync("e2fsck", ["-fn", raw]);
}

test.each([
  { format: "raw", ways: ["pre-copy", "on-demand", "stop", "on-demand"] },
  { format: "qcow2", ways: ["pre-copy", "on-demand"] },
] as const)("a Debian keeps its $format disk, there and back", { timeout: WAIT_MS }, async (it) => {
  const { format, ways } = it;
  await boot(hosts[0] as DaemonProcess, makeImage(format), format);
  await say(hosts[0] as DaemonProcess, WRITER);
  let at = 0;
  for (const copyDisks of ways) {
    const [from, to] = [hosts[at], hosts[1 - at]] as [DaemonProcess, DaemonProcess];
    const moving = from.client.migrate("web", { target: to.address, copyDisks });
    const outcome = await step(`move ${copyDisks} from host ${at}`, moving);
    expect(outcome).toMatchObject({ state: "completed" });
    const { disk } = outcome.stats;
    expect(disk?.remaining).toBe(0);
    at = 1 - at;
  }
  const end = hosts[at] as DaemonProcess;
  const checked = await say(
    end,
    // A move may be over before much was written.
    "while [ $(wc -l < /count) -lt 4 ]; do sleep 0.1; done; " +
      "touch /stop; wait; sync; cd /mnt; cat s* | md5sum -c; cd /; wc -l /count",
  );
  expect(checked).not.toContain("FAILED");
  expect(checked.match(/: OK/g)?.length).toBeGreaterThan(3);
  await say(end, "umount /mnt");
  const image = newest(at);
  await end.client.destroy("web");
  checkImage(image, format);
});

test("a target that is killed keeps what was flushed, and gets the rest", {
  timeout: WAIT_MS,
}, async () => {
  const [source, target] = hosts as [DaemonProcess, DaemonProcess];
  const image = makeImage("raw");
  await boot(source, image, "raw");
  await say(
    source,
    "for i in 1 2 3 4 5 6 7 8; do dd if=/dev/urandom of=/mnt/old$i bs=1M count=4; done 2>/dev/null; cd /mnt; md5sum old* > sums; cd /; sync; echo 3 > /proc/sys/vm/drop_caches",
  );
  const moving = source.client.migrate("web", {
    target: target.address,
    copyDisks: "on-demand",
    bandwidth: "6MiB/s",
    strategy: "stop-and-copy",
  });
  await printed(target.client, "web", { pattern: /[\s\S]*/, timeoutMs: 1 }).catch(() => undefined);
  while ((await target.client.list()).length === 0) await new Promise((r) => setTimeout(r, 50));
  await say(
    target,
    "dd if=/dev/urandom of=/mnt/new bs=1M count=2 2>/dev/null; cd /mnt; md5sum new > newsum; cd /; sync",
  );
  await target.kill("SIGKILL");
  const { state } = await moving;
  expect(state).toBe("target-lost");
  const there = newest(1);
  expect(readdirSync(directory(1))).toContain(`${there.split("/").at(-1)}.arriving`);
  hosts[1] = await start(1);
  const again = {
    name: "web",
    image: "debian",
    memory: "128MiB",
    disks: [{ path: there, format: "raw" as const }],
  };
  await expect(hosts[1].client.create(again)).rejects.toThrow(/not all of it has come/);
  await expect(hosts[1].client.create({ ...again, disks: [{ path: image }] })).rejects.toThrow(
    /perhaps it went/,
  );
  const { pullDisk } = await import("../../ts/host/disk-pull.ts");
  expect(
    await pullDisk({ path: there, format: "raw", from: image, fromFormat: "raw" }),
  ).toBeGreaterThan(100);
  await boot(hosts[1], there, "raw");
  const checked = await say(hosts[1], "cd /mnt; md5sum -c sums newsum; cd /; umount /mnt");
  expect(checked.match(/: OK/g)).toHaveLength(9);
  await hosts[1].client.destroy("web");
  checkImage(there, "raw");
});
