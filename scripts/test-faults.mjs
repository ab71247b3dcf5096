// The fault matrix on real processes, as long as you like: npm run test:faults -- --runs N --seed N
// [--only RUN]. Wants `npm run build` before.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);
execFileSync("node_modules/.bin/tsc", ["-p", "tsconfig.faults.json"], { stdio: "inherit" });
const { main } = await import(
  new URL("../build/faults/test/host/faults/cli.js", import.meta.url).href
);
await main();
