import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { afterEach, describe, expect, test } from "vitest";
import { type Future, promiseOf, runTask, type Task, wait } from "../../ts/base/task.ts";
import { SocketChannel } from "../../ts/host/socket-channel.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Both ends of a connection that HTTP let go of: whoever asked, and a channel at whoever accepted. */
async function connected(): Promise<{ readonly client: Duplex; readonly channel: SocketChannel }> {
  const server = createServer();
  closers.push(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const accepted = new Promise<SocketChannel>((resolve) => {
    server.on("upgrade", (_request, socket, head) => {
      closers.push(() => socket.destroy());
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
      resolve(new SocketChannel(socket, head, "accepted"));
    });
  });
  const { port } = server.address() as AddressInfo;
  const outgoing = request({
    port,
    host: "127.0.0.1",
    headers: { Connection: "Upgrade", Upgrade: "x" },
  });
  const client = new Promise<Duplex>((resolve) => {
    outgoing.on("upgrade", (_answer, socket) => resolve(socket.on("error", () => undefined)));
  });
  outgoing.end();
  return { client: await client, channel: await accepted };
}

function* received(channel: SocketChannel): Task<Uint8Array | undefined> {
  return yield* wait(channel.receive());
}
const receive = (channel: SocketChannel): Promise<Uint8Array | undefined> =>
  promiseOf(runTask(received(channel)));

function* filledIn(channel: SocketChannel, room: Uint8Array): Task<number> {
  return yield* wait(channel.receiveInto(room));
}

function* lent(channel: SocketChannel, part: Uint8Array, head = new Uint8Array()): Task<void> {
  yield* wait(channel.sendLent([head, part], part.byteOffset));
}

const byteAt = (at: number): number => (at * 31 + (at >>> 12)) & 255;

/** Bytes that came, and the memory that they came in. */
async function readAll(channel: SocketChannel, pauses = false) {
  const memory = new Set<ArrayBufferLike>();
  let count = 0;
  let wrong = 0;
  for (;;) {
    const bytes = await receive(channel);
    if (!bytes) return { count, memory, wrong };
    memory.add(bytes.buffer);
    if (pauses) await new Promise((resolve) => setTimeout(resolve, 2));
    for (const byte of bytes) if (byte !== byteAt(count++)) wrong++;
  }
}

describe("a channel that a server accepted", () => {
  test("reads into few buffers, again and again, and every byte is right", async () => {
    const { channel, client } = await connected();
    const sent = Uint8Array.from({ length: 24 << 20 }, (_, at) => byteAt(at));
    client.end(sent);
    const { count, memory, wrong } = await readAll(channel);
    expect({ count, wrong }).toEqual({ count: sent.length, wrong: 0 });
    expect(memory.size).toBeLessThan(24);
  });

  test("keeps what its reader has not taken yet, however slow that is", async () => {
    const { channel, client } = await connected();
    const sent = Uint8Array.from({ length: 6 << 20 }, (_, at) => byteAt(at));
    client.end(sent);
    const { count, wrong } = await readAll(channel, true);
    expect({ count, wrong }).toEqual({ count: sent.length, wrong: 0 });
  });

  test("reads into the room that its reader gives, and not behind it", async () => {
    const { channel, client } = await connected();
    const sent = Uint8Array.from({ length: 9 << 20 }, (_, at) => byteAt(at));
    client.end(sent);
    const room = new Uint8Array((1 << 20) + 4_000);
    let count = 0;
    let wrong = 0;
    const look = (bytes: Uint8Array): void => {
      for (const byte of bytes) if (byte !== byteAt(count++)) wrong++;
    };
    for (;;) {
      room.fill(0);
      const filled = await promiseOf(runTask(filledIn(channel, room.subarray(0, 1 << 20))));
      look(room.subarray(0, filled));
      expect(room.subarray(1 << 20).every((byte) => byte === 0)).toBe(true);
      if (filled < 1 << 20) break;
      const chunk = await receive(channel);
      if (!chunk) break;
      look(chunk);
    }
    expect({ count, wrong }).toEqual({ count: sent.length, wrong: 0 });
    expect(channel.receivedBytes).toBe(sent.length);
  });

  test("answers, and ends when its peer does", async () => {
    const { channel, client } = await connected();
    await channel.send(Uint8Array.of(1, 2, 3));
    const [answer] = await new Promise<[Buffer]>((resolve) =>
      client.once("data", (b: Buffer) => resolve([b])),
    );
    expect([...answer]).toEqual([1, 2, 3]);
    client.end();
    expect(await receive(channel)).toBeUndefined();
  });

  test("is over with its connection, and so is the socket that it took the place of", async () => {
    const { channel, client } = await connected();
    client.destroy();
    const end = receive(channel).then(
      (bytes) => bytes,
      (error: unknown) => (error as { code: string }).code,
    );
    expect([undefined, "WV_NETWORK"]).toContain(await end);
  });
});

describe("a sender", () => {
  test("lets others have their turn when what it sent took a while, however little that was", async () => {
    const { channel, client } = await connected();
    client.resume();
    expect(channel.send(new Uint8Array(8))).toBeUndefined();
    expect(channel.send(new Uint8Array(8))).toBeUndefined();
    for (const untilMs = performance.now() + 5; performance.now() < untilMs; );
    const blocked = channel.send(new Uint8Array(8));
    expect(blocked).toBeDefined();
    let isOver = false;
    const over = promiseOf(blocked as Future<void>).then(() => {
      isOver = true;
    });
    for (let i = 0; i < 10; i++) await undefined;
    expect(isOver).toBe(false);
    await over;
    expect(channel.send(new Uint8Array(8))).toBeUndefined();
  });

  test("that is lent parts is done with them once it says so: they change, what arrives does not", async () => {
    const { channel, client } = await connected();
    const sender = new SocketChannel(client);
    const memory = new Uint8Array(1 << 20);
    const frames = 12;
    const sending = (async () => {
      for (let frame = 0; frame < frames; frame++) {
        for (let i = 0; i < memory.length; i++) memory[i] = byteAt(frame * memory.length + i);
        // With room for what goes first in front of the rest, and without.
        const head = memory.slice(0, 16 + (frame % 2));
        const rest = memory.subarray(head.length);
        const part = frame % 3 === 0 ? rest.slice() : rest;
        await promiseOf(runTask(lent(sender, part, head)));
        part.fill(0xee);
      }
      sender.close();
    })();
    const { count, wrong } = await readAll(channel, true);
    await sending;
    expect({ count, wrong }).toEqual({ count: frames * memory.length, wrong: 0 });
  });

  test("that is broken while it has lent parts never looks at them again", async () => {
    const { channel, client } = await connected();
    const sender = new SocketChannel(client);
    const memory = new Uint8Array(64 << 20).fill(1);
    const stuck = promiseOf(runTask(lent(sender, memory))).then(
      () => "sent",
      (error: unknown) => error,
    );
    const reason = new Error("no more");
    sender.close();
    sender.abort(reason);
    expect(await stuck).toBe(reason);
    memory.fill(2);
    const { count } = await readAll(channel).catch(() => ({ count: 0 }));
    expect(count).toBeLessThan(memory.length);
    expect(client.destroyed).toBe(true);
  });
});
