/** Answers in chunks (structured replies): what a client takes, in any order, and what it does not believe. */
import { createServer, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import { MemoryDisk } from "../../ts/storage/memory-disk.ts";
import { NbdDisk } from "../../ts/storage/nbd/client.ts";
import { Covered } from "../../ts/storage/nbd/covered.ts";
import { NbdServer } from "../../ts/storage/nbd/server.ts";

const BYTES = 1 << 20;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const u64 = (value: number | bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
};

type Chunk = readonly [type: number, isLast: boolean, ...parts: readonly Uint8Array[]];
const DATA = 1;
const HOLE = 2;
const ERROR = 0x8001;
const ERROR_OFFSET = 0x8002;
const data = (at: number, bytes: number, fill: number, isLast = false): Chunk => [
  DATA,
  isLast,
  u64(at),
  Buffer.alloc(bytes, fill),
];
const hole = (at: number, bytes: number, isLast = false): Chunk => [
  HOLE,
  isLast,
  u64(at),
  u32(bytes),
];
const error = (number: number, text: string, isLast = true): Chunk => [
  ERROR,
  isLast,
  u32(number),
  u16(text.length),
  Buffer.from(text),
];
const NONE: Chunk = [0, true];

function encoded(cookie: Uint8Array, [type, isLast, ...parts]: Chunk): Buffer {
  const body = Buffer.concat(parts);
  const head = [Buffer.from("668e33ef", "hex"), u16(Number(isLast)), u16(type), cookie];
  return Buffer.concat([...head, u32(body.length), body]);
}

type Answer = (request: Buffer) => Uint8Array[];
const chunks =
  (...all: readonly Chunk[]): Answer =>
  (request) =>
    all.map((one) => encoded(request.subarray(8, 16), one));

/** A client of a server that agrees on structured replies, and answers each request so. */
async function clientOf(answer: Answer): Promise<NbdDisk> {
  const made = createServer((socket: Socket) => {
    socket.on("error", () => undefined);
    cleanups.push(() => socket.destroy());
    const reply = (option: number, type: number, body: Uint8Array) =>
      socket.write(
        Buffer.concat([
          u64(0x0003_e889_0455_65a9n),
          u32(option),
          u32(type),
          u32(body.length),
          body,
        ]),
      );
    socket.write(Buffer.from("4e42444d4147494349484156454f50540003", "hex"));
    reply(8, 1, new Uint8Array());
    reply(7, 3, Buffer.concat([u16(0), u64(BYTES), u16(5)]));
    reply(7, 1, new Uint8Array());
    let pending = Buffer.alloc(0);
    socket.on("data", (bytes) => {
      pending = Buffer.concat([pending, bytes as Buffer]);
      for (let at = pending.indexOf("25609513", "hex"); at >= 0 && pending.length >= at + 28; ) {
        for (const one of answer(pending.subarray(at, at + 28))) socket.write(one);
        pending = pending.subarray(at + 28);
        at = pending.indexOf("25609513", "hex");
      }
    });
  });
  await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => made.close());
  const { port } = made.address() as { port: number };
  const disk = await NbdDisk.connect({ url: `nbd://127.0.0.1:${port}/d`, requestMs: 2000 });
  cleanups.push(() => disk.close());
  return disk;
}

const filled = (...runs: readonly (readonly [bytes: number, value: number])[]): Buffer =>
  Buffer.concat(runs.map(([bytes, value]) => Buffer.alloc(bytes, value)));

describe("a read is whole when its last chunk is there", () => {
  test.each([
    ["data", [data(4096, 1024, 7, true)], filled([1024, 7])],
    ["a hole", [hole(4096, 1024, true)], filled([1024, 0])],
    [
      "pieces in any order, and an end of its own",
      [data(4608, 512, 2), hole(4096, 100), data(4196, 412, 1), NONE],
      filled([100, 0], [412, 1], [512, 2]),
    ],
  ] as const)("%s", async (_, answer, expected) => {
    const disk = await clientOf(chunks(...answer));
    const into = Buffer.alloc(1024, 255);
    await disk.read(4096, into);
    expect(Buffer.compare(into, expected)).toBe(0);
  });

  test("chunks of several requests come between each other", async () => {
    const asked: Buffer[] = [];
    const disk = await clientOf((request) => {
      asked.push(Buffer.from(request.subarray(8, 16)));
      const [a, b] = asked;
      if (!a || !b) return [];
      return [
        encoded(b, data(512, 256, 2)),
        encoded(a, data(0, 512, 1, true)),
        encoded(b, hole(768, 256, true)),
      ];
    });
    const [a, b] = [Buffer.alloc(512, 9), Buffer.alloc(512, 9)];
    await Promise.all([disk.read(0, a), disk.read(512, b)]);
    expect(Buffer.compare(a, filled([512, 1]))).toBe(0);
    expect(Buffer.compare(b, filled([256, 2], [256, 0]))).toBe(0);
  });

  test("a flush is answered by an empty chunk, or a simple reply", async () => {
    let isSimple = false;
    const disk = await clientOf((request) => {
      const cookie = request.subarray(8, 16);
      return isSimple
        ? [Buffer.concat([Buffer.from("6744669800000000", "hex"), cookie])]
        : [encoded(cookie, NONE)];
    });
    await disk.flush();
    isSimple = true;
    await disk.flush();
  });
});

describe("an error is the request's alone, with what the server says of it", () => {
  test.each([
    [
      "at once",
      [error(28, "pool is full")],
      /no space left on its device \(it says: pool is full\)$/,
    ],
    ["after some data", [data(0, 512, 1), error(5, "")], /input\/output error$/],
    [
      "of a place",
      [[ERROR_OFFSET, false, u32(5), u16(3), Buffer.from("bad"), u64(700)], NONE],
      /input\/output error at 700 \(it says: bad\)$/,
    ],
    [
      "of a kind to come",
      [[0x8077, true, u32(22), u16(1), Buffer.from("?1234")]],
      /invalid request/,
    ],
    [
      "that is followed by another",
      [error(1, "first", false), error(5, "second")],
      /permitted \(it says: first\)$/,
    ],
    ["with bytes that no terminal should see", [error(5, "a\u001b[2Jb")], /says: a\?\[2Jb\)$/],
  ] as [string, Chunk[], RegExp][])("%s", async (_, answer, message) => {
    let isFirst = true;
    const disk = await clientOf((request) => {
      const now = isFirst ? answer : [data(0, 1024, 3, true)];
      isFirst = false;
      return chunks(...now)(request);
    });
    const into = Buffer.alloc(1024);
    await expect(disk.read(0, into)).rejects.toThrow(message);
    await disk.read(0, into);
    expect(into[0]).toBe(3);
  });
});

describe("a server is not believed again that answers a read of 1024 bytes at 4096 with", () => {
  test.each([
    ["too little", [data(4096, 1023, 1, true)], /left out some/],
    ["all but its beginning", [data(4097, 1023, 1, true)], /left out some/],
    ["a gap", [data(4096, 500, 1), data(4600, 520, 1, true)], /left out some/],
    ["nothing", [NONE], /left out some/],
    ["the same twice", [data(4096, 512, 1), data(4096, 512, 1, true)], /same content twice/],
    ["an overlap", [hole(4096, 600), data(4695, 425, 1, true)], /same content twice/],
    ["what lies before", [data(4095, 512, 1, true)], /beyond what was read/],
    ["what lies behind", [hole(4096, 1025, true)], /beyond what was read/],
    [
      "an offset of 2^64-1",
      [[DATA, true, u64(2n ** 64n - 1n), Buffer.alloc(4)]],
      /beyond what was read/,
    ],
    ["data of no bytes", [data(4096, 0, 1, true)], /chunk of no data/],
    ["data without a place", [[DATA, true, Buffer.alloc(7)]], /chunk of no data/],
    ["a hole of no bytes", [hole(4096, 0, true)], /hole of no bytes/],
    ["a hole of 13 bytes", [[HOLE, true, Buffer.alloc(13)]], /hole of no shape/],
    ["an empty chunk in the middle", [[0, false]], /empty chunk/],
    ["an empty chunk that is not", [[0, true, Buffer.alloc(1)]], /empty chunk/],
    ["the state of its blocks", [[5, true, Buffer.alloc(12)]], /type 5, not asked for/],
    ["a chunk of another kind", [[77, true]], /type 77, not asked for/],
    ["an error without a number", [error(0, "")], /error that is none/],
    ["an error of 5 bytes", [[ERROR, true, Buffer.alloc(5)]], /error of 5 bytes/],
    [
      "an error of 1 GiB",
      [[ERROR, true, Buffer.alloc(0), Buffer.alloc(5000)]],
      /error of 5000 bytes/,
    ],
    [
      "an error whose text is longer",
      [[ERROR, true, u32(5), u16(9), Buffer.from("short")]],
      /another length/,
    ],
    [
      "an error of another place",
      [[ERROR_OFFSET, true, u32(5), u16(0), u64(5120)]],
      /not asked about/,
    ],
    ["errors without end", Array.from({ length: 70 }, () => error(5, "", false)), /come to an end/],
  ] as [string, Chunk[], RegExp][])("%s", async (_, answer, message) => {
    const disk = await clientOf(chunks(...answer));
    const refusal = { code: "WV_DISK", message: expect.stringMatching(message) };
    await expect(disk.read(4096, Buffer.alloc(1024))).rejects.toMatchObject(refusal);
    await expect(disk.flush()).rejects.toMatchObject(refusal);
  });

  test.each([
    ["a simple reply", () => [Buffer.from("6744669800000000", "hex")], /one piece/],
    [
      "an answer to another request",
      () => [Buffer.from("668e33ef00010000", "hex"), u64(99)],
      /not asked/,
    ],
  ] as const)("%s", async (_, heads, message) => {
    const disk = await clientOf((request) => {
      const [head, cookie = request.subarray(8, 16)] = heads() as Buffer[];
      return [head as Buffer, cookie, Buffer.alloc(1024)];
    });
    await expect(disk.read(4096, Buffer.alloc(1024))).rejects.toThrow(message);
  });

  test("more pieces than anybody needs", async () => {
    const disk = await clientOf((request) =>
      chunks(...Array.from({ length: 5000 }, (_, i) => data(2 * i, 1, 1)))(request),
    );
    await expect(disk.read(0, Buffer.alloc(10_000))).rejects.toThrow(/too many pieces/);
  });
});

test("a write is not answered with data", async () => {
  const disk = await clientOf((request) =>
    chunks(request.readUInt16BE(6) === 0 ? NONE : data(0, 512, 1, true))(request),
  );
  await expect(disk.write(0, new Uint8Array(512))).rejects.toThrow(/nobody reads/);
});

test("holes of our server's disks are not carried", async () => {
  const content = new MemoryDisk({ content: BYTES });
  let sent = 0;
  const server = await NbdServer.listen({
    exports: [
      {
        name: "d",
        disk: {
          bytes: BYTES,
          readOnly: true,
          read: (offset, into) => {
            sent += into.length;
            return content.read(offset, into);
          },
          write: () => undefined,
          flush: () => undefined,
          extent: (offset, bytes) => ({
            bytes: Math.min(bytes, 65536 - (offset % 65536)),
            isZero: Math.floor(offset / 65536) % 2 === 1,
            isAllocated: true,
          }),
        },
      },
    ],
    port: 0,
  });
  cleanups.push(() => server.close());
  content.write(0, new Uint8Array(BYTES).fill(5));
  const disk = await NbdDisk.connect({ url: `nbd://127.0.0.1:${server.port}/d`, readOnly: true });
  cleanups.push(() => disk.close());
  const all = Buffer.alloc(BYTES, 255);
  await disk.read(0, all);
  const runs = Array.from({ length: 16 }, (_, i) => [65536, i % 2 === 0 ? 5 : 0] as const);
  expect(Buffer.compare(all, filled(...runs))).toBe(0);
  expect(sent).toBe(BYTES / 2);
});

test("what is covered is kept as a bitmap would keep it", () => {
  const random = new Random(5);
  for (let round = 0; round < 300; round++) {
    const covered = new Covered();
    const model = new Uint8Array(64);
    for (let i = 0; i < 40; i++) {
      const from = random.below(64);
      const to = from + 1 + random.below(Math.min(12, 64 - from));
      const isFree = model.subarray(from, to).every((one) => one === 0);
      expect(covered.add(from, to)).toBe(isFree);
      if (isFree) model.fill(1, from, to);
      expect(covered.isWhole(64)).toBe(model.every((one) => one === 1));
    }
  }
});
