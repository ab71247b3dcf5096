/** Updates to BIND, which knows our key, and what `dig` finds afterwards. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WallClock } from "../../ts/base/clock.ts";
import { DnsUpdater } from "../../ts/host/networks/dns-updater.ts";
import { freePort } from "../free-port.ts";

const has = (tool: string, ...args: string[]): boolean => spawnSync(tool, args).status === 0;
const hasBind = has("named", "-V") && has("dig", "-v") && has("tsig-keygen", "-h");
const wall = new WallClock();

describe.skipIf(!hasBind)("BIND (skipped unless bind9 and bind9-dnsutils are installed)", () => {
  let folder = "";
  let port = 0;
  let named: ChildProcess;
  const dig = (name: string): string =>
    execFileSync("dig", ["+short", "+tries=1", "+time=2", "-p", String(port), "@127.0.0.1", name], {
      encoding: "utf8",
    }).trim();

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "wasmvisor-bind-"));
    port = await freePort();
    const key = execFileSync("tsig-keygen", ["-a", "hmac-sha256", "wv"], { encoding: "utf8" });
    writeFileSync(join(folder, "key"), key, { mode: 0o600 });
    writeFileSync(join(folder, "other"), key.replace(/secret ".*"/, 'secret "AQIDBAUGBwg="'), {
      mode: 0o600,
    });
    writeFileSync(join(folder, "open"), key, { mode: 0o644 });
    writeFileSync(
      join(folder, "zone"),
      "$TTL 60\n@ SOA ns hostmaster 1 60 60 600 60\n@ NS ns\nns A 127.0.0.1\nweb A 192.0.2.1\n",
    );
    writeFileSync(
      join(folder, "named.conf"),
      `${key}\noptions { directory "${folder}"; listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; pid-file none; dnssec-validation no; session-keyfile none; };\n` +
        `controls { };\nzone "example.org" { type primary; file "${folder}/zone"; allow-update { key wv; }; };\n`,
    );
    named = spawn("named", ["-g", "-c", join(folder, "named.conf")], { stdio: "ignore" });
    // What cannot be reached yet is a failure or a comment that names the server, not its answer.
    for (let tries = 0; tries < 200; tries++) {
      const args = ["+short", "+tries=1", "+time=1", "-p", String(port), "@127.0.0.1"];
      const { stdout } = spawnSync("dig", [...args, "ns.example.org"], { encoding: "utf8" });
      if (stdout.trim() === "127.0.0.1") break;
      await wall.sleep(100e6);
    }
  });
  afterAll(async () => {
    // It writes its zone as it goes.
    if (named?.kill("SIGTERM")) await once(named, "exit");
    rmSync(folder, { recursive: true, force: true });
  });

  const updater = (more: { address?: string; keyFile?: string; zone?: string } = {}): DnsUpdater =>
    new DnsUpdater(
      {
        server: { address: "127.0.0.1", port },
        zone: "example.org",
        keyFile: join(folder, "key"),
        ...more,
      },
      wall,
    );

  test("gives a guest's name the address where it is now, and no other", async () => {
    expect(dig("web.example.org")).toBe("192.0.2.1");
    expect(await updater({ address: "198.51.100.7" }).update("web", "10.0.2.15")).toBe(
      "web.example.org is 198.51.100.7 now",
    );
    expect(dig("web.example.org")).toBe("198.51.100.7");
    await updater().update("web", "10.0.2.15");
    expect(dig("web.example.org")).toBe("10.0.2.15");
    await updater().update("fresh", "10.0.2.16");
    expect(dig("fresh.example.org")).toBe("10.0.2.16");
  });

  test("refuses another key, no key, and another zone; a key that others may read is not used", async () => {
    await expect(
      updater({ keyFile: join(folder, "other") }).update("web", "10.0.2.99"),
    ).rejects.toThrow(/NOTAUTH/);
    const bare = new DnsUpdater(
      { server: { address: "127.0.0.1", port }, zone: "example.org" },
      wall,
    );
    await expect(bare.update("web", "10.0.2.99")).rejects.toThrow(/REFUSED/);
    await expect(updater({ zone: "example.net" }).update("web", "10.0.2.99")).rejects.toThrow(
      /NOTAUTH/,
    );
    expect(() => updater({ keyFile: join(folder, "open") })).toThrow(
      expect.objectContaining({ code: "WV_AUTH" }),
    );
    expect(dig("web.example.org")).toBe("10.0.2.15");
    await expect(updater().update("web", undefined)).rejects.toThrow(/address=/);
  });

  test("is missed when it does not answer", async () => {
    const nobody = new DnsUpdater(
      { server: { address: "127.0.0.1", port: await freePort() }, zone: "example.org" },
      wall,
    );
    await expect(nobody.update("web", "10.0.2.15")).rejects.toThrow(/does not answer/);
  });
});
