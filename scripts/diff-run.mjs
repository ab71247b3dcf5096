// Differential test against QEMU, as long as you like: node scripts/diff-run.mjs --seed N
// --programs N [--exact] [--coverage] [--shrink N] [--show N]. Wants `npm run build:core` before.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);
execFileSync("node_modules/.bin/tsc", ["-p", "tsconfig.diff.json"], { stdio: "inherit" });
const { main } = await import(new URL("../build/diff/test/diff/cli.js", import.meta.url).href);
await main();
