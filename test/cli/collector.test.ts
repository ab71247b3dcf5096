import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { expect, test } from "vitest";

const collector = new URL("../../dist/ts/cli/collector.js", import.meta.url).href;

/** What shows V8's memory reducer; newer releases have a flag of its own for it. */
const V8_OPTIONS = execFileSync(process.execPath, ["--v8-options"], { encoding: "utf8" });
const TRACES = V8_OPTIONS.includes("--trace-memory-reducer")
  ? ["--trace-memory-reducer"]
  : ["--trace-gc", "--trace-gc-verbose"];

/** Lines about V8's memory reducer, which waits 0.1 s in this process, of one that is idle for half a second. */
function linesOfReducer(before: string): number {
  const flags = ["--expose-gc", ...TRACES];
  const delay = "--gc-memory-reducer-start-delay-ms=100";
  const fill = "let all = []; for (let i = 0; i < 2e5; i++) all.push({ i }); all = undefined";
  const script = `${before}; ${fill}; gc(); setTimeout(() => undefined, 500)`;
  const args = [...flags, delay, "--input-type=module", "--eval", script];
  const out = execFileSync(process.execPath, args, { encoding: "utf8" });
  return out.split("\n").filter((line) => line.includes("Memory reducer")).length;
}

test("V8 does not collect the garbage of a process because it is idle", () => {
  expect(linesOfReducer("")).toBeGreaterThan(0);
  const own = `const { leaveGarbage } = await import(${JSON.stringify(collector)}); leaveGarbage()`;
  expect(linesOfReducer(own)).toBe(0);
});

/** Collections of what is young, and helpers' shares in them, of a process that fills its memory. */
function shares(before: string): { collections: number; shares: number } {
  const fill = "const all = []; for (let i = 0; i < 4e6; i++) if (i % 3 === 0) all.push({ i })";
  const flags = ["--max-semi-space-size=1", "--trace-gc", "--trace-parallel-scavenge"];
  const args = [...flags, "--input-type=module", "--eval", `${before}; ${fill}`];
  const out = execFileSync(process.execPath, args, { encoding: "utf8" });
  const count = (what: RegExp): number => out.match(what)?.length ?? 0;
  return { collections: count(/: Scavenge /g), shares: count(/scavenge\[/g) };
}

test("threads that compute collect what is young by themselves", () => {
  const shared = shares("");
  if (availableParallelism() > 1) expect(shared.shares).toBeGreaterThan(1.25 * shared.collections);
  const own = `const { collectAlone } = await import(${JSON.stringify(collector)}); collectAlone()`;
  const alone = shares(own);
  expect(alone.collections).toBeGreaterThan(4);
  // A collection before it was said may be shared out still.
  expect(alone.shares).toBeLessThan(1.25 * alone.collections);
});
