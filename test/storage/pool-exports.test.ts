/** Pools over exports of NBD servers, over memory, and over both: a server that goes away, comes back, or is another. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import type { BlockBackend } from "../../ts/machine/block.ts";
import { MemoryDisk } from "../../ts/storage/memory-disk.ts";
import { NbdDisk } from "../../ts/storage/nbd/client.ts";
import { NbdServer } from "../../ts/storage/nbd/server.ts";
import { Pool } from "../../ts/storage/pool/pool.ts";
import type { Volume } from "../../ts/storage/pool/volume.ts";

const CHUNK = 64 * 1024;
const BYTES = 40 * CHUNK;
const PATIENCE = { reconnectMs: 300, requestMs: 2000, restMs: 200 };

/** A disk that a server shows, and that is there when the server has gone. */
class Remote {
  readonly content = new Uint8Array(BYTES);
  #server: NbdServer | undefined;
  #port = 0;

  async start(content = this.content): Promise<void> {
    const exports = [{ name: "d", disk: new MemoryDisk({ content }) }];
    this.#server = await NbdServer.listen({ exports, port: this.#port });
    this.#port = this.#server.port;
  }

  async stop(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
  }

  get url(): string {
    return `nbd://127.0.0.1:${this.#port}/d`;
  }
}

const remotes: Remote[] = [];
const memories = new Map<string, Uint8Array>();
let pool: Pool;
const metadata = () => new MemoryDisk({ content: maps });
let maps: Uint8Array;

const find = (name: string): BlockBackend | Promise<BlockBackend> => {
  const content = memories.get(name);
  return content ? new MemoryDisk({ content }) : NbdDisk.connect({ url: name, ...PATIENCE });
};

async function makePool(kinds: readonly ("nbd" | "memory")[]): Promise<void> {
  const devices = [];
  for (const [i, kind] of kinds.entries()) {
    let name = `memory${i}`;
    if (kind === "memory") memories.set(name, new Uint8Array(BYTES));
    else {
      const remote = new Remote();
      await remote.start();
      remotes.push(remote);
      name = remote.url;
    }
    devices.push({ name, id: `id-${i}`, backend: await find(name) });
  }
  pool = await Pool.create({ metadata: metadata(), devices, chunkBytes: CHUNK, find });
}

async function reopen(): Promise<void> {
  await Promise.resolve(pool.close()).catch(() => undefined);
  pool = await Pool.open(metadata(), find);
}

beforeEach(() => {
  maps = new Uint8Array(1 << 20);
});
afterEach(async () => {
  await Promise.resolve(pool.close()).catch(() => undefined);
  for (const remote of remotes.splice(0)) await remote.stop();
  memories.clear();
});

const content = async (volume: Volume): Promise<Uint8Array> => {
  const bytes = new Uint8Array(volume.bytes);
  await volume.read(0, bytes);
  return bytes;
};
const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
const states = () => pool.devices.map(({ state }) => state);
const noDisk = { code: "WV_DISK" };

describe.each([
  ["exports", ["nbd", "nbd", "nbd"]],
  ["memory", ["memory", "memory", "memory"]],
  ["exports and memory", ["nbd", "memory", "nbd"]],
] as const)("over %s", (_, kinds) => {
  test.each(["linear", "striped", "mirrored"] as const)(
    "a thin %s volume and its snapshot read as arrays do, also when the pool is opened again",
    async (layout) => {
      await makePool(kinds);
      const random = new Random(5).split(layout);
      const volume = await pool.createVolume({ name: "v", bytes: 30 * CHUNK, layout });
      expect(pool.check().usedExtents).toBe(0);
      const model = new Uint8Array(volume.bytes);
      const write = async (count: number): Promise<void> => {
        for (let i = 0; i < count; i++) {
          const at = 512 * random.below(volume.bytes / 512 - 200);
          const bytes = random.bytes(new Uint8Array(512 * (1 + random.below(200))));
          if (i % 7 === 6) {
            bytes.fill(0);
            await pool.volume("v").discard(at, bytes.length);
          } else await pool.volume("v").write(at, bytes);
          model.set(bytes, at);
        }
      };
      await write(30);
      await pool.snapshot("v", "s");
      const kept = model.slice();
      await write(30);
      await pool.volume("v").flush();
      for (let i = 0; i < 2; i++) {
        expect(isSame(await content(pool.volume("v")), model)).toBe(true);
        expect(isSame(await content(pool.volume("s")), kept)).toBe(true);
        expect(pool.check().problems).toEqual([]);
        await reopen();
      }
    },
  );
});

describe("a server goes away", () => {
  test("and a mirror goes on with what it has; it is whole again when the server is back", async () => {
    await makePool(["nbd", "memory"]);
    const volume = await pool.createVolume({ name: "v", bytes: 8 * CHUNK, layout: "mirrored" });
    await volume.write(0, new Uint8Array(8 * CHUNK).fill(1));
    await volume.flush();
    await remotes[0]?.stop();
    await volume.write(CHUNK, new Uint8Array(CHUNK).fill(2));
    await volume.flush();
    expect([states(), pool.degradedChunks]).toEqual([["failed", "healthy"], 8]);
    expect(pool.devices[0]?.problem).toMatch(/did not come back|has gone|ECONNREFUSED/);
    expect(await pool.bringBack()).toEqual([]);
    await remotes[0]?.start();
    expect(await pool.bringBack()).toEqual([remotes[0]?.url]);
    expect([states(), pool.degradedChunks]).toEqual([["healthy", "healthy"], 8]);
    while ((await pool.rebuild()) > 0);
    expect([pool.degradedChunks, pool.check().problems]).toEqual([0, []]);
    const whole = await content(volume);
    memories.set("memory1", new Uint8Array(BYTES)); // Now only the server has it.
    await reopen();
    expect(states()).toEqual(["healthy", "failed"]);
    expect(isSame(await content(pool.volume("v")), whole)).toBe(true);
  });

  test("and what lay only there is WV_DISK until it is back, and then what it was", async () => {
    await makePool(["nbd", "memory"]);
    const there = await pool.createVolume({ name: "v", bytes: 4 * CHUNK, room: "full" });
    await there.write(0, new Uint8Array(4 * CHUNK).fill(3));
    await there.flush();
    const else_ = await pool.createVolume({ name: "w", bytes: 38 * CHUNK, layout: "striped" });
    await remotes[0]?.stop();
    const into = new Uint8Array(512);
    await expect(Promise.resolve(there.read(0, into))).rejects.toMatchObject(noDisk);
    await expect(Promise.resolve(there.write(0, into))).rejects.toMatchObject(noDisk);
    await else_.write(CHUNK, into.fill(9)); // That chunk is in memory.
    await remotes[0]?.start();
    await new Promise((resolve) => setTimeout(resolve, PATIENCE.restMs));
    expect((await content(there)).every((byte) => byte === 3)).toBe(true);
    expect(states()).toEqual(["healthy", "healthy"]);
    // Not there when the pool is opened: it failed, comes back, and new room is taken there again.
    await remotes[0]?.stop();
    await reopen();
    expect(states()).toEqual(["failed", "healthy"]);
    await remotes[0]?.start();
    expect(await pool.bringBack()).toHaveLength(1);
    expect((await content(pool.volume("v"))).every((byte) => byte === 3)).toBe(true);
    await pool.volume("v").write(0, new Uint8Array(512));
    expect(pool.check().problems).toEqual([]);
  });

  test("of two legs that fail one after the other, the one that failed last comes back first", async () => {
    await makePool(["nbd", "nbd"]);
    const volume = await pool.createVolume({ name: "v", bytes: 2 * CHUNK, layout: "mirrored" });
    await volume.write(0, new Uint8Array(2 * CHUNK).fill(1));
    await volume.flush();
    const [first, second] = remotes as [Remote, Remote];
    await first.stop();
    await volume.write(0, new Uint8Array(2 * CHUNK).fill(2));
    await volume.flush();
    await second.stop();
    await reopen();
    expect(states()).toEqual(["failed", "failed"]);
    await first.start();
    expect(await pool.bringBack()).toEqual([]);
    expect(pool.devices[0]?.problem).toContain("must come back first");
    const reading = Promise.resolve().then(() => pool.volume("v").read(0, new Uint8Array(512)));
    await expect(reading).rejects.toMatchObject(noDisk);
    await second.start();
    expect(await pool.bringBack()).toEqual([second.url]);
    expect(await pool.bringBack()).toEqual([first.url]);
    while ((await pool.rebuild()) > 0);
    expect((await content(pool.volume("v"))).every((byte) => byte === 2)).toBe(true);
    expect([pool.degradedChunks, pool.check().problems]).toEqual([0, []]);
  });

  test("both legs at once, while the pool was closed: either is right, and the other is made anew", async () => {
    await makePool(["nbd", "nbd"]);
    const volume = await pool.createVolume({ name: "v", bytes: 2 * CHUNK, layout: "mirrored" });
    await volume.write(0, new Uint8Array(2 * CHUNK).fill(1));
    await pool.close();
    for (const remote of remotes) await remote.stop();
    await reopen();
    expect(states()).toEqual(["failed", "failed"]);
    await remotes[0]?.start();
    expect(await pool.bringBack()).toEqual([remotes[0]?.url]);
    expect((await content(pool.volume("v"))).every((byte) => byte === 1)).toBe(true);
  });
});

describe("a server shows another disk", () => {
  test("of the same size: it is not used, nor written, until it is added as an empty one", async () => {
    await makePool(["nbd", "memory"]);
    const volume = await pool.createVolume({ name: "v", bytes: 4 * CHUNK, layout: "mirrored" });
    await volume.write(0, new Uint8Array(4 * CHUNK).fill(1));
    await pool.close();
    const remote = remotes[0] as Remote;
    await remote.stop();
    const foreign = new Uint8Array(BYTES).fill(0x5a);
    await remote.start(foreign);
    await reopen();
    expect([states(), await pool.bringBack()]).toEqual([["failed", "healthy"], []]);
    expect(pool.devices[0]?.problem).toContain("is another disk");
    await pool.volume("v").write(0, new Uint8Array(512).fill(2));
    await pool.flush();
    expect(foreign.every((byte) => byte === 0x5a)).toBe(true);
    await pool.addDevice({ name: remote.url, id: "new", backend: await find(remote.url) });
    while ((await pool.rebuild()) > 0);
    expect([states(), pool.degradedChunks]).toEqual([["healthy", "healthy"], 0]);
    memories.set("memory1", new Uint8Array(BYTES));
    await reopen();
    expect((await content(pool.volume("v")))[CHUNK]).toBe(1);
  });

  test("that is smaller: it has failed; one without room for a chunk never comes in", async () => {
    await makePool(["nbd", "memory"]);
    const remote = remotes[0] as Remote;
    await pool.createVolume({ name: "v", bytes: 4 * CHUNK, layout: "mirrored" });
    await pool.close();
    await remote.stop();
    await remote.start(remote.content.subarray(0, BYTES - CHUNK));
    await reopen();
    expect(pool.devices[0]).toMatchObject({ problem: expect.stringContaining("smaller") });
    const small = { name: "small", id: "s", backend: new MemoryDisk({ content: CHUNK }) };
    const adding = Promise.resolve().then(() => pool.addDevice(small));
    await expect(adding).rejects.toMatchObject({ code: "WV_CONFIG" });
    expect(pool.devices).toHaveLength(2);
  });
});

test("an error that is the opener's own trouble is thrown, and no device has failed by it", async () => {
  await makePool(["memory", "memory"]);
  await pool.createVolume({ name: "v", bytes: CHUNK, layout: "mirrored" });
  await pool.close();
  const { WasmvisorError } = await import("../../ts/base/errors.ts");
  const unable = (): never => {
    throw new WasmvisorError("WV_AUTH", "no certificates");
  };
  const opening = Promise.resolve().then(() => Pool.open(metadata(), unable));
  await expect(opening).rejects.toMatchObject({ code: "WV_AUTH" });
  await reopen();
  expect(states()).toEqual(["healthy", "healthy"]);
});
