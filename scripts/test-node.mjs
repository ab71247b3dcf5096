// npm run test:lts: the unit tests on another version of Node than the one that is installed, as the
// npm registry has it: node scripts/test-node.mjs VERSION [vitest options ...].
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

const [version, ...options] = process.argv.slice(2);
const name = `node-${process.platform}-${process.arch}`;
const folder = resolve("build", `node-${version}`);
const bin = join(folder, "node_modules", name, "bin");

function run(command, args, env = process.env) {
  const { status } = spawnSync(command, args, { stdio: "inherit", env });
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(bin)) {
  const install = ["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts"];
  run("npm", [...install, "--prefix", folder, `${name}@${version}`]);
}
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
run("node", ["--version"], env);
run("node", ["node_modules/vitest/vitest.mjs", "run", "--project", "unit", ...options], env);
