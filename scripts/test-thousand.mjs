// A thousand guests leave their host, half of them asleep: npm run test:thousand -- --guests N --seed N.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);
execFileSync("node_modules/.bin/tsc", ["-p", "tsconfig.faults.json"], { stdio: "inherit" });
const { main } = await import(
  new URL("../build/faults/test/host/thousand/cli.js", import.meta.url).href
);
await main();
