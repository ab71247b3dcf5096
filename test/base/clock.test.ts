import { describe, expect, test } from "vitest";
import { VirtualClock, WallClock } from "../../ts/base/clock.ts";
import { Future, promiseOf, runTask, type Task, wait } from "../../ts/base/task.ts";

describe("VirtualClock", () => {
  test("events happen in order of time, then of request", () => {
    const clock = new VirtualClock();
    const log: string[] = [];
    for (const [ns, name] of [
      [30, "c"],
      [10, "a"],
      [30, "d"],
      [20, "b"],
    ] as const)
      clock.after(ns, () => log.push(`${name}@${clock.nowNs()}`));
    clock.run();
    expect(log).toEqual(["a@10", "b@20", "c@30", "d@30"]);
  });

  test("advance stops at its moment and lets later events be", () => {
    const clock = new VirtualClock();
    let happened = 0;
    clock.after(10, () => happened++);
    clock.after(11, () => happened++);
    clock.advance(10);
    expect([happened, clock.nowNs()]).toEqual([1, 10]);
  });

  test("a cancelled event does not happen", () => {
    const clock = new VirtualClock();
    clock.after(1, () => expect.unreachable())();
    expect(clock.step()).toBe(false);
  });

  test("ten thousand events come out sorted", () => {
    const clock = new VirtualClock();
    const seen: number[] = [];
    for (let i = 0; i < 10_000; i++)
      clock.after((i * 7919) % 10_007, () => seen.push(clock.nowNs()));
    clock.run();
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.length).toBe(10_000);
  });

  test("an aborted sleep rejects with WV_ABORTED", async () => {
    const clock = new VirtualClock();
    const abort = new AbortController();
    const sleep = promiseOf(clock.sleep(5, abort.signal));
    abort.abort("enough");
    await expect(sleep).rejects.toMatchObject({ code: "WV_ABORTED", cause: "enough" });
  });
});

describe("WallClock", () => {
  test("never shows what V8 keeps as a small integer, not even when the process has just begun", () => {
    expect(new WallClock().nowNs()).toBeGreaterThan(2 ** 32);
  });

  test("sleeps, and an abort ends it", async () => {
    const clock = new WallClock();
    const before = clock.nowNs();
    await clock.sleep(2e6);
    expect(clock.nowNs() - before).toBeGreaterThan(1e6);
    await expect(clock.sleep(1e9, AbortSignal.abort())).rejects.toMatchObject({
      code: "WV_ABORTED",
    });
  });
});

describe("tasks", () => {
  test("run synchronously on a virtual clock", () => {
    const clock = new VirtualClock();
    function* ticks(): Task<number> {
      for (let i = 0; i < 3; i++) yield* wait(clock.sleep(100));
      return clock.nowNs();
    }
    let end = 0;
    runTask(ticks()).observe((o) => {
      if (o.ok) end = o.value;
    });
    clock.run();
    expect(end).toBe(300);
  });

  test("a failure arrives where it was waited for", async () => {
    function* careful(): Task<string> {
      try {
        yield* wait(Promise.reject(new Error("no")));
      } catch (error) {
        return `caught ${(error as Error).message}`;
      }
      return "missed";
    }
    expect(await promiseOf(runTask(careful()))).toBe("caught no");
  });

  test("a hundred thousand settled waits do not overflow the stack", () => {
    const done = new Future<number>();
    done.resolve(1);
    function* many(): Task<number> {
      let sum = 0;
      for (let i = 0; i < 100_000; i++) sum += yield* wait(done);
      return sum;
    }
    let sum = 0;
    runTask(many()).observe((o) => {
      if (o.ok) sum = o.value;
    });
    expect(sum).toBe(100_000);
  });
});
