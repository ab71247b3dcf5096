/** The main job as the README has it, and its report opened from disk in a real browser. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
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

const ROLES = ["curves", "heat", "pareto", "frontier", "anatomy"];

/** The report in a page of its own; whatever it complains of or asks for is noted. */
async function opened(browser: Browser, options: BrowserContextOptions) {
  const page = await browser.newPage(options);
  const complaints: string[] = [];
  const asked: string[] = [];
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => asked.push(request.url()));
  const url = pathToFileURL(join(out, "report.html")).href;
  await page.goto(url);
  for (const role of ROLES)
    await page.waitForSelector(`[data-figure="page-${role}"] svg`, { state: "attached" });
  return { page, complaints, asked, url };
}

/** What a figure's marks are. */
const marksOf = (page: Page, figure: string): Promise<string> =>
  page.evaluate(`[...document.querySelectorAll('[data-figure="${figure}"] svg path')]
    .map((path) => path.getAttribute("d") + path.getAttribute("fill")).join()`);

const colourOf = (page: Page, selector: string, property: string): Promise<string> =>
  page.evaluate(
    `getComputedStyle(document.querySelector(${JSON.stringify(selector)})).${property}`,
  );

describe.skipIf(!foundChromium)("in Chromium (skipped unless installed)", () => {
  let browser: Browser;
  beforeAll(async () => {
    if (foundChromium) browser = await launchChromium();
  });
  afterAll(() => browser?.close());

  test("the report opens from disk, draws its figures and complains about nothing", async () => {
    const { asked, complaints, page, url } = await opened(browser, {});
    for (const part of ["page", "guest"])
      for (const role of ROLES) {
        const marks = page.locator(`[data-figure="${part}-${role}"] svg .role-mark path`);
        expect(await marks.count(), `${part}-${role}`).toBeGreaterThanOrEqual(1);
      }
    expect(
      await page.locator('[data-figure="page-curves"] .role-axis-title').allTextContents(),
    ).toEqual(expect.arrayContaining(["downtime", "page writes per second"]));
    expect(complaints).toEqual([]);
    expect(asked).toEqual([url]);
    await page.close();
  });

  test("filters and menus change what figures and table show", async () => {
    const { complaints, page } = await opened(browser, {});
    const change = async (menu: string, label: string, figure: string): Promise<void> => {
      const before = await marksOf(page, figure);
      await page.selectOption(`#${menu}`, { label });
      await expect.poll(() => marksOf(page, figure)).not.toBe(before);
    };
    await change("page-filter-bandwidth_bytes_per_s", "1Gbit", "page-curves");
    await change("page-filter-downtime_limit_ms", "300ms", "page-pareto");
    await change("page-curve-measure", "total time", "page-curves");
    await change("page-curve-x", "link", "page-curves");
    await change("page-heat-y", "memory", "page-heat");
    await change("page-frontier-x", "memory", "page-frontier");
    const rows = page.locator('[data-part="page"] [data-role="table"] tbody tr');
    await page.selectOption("#page-filter-distribution", { label: "sequential" });
    expect(await rows.count()).toBe(40);
    expect(new Set(await rows.locator("td:nth-child(3)").allTextContents())).toEqual(
      new Set(["sequential"]),
    );
    // A click on a point shows its rounds, and what the results say of it.
    await rows.nth(25).click();
    await expect
      .poll(() => page.locator('[data-part="page"] [data-role="anatomy-text"]').textContent())
      .toMatch(/strategy pre-copy.*distribution sequential.*In the results: .* rounds\.$/);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test("a phone sees all of it in one column, nothing wider than the screen", async () => {
    const phone = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };
    const { complaints, page } = await opened(browser, phone);
    const widths: number[] = await page.evaluate(`[document.documentElement.scrollWidth,
      ...[...document.querySelectorAll(".plot svg")].map((svg) => svg.getBoundingClientRect().right)]`);
    for (const width of widths) expect(width).toBeLessThanOrEqual(361);
    const sizes: number[] = await page.evaluate(`[...document.querySelectorAll(".plot svg text")]
      .map((text) => text.getBoundingClientRect().height).filter((height) => height > 0)`);
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(9);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test("is dark where the reader wants it, and light on paper", async () => {
    const { page } = await opened(browser, { colorScheme: "dark" });
    const line = '[data-figure="page-curves"] .mark-line path[stroke="#0072b2"]';
    expect(await colourOf(page, "body", "backgroundColor")).toBe("rgb(19, 23, 29)");
    expect(await colourOf(page, line, "stroke")).toBe("rgb(90, 180, 240)");
    expect(await colourOf(page, ".plot svg .role-axis-label text", "fill")).toBe(
      "rgb(163, 173, 187)",
    );
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    expect(await colourOf(page, "body", "backgroundColor")).toBe("rgb(255, 255, 255)");
    expect(await colourOf(page, line, "stroke")).toBe("rgb(0, 114, 178)");
    expect(await page.locator(".figure-menus").first().isVisible()).toBe(false);
    await page.close();
  });
});
