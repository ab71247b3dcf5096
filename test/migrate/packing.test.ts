/** Pages that go packed: less of them, the same guest, and nothing that a liar could gain. */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { Random } from "../../ts/base/random.ts";
import { runTask, type Task } from "../../ts/base/task.ts";
import { deflatePacker } from "../../ts/host/migrations/deflate.ts";
import { type Packer, PagePacker, unpackFrame } from "../../ts/migrate/packing.ts";
import type { RoundStats } from "../../ts/migrate/stats.ts";
import { FRAME_PACKED, FRAME_PAGES, storeU32 } from "../../ts/migrate/stream.ts";
import type { Fault } from "./faulty-channel.ts";
import { checkOneRuns, Scene, type SceneOptions } from "./scene.ts";

const seed = Number(process.env["FUZZ_SEED"] ?? 1);
let packs = 0;
const packer: Packer = {
  name: "deflate",
  pack: (bytes) => {
    packs++;
    return deflateRawSync(bytes, { level: 1 });
  },
  unpack: (bytes, maxOutputLength) => inflateRawSync(bytes, { maxOutputLength }),
};

function result<T>(task: Task<T>): T {
  let value: T | undefined;
  let reason: unknown;
  runTask(task).observe((o) => {
    if (o.ok) value = o.value;
    else reason = o.reason;
  });
  if (reason !== undefined) throw reason;
  return value as T;
}

const scene = (more: SceneOptions = {}): Scene =>
  new Scene({
    seed,
    pages: 96,
    writesPerMs: 3,
    ...more,
    source: { packer, roundsMax: 4, onLimit: "stop", ...more.source },
    target: { packer, ...more.target },
  });

describe.each(["pre-copy", "stop-and-copy", "hybrid", "post-copy"] as const)("%s", (strategy) => {
  test.each([1, 3])("packed, over %i connections", (channels) => {
    const plain = scene({ source: { strategy, channels, packer: undefined } });
    const packed = scene({ source: { strategy, channels } });
    for (const one of [plain, packed]) {
      expect(one.run().state).toBe("completed");
      checkOneRuns(one, strategy);
    }
    const { packing, transferredBytes } = packed.snapshot;
    expect(plain.snapshot.packing.packedBytes).toBe(0);
    // 64 bytes of each page are random, the rest is zero.
    expect(packing.unpackedBytes / packing.packedBytes).toBeGreaterThan(10);
    if (strategy === "stop-and-copy")
      expect(transferredBytes).toBeLessThan(plain.snapshot.transferredBytes / 10);
  });
});

describe("the push of post-copy", () => {
  const options = { strategy: "post-copy", bandwidthCapBytesPerSec: 100_000 } as const;

  test("goes packed under a cap, and takes less time; what somebody waits for goes as it is", () => {
    const plain = scene({ pages: 200, source: { ...options, packer: undefined } });
    const packed = scene({ pages: 200, source: options });
    for (const one of [plain, packed]) {
      expect(one.run().state).toBe("completed");
      checkOneRuns(one, "post-copy");
    }
    expect(packed.snapshot.totalNs).toBeLessThan(plain.snapshot.totalNs / 2);
    const { normalPages, packing, postcopyRequests, zeroPages } = packed.snapshot;
    expect(normalPages + zeroPages).toBe(200);
    const packedPages = packing.unpackedBytes / 4096;
    expect(packedPages).toBeGreaterThan(20);
    expect(packedPages).toBeLessThan(200 - postcopyRequests / 2);
  });

  test.each(["cut", "flip", "silence"] as Fault[])("%s at any byte: one side runs", (fault) => {
    const of = { source: options, recovers: true };
    const clean = scene(of);
    clean.run();
    const end = clean.toTarget.boundaries.at(-1) as number;
    const random = new Random(seed).split(`post-copy ${fault}`);
    for (let i = 0; i < 40; i++) {
      const atByte = random.below(end);
      const one = scene({ ...of, faultToTarget: { fault, atByte } });
      one.run();
      checkOneRuns(one, `FUZZ_SEED=${seed} post-copy ${fault} at byte ${atByte}`);
    }
  });
});

test("a target that unpacks nothing gets them as they are", () => {
  const one = scene({ target: { packer: undefined } });
  const { state, stats } = one.run();
  expect([state, stats.packing.packedBytes]).toEqual(["completed", 0]);
  checkOneRuns(one, "no packer");
});

test("the cap is of what goes over the link", () => {
  const source = { strategy: "pre-copy", bandwidthCapBytesPerSec: 40_000, batchPages: 8 } as const;
  const run = (of?: Packer) => {
    const one = scene({ pages: 400, writesPerMs: 1, source: { ...source, packer: of } });
    return one.run().stats;
  };
  const [plain, packed] = [run(), run(packer)];
  expect(packed.totalNs).toBeLessThan(plain.totalNs / 5);
  // Later the guest stands still, and the cap is lifted.
  const [{ bytes, durationNs }] = packed.rounds as [RoundStats];
  // The last window is as good as none of its time.
  expect(bytes).toBeLessThan(1.1 * 4000 * Math.ceil(durationNs / 1e8));
});

test("what is left counts as what it is when packed: it stops as soon as that fits the downtime", () => {
  const downtimeLimitNs = 8e6;
  const source = {
    strategy: "pre-copy",
    policy: "qemu",
    hotPages: "send",
    downtimeLimitNs,
  } as const;
  const limits = { roundsMax: 1000, onLimit: "fail" } as const;
  const one = scene({ pages: 1000, writesPerMs: 40, source: { ...source, ...limits } });
  const { state, stats } = one.run();
  checkOneRuns(one, "packed");
  expect(state).toBe("completed");
  // More than the link of 4 MB/s moves within the limit, and it was kept all the same.
  const { remainingPages } = stats.rounds.at(-2) as RoundStats;
  expect((remainingPages * 4096) / 4e6).toBeGreaterThan(2 * 0.008);
  expect(stats.downtimeNs).toBeLessThan(1.5 * downtimeLimitNs);
});

test.each(["cut", "flip", "silence"] as Fault[])("%s at any byte: one side runs", (fault) => {
  const clean = scene();
  clean.run();
  const end = clean.toTarget.boundaries.at(-1) as number;
  const random = new Random(seed).split(fault);
  for (let i = 0; i < 60; i++) {
    const atByte = random.below(end);
    const one = scene({ faultToTarget: { fault, atByte } });
    one.run();
    checkOneRuns(one, `FUZZ_SEED=${seed} ${fault} at byte ${atByte}`);
  }
});

describe("what does not get smaller", () => {
  test("goes as it is, and is tried less and less often", () => {
    const page = new Random(seed).bytes(new Uint8Array(65_536));
    const pages = new PagePacker(packer);
    packs = 0;
    for (let i = 0; i < 200; i++) expect(result(pages.pack(page))).toBeUndefined();
    expect(packs).toBeLessThan(12);
    expect(pages.packedBytes).toBe(0);
    let payload: readonly Uint8Array[] | undefined;
    for (let i = 0; i < 40 && !payload; i++) payload = result(pages.pack(new Uint8Array(65_536)));
    expect(payload?.[1]?.length).toBeLessThan(1000);
  });

  test("is not even tried when it is small", () => {
    packs = 0;
    expect(result(new PagePacker(packer).pack(new Uint8Array(1000)))).toBeUndefined();
    expect(packs).toBe(0);
  });
});

describe("a frame", () => {
  const frame = (bytes: number, packed: Uint8Array) => {
    const payload = new Uint8Array(4 + packed.length);
    storeU32(payload, 0, bytes);
    payload.set(packed, 4);
    return { type: FRAME_PACKED, sequence: 7, offset: 100, payload };
  };
  const zeros = deflateRawSync(new Uint8Array(1 << 20));

  test("is what it was", () => {
    const { payload, type } = result(unpackFrame(frame(1 << 20, zeros), FRAME_PAGES, packer));
    expect([type, payload.length, payload.every((byte) => byte === 0)]).toEqual([
      FRAME_PAGES,
      1 << 20,
      true,
    ]);
  });

  test.each([
    ["cut", { ...frame(0, zeros), payload: new Uint8Array(3) }, "PACKED: cut"],
    ["larger than it says", frame((1 << 20) - 1, zeros), "not what deflate makes"],
    ["smaller than it says", frame((1 << 20) + 1, zeros), "1048576 bytes instead of 1048577"],
    ["larger than any", frame(1 << 30, zeros), "PACKED: of 1073741824 bytes"],
    ["damaged", frame(1 << 20, zeros.subarray(0, 500)), "not what deflate makes"],
    ["rubbish", frame(100, new Uint8Array(50).fill(0xff)), "not what deflate makes"],
  ])("that is %s is refused", (_what, wrong, why) => {
    expect(() => result(unpackFrame(wrong, FRAME_PAGES, packer))).toThrowError(
      expect.objectContaining({ code: "WV_BAD_STREAM", message: expect.stringContaining(why) }),
    );
  });

  test("of the hosts' packer is bounded, too", async () => {
    const hosts = deflatePacker(9);
    const packed = await hosts.pack(new Uint8Array(5 << 20));
    expect(packed.length).toBeLessThan(10_000);
    expect((await hosts.unpack(packed, 5 << 20)).length).toBe(5 << 20);
    await expect(hosts.unpack(packed, (5 << 20) - 1)).rejects.toThrow();
    await expect(hosts.unpack(packed, 0)).rejects.toThrow();
  });
});
