// A guest under two engines side by side: node scripts/lockstep.mjs --bare ELF | --kernel FILE |
// --image NAME | --programs N; all options in test/diff/lockstep-cli.ts. Wants `npm run build:core` before.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);
execFileSync("node_modules/.bin/tsc", ["-p", "tsconfig.diff.json"], { stdio: "inherit" });
const { main } = await import(
  new URL("../build/diff/test/diff/lockstep-cli.js", import.meta.url).href
);
await main();
