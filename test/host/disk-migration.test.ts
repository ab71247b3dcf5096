/** Disks that go along: between daemons in processes of their own, without storage that both reach. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import { type DaemonProcess, printed, startDaemon } from "./daemon-process.ts";

const guest = (name: string): string => join(import.meta.dirname, "../../guests/bin", name);
const WAIT_MS = 300_000;
const IMAGE_BYTES = (64 << 20) + 512;

let folder: string;
let source: DaemonProcess;
let target: DaemonProcess;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "wv-disks-"));
  [source, target] = (await Promise.all(
    ["a", "b"].map((name) =>
      startDaemon("192MiB", { args: ["--disk-directory", join(folder, name)] }),
    ),
  )) as [DaemonProcess, DaemonProcess];
});
afterEach(async () => {
  for (const one of [source, target]) await one.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

test.each(["pre-copy", "on-demand", "stop"] as const)(
  "a raw image is copied, and takes the room of what is in it: %s",
  { timeout: WAIT_MS },
  async (copyDisks) => {
    const image = join(folder, "disk.img");
    const content = new Uint8Array(IMAGE_BYTES);
    new Random(1).bytes(content.subarray(0, 3 * 1024 * 1024 + 512));
    content.fill(0, 200_000, 1_200_000);
    for (let at = 8 << 20; at < 12 << 20; at += 65_536) content[at] = 1; // One page of each block.
    writeFileSync(image, content);
    await source.client.create({
      name: "kv",
      kernel: guest("kv.elf"),
      memory: "64MiB",
      append: "report=20000",
      disks: [{ path: image }],
    });
    await source.client.act("kv", "start");
    await printed(source.client, "kv", { pattern: /kv ok/ });
    const outcome = await source.client.migrate("kv", {
      target: target.address,
      copyDisks,
    });
    expect(outcome).toMatchObject({ state: "completed" });
    const [name, ...others] = readdirSync(join(folder, "b"));
    expect(others).toEqual([]);
    const copy = join(folder, "b", name as string);
    expect(Buffer.compare(readFileSync(copy), content)).toBe(0);
    const roomBytes = statSync(copy).blocks * 512;
    expect([statSync(copy).size, roomBytes < 3 << 20]).toEqual([IMAGE_BYTES, true]);
  },
);
