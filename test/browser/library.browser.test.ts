/** The library as it was built, in a real browser, without a bundler. */
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { foundChromium, launchChromium } from "./chromium.ts";

const root = join(import.meta.dirname, "../..");
const types: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".wasm": "application/wasm",
  ".html": "text/html",
};

/** What `bootGuest` in `page.html` says. */
interface Seen {
  readonly text: string;
  readonly end: string;
  readonly code: string;
  readonly status: string;
}

/** `dist`, the guests and the page; nothing else. */
function serve(): Promise<Server> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://x");
    const path = pathname === "/" ? "/test/browser/page.html" : normalize(pathname);
    try {
      if (!/^\/(dist|guests\/bin|test\/browser)\//.test(path)) throw new Error("not served");
      const body = readFileSync(join(root, path));
      response.setHeader("content-type", types[extname(path)] ?? "application/octet-stream");
      response.end(body);
    } catch {
      response.writeHead(path === "/favicon.ico" ? 204 : 404).end();
    }
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

describe.skipIf(!foundChromium)(
  "in Chromium (skipped unless installed: apt install chromium)",
  () => {
    let server: Server;
    let browser: Browser;
    beforeAll(async () => {
      server = await serve();
      browser = await launchChromium();
    });
    afterAll(async () => {
      await browser?.close();
      server?.close();
    });

    test.each(["caller", "worker"] as const)(
      "boots a guest in the thread of its %s",
      async (thread) => {
        const page = await browser.newPage();
        const complaints: string[] = [];
        page.on("console", (message) => complaints.push(message.text()));
        page.on("pageerror", (error) => complaints.push(error.message));
        page.on("requestfailed", (request) => complaints.push(`failed: ${request.url()}`));
        await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
        await page.waitForFunction("window.isReady");
        const seen: Seen = await page.evaluate(`bootGuest("${thread}")`);
        expect(seen).toMatchObject({ end: "poweroff", code: "WV_STATE", status: "gone" });
        expect(seen.text).toContain('bootargs "from=browser"');
        expect(complaints).toEqual([]);
        await page.close();
      },
    );

    test("guests have cards on switches; networks that lead outside say what they lack", async () => {
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      await page.waitForFunction("window.isReady");
      const seen = await page.evaluate("cards()");
      expect(seen).toEqual({ ends: ["poweroff", "poweroff"], distinct: 2, code: "WV_MISSING" });
      await page.close();
    });
  },
);
