import { connect, createServer, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import type { BlockBackend } from "../../ts/machine/block.ts";
import { MemoryDisk } from "../../ts/storage/memory-disk.ts";
import { NbdDisk } from "../../ts/storage/nbd/client.ts";
import { parseNbdUrl } from "../../ts/storage/nbd/protocol.ts";
import { NbdServer } from "../../ts/storage/nbd/server.ts";
import { createQcow2 } from "../../ts/storage/qcow2/create.ts";
import { Qcow2Disk } from "../../ts/storage/qcow2/qcow2-disk.ts";
import { isSameBytes } from "../device/fakes.ts";
import { MemoryFile } from "./memory-file.ts";

const BYTES = 1 << 20;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function serve(disk: BlockBackend, readOnly = false, port = 0): Promise<NbdServer> {
  const server = await NbdServer.listen({ exports: [{ name: "d", disk, readOnly }], port });
  cleanups.push(() => server.close());
  return server;
}

async function connectTo(port: number, options: object = {}): Promise<NbdDisk> {
  const disk = await NbdDisk.connect({ url: `nbd://127.0.0.1:${port}/d`, ...options });
  cleanups.push(() => disk.close());
  return disk;
}

test("a disk over NBD is the disk: many requests in flight, any order, any size", async () => {
  const server = await serve(new MemoryDisk({ content: BYTES }));
  const disk = await connectTo(server.port);
  expect([disk.bytes, disk.readOnly]).toEqual([BYTES, false]);
  const random = new Random(1);
  const model = new Uint8Array(BYTES);
  for (let round = 0; round < 10; round++) {
    const parts = Array.from({ length: 16 }, (_, i) => i * (BYTES / 16));
    await Promise.all(
      parts.map(async (start) => {
        const at = start + 512 * random.below(32);
        const data = random.bytes(new Uint8Array(512 * (1 + random.below(64))));
        model.set(data, at);
        await disk.write(at, data);
        if (random.below(3) > 0) return;
        model.fill(0, at, at + 512);
        await (random.below(2) === 0 ? disk.zero(at, 512) : disk.discard?.(at, 512));
      }),
    );
    await disk.flush();
    const all = new Uint8Array(BYTES);
    await Promise.all(parts.map((at) => disk.read(at, all.subarray(at, at + BYTES / 16))));
    expect(isSameBytes(all, model)).toBe(true);
  }
});

test("a qcow2 image is served; what it refuses is an error of one request", async () => {
  const file = new MemoryFile();
  createQcow2(file, { bytes: BYTES });
  const server = await serve(new Qcow2Disk({ file, readOnly: false }));
  const disk = await connectTo(server.port);
  await disk.write(4096, new Uint8Array(4096).fill(7));
  file.bytesMax = file.bytes;
  await expect(disk.write(512 * 1024, new Uint8Array(4096))).rejects.toMatchObject({
    code: "WV_DISK",
  });
  const back = new Uint8Array(4096);
  await disk.read(4096, back);
  expect(back.every((byte) => byte === 7)).toBe(true);
});

test("a read-only export is refused for writing, and read", async () => {
  const server = await serve(new MemoryDisk({ content: new Uint8Array(BYTES).fill(3) }), true);
  await expect(connectTo(server.port)).rejects.toThrow(/for reading only; add ,ro/);
  const disk = await connectTo(server.port, { readOnly: true });
  const into = new Uint8Array(512);
  await disk.read(0, into);
  expect(into[0]).toBe(3);
  await expect(disk.write(0, into)).rejects.toThrow(/not permitted/);
});

test("a client comes back to a server that was away, with what was asked and what was not flushed", async () => {
  const lossy = new MemoryDisk({ content: BYTES });
  const first = await serve(lossy);
  const { port } = first;
  const disk = await connectTo(port);
  await disk.write(0, new Uint8Array(512).fill(1));
  await disk.flush();
  const mine = Buffer.alloc(512, 2); // A `Buffer`, whose `slice` is no copy.
  await disk.write(512, mine);
  mine.fill(7);
  await disk.zero(1024, 512);
  await first.close();
  const waiting = disk.write(2048, new Uint8Array(512).fill(3));
  // The server that comes back has only what was flushed.
  const content = new Uint8Array(BYTES).fill(9);
  content.fill(1, 0, 512);
  await serve(new MemoryDisk({ content }), false, port);
  await waiting;
  await disk.flush();
  expect([content[0], content[512], content[1024], content[2048], content[4096]]).toEqual([
    1, 2, 0, 3, 9,
  ]);
});

test("a server that stays away costs the requests that wait, after a time that is bounded", async () => {
  const server = await serve(new MemoryDisk({ content: BYTES }));
  const disk = await connectTo(server.port, { reconnectMs: 300 });
  await server.close();
  await expect(disk.read(0, new Uint8Array(512))).rejects.toThrow(/broke and did not come back/);
  await serve(new MemoryDisk({ content: BYTES }), false, server.port || undefined).catch(
    () => undefined,
  );
});

test("a server whose disk is another one when it comes back is not believed", async () => {
  const first = await serve(new MemoryDisk({ content: BYTES }));
  const { port } = first;
  const disk = await connectTo(port);
  await first.close();
  await serve(new MemoryDisk({ content: 2 * BYTES }), false, port);
  await expect(disk.read(0, new Uint8Array(512))).rejects.toThrow(/the disk was another/);
  await expect(disk.flush()).rejects.toThrow(/the disk was another/);
});

test.each([
  ["nbd://h", { host: "h", port: 10809, name: "", isSecure: false }],
  ["nbds://[::1]:7/a%20b", { host: "::1", port: 7, name: "a b", isSecure: true }],
])("%s is understood", (url, expected) => {
  expect(parseNbdUrl(url)).toEqual(expected);
});
test.each(["nbd:/h", "nbd://", "nbd://h:0/x", "nbd://h:70000", "http://h"])("%s is not", (url) => {
  expect(() => parseNbdUrl(url)).toThrow(/expected an address like/);
});

/** Whatever speaks the fixed newstyle, and answers that it knows no structured replies. */
const GREETING = Buffer.from(
  "4e42444d4147494349484156454f50540003" + "0003e889045565a9000000088000000100000000",
  "hex",
);

describe("a server that lies:", () => {
  async function liar(talk: (socket: Socket) => void): Promise<number> {
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      talk(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => server.close());
    return (server.address() as { port: number }).port;
  }
  const hello = GREETING;
  const reply = (type: number, data: Buffer, option = 7): Buffer => {
    const head = Buffer.alloc(20);
    head.writeBigUInt64BE(0x0003_e889_0455_65a9n, 0);
    head.writeUInt32BE(option, 8);
    head.writeUInt32BE(type, 12);
    head.writeUInt32BE(data.length, 16);
    return Buffer.concat([head, data]);
  };
  const about = (bytes: bigint, flags = 5): Buffer => {
    const data = Buffer.alloc(12);
    data.writeBigUInt64BE(bytes, 2);
    data.writeUInt16BE(flags, 10);
    return reply(3, data);
  };
  const ack = reply(1, Buffer.alloc(0));

  test.each([
    ["it is no NBD server", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"), /no NBD server/],
    [
      "it speaks the old style",
      Buffer.concat([hello.subarray(0, 8), Buffer.alloc(10)]),
      /old kind/,
    ],
    [
      "it answers another option",
      Buffer.concat([hello, reply(1, Buffer.alloc(0), 3)]),
      /keep to NBD/,
    ],
    ["it says nothing of the disk", Buffer.concat([hello, ack]), /how large the disk is/],
    ["its disk is beyond reason", Buffer.concat([hello, about(2n ** 63n), ack]), /cannot be/],
    ["its disk is crooked", Buffer.concat([hello, about(1000n), ack]), /multiple of 512/],
    [
      "it announces 4 GiB of reply",
      Buffer.concat([hello, reply(3, Buffer.alloc(0)).fill(255, 16)]),
      /keep to NBD/,
    ],
    [
      "it never comes to an end",
      Buffer.concat([hello, ...Array.from({ length: 1100 }, () => about(512n))]),
      /to an end/,
    ],
    ["it leaves", hello.subarray(0, 10), /cannot reach it/],
  ])("%s", async (_, bytes, message) => {
    const port = await liar((socket) => void socket.end(bytes));
    await expect(connectTo(port)).rejects.toThrow(message);
    await expect(connectTo(port)).rejects.toMatchObject({ code: "WV_DISK" });
  });

  test.each([
    ["answers that are none", Buffer.alloc(16, 1)],
    ["answers to what was never asked", Buffer.from("67446698000000000000000000000063", "hex")],
  ])("%s end it, and nothing is asked again", async (_, bytes) => {
    let connections = 0;
    const port = await liar((socket) => {
      connections++;
      socket.write(Buffer.concat([hello, about(BigInt(BYTES)), ack]));
      let seen = 0;
      socket.on("data", (data) => {
        seen += data.length;
        if (seen > 40) socket.write(bytes);
      });
    });
    const disk = await connectTo(port);
    await expect(disk.read(0, new Uint8Array(512))).rejects.toMatchObject({ code: "WV_DISK" });
    await expect(disk.flush()).rejects.toMatchObject({ code: "WV_DISK" });
    expect(connections).toBe(1);
  });
});

describe("a server that is there and does not do its work:", () => {
  const hello = GREETING;
  const about = Buffer.alloc(20 + 12 + 20);
  for (const [at, type, bytes] of [
    [0, 3, 12],
    [32, 1, 0],
  ] as const) {
    about.writeBigUInt64BE(0x0003_e889_0455_65a9n, at);
    about.writeUInt32BE(7, at + 8);
    about.writeUInt32BE(type, at + 12);
    about.writeUInt32BE(bytes, at + 16);
  }
  about.writeBigUInt64BE(BigInt(BYTES), 22);
  about.writeUInt16BE(5, 30);
  const greeting = Buffer.concat([hello, about]);

  async function server(talk: (socket: Socket, connection: number) => void): Promise<number> {
    let connections = 0;
    const made = createServer((socket) => {
      socket.on("error", () => undefined);
      cleanups.push(() => socket.destroy());
      talk(socket, connections++);
    });
    await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => made.close());
    return (made.address() as { port: number }).port;
  }
  /** Each request by its own, after the greeting. */
  function onRequest(socket: Socket, answer: (request: Buffer) => void): void {
    let pending = Buffer.alloc(0);
    let isGreeted = false;
    socket.on("data", (data) => {
      pending = Buffer.concat([pending, data as Buffer]);
      const at = pending.indexOf("25609513", "hex");
      if (!isGreeted && at >= 0) pending = pending.subarray(at);
      isGreeted ||= at >= 0;
      while (isGreeted && pending.length >= 28) {
        const isWrite = pending.readUInt16BE(6) === 1;
        const bytes = 28 + (isWrite ? pending.readUInt32BE(24) : 0);
        if (pending.length < bytes) return;
        answer(pending.subarray(0, bytes));
        pending = pending.subarray(bytes);
      }
    });
  }
  const ok = (request: Buffer): Buffer =>
    Buffer.concat([Buffer.from("6744669800000000", "hex"), request.subarray(8, 16)]);

  test("one that greets a byte at a time without end is given up", async () => {
    const port = await server((socket) => {
      const timer = setInterval(() => socket.write(hello.subarray(0, 1)), 40);
      cleanups.push(() => clearInterval(timer));
    });
    await expect(connectTo(port, { requestMs: 200 })).rejects.toThrow(
      /does not come to an end|no NBD server/,
    );
    const mute = await server(() => undefined);
    await expect(connectTo(mute, { requestMs: 100 })).rejects.toThrow(/does not come to an end/);
  });

  test("one that takes requests and never answers costs them, however often it is there again", async () => {
    let connections = 0;
    const port = await server((socket) => {
      connections++;
      socket.write(greeting);
    });
    const disk = await connectTo(port, { requestMs: 40 });
    await expect(disk.read(0, new Uint8Array(512))).rejects.toThrow(
      /takes requests and answers none/,
    );
    expect(connections).toBe(4);
  });

  test("one that lies about what is asked again costs all that waits, at once", async () => {
    const port = await server((socket, connection) => {
      socket.write(greeting);
      onRequest(socket, (request) => {
        const isWrite = request.readUInt16BE(6) === 1;
        if (connection > 0) socket.write(Buffer.alloc(16, 1));
        else if (isWrite) socket.write(ok(request));
        else socket.destroy();
      });
    });
    const disk = await connectTo(port);
    await disk.write(0, new Uint8Array(512));
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error("late")), 5000));
    await expect(Promise.race([disk.read(0, new Uint8Array(512)), late])).rejects.toThrow(
      /no NBD reply/,
    );
  });

  test.each([
    ["in pieces, though that was not agreed on", "668e33ef00010001", /no NBD reply/],
    ["twice", "6744669800000000", /not asked, or twice/],
  ])("one that answers %s is not believed again", async (_, head, message) => {
    const port = await server((socket) => {
      socket.write(greeting);
      onRequest(socket, (request) => {
        const answer = Buffer.concat([Buffer.from(head, "hex"), request.subarray(8, 16)]);
        socket.write(Buffer.concat([answer, answer]));
      });
    });
    const disk = await connectTo(port);
    await disk.flush().catch(() => undefined);
    await expect(disk.flush()).rejects.toThrow(message);
  });
});

describe("a client that lies", () => {
  const request = (command: number, offset: bigint, bytes: number, magic = 0x25609513): Buffer => {
    const head = Buffer.alloc(28);
    head.writeUInt32BE(magic, 0);
    head.writeUInt16BE(command, 6);
    head.writeBigUInt64BE(7n, 8);
    head.writeBigUInt64BE(offset, 16);
    head.writeUInt32BE(bytes, 24);
    return head;
  };
  const option = (id: number, data: Buffer, bytes = data.length): Buffer => {
    const head = Buffer.alloc(16);
    head.write("IHAVEOPT");
    head.writeUInt32BE(id, 8);
    head.writeUInt32BE(bytes, 12);
    return Buffer.concat([head, data]);
  };
  const flags = Buffer.from([0, 0, 0, 3]);
  const start = Buffer.concat([flags, option(1, Buffer.from("d"))]);

  /** What comes back until the server hangs up, or has been silent for a while. */
  async function talk(
    port: number,
    ...parts: Buffer[]
  ): Promise<{ answer: Buffer; hungUp: boolean }> {
    const socket = connect(port, "127.0.0.1");
    const got: Buffer[] = [];
    let hungUp = false;
    socket.on("data", (data) => got.push(data));
    socket.on("error", () => undefined);
    for (const part of parts) socket.write(part);
    await new Promise<void>((resolve) => {
      socket.on("close", () => {
        hungUp = true;
        resolve();
      });
      setTimeout(resolve, 400);
    });
    socket.destroy();
    return { answer: Buffer.concat(got), hungUp };
  }

  test.each([
    ["beyond the end", request(0, BigInt(BYTES), 512), 22],
    ["near 2^64", request(0, 2n ** 64n - 512n, 512), 22],
    ["of 4 GiB", request(0, 0n, 0xffff_ffff), 22],
    ["that is no command", request(99, 0n, 512), 22],
    ["for the state of blocks that was not agreed on", request(7, 0n, 512), 22],
  ])("with a request %s gets an error, and the next request works", async (_, bad, error) => {
    const { port } = await serve(new MemoryDisk({ content: BYTES }));
    const { answer, hungUp } = await talk(port, start, bad, request(0, 0n, 16));
    const replies = answer.subarray(18 + 10);
    expect(replies.readUInt32BE(4)).toBe(error);
    expect(replies.length).toBe(16 + 16 + 16);
    expect(hungUp).toBe(false);
  });

  test.each([
    ["no magic", [start, request(0, 0n, 512, 1)]],
    ["a write of 1 GiB", [start, request(1, 0n, 1 << 30)]],
    ["flags nobody offered", [Buffer.from([255, 0, 0, 0])]],
    ["no option", [flags, Buffer.alloc(16)]],
    ["an export there is not", [flags, option(1, Buffer.from("other"))]],
  ])("with %s is hung up on, others are not", async (_, parts) => {
    const { port } = await serve(new MemoryDisk({ content: BYTES }));
    const other = await connectTo(port);
    expect((await talk(port, ...parts)).hungUp).toBe(true);
    await other.write(0, new Uint8Array(512));
  });

  test("with options that are broken is told so, and may go on", async () => {
    const { port } = await serve(new MemoryDisk({ content: BYTES }));
    const bad = [
      option(7, Buffer.alloc(0)),
      option(7, Buffer.from([255, 255, 255, 255, 0, 0])),
      option(10, Buffer.from([0, 0, 0, 1, 100, 0, 0, 0, 9])),
      option(3, Buffer.from("x")),
      option(5, Buffer.alloc(0)),
      option(77, Buffer.alloc(100)),
      option(77, Buffer.alloc(70_000)),
    ];
    const { answer } = await talk(port, flags, ...bad, option(1, Buffer.from("d")));
    const types = bad.map((_, i) => answer.readUInt32BE(18 + 20 * i + 12) - 0x8000_0000);
    expect(types).toEqual([3, 3, 3, 3, 2, 1, 9]);
    expect(answer.readBigUInt64BE(18 + 20 * bad.length)).toBe(BigInt(BYTES));
  });

  test("who asks for much and reads nothing makes the server hold little", async () => {
    let asked = 0;
    const inner = new MemoryDisk({ content: 32 << 20 });
    const { port } = await serve({
      bytes: inner.bytes,
      readOnly: true,
      read: () => {
        asked++;
      },
      write: () => undefined,
      flush: () => undefined,
    });
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.pause();
    socket.write(start);
    for (let i = 0; i < 100; i++) socket.write(request(0, 0n, 32 << 20));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(asked).toBeGreaterThan(0);
    expect(asked).toBeLessThan(5);
    socket.destroy();
  });
});
