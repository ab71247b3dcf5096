// What is read from others and wrong, as often as you like: npm run test:fuzz -- --target NAME --inputs N --seed N.
// Targets: `stream` (migrations; the default), `traces`, `qcow2`, `pool`, `9p`, `wireguard`, `tether`; see test/fuzz/targets.ts.
// Wants `npm run build:core` before.
import { execFileSync } from "node:child_process";
import { cpSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);
execFileSync("node_modules/.bin/tsc", ["-p", "tsconfig.faults.json"], { stdio: "inherit" });
cpSync("build/core.wasm", "build/faults/build/core.wasm");
const { main } = await import(new URL("../build/faults/test/fuzz/cli.js", import.meta.url).href);
await main();
