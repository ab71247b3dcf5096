import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { isGone, ownProcess } from "../../ts/host/process-identity.ts";

const url = new URL("../../dist/ts/host/process-identity.js", import.meta.url).href;
const code = `const { ownProcess } = await import(${JSON.stringify(url)}); console.log(ownProcess()); setInterval(() => 0, 1e6);`;

describe.skipIf(!existsSync("/proc/self/stat"))("which process a host is", () => {
  const own = ownProcess() as string;

  test("is gone when it was killed, and not before", async () => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", code]);
    const identity = await new Promise<string>((resolve) =>
      child.stdout.once("data", (bytes: Buffer) => resolve(bytes.toString().trim())),
    );
    expect(isGone(identity)).toBe(false);
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
    expect(isGone(identity)).toBe(true);
  });

  test("is told apart from another that has its number now", () => {
    expect(isGone(own)).toBe(false);
    expect(isGone(own.replace(/\d+$/, "1"))).toBe(true);
  });

  test("says nothing about processes of another boot, another namespace, or of no words that it knows", () => {
    const other = own.replace(/ (\d+) \d+$/, " 4000000000 1"); // No process has that number.
    expect(isGone(other)).toBe(true);
    expect(isGone(other.replace(/^[\da-f]{8}/, "00000000"))).toBe(false);
    expect(isGone(other.replace(/\[\d+\]/, "[1]"))).toBe(false);
    for (const text of [undefined, "", "1", `${own} `, `${own}\n`, own.replace(/ \d+$/, " ../1")])
      expect(isGone(text), String(text)).toBe(false);
  });
});
