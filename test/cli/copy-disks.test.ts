/** `migrate --copy-disks` as its users see it: what is printed, what `info` tells, and what is refused meanwhile. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import { type DaemonProcess, startDaemon } from "../host/daemon-process.ts";
import { type Finished, guest, wasmvisor } from "./binary.ts";

const DISK_BYTES = 12 << 20;

let folder: string;
let hosts: [DaemonProcess, DaemonProcess];

const directory = (index: number): string => join(folder, `host${index}`);
/** The one image there. */
const imageAt = (index: number): string =>
  join(directory(index), readdirSync(directory(index)).find((name) => /img$/.test(name)) ?? "none");
const at = (index: 0 | 1, ...args: string[]): Promise<Finished> =>
  wasmvisor(args, { env: { WASMVISOR_HOST: hosts[index].address } });
const start = (index: number): Promise<DaemonProcess> =>
  startDaemon("192MiB", { args: ["--disk-directory", directory(index)] });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "wv-copy-disks-"));
  hosts = [await start(0), await start(1)];
});
afterEach(async () => {
  for (const one of hosts) await one.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

test("disks go along, follow, and are fetched", { timeout: 240_000 }, async () => {
  const image = join(folder, "disk.img");
  const content = new Random(1).bytes(new Uint8Array(DISK_BYTES));
  content.fill(0, 4 << 20, 6 << 20);
  writeFileSync(image, content);
  const what = ["--kernel", guest("kv.elf"), "--memory", "64MiB", "--append", "report=20000"];
  await at(0, "create", "kv", ...what, "--disk", image, "--start");
  expect((await at(0, "info", "kv")).stdout).toContain(`${image}, raw, 12MiB\n`);

  const [here, there] = [hosts[0].address, hosts[1].address];
  const gone = await at(0, "migrate", "kv", there, "--copy-disks");
  expect(gone.stdout).toMatch(/^kv runs at .*; disks: 10MiB of 12MiB in \d+ passes\n$/);
  expect((await at(1, "info", "kv")).stdout).toContain(`${imageAt(1)}, raw, 12MiB\n`);
  expect(Buffer.compare(readFileSync(imageAt(1)), content)).toBe(0);
  const old = await at(0, "create", "other", ...what, "--disk", image);
  expect(old.stderr).toContain(`it went with "kv" to ${there}`);

  // Back, and its disk follows, slowly.
  const slow = ["--strategy", "post-copy", "--bandwidth", "1MiB/s", "--json"];
  const back = at(1, "migrate", "kv", here, "--copy-disks=on-demand", ...slow);
  let info = "";
  while (!info.includes("still to come")) info = (await at(0, "info", "kv")).stdout;
  expect(info).toMatch(/disk0 +\S+host0\/kv-0-\w+\.img, raw, 12MiB, [\d.]+MiB still to come\n/);
  const onward = await at(0, "migrate", "kv", there);
  expect(onward.stderr).toMatch(/cannot migrate while disk 0 follows it .*: \d+ bytes are still/);
  const used = await at(0, "disk", "pull", imageAt(0), imageAt(1));
  expect(used.stderr).toContain("it is in use");

  // Its host dies: the rest is fetched.
  await hosts[0].kill("SIGKILL");
  const { status, stdout } = await back;
  expect(status).toBe(1);
  const events = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(events.some((one) => one.progress?.disks?.totalBytes === DISK_BYTES)).toBe(true);
  const { outcome } = events.at(-1);
  expect(outcome.state).toBe("target-lost");
  expect(outcome.stats.disk).toMatchObject({ disks: 1, total: DISK_BYTES, "block-size": 65536 });
  expect(outcome.stats.disk.remaining).toBeGreaterThan(0);
  const pulled = await wasmvisor(["disk", "pull", imageAt(0), imageAt(1)]);
  expect(pulled.stdout).toMatch(/: \d+ blocks came, it is whole\n$/);
  expect(Buffer.compare(readFileSync(imageAt(0)), content)).toBe(0);
  expect(readdirSync(directory(0))).toHaveLength(1);
});

test("a daemon removes what one before it did not finish", { timeout: 60_000 }, async () => {
  const image = join(folder, "disk.img");
  writeFileSync(image, new Random(1).bytes(new Uint8Array(DISK_BYTES)));
  const what = ["--kernel", guest("kv.elf"), "--memory", "64MiB", "--disk", image, "--start"];
  await at(0, "create", "kv", ...what);
  const slow = ["--copy-disks", "--bandwidth", "2MiB/s"];
  const moving = at(0, "migrate", "kv", hosts[1].address, ...slow);
  while (!existsIn(1, /\.part$/)) await new Promise((resolve) => setTimeout(resolve, 20));
  await hosts[1].kill("SIGKILL");
  expect((await moving).status).toBe(1);
  expect(existsIn(1, /\.part$/)).toBe(true);
  hosts[1] = await start(1);
  expect(readdirSync(directory(1))).toEqual([]);
  expect((await at(0, "info", "kv")).stdout).toContain(`${image}, raw, 12MiB\n`);
});

function existsIn(index: number, pattern: RegExp): boolean {
  try {
    return readdirSync(directory(index)).some((name) => pattern.test(name));
  } catch {
    return false; // Nothing has come yet.
  }
}
