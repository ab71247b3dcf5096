import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as parse from "../../ts/cli/options.ts";
import { openDisk } from "../../ts/storage/open-disk.ts";
import { wasmvisor } from "./binary.ts";

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "wasmvisor-disk-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("images are made, looked at, checked and converted", async () => {
  const [base, child, raw] = ["b.qcow2", "c.qcow2", "c.raw"].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  expect((await wasmvisor(["disk", "create", base, "1MiB"])).status).toBe(0);
  const again = await wasmvisor(["disk", "create", base, "1MiB"]);
  expect([again.status, again.stderr]).toEqual([2, expect.stringContaining("it exists already")]);
  const written = openDisk({ path: base, format: "qcow2" });
  written.write(4096, new Uint8Array(4096).fill(5));
  written.flush();
  written.close();
  const backing = ["--backing", base, "--backing-format", "qcow2"];
  await wasmvisor(["disk", "create", child, ...backing, "--cluster-size", "4KiB"]);
  const info = JSON.parse((await wasmvisor(["disk", "info", child, "--json"])).stdout) as object;
  expect(info).toMatchObject({ format: "qcow2", bytes: 1 << 20, clusterBytes: 4096 });
  const check = await wasmvisor(["disk", "check", child, "--json"]);
  expect([check.status, JSON.parse(check.stdout)]).toEqual([
    0,
    expect.objectContaining({ corruptions: 0, leaks: 0 }),
  ]);
  const args = ["disk", "convert", child, raw, "--from", "qcow2", "--format", "raw"];
  expect((await wasmvisor(args)).status).toBe(0);
  const back = openDisk({ path: raw });
  const all = new Uint8Array(back.bytes);
  back.read(0, all);
  back.close();
  expect([all[4095], all[4096], all[8191], all[8192]]).toEqual([0, 5, 5, 0]);
});

test("a file that looks like a qcow2 image is no raw disk unless that is said", () => {
  const path = join(dir, "looks.img");
  writeFileSync(path, Buffer.concat([Buffer.from("QFI\xfb", "latin1"), Buffer.alloc(508)]));
  expect(() => openDisk({ path })).toThrow(/looks like a qcow2 image; say format=qcow2/);
  const disk = openDisk({ path, format: "raw" });
  expect(disk.bytes).toBe(512);
  disk.close();
});

test.each([
  ["a,b.img", { path: "a,b.img", readOnly: false, overlay: false }],
  ["a.img,format=qcow2,ro", { path: "a.img", format: "qcow2", readOnly: true, overlay: false }],
  ["nbd://h/x,overlay", { path: "nbd://h/x", readOnly: false, overlay: true }],
])("--disk %s is understood", (text, expected) => {
  expect(parse.disk(text)).toMatchObject(expected);
});
test.each(["a.img,format=vmdk", ",ro", "format="])("--disk %s is not, or is a name", (text) => {
  if (text === "format=") expect(parse.disk(text).path).toBe("format=");
  else expect(() => parse.disk(text)).toThrow(/--disk/);
});
