/** The commands of docs/how-to/network.md that make an encrypted network, by a shell: both hosts on this machine. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { SwitchInfo } from "../ts/host/networks/switch-control.ts";
import { BINARY, ROOT, wasmvisor } from "./cli/binary.ts";
import { freePort } from "./free-port.ts";

const document = readFileSync(join(ROOT, "docs/how-to/network.md"), "utf8");
const blockOf = (kind: string): string =>
  new RegExp(`^\`\`\`sh ${kind}\\n(.*?)^\`\`\`$`, "ms").exec(document)?.[1] ?? "";

let scratch = "";
let env: NodeJS.ProcessEnv = {};
const daemons: ChildProcess[] = [];
const ports = new Map<string, number>();

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "wasmvisor-how-to-"));
  const binary = join(scratch, "wasmvisor");
  writeFileSync(binary, `#!/bin/sh\nexec "${process.execPath}" "${BINARY}" "$@"\n`);
  chmodSync(binary, 0o755);
  env = { ...process.env, NO_COLOR: "1", PATH: `${scratch}:${process.env["PATH"]}` };
  for (const port of ["16509", "16510", "51820", "51821"]) ports.set(port, await freePort());
});
afterAll(() => {
  for (const daemon of daemons) daemon.kill("SIGKILL");
  rmSync(scratch, { recursive: true, force: true });
});

/** Starts a daemon as a block says; settles with its address. */
async function start(kind: string): Promise<string> {
  let command = blockOf(kind).trim();
  for (const [port, free] of ports) command = command.replaceAll(`:${port}`, `:${free}`);
  const child = spawn("sh", ["-c", `exec ${command}`], {
    cwd: scratch,
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  daemons.push(child);
  return new Promise<string>((resolve, reject) => {
    let text = "";
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      const address = /host at (\S+),/.exec(text)?.[1];
      if (address !== undefined) resolve(address);
    });
    child.once("close", () => reject(new Error(text)));
  });
}

test("keys are private, and two hosts start with them", async () => {
  execFileSync("sh", ["-euc", blockOf("runnable")], { cwd: scratch, env });
  for (const name of ["home", "away"]) {
    expect(statSync(join(scratch, `${name}.key`)).mode & 0o777).toBe(0o600);
    const publicKey = readFileSync(join(scratch, `${name}.pub`), "utf8");
    expect(publicKey).toMatch(/^[A-Za-z0-9+/]{43}=\n$/);
    expect(publicKey).not.toBe(readFileSync(join(scratch, `${name}.key`), "utf8"));
    const again = await wasmvisor(["vpn", "pubkey", join(scratch, `${name}.key`)]);
    expect(again.stdout).toBe(publicKey);
  }
  const addresses = [await start("home"), await start("away")];
  for (const address of addresses)
    expect((await wasmvisor(["ls", "--host", address])).status).toBe(0);
  const { stdout } = await wasmvisor(["switch", "ls", "--host", addresses[0] ?? "", "--json"]);
  const [lan] = JSON.parse(stdout) as SwitchInfo[];
  expect(lan?.links).toMatchObject([
    { refusedFrames: 0, vpn: { peers: [{}], refusedMessages: 0 } },
  ]);
  expect(stdout).not.toContain(readFileSync(join(scratch, "home.key"), "utf8").trim());
  const told = await wasmvisor(["switch", "ls", "--host", addresses[0] ?? ""]);
  expect(told.stdout).toMatch(/VXLAN at UDP port \d+: .* in a VPN of 1 peers, 0 refused/);
});

test("what cannot be is refused, and no message shows a key", async () => {
  const file = join(scratch, "home.key");
  const key = readFileSync(file, "utf8").trim();
  const host = (...options: string[]) =>
    wasmvisor(["host", "--listen", "tcp://127.0.0.1:0", ...options]);
  const vpn = ["--vpn-key", file, "--vpn-address", "10.9.0.1", "--vpn-listen", "127.0.0.1:0"];
  const wrong: readonly [readonly string[], RegExp][] = [
    [["--vpn-address", "10.9.0.1"], /go with --vpn-key/],
    [["--vpn-key", file], /goes with --vpn-address/],
    [[...vpn, "--lan-listen", "127.0.0.1:0"], /not with --lan-listen/],
    [[...vpn, "--vpn-peer", `${key}x,10.9.0.2`], /expected a key of 32 bytes/],
    [[...vpn, "--vpn-peer", key], /PUBLICKEY/],
    [["--tunnel-peer", "127.0.0.1"], /goes with --tunnel-listen/],
    [["--dns-update", "127.0.0.1"], /expected SERVER/],
    [["--dns-update", "127.0.0.1,a..b"], /expected a name/],
    [["--lan-listen", "127.0.0.1:0", "--path-mtu", "100"], /--path-mtu/],
  ];
  for (const [options, message] of wrong) {
    const { status, stderr } = await host(...options);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain(key.slice(0, 40));
    expect(status).toBe(2);
  }
  chmodSync(file, 0o644);
  const open = await host(...vpn);
  expect([open.status === 0, open.stderr]).toEqual([
    false,
    expect.stringContaining("others may read this key"),
  ]);
  const there = await wasmvisor(["vpn", "genkey", file]);
  expect([there.status, there.stderr]).toEqual([2, expect.stringContaining("it is there already")]);
});
