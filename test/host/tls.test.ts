/** Who may come in over TLS: certificates and tokens that are wrong in every way, and peers that dawdle. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { request } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HostClient } from "../../ts/host/daemon/client.ts";
import { Daemon } from "../../ts/host/daemon/server.ts";
import { openExport } from "../../ts/host/exports.ts";
import { Host } from "../../ts/host/host.ts";
import {
  type Authority,
  initCa,
  issue,
  makeAuthority,
  type Validity,
  validFor,
} from "../../ts/host/tls/certificates.ts";
import { loadCredentials } from "../../ts/host/tls/credentials.ts";
import { createGate, type GateOptions } from "../../ts/host/tls/gate.ts";
import { newToken } from "../../ts/host/tokens.ts";
import { connectUpgraded, UPGRADE_MIGRATION } from "../../ts/host/upgrade.ts";

const LOCAL = ["localhost", "127.0.0.1"];
const YEAR_MS = 365 * 86_400_000;
const past: Validity = {
  notBefore: new Date(Date.now() - 2 * YEAR_MS),
  notAfter: new Date(Date.now() - YEAR_MS),
};
const future: Validity = {
  notBefore: new Date(Date.now() + YEAR_MS),
  notAfter: new Date(Date.now() + 2 * YEAR_MS),
};

let scratch = "";
let ours: Authority;
let theirs: Authority;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "wasmvisor-tls-"));
  [ours, theirs] = await Promise.all([makeAuthority(), makeAuthority()]);
  await writeFolder("good", ours, LOCAL);
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

const folderOf = (name: string): string => join(scratch, name);

/** A directory of credentials that believes in `ours`, whoever signed its own certificate. */
async function writeFolder(
  name: string,
  signer: Authority,
  names: readonly string[],
  validity = validFor(1),
): Promise<string> {
  const folder = folderOf(name);
  mkdirSync(folder, { recursive: true });
  const { cert, key } = await issue(signer, names, validity);
  writeFileSync(join(folder, "host.crt"), cert);
  writeFileSync(join(folder, "host.key"), key);
  writeFileSync(join(folder, "ca.crt"), ours.certificate.toString("pem"));
  return folder;
}

interface Served extends AsyncDisposable {
  readonly address: string;
  readonly lines: string[];
}

async function serve(
  options: { readonly peers?: string[]; readonly tokens?: string } = {},
): Promise<Served> {
  const host = await Host.create({ memory: "16MiB" });
  const lines: string[] = [];
  const daemon = await Daemon.listen(host, {
    listen: "tls://127.0.0.1:0",
    tls: folderOf("good"),
    log: (line) => lines.push(line),
    ...options,
  });
  return { address: daemon.address, lines, [Symbol.asyncDispose]: () => daemon.close() };
}

/** Runs `action` with a daemon, which is closed afterwards. */
async function withDaemon(
  options: Parameters<typeof serve>[0],
  action: (served: Served) => Promise<void>,
): Promise<void> {
  const served = await serve(options);
  try {
    await action(served);
  } finally {
    await served[Symbol.asyncDispose]();
  }
}

const health = (address: string, tls: string | undefined, token?: string): Promise<unknown> =>
  new HostClient(address, { tls, token }).health();

test("peers with certificates of one CA talk, by name and by address", async () => {
  await withDaemon({}, async ({ address, lines }) => {
    expect(await health(address, folderOf("good"))).toMatchObject({ status: "ok" });
    const byName = address.replace("127.0.0.1", "localhost");
    expect(await health(byName, folderOf("good"))).toMatchObject({ status: "ok" });
    expect(lines).toEqual([]);
  });
});

describe("a host turns away and logs", () => {
  const cases: readonly [string, () => Promise<string>, RegExp][] = [
    ["a certificate of another CA", () => writeFolder("foreign", theirs, LOCAL), /of another CA/],
    ["one that has expired", () => writeFolder("expired", ours, LOCAL, past), /has expired/],
    ["one that is not valid yet", () => writeFolder("early", ours, LOCAL, future), /not valid yet/],
  ];
  test.each(cases)("%s", async (_what, make, why) => {
    const tls = await make();
    await withDaemon({}, async ({ address, lines }) => {
      await expect(health(address, tls)).rejects.toMatchObject({
        code: "WV_AUTH",
        message: expect.stringMatching(why),
      });
      expect(lines).toEqual([expect.stringMatching(/^refused 127\.0\.0\.1:\d+: /)]);
      expect(lines[0]).toMatch(why);
      const target = { target: address, path: "/v1/migration", protocol: UPGRADE_MIGRATION };
      await expect(connectUpgraded({ ...target, access: { tls } })).rejects.toMatchObject({
        code: "WV_AUTH",
      });
    });
  });

  test("one of a name that is not among its peers", async () => {
    const other = await writeFolder("other", ours, ["host9"]);
    await withDaemon({ peers: ["localhost"] }, async ({ address, lines }) => {
      expect(await health(address, folderOf("good"))).toMatchObject({ status: "ok" });
      await expect(health(address, other)).rejects.toMatchObject({ code: "WV_AUTH" });
      expect(lines).toEqual([expect.stringMatching(/for DNS:host9, expected localhost$/)]);
    });
  });

  test("peers without a certificate, and TLS 1.2", async () => {
    await withDaemon({}, async ({ address, lines }) => {
      const { port } = new URL(address.replace("tls:", "https:"));
      const ask = (options: object): Promise<unknown> =>
        new Promise((resolve, reject) => {
          const base = { host: "127.0.0.1", port, path: "/v1/health", agent: false };
          const { ca } = loadCredentials(folderOf("good"));
          const outgoing = request({ ...base, ca, ...options }, (answer) => {
            answer.setEncoding("utf8").on("data", (text: string) => resolve(JSON.parse(text)));
          });
          outgoing.once("error", reject);
          outgoing.end();
        });
      expect(await ask({})).toMatchObject({
        code: "WV_AUTH",
        message: expect.stringMatching(/no certificate/),
      });
      const old = { maxVersion: "TLSv1.2", ...loadCredentials(folderOf("good")) };
      await expect(ask(old)).rejects.toMatchObject({
        code: expect.stringMatching(/^(EPROTO|ECONNRESET)/),
      });
      expect(lines[0]).toMatch(/no certificate/);
      expect(lines[1]).toMatch(/does not speak TLS 1.3/);
    });
  });

  test("plain HTTP and rubbish", async () => {
    await withDaemon({}, async ({ address, lines }) => {
      const plain = new HostClient(address.replace("tls:", "tcp:"));
      await expect(plain.health()).rejects.toMatchObject({ code: "WV_NETWORK" });
      expect(lines[0]).toMatch(/does not speak TLS|plain HTTP/);
      expect(await health(address, folderOf("good"))).toMatchObject({ status: "ok" });
    });
  });
});

describe("a client does not trust", () => {
  /** A host that does not look at its own certificate. */
  async function withGate(tls: string, action: (address: string) => Promise<void>): Promise<void> {
    const server = await openGate({ credentials: loadCredentials(tls) });
    try {
      await action(`tls://127.0.0.1:${(server.address() as AddressInfo).port}`);
    } finally {
      server.close();
    }
  }
  test.each([
    ["a certificate of another CA", () => writeFolder("s-foreign", theirs, LOCAL), /of another CA/],
    ["one that has expired", () => writeFolder("s-expired", ours, LOCAL, past), /has expired/],
    [
      "one that is not valid yet",
      () => writeFolder("s-early", ours, LOCAL, future),
      /not valid yet/,
    ],
    ["one of another name", () => writeFolder("s-name", ours, ["host9"]), /for another name/],
  ] as const)("%s", async (_what, make, why) => {
    await withGate(await make(), async (address) => {
      const refused = { code: "WV_AUTH", message: expect.stringMatching(why) };
      await expect(health(address, folderOf("good"))).rejects.toMatchObject(refused);
    });
  });

  test("anything without certificates of its own", async () => {
    const refused = { code: "WV_AUTH", message: expect.stringMatching(/--init-ca/) };
    await expect(health("tls://127.0.0.1:9", undefined)).rejects.toMatchObject(refused);
    await expect(health("tls://127.0.0.1:9", folderOf("none"))).rejects.toMatchObject(refused);
  });
});

async function openGate(options: Partial<GateOptions> = {}) {
  const server = createGate({
    credentials: loadCredentials(folderOf("good")),
    onRefused: () => undefined,
    ...options,
  });
  server.on("request", (_request, response) => response.end('{"status":"ok"}'));
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return server;
}

describe("a peer that shows nothing costs little:", () => {
  const dial = (port: number): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => resolve(socket));
      socket.once("error", reject);
    });
  const closed = (socket: Socket): Promise<void> =>
    new Promise((resolve) => {
      socket.on("error", () => undefined);
      socket.once("close", () => resolve());
      socket.resume();
    });

  test("it is let go after a while", async () => {
    const refused: string[] = [];
    const server = await openGate({
      handshakeMsMax: 200,
      onRefused: (_peer, error) => refused.push(error.message),
    });
    const socket = await dial((server.address() as AddressInfo).port);
    await closed(socket);
    expect(refused).toEqual(["it did not finish its handshake in time"]);
    server.close();
  });

  test("no more than a few are held, and others still come in", async () => {
    let dropped = 0;
    const server = await openGate({ pendingMax: 8, onRefused: () => dropped++ });
    const { port } = server.address() as AddressInfo;
    const sockets: Socket[] = [];
    for (let i = 0; i < 100; i++) {
      const socket = await dial(port);
      socket.on("error", () => undefined);
      sockets.push(socket);
    }
    const client = health(`tls://127.0.0.1:${port}`, folderOf("good"));
    expect(await client).toMatchObject({ status: "ok" });
    await expect.poll(() => dropped).toBeGreaterThanOrEqual(92);
    const open = await new Promise<number>((resolve) => {
      server.getConnections((_error, count) => resolve(count));
    });
    expect(open).toBeLessThanOrEqual(9);
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  test("a flood of them leaves a line for some and a count for the rest", async () => {
    const { RefusalLog } = await import("../../ts/host/daemon/refusal-log.ts");
    const { VirtualClock } = await import("../../ts/base/clock.ts");
    const clock = new VirtualClock();
    const lines: string[] = [];
    const log = new RefusalLog(clock, (line) => lines.push(line));
    for (let i = 0; i < 1000; i++) log.refused("1.2.3.4:5", "no");
    expect(lines.length).toBe(20);
    clock.advance(11e9);
    log.refused("1.2.3.4:5", "no");
    expect(lines.slice(20)).toEqual(["refused 980 more peers", "refused 1.2.3.4:5: no"]);
  });
});

describe("plain TCP stays on the machine", () => {
  test("a host does not listen for others, and says what to do", async () => {
    const host = await Host.create({ memory: "16MiB" });
    const listening = Daemon.listen(host, { listen: "tcp://0.0.0.0:7070" });
    await expect(listening).rejects.toMatchObject({
      code: "WV_CONFIG",
      message: expect.stringMatching(/tls:\/\/0\.0\.0\.0:16509, .*wasmvisor host --init-ca DIR/),
    });
    await host.close();
  });

  test("a client does not go elsewhere", async () => {
    await expect(health("tcp://host2:7070", undefined)).rejects.toMatchObject({
      code: "WV_CONFIG",
      message: expect.stringMatching(/write tls:\/\/host2:16509/),
    });
  });

  test("a disk does not come from elsewhere", async () => {
    await expect(openExport("nbd://host2:10809/disk")).rejects.toMatchObject({
      code: "WV_CONFIG",
      message: expect.stringMatching(/write nbds:\/\/host2:10809\/disk,/),
    });
  });
});

test("a host does not begin with certificates that are no good", async () => {
  const host = await Host.create({ memory: "16MiB" });
  const mixed = await writeFolder("mixed", ours, LOCAL);
  writeFileSync(join(mixed, "host.key"), readFileSync(join(folderOf("good"), "host.key")));
  const broken = await writeFolder("broken", ours, LOCAL);
  writeFileSync(join(broken, "host.crt"), "rubbish");
  const cases = [
    [await writeFolder("h-expired", ours, LOCAL, past), /has expired/],
    [await writeFolder("h-early", ours, LOCAL, future), /not valid before/],
    [await writeFolder("h-foreign", theirs, LOCAL), /not signed by ca.crt/],
    [mixed, /host.key .* does not belong/],
    [broken, /not a certificate or key/],
    [folderOf("nowhere"), /cannot read .*ca.crt \(ENOENT\)/],
  ] as const;
  for (const [tls, why] of cases)
    await expect(Daemon.listen(host, { listen: "tls://127.0.0.1:0", tls })).rejects.toMatchObject({
      code: "WV_AUTH",
      message: expect.stringMatching(why),
    });
  await host.close();
});

describe("a host that wants tokens", () => {
  test("knows those of its file until they end or their line goes", async () => {
    const tokens = folderOf("tokens");
    const good = newToken(tokens, "admin", undefined);
    const short = newToken(tokens, "ci", 1);
    const stranger = `wvt_${"x".repeat(43)}`;
    expect(statSync(tokens).mode & 0o077).toBe(0);
    await withDaemon({ tokens }, async ({ address, lines }) => {
      const tls = folderOf("good");
      expect(await health(address, tls, good)).toMatchObject({ status: "ok" });
      expect(await health(address, tls, short)).toMatchObject({ status: "ok" });
      const refused = (why: RegExp) => ({ code: "WV_AUTH", message: expect.stringMatching(why) });
      await expect(health(address, tls)).rejects.toMatchObject(refused(/wants a token/));
      await expect(health(address, tls, stranger)).rejects.toMatchObject(refused(/does not know/));
      await expect(health(address, tls, "a b")).rejects.toMatchObject(refused(/look like one/));
      const upgrade = { target: address, path: "/v1/migration", protocol: UPGRADE_MIGRATION };
      await expect(connectUpgraded({ ...upgrade, access: { tls } })).rejects.toMatchObject(
        refused(/wants a token/),
      );
      const [first = "", second = ""] = readFileSync(tokens, "utf8").split("\n");
      const ended = second.replace(/ \d{4}-\S+ /, ` ${past.notAfter.toISOString()} `);
      writeFileSync(tokens, `${ended}\n`);
      await expect(health(address, tls, short)).rejects.toMatchObject(
        refused(/token of ci has expired/),
      );
      await expect(health(address, tls, good)).rejects.toMatchObject(refused(/does not know/));
      expect(first).not.toContain(good);
      expect(lines.filter((line) => line.startsWith("refused")).length).toBe(5);
    });
  });

  test("refuses a file that is none of tokens", async () => {
    const host = await Host.create({ memory: "16MiB" });
    const file = folderOf("no-tokens");
    writeFileSync(file, "secret\n");
    for (const tokens of [file, folderOf("nowhere")])
      await expect(
        Daemon.listen(host, { listen: "tcp://127.0.0.1:0", tokens }),
      ).rejects.toMatchObject({
        code: "WV_CONFIG",
      });
    await host.close();
  });
});

test("--init-ca makes an authority once, and hosts as often as asked", async () => {
  const folder = folderOf("ca");
  const first = await initCa({ folder, days: 30, hosts: [["host1"], ["host2", "10.0.0.2"]] });
  expect(first).toEqual({ isNew: true, folders: [join(folder, "host1"), join(folder, "host2")] });
  const ca = readFileSync(join(folder, "ca.crt"), "utf8");
  const again = await initCa({ folder, days: 30, hosts: [["host1"]] });
  expect(again.isNew).toBe(false);
  expect(readFileSync(join(folder, "ca.crt"), "utf8")).toBe(ca);
  for (const secret of [join(folder, "ca.key"), join(folder, "host2", "host.key")])
    expect(statSync(secret).mode & 0o077).toBe(0);
  const { X509Certificate } = await import("node:crypto");
  const host2 = new X509Certificate(readFileSync(join(folder, "host2", "host.crt")));
  expect(host2.subjectAltName).toBe("DNS:host2, IP Address:10.0.0.2");
  expect(host2.checkIssued(new X509Certificate(ca))).toBe(true);
  await expect(initCa({ folder, days: 1, hosts: [["../x"]] })).rejects.toMatchObject({
    code: "WV_CONFIG",
  });
  writeFileSync(join(folder, "ca.key"), "rubbish");
  await expect(initCa({ folder, days: 1, hosts: [["host3"]] })).rejects.toMatchObject({
    code: "WV_CONFIG",
  });
});
