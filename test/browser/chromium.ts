/** Where Debian's Chromium, or the one that CHROMIUM_PATH names, is. */
import { spawnSync } from "node:child_process";
import { type Browser, chromium } from "playwright-core";

const names = [process.env["CHROMIUM_PATH"], "chromium", "chromium-browser"];

export const foundChromium = names.find(
  (name) => name && spawnSync(name, ["--version"]).status === 0,
);

export async function launchChromium(): Promise<Browser> {
  const { stdout } = spawnSync("sh", ["-c", `command -v ${foundChromium}`], { encoding: "utf8" });
  return chromium.launch({ executablePath: stdout.trim(), args: ["--no-sandbox"] });
}
