/** Pages that turn out to be zero take time and hardly any bytes: they say nothing about the link. */
import { expect, test } from "vitest";
import { VirtualClock } from "../../ts/base/clock.ts";
import { runTask, type Task, wait } from "../../ts/base/task.ts";
import { RateWindow } from "../../ts/migrate/rate-window.ts";
import { checkOneRuns, Scene } from "./scene.ts";

/** What it takes to copy and sum a page. */
const NORMAL_NS = 400_000;

/** A scene whose guest has written some pages, writes a few of these all the time, and is zero behind them. */
function sceneWith(nsPerZeroPage: number): Scene {
  const pages = 6000;
  const written = 150;
  const hot = 16;
  const scene: Scene = new Scene({
    pages,
    writesPerMs: 0,
    bytesPerSec: 4e6,
    source: { policy: "qemu", downtimeLimitNs: 30e6, batchPages: 64 },
  });
  const { clock, reference, source } = scene;
  for (const memory of [source.memory, reference]) memory.fill(0, written * 4096);
  const take = source.takeBatch.bind(source);
  (source as { takeBatch: unknown }).takeBatch = (...args: Parameters<typeof take>) => {
    const batch = take(...args);
    const ns = batch.zeroPages * nsPerZeroPage + batch.normalPages * NORMAL_NS;
    return runTask(
      (function* (): Task<typeof batch> {
        yield* wait(clock.sleep(ns));
        return batch;
      })(),
    );
  };
  let turn = 0;
  function live(): void {
    if (source.isRunning) {
      const at = (turn++ % hot) * 4096;
      source.write(at, turn & 255, () => {
        reference[at] = turn & 255;
      });
    }
    if (!scene.result) clock.after(1e6, live);
  }
  live();
  return scene;
}

test("a guest that is zero behind what it writes is stopped as soon as one that is not searched", () => {
  const [fast, slow] = [0, 50_000].map((nsPerZeroPage) => {
    const scene = sceneWith(nsPerZeroPage);
    expect(scene.run().state).toBe("completed");
    checkOneRuns(scene, `${nsPerZeroPage} ns for a zero page`);
    return scene.snapshot;
  });
  expect(slow?.rounds.length).toBe(fast?.rounds.length);
  expect(slow?.normalPages).toBeLessThan((fast?.normalPages ?? 0) + 17);
});

function afterWindows(...steps: (readonly [bytes: number, searchedNs: number])[]): RateWindow {
  const clock = new VirtualClock();
  const window = new RateWindow({ clock, capBytesPerSec: 10e6 });
  for (const [bytes, searchedNs] of steps) {
    clock.advance(100e6);
    window.searched(searchedNs);
    runTask(window.pace(bytes));
  }
  return window;
}

test("the rate is that of the time in which something could be sent, and no more than the cap", () => {
  expect(afterWindows([400_000, 0]).bytesPerSec).toBe(4e6);
  expect(afterWindows([400_000, 20e6]).bytesPerSec).toBe(5e6);
  expect(afterWindows([400_000, 80e6]).bytesPerSec).toBe(10e6);
  // Next to nothing was sent: it is what it was.
  expect(afterWindows([400_000, 0], [4_000, 95e6]).bytesPerSec).toBe(4e6);
  expect(afterWindows([4_000, 95e6]).bytesPerSec).toBe(40_000);
  expect(afterWindows([400_000, 80e6], [400_000, 0]).bytesPerSec).toBe(4e6);
});
