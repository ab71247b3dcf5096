// Runs after `npm ci`, and again when npx first links this checkout: builds unless that is done.
// `--built`: a build is done.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const STAMP = "build/.built";
const RESULTS = ["build/core.wasm", "dist/lib/index.js", "dist/assets/report.js", STAMP];
const SOURCES = ["assembly", "bindings", "ts", "scripts", "asconfig.json", "tsconfig.build.json"];

function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}

const isBuilt = () =>
  RESULTS.every((path) => existsSync(path)) &&
  Math.max(...SOURCES.map(newest)) <= statSync(STAMP).mtimeMs;

if (process.argv.includes("--built")) writeFileSync(STAMP, "");
else if (!isBuilt()) {
  const { status } = spawnSync("npm", ["run", "build"], {
    stdio: "inherit",
    shell: process.platform === "win32",
  });
  process.exit(status ?? 1);
}
