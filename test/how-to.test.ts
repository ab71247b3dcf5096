/**
 * The commands in docs/how-to/migrate.md, in their order, by a shell: two daemons on one machine where the
 * document has two machines.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BINARY, ROOT } from "./cli/binary.ts";
import { freePort } from "./free-port.ts";

const document = readFileSync(join(ROOT, "docs/how-to/migrate.md"), "utf8");
const blocks = [...document.matchAll(/^```sh (\w+)\n(.*?)^```$/gms)].map(([, kind, text]) => ({
  kind: kind as string,
  text: text as string,
}));

let scratch = "";
const daemons: ChildProcess[] = [];
const ports = new Map<string, number>();

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "wasmvisor-how-to-"));
  symlinkSync(join(ROOT, "guests"), join(scratch, "guests"));
  const wasmvisor = join(scratch, "wasmvisor");
  writeFileSync(wasmvisor, `#!/bin/sh\nexec "${process.execPath}" "${BINARY}" "$@"\n`);
  chmodSync(wasmvisor, 0o755);
  for (const name of ["host1", "host2"]) ports.set(name, await freePort());
});
afterAll(() => {
  for (const daemon of daemons) daemon.kill("SIGKILL");
  rmSync(scratch, { recursive: true, force: true });
});

/** The commands of a block for this one machine. */
function here(text: string, host?: string): string {
  let out = text.replace(/--for (host\d)/g, "--for $1,localhost");
  for (const [name, port] of ports)
    out = out.replaceAll(`tls://${name}:16509`, `tls://localhost:${port}`);
  if (host !== undefined) out = out.replace("0.0.0.0:16509", `127.0.0.1:${ports.get(host)}`);
  return out;
}

const env = { ...process.env, NO_COLOR: "1" };

async function startDaemon(command: string): Promise<void> {
  const child = spawn("sh", ["-c", `exec ${command}`], {
    cwd: scratch,
    env: { ...env, PATH: `${scratch}:${process.env["PATH"]}` },
    stdio: ["ignore", "ignore", "pipe"],
  });
  daemons.push(child);
  await new Promise<void>((resolve, reject) => {
    let text = "";
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      if (text.includes("host at")) resolve();
    });
    child.once("close", () => reject(new Error(text)));
  });
}

test("every command of the how-to works", { timeout: 300_000 }, async () => {
  const script: string[] = [];
  const run = async (): Promise<string> => {
    const path = `${scratch}:${process.env["PATH"]}`;
    const { stderr, stdout } = await promisify(execFile)("sh", ["-euc", script.join("\n")], {
      cwd: scratch,
      env: { ...env, PATH: path },
    });
    script.length = 0;
    return stdout + stderr;
  };
  let printed = "";
  for (const { kind, text } of blocks) {
    if (kind === "runnable") script.push(here(text));
    else {
      printed += await run();
      await startDaemon(here(text, kind).trim());
    }
  }
  printed += await run();
  expect(blocks.map(({ kind }) => kind)).toContain("host2");
  expect(printed).toMatch(/a new CA/);
  expect(printed).toMatch(/^wvt_[\w-]{43}$/m);
  expect(printed).toMatch(/^web runs at tls:\/\/localhost:\d+: .* downtime/m);
  expect(printed).toMatch(/^db runs at tls:\/\/localhost:\d+: /m);
});
