import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { HostDirectory } from "../../ts/storage/9p/host-directory.ts";
import { ShareSession } from "../../ts/storage/9p/session.ts";
import { fuzz9p } from "./fuzz-9p.ts";

test.each([1, 2, 3])("10,000 hostile messages: seed %i", { timeout: 60_000 }, async (seed) => {
  const base = fs.mkdtempSync(join(tmpdir(), "wasmvisor-fuzz-9p-"));
  const share = join(base, "share");
  fs.mkdirSync(share);
  fs.writeFileSync(join(base, "secret"), "secret");
  fs.symlinkSync("..", join(share, "link"));
  const before = fs.readdirSync("/proc/self/fd").length;
  const session = new ShareSession(new HostDirectory({ path: share }));
  try {
    await fuzz9p(session, seed, 10_000);
    expect(session.metrics().errors).toBeLessThan(session.metrics().requests);
    expect(fs.readdirSync(base).sort()).toEqual(["secret", "share"]);
    expect(fs.readFileSync(join(base, "secret"), "utf8")).toBe("secret");
  } finally {
    session.close();
    fs.rmSync(base, { recursive: true, force: true });
  }
  expect(fs.readdirSync("/proc/self/fd").length).toBe(before);
});
