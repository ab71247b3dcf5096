// Hours of many guests' time under everything at once: node scripts/soak.mjs [--help]; what is checked is in
// test/soak/soak.ts. Wants `npm run build:core` before, and Debian's image unless --tiny is given.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);
execFileSync("node_modules/.bin/tsc", ["-p", "tsconfig.soak.json"], { stdio: "inherit" });
const { main } = await import(new URL("../build/soak/test/soak/cli.js", import.meta.url).href);
await main();
