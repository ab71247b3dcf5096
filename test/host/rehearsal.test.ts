import { request } from "node:http";
import { afterEach, expect, test } from "vitest";
import { compileCore } from "../../bindings/bytes.ts";
import { loadCore } from "../../bindings/core.ts";
import { openDoor } from "../../ts/host/daemon/rehearsal-door.ts";
import { Host } from "../../ts/host/host.ts";
import { MigrationReceiver } from "../../ts/host/migration-receiver.ts";
import { rehearse } from "../../ts/host/rehearsal.ts";

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const newHost = (memory: number): Promise<Host> => Host.create({ memory });
const newCore = async () => loadCore(await compileCore(), { wallTicks: () => 0 }, 4 << 20);

test.each([
  ["in memory", undefined],
  ["through a door", openDoor],
])(
  "a rehearsal's guest runs, moves %s, and runs on; the host has all its memory again",
  async (_, door) => {
    const core = await newCore();
    const before = core.exports.freeFrames();
    expect(await rehearse({ core, newHost, openDoor: door })).toBe(true);
    expect(core.exports.freeFrames()).toBe(before);
  },
);

test("says so when its guest does not come", async () => {
  const core = await newCore();
  const closed = async () => ({
    target: "tcp://127.0.0.1:1",
    token: `wvt_${"a".repeat(43)}`,
    close: () => undefined,
  });
  await expect(rehearse({ core, newHost, openDoor: closed })).rejects.toMatchObject({
    code: "WV_NETWORK",
  });
});

test("a door opens to nobody who does not know its token", async () => {
  const host = await Host.create({ memory: "2MiB" });
  closers.push(() => host.close());
  const { close, target, token } = await openDoor(new MigrationReceiver(host));
  closers.push(close);
  const answer = (authorization?: string) =>
    new Promise<string>((resolve) => {
      const headers = { Connection: "Upgrade", Upgrade: "wasmvisor-migration" };
      const outgoing = request({
        port: new URL(target).port,
        path: "/v1/migration",
        headers: authorization === undefined ? headers : { ...headers, authorization },
      });
      outgoing.on("upgrade", (_answer, socket) => {
        socket.destroy();
        resolve("let in");
      });
      outgoing.on("error", () => resolve("refused"));
      outgoing.end();
    });
  expect(await answer()).toBe("refused");
  expect(await answer(`Bearer wvt_${"a".repeat(43)}`)).toBe("refused");
  expect(await answer(`Bearer ${token}`)).toBe("let in");
});
