/**
 * Worker threads run JavaScript, tests run from source: this compiles the sources once for the
 * worker, into `build/test-worker`, where its Wasm and assets are found as in the package.
 */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const path = (relative: string): string =>
  fileURLToPath(new URL(`../../${relative}`, import.meta.url));

export function buildWorker(): string {
  const out = path("build/test-worker");
  const tsc = path("node_modules/typescript/bin/tsc");
  const flags = ["-p", path("tsconfig.build.json"), "--outDir", out, "--declaration", "false"];
  try {
    execFileSync(process.execPath, [tsc, ...flags, "--declarationMap", "false"], { stdio: "pipe" });
  } catch {
    // tsc writes its output even when somebody's types are wrong; that is the type check's matter.
  }
  mkdirSync(`${out}/build`, { recursive: true });
  cpSync(path("build/model.wasm"), `${out}/build/model.wasm`);
  return `${out}/ts/sweep/worker.js`;
}
