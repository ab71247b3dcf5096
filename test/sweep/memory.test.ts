/** What a sweep holds does not grow with its scenarios: the soak of ten million, at a size for every day. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const SOAK = fileURLToPath(new URL("../../scripts/sweep-soak.mjs", import.meta.url));

function soak(scenarios: number, rssMib: number): { status: number | null; words: string } {
  const args = [SOAK, "--scenarios", String(scenarios), "--rss", String(rssMib)];
  const { status, stderr, stdout } = spawnSync(process.execPath, args, { encoding: "utf8" });
  return { status, words: stdout + stderr };
}

// The peak of a process is in Linux's /proc alone.
describe.skipIf(process.platform !== "linux")("memory of a sweep", () => {
  test("of 600,000 fluid scenarios to Parquet is not that of its rows", () => {
    // 270 MiB, and 284 of ten million; who kept the rows as objects would have 300 MiB more.
    const { status, words } = soak(600_000, 400);
    expect(status, words).toBe(0);
    expect(words).toMatch(/^600,000 scenarios in /);
  });

  test("is seen where it is more than allowed", () => {
    const { status, words } = soak(4_000, 20);
    expect(words).toMatch(/\d+ MiB were resident, 20 are allowed/);
    expect(status).toBe(1);
  });
});
