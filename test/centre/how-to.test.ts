/** The commands in docs/how-to/data-centre.md, in their order, by a shell; and what a user sees when something is wrong. */
import { execFile, spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { centreJsonSchema } from "../../ts/centre/centre-schema.ts";
import type { CentreSummary } from "../../ts/centre/measures.ts";
import { BINARY, ROOT } from "../cli/binary.ts";

const document = readFileSync(join(ROOT, "docs/how-to/data-centre.md"), "utf8");
const EXAMPLE = join(ROOT, "examples/data-centre.yaml");
let scratch = "";

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "wasmvisor-centre-"));
  symlinkSync(join(ROOT, "examples"), join(scratch, "examples"));
  mkdirSync(join(scratch, "bin"));
  const wasmvisor = join(scratch, "bin/wasmvisor");
  writeFileSync(wasmvisor, `#!/bin/sh\nexec "${process.execPath}" "${BINARY}" "$@"\n`, {
    mode: 0o755,
  });
  for (const [, name = "", text = ""] of document.matchAll(/^```js file=(\S+)\n(.*?)^```$/gms))
    writeFileSync(join(scratch, name), text);
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test("every command of the how-to works, and leaves what it says", async () => {
  const script = [...document.matchAll(/^```sh runnable\n(.*?)^```$/gms)].map(([, text]) => text);
  expect(script.length).toBe(2);
  const { stdout } = await promisify(execFile)("sh", ["-euc", script.join("\n")], {
    cwd: scratch,
    env: { ...process.env, NO_COLOR: "1", PATH: `${scratch}/bin:${process.env["PATH"]}` },
  });
  expect(stdout).toMatch(/^24 migrations, .*, at least /m);
  expect(stdout).toMatch(/^window +met$/m);
  for (const folder of ["evacuated", "planned"]) {
    const read = (name: string) => readFileSync(join(scratch, folder, name), "utf8");
    const summary = JSON.parse(read("summary.json")) as CentreSummary;
    expect(summary.completed).toBe(24);
    expect(read("migrations.ndjson").trim().split("\n").length).toBe(24);
    expect(read("gantt.html")).toMatch(/<\/html>\n$/);
    expect(() => JSON.parse(read("trace.json"))).not.toThrow();
  }
});

const run = (...args: string[]) =>
  spawnSync(process.execPath, [BINARY, "centre", ...args, "--out", join(scratch, "out")], {
    encoding: "utf8",
    timeout: 120_000,
  });

test("a job that does not succeed ends with 1, and its files are there", () => {
  const file = join(scratch, "late.yaml");
  writeFileSync(file, readFileSync(EXAMPLE, "utf8").replace("window: 10min", "window: 1s"));
  const { status, stdout } = run(file, "--json");
  expect(status).toBe(1);
  const { files, window_met: windowMet } = JSON.parse(stdout) as CentreSummary & {
    files: { summary: string };
  };
  expect(windowMet).toBe(false);
  expect(() => readFileSync(files.summary)).not.toThrow();
});

test.each([
  [
    "a job that is none",
    ["--job", "rest"],
    /--job: there is no job rest; the file has evacuate-a, /,
  ],
  [
    "a planner that is none",
    ["--planner", "luck"],
    /--planner: expected first-fit, .*, or an ES module like planner.mjs/,
  ],
  [
    "a planner that is not there",
    ["--planner", "no.mjs"],
    /--planner: cannot read "no.mjs" \(ENOENT\)/,
  ],
  ["a seed that is none", ["--seed", "x"], /--seed: expected an integer/],
])("%s is a usage error", (_, args, message) => {
  const { status, stderr } = run(EXAMPLE, ...args);
  expect(status).toBe(2);
  expect(stderr).toMatch(message);
});

test("a full disk ends the run with 3, and what was there is there as it was", () => {
  const folder = join(scratch, "out");
  const shots = () => readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
  expect(run(EXAMPLE, "--job", "sun").status).toBe(0);
  const before = shots();
  // The last of the files meets a disk that is full.
  symlinkSync("/dev/full", join(folder, "gantt.html.part"));
  const { status, stdout } = run(EXAMPLE, "--json");
  expect(status).toBe(3);
  const { error } = JSON.parse(stdout) as { error: { code: string; message: string } };
  expect(error.code).toBe("WV_MISSING");
  expect(error.message).toMatch(/no room to write to ".*" \(ENOSPC\); make room there/);
  expect(shots()).toEqual(before);
});

test("a planner that loops, throws or overcommits ends the run with status 2 and its name", () => {
  const planners = {
    loops: "export default () => { for (;;) ; };",
    throws: "export default () => { throw new Error('oh') };",
    overcommits: "export default ({ movers }) => movers.map((vm) => ({ vm, target: 16 }));",
  };
  for (const [name, text] of Object.entries(planners)) {
    const file = join(scratch, `${name}.mjs`);
    writeFileSync(file, text);
    const { status, stdout } = run(
      EXAMPLE,
      "--job",
      "sun",
      "--planner",
      file,
      "--planner-timeout",
      "500ms",
      "--json",
    );
    expect(status).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "WV_PLANNER" } });
    expect(stdout).toContain(`${name}.mjs`);
  }
});

test("the published schema is that of the code", () => {
  const published = JSON.parse(readFileSync(join(ROOT, "schema/centre.schema.json"), "utf8"));
  expect(published).toEqual(JSON.parse(JSON.stringify(centreJsonSchema())));
});
