/** Guests with shared directories move: their open files with them, or nothing. The guests' files are used from here. */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Daemon } from "../../ts/host/daemon/server.ts";
import { Host, type HostOptions } from "../../ts/host/host.ts";
import type { VirtualMachine } from "../../ts/host/virtual-machine.ts";
import type { ShareSession } from "../../ts/storage/9p/session.ts";
import { P9Client } from "../storage/p9-client.ts";

const KERNEL = join(import.meta.dirname, "../../guests/bin/kv.elf");
let base = "";
let share = "";
const closing: { close(): Promise<void> }[] = [];

beforeEach(() => {
  base = fs.mkdtempSync(join(tmpdir(), "wasmvisor-share-moves-"));
  share = join(base, "share");
  fs.mkdirSync(share);
});
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close();
  fs.rmSync(base, { recursive: true, force: true });
});

async function listening(options: Pick<HostOptions, "shareMap"> = {}) {
  const host = await Host.create({ memory: "64MiB", ...options });
  const daemon = await Daemon.listen(host, { listen: "tcp://127.0.0.1:0" });
  closing.push(daemon, host);
  return { host, address: daemon.address };
}

/** A running guest; its shared directory is not touched by it, but by the client that comes along. */
async function start(host: Host): Promise<VirtualMachine> {
  const vm = await host.createVm({
    name: "kv",
    kernel: KERNEL,
    append: "report=20000",
    memory: "16MiB",
    shares: [{ path: share, tag: "data" }],
    networks: [{ kind: "switch", switch: "office" }],
  });
  await vm.start();
  await vm.console.expect(/kv ok/);
  return vm;
}

const sessionOf = (vm: VirtualMachine): P9Client =>
  new P9Client(vm.machine.options.shares?.[0]?.share as ShareSession);

test("open files are open at a host that has the directory elsewhere, and back home", async () => {
  const other = join(base, "mnt");
  fs.symlinkSync(share, other);
  const home = await listening();
  const away = await listening({ shareMap: { [base]: join(base, "no"), [share]: other } });
  const vm = await start(home.host);
  const client = sessionOf(vm).start();
  fs.mkdirSync(join(share, "d"));
  client.walk(0, 5, "d");
  client.create(5, 1, "log", "one\n");
  expect(await vm.migrate(away.address)).toMatchObject({ state: "completed" });
  const there = away.host.vm("kv");
  sessionOf(there).write(1, "two\n", 4);
  expect(await there.migrate(home.address)).toMatchObject({ state: "completed" });
  sessionOf(home.host.vm("kv")).write(1, "three\n", 8);
  expect(fs.readFileSync(join(share, "d/log"), "utf8")).toBe("one\ntwo\nthree\n");
});

test.each([
  ["has no such directory", undefined, /WV_SHARE: .*"data".* no directory.*--share-map .*=DIR/],
  ["has another one there", "empty", /WV_SHARE: .*"data".*empty.* "log" is not there; mount/],
] as const)(
  "a target that %s refuses before anything moves; the guest goes on",
  async (_what, name, why) => {
    const elsewhere = join(base, name ?? "missing");
    if (name) fs.mkdirSync(elsewhere);
    const home = await listening();
    const away = await listening({ shareMap: { [share]: elsewhere } });
    const vm = await start(home.host);
    const client = sessionOf(vm).start();
    client.create(0, 1, "log", "one\n");
    for (let i = 0; i < 2; i++) {
      const { error, state, stats } = await vm.migrate(away.address);
      expect([state, error?.code]).toEqual(["failed", "WV_MIGRATION"]);
      expect(error?.message).toMatch(why);
      expect(stats.ram.normal).toBe(0);
    }
    // Nothing of it has a place on the switch there.
    const [office] = (await away.host.networks.switches()).map(([, its]) => its);
    expect(office?.ports ?? []).toEqual([]);
    client.write(1, "two\n", 4);
    await vm.console.expect(/kv ok/);
    expect(fs.readFileSync(join(share, "log"), "utf8")).toBe("one\ntwo\n");
  },
);

test("a guest with a removed file open is told so, and moves when it has closed it", async () => {
  const [home, away] = [await listening(), await listening()];
  const vm = await start(home.host);
  const client = sessionOf(vm).start();
  client.create(0, 1, "log", "one\n");
  fs.unlinkSync(join(share, "log"));
  const refusal = {
    code: "WV_SHARE",
    message: expect.stringMatching(/"log" open.*removed.*close/),
  };
  await expect(vm.migrate(away.address)).rejects.toMatchObject(refusal);
  expect(vm.status).toBe("running");
  client.clunk(1);
  expect(await vm.migrate(away.address)).toMatchObject({ state: "completed" });
});

test("a file that is removed while pages go is refused at the last moment; the guest goes on", async () => {
  const [home, away] = [await listening(), await listening()];
  const vm = await start(home.host);
  const client = sessionOf(vm).start();
  client.create(0, 1, "log", "one\n");
  const onRound = (): void => fs.rmSync(join(share, "log"), { force: true });
  const { error, state } = await vm.migrate(away.address, { onRound });
  expect([state, error?.code]).toEqual(["failed", "WV_MIGRATION"]);
  expect(error?.message).toMatch(/WV_SHARE: .*"log" was removed while it is open/);
  expect(client.read(1).toString()).toBe("one\n");
  await vm.console.expect(/kv ok/);
});

test("a map of shares has absolute paths", async () => {
  await expect(Host.create({ shareMap: { "srv/a": "/b" } })).rejects.toMatchObject({
    code: "WV_CONFIG",
  });
});
