// Migration streams that are wrong, as many as you like: npm run test:fuzz -- --inputs N --seed N.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);
execFileSync("node_modules/.bin/tsc", ["-p", "tsconfig.faults.json"], { stdio: "inherit" });
const { main } = await import(
  new URL("../build/faults/test/migrate/fuzz/cli.js", import.meta.url).href
);
main();
