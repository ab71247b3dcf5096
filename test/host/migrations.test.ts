/** Many migrations of one host at a time, on a virtual clock: the queue, the shares of the link, the jobs. */
import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../ts/base/clock.ts";
import { Random } from "../../ts/base/random.ts";
import { runTask, type Task, wait } from "../../ts/base/task.ts";
import { MigrationJobs } from "../../ts/host/migrations/jobs.ts";
import { LinkShares, type SharedChannel } from "../../ts/host/migrations/link-shares.ts";
import { MigrationQueue } from "../../ts/host/migrations/queue.ts";
import { type Channel, memoryChannels } from "../../ts/migrate/channel.ts";
import { MigrationLedger } from "../../ts/migrate/ledger.ts";
import { simulatedLink } from "../../ts/migrate/sim-link.ts";
import { type MigrationResult, migrate } from "../../ts/migrate/source.ts";
import { receiveMigration } from "../../ts/migrate/target.ts";
import { FakeGuest } from "../migrate/fake-guest.ts";

const MIB = 2 ** 20;

describe("the queue", () => {
  /** Notes who has its turn. */
  function enter(
    queue: MigrationQueue,
    begun: string[],
    name: string,
    { priority = 0, signal }: { priority?: number; signal?: AbortSignal } = {},
  ) {
    const place = queue.place(priority);
    const turn = place.turn(signal);
    turn.observe((o) =>
      begun.push(o.ok ? name : `${name}: ${(o.reason as { code: string }).code}`),
    );
    return place;
  }

  test("lets as many begin as may, and then one for each that ends", () => {
    const queue = new MigrationQueue(2);
    const begun: string[] = [];
    const [a] = ["a", "b", "c", "d"].map((name) => enter(queue, begun, name));
    expect(begun).toEqual(["a", "b"]);
    a?.release();
    a?.release(); // Twice is once.
    expect(begun).toEqual(["a", "b", "c"]);
    expect(queue.running).toBe(2);
  });

  test("takes the highest priority first, then whoever came first", () => {
    const queue = new MigrationQueue(1);
    const begun: string[] = [];
    const places = [0, 1, 0, 5, 1, -3].map((priority, i) =>
      enter(queue, begun, `${i}:${priority}`, { priority }),
    );
    expect(places.map((place) => place.position)).toEqual([undefined, 1, 3, 0, 2, 4]);
    for (const next of [0, 3, 1, 4, 2, 5]) places[next]?.release();
    expect(begun).toEqual(["0:0", "3:5", "1:1", "4:1", "2:0", "5:-3"]);
    expect(queue.running).toBe(0);
  });

  test("lets go who is cancelled while it waits, or was before", () => {
    const queue = new MigrationQueue(1);
    const begun: string[] = [];
    const abort = new AbortController();
    const first = enter(queue, begun, "a");
    const waiting = enter(queue, begun, "b", { signal: abort.signal });
    const last = enter(queue, begun, "c");
    abort.abort();
    expect(begun).toEqual(["a", "b: WV_ABORTED"]);
    expect(waiting.position).toBeUndefined();
    expect(last.position).toBe(0);
    waiting.release(); // It had no turn: nobody gets one for it.
    expect(queue.running).toBe(1);
    first.release();
    expect(begun.at(-1)).toBe("c");
    enter(queue, begun, "d", { priority: 9, signal: AbortSignal.abort() });
    expect(begun.at(-1)).toBe("d: WV_ABORTED");
  });

  test("whoever takes a second turn is where it was", () => {
    const queue = new MigrationQueue(1);
    const begun: string[] = [];
    const first = enter(queue, begun, "a");
    const second = enter(queue, begun, "b");
    enter(queue, begun, "c");
    first.release();
    first.turn().observe(() => begun.push("a again"));
    expect(first.position).toBe(0);
    second.release();
    expect(begun).toEqual(["a", "b", "a again"]);
  });
});

describe("the link", () => {
  const CAP = 32 * MIB;

  /** Sends frames of `bytes` until the clock says stop; counts what got through. */
  function flood(clock: VirtualClock, channel: SharedChannel, bytes: number, untilNs: number) {
    const count = { bytes: 0 };
    const frame = new Uint8Array(bytes);
    function* go(): Task<void> {
      while (clock.nowNs() < untilNs) {
        yield* wait(channel.send(frame));
        count.bytes += bytes;
      }
    }
    runTask(go());
    return count;
  }
  const sink = (): Channel => {
    const [channel, other] = memoryChannels(Number.POSITIVE_INFINITY);
    other.close();
    return channel;
  };

  test("is shared equally, whatever the size of the frames, and never above its cap", () => {
    const clock = new VirtualClock();
    const shares = new LinkShares({ clock, capBytesPerSec: CAP });
    const counts = [MIB, MIB / 4, 100_000].map((bytes) =>
      flood(clock, shares.open(sink()), bytes, 10e9),
    );
    clock.run();
    const all = counts.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(all).toBeLessThanOrEqual(CAP * 10 + 3 * MIB);
    expect(all).toBeGreaterThan(CAP * 9.9);
    for (const { bytes } of counts) expect(bytes / (all / 3)).toBeCloseTo(1, 1);
  });

  test("belongs to the others when one has nothing to send", () => {
    const clock = new VirtualClock();
    const shares = new LinkShares({ clock, capBytesPerSec: CAP });
    const short = flood(clock, shares.open(sink()), MIB, 2e9);
    const long = flood(clock, shares.open(sink()), MIB, 10e9);
    clock.run();
    expect(short.bytes / MIB).toBeCloseTo(32, -1);
    expect(long.bytes / MIB).toBeCloseTo(320 - 32, -1);
  });

  test("is first that of a guest that stands still", () => {
    const clock = new VirtualClock();
    const shares = new LinkShares({ clock, capBytesPerSec: CAP });
    for (let i = 0; i < 7; i++) flood(clock, shares.open(sink()), MIB, 10e9);
    let isUrgent = false;
    const urgent = shares.open(sink(), () => isUrgent);
    clock.advance(1e9);
    isUrgent = true;
    const startNs = clock.nowNs();
    const paused = flood(clock, urgent, MIB, startNs + 1e9);
    clock.advance(1e9);
    expect(paused.bytes / MIB).toBeGreaterThanOrEqual(31);
  });

  test("gives a migration with several channels no more than one with one", () => {
    const clock = new VirtualClock();
    const shares = new LinkShares({ clock, capBytesPerSec: CAP });
    const flow = { finishTag: 0 };
    const several = Array.from({ length: 4 }, () => shares.open(sink(), undefined, flow));
    const many = several.map((channel) => flood(clock, channel, MIB, 10e9));
    const one = flood(clock, shares.open(sink()), MIB, 10e9);
    clock.run();
    const all = many.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(one.bytes / MIB).toBeCloseTo(160, -1);
    expect(all / MIB).toBeCloseTo(160, -1);
  });

  test("lets small frames pass, and what they carry is not forgotten", () => {
    const clock = new VirtualClock();
    const shares = new LinkShares({ clock, capBytesPerSec: 1 * MIB });
    flood(clock, shares.open(sink()), MIB, 100e9);
    const small = shares.open(sink());
    expect(small.send(new Uint8Array(64))).toBeUndefined();
    const many = flood(clock, small, 4096, 10e9);
    clock.advance(10e9);
    expect(many.bytes / MIB).toBeGreaterThan(4);
    expect(many.bytes / MIB).toBeLessThan(6);
  });

  test("forgets who gave up while it waited", () => {
    const clock = new VirtualClock();
    const shares = new LinkShares({ clock, capBytesPerSec: MIB });
    flood(clock, shares.open(sink()), MIB, 100e9);
    const channel = shares.open(sink());
    let reason: unknown;
    runTask(
      (function* () {
        yield* wait(channel.send(new Uint8Array(MIB)));
      })(),
    ).observe((o) => {
      if (!o.ok) reason = o.reason;
    });
    channel.abort(new Error("enough"));
    expect(String(reason)).toBe("Error: enough");
    expect(() => clock.advance(5e9)).not.toThrow();
  });
});

describe("jobs", () => {
  test("run at most as many as may, share the cap, and all arrive", () => {
    const clock = new VirtualClock();
    const jobs = new MigrationJobs(clock, { outgoing: 2, bandwidth: 8 * MIB });
    const random = new Random(5);
    const results = new Map<string, MigrationResult>();
    let most = 0;
    const move = (name: string, priority: number) => {
      const guest = new FakeGuest(512);
      const target = new FakeGuest(512);
      for (let gfn = 0; gfn < 512; gfn++)
        random.bytes(guest.memory.subarray(gfn * 4096, gfn * 4096 + 64));
      guest.isRunning = true;
      const job = jobs.begin({ name, target: "tls://b", strategy: "pre-copy", priority });
      const [left, right] = simulatedLink({ clock, bytesPerSec: 100 * MIB });
      job.place.turn(job.signal).observe((turn) => {
        if (!turn.ok) return job.end();
        most = Math.max(most, jobs.list().filter((one) => one.state === "running").length);
        receiveMigration(right, { clock, ledger: new MigrationLedger(), accept: () => target });
        migrate(
          guest,
          job.share(left, () => !guest.isRunning),
          {
            clock,
            id: name,
            strategy: "pre-copy",
            downtimeLimitNs: 1e6, // A guest that stands still would have the whole link.
            batchPages: 16,
            signal: job.signal,
          },
        ).observe((o) => {
          job.end();
          if (o.ok) results.set(name, o.value);
        });
      });
      return { job, guest, target };
    };
    const moves = ["a", "b", "c", "d", "e"].map((name, i) => move(name, i === 4 ? 1 : 0));
    expect(jobs.list().map(({ name, position }) => [name, position])).toEqual([
      ["a", undefined],
      ["b", undefined],
      ["e", 0],
      ["c", 1],
      ["d", 2],
    ]);
    clock.advance(100e6);
    jobs.list();
    clock.advance(200e6); // Rates are those since the last look.
    const [a] = jobs.list();
    expect(a?.bytesPerSec).toBeGreaterThan(3 * MIB);
    expect(a?.bytesPerSec).toBeLessThan(5 * MIB);
    jobs.job("d").cancel(); // While it waits.
    expect(() => jobs.job("d")).toThrow("does not migrate");
    clock.run();
    expect([...results.keys()].sort()).toEqual(["a", "b", "c", "e"]);
    expect([...results.keys()].indexOf("e")).toBeLessThan([...results.keys()].indexOf("c"));
    for (const result of results.values()) expect(result.state).toBe("completed");
    for (const { guest, job, target } of moves)
      expect(guest.isRunning !== target.isRunning, job.name).toBe(true);
    expect(most).toBe(2);
    // 4 guests of 2 MiB at 8 MiB/s take a second.
    expect(clock.nowNs() / 1e9).toBeGreaterThan(0.95);
    expect(jobs.list()).toEqual([]);
  });

  test("one is cancelled at any moment, and its guest goes on", () => {
    for (let cancelMs = 0; cancelMs < 300; cancelMs += 7) {
      const clock = new VirtualClock();
      const jobs = new MigrationJobs(clock, { bandwidth: 8 * MIB });
      const guest = new FakeGuest(512);
      const target = new FakeGuest(512);
      for (let gfn = 0; gfn < 512; gfn++) guest.memory[gfn * 4096] = 1 + (gfn & 127);
      guest.isRunning = true;
      const job = jobs.begin({ name: "a", target: "x", strategy: "pre-copy", priority: 0 });
      const [left, right] = simulatedLink({ clock, bytesPerSec: 100 * MIB });
      receiveMigration(right, { clock, ledger: new MigrationLedger(), accept: () => target });
      let result: MigrationResult | undefined;
      migrate(
        guest,
        job.share(left, () => !guest.isRunning),
        {
          clock,
          id: "a",
          strategy: "pre-copy",
          downtimeLimitNs: 1e6,
          batchPages: 16,
          signal: job.signal,
        },
      ).observe((o) => {
        if (o.ok) result = o.value;
      });
      clock.advance(cancelMs * 1e6);
      job.cancel();
      clock.run();
      expect(guest.isRunning !== target.isRunning, `at ${cancelMs} ms`).toBe(true);
      expect(result?.state).toBe(guest.isRunning ? "aborted" : "completed");
    }
  });

  test("as many come as may, and the next is told so", () => {
    const jobs = new MigrationJobs(new VirtualClock(), { incoming: 2 });
    const first = jobs.arrive();
    jobs.arrive();
    expect(() => jobs.arrive()).toThrow("2 vms are on their way");
    first();
    first();
    jobs.arrive();
    expect(() => jobs.arrive()).toThrow("2 vms are on their way");
  });

  test("limits that make no sense are refused", () => {
    for (const limits of [
      { outgoing: 0 },
      { incoming: 1.5 },
      { bandwidth: 0 },
      { bandwidth: "fast" },
    ])
      expect(() => new MigrationJobs(new VirtualClock(), limits)).toThrow(
        expect.objectContaining({ code: "WV_CONFIG" }),
      );
  });
});
