/** The examples in README and docs run: code blocks marked `ts runnable`, against what was built. */
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const folder = join(root, "build/docs");
const documents = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" });
const files = ["README.md", ...documents.map((name) => join("docs", name))];

const examples = files
  .filter((file) => file.endsWith(".md"))
  .flatMap((file) => {
    const text = readFileSync(join(root, file), "utf8");
    return [...text.matchAll(/^```ts runnable\n(.*?)^```$/gms)].map((match, index) => ({
      name: `${file} #${index + 1}`,
      code: match[1] as string,
    }));
  });

test("there are examples", () => {
  expect(examples.length).toBeGreaterThanOrEqual(5);
});

test.each(examples)("$name", async ({ code, name }) => {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name.replace(/\W+/g, "-")}.mjs`);
  writeFileSync(file, withoutUsing(code));
  // Rejects, with what it printed, unless it ends with status 0.
  await promisify(execFile)(process.execPath, [file], { cwd: root, timeout: 300_000 });
});

/** Node 20 has no `await using` yet: closed at the end instead. */
function withoutUsing(code: string): string {
  const names = [...code.matchAll(/^await using (\w+)/gm)].map(([, name]) => name);
  const closes = names.map((name) => `await ${name}[Symbol.asyncDispose]();\n`);
  return code.replace(/^await using /gm, "const ") + closes.join("");
}

test("links between the documents lead somewhere", () => {
  const dead = files
    .filter((file) => file.endsWith(".md"))
    .flatMap((file) =>
      [...readFileSync(join(root, file), "utf8").matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)]
        .map(([, link]) => join(root, file, "..", link as string))
        .filter((path) => {
          try {
            readdirSync(path);
            return false;
          } catch (error) {
            return (error as NodeJS.ErrnoException).code === "ENOENT";
          }
        }),
    );
  expect(dead).toEqual([]);
});
