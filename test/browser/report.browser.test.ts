/** The main job as the README has it, and its report opened from disk in a real browser. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WallClock } from "../../ts/base/clock.ts";
import { ROOT, wasmvisor } from "../cli/binary.ts";
import { foundChromium, launchChromium } from "./chromium.ts";

const SWEEP_NS_MAX = 60e9;
let out = "";
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "wasmvisor-report-"));
});
afterAll(async () => rm(out, { recursive: true, force: true }));

test("the first look is through within a minute", async () => {
  const clock = new WallClock();
  const startNs = clock.nowNs();
  const plan = join(ROOT, "examples/first-look.yaml");
  const { status, stderr, stdout } = await wasmvisor(["sweep", plan, "--out", out]);
  const spentNs = clock.nowNs() - startNs;
  console.log(`first look: ${(spentNs / 1e9).toFixed(1)} s`);
  expect([status, stderr.includes("results and report in")]).toEqual([0, true]);
  for (const row of ["page  │ page     │ pre-copy", "guest │ guest    │ stop-and-copy"])
    expect(stdout).toContain(row);
  expect(spentNs).toBeLessThan(SWEEP_NS_MAX);
});

describe.skipIf(!foundChromium)("in Chromium (skipped unless installed)", () => {
  test("the report opens from disk, draws its figures and complains about nothing", async () => {
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      const complaints: string[] = [];
      const asked: string[] = [];
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("request", (request) => asked.push(request.url()));
      const url = pathToFileURL(join(out, "report.html")).href;
      await page.goto(url);
      const drawn = "[data-figure] svg .mark-line path, [data-figure] svg .mark-rect path";
      await page.waitForSelector(drawn, { state: "attached" });
      const figures: Record<string, number> = await page.evaluate(`Object.fromEntries(
        [...document.querySelectorAll("[data-figure]")].map((figure) => [
          figure.dataset.figure,
          figure.querySelectorAll("svg .mark-line path, svg .mark-rect path").length,
        ]))`);
      expect(Object.keys(figures).sort()).toEqual(
        ["guest", "page"].flatMap((part) =>
          ["convergence-pre-copy", "downtime", "total-time"].map((what) => `${part}-${what}`),
        ),
      );
      for (const [name, marks] of Object.entries(figures))
        expect(marks, name).toBeGreaterThanOrEqual(2);

      // Another downtime limit gives another picture.
      const select = page.locator("select").nth(1);
      const lines = `[...document.querySelectorAll('[data-figure="page-downtime"] .mark-line path')]
        .map((path) => path.getAttribute("d")).join()`;
      const before = await page.evaluate(lines);
      await select.selectOption({ index: 0 });
      expect(await page.evaluate(lines)).not.toBe(before);
      expect(complaints).toEqual([]);
      expect(asked).toEqual([url]);
    } finally {
      await browser.close();
    }
  });
});
