/** Post-copy's CREDIT: one for all frames that were read together, and none that somebody waits for is held back. */

import { expect, test } from "vitest";
import { VirtualClock } from "../../ts/base/clock.ts";
import { joinParts } from "../../ts/base/join-parts.ts";
import { Random } from "../../ts/base/random.ts";
import { Future, runTask, type Task, type Wait, wait } from "../../ts/base/task.ts";
import type { Channel } from "../../ts/migrate/channel.ts";
import { MigrationLedger } from "../../ts/migrate/ledger.ts";
import { simulatedLink } from "../../ts/migrate/sim-link.ts";
import { type MigrationResult, migrate } from "../../ts/migrate/source.ts";
import * as stream from "../../ts/migrate/stream.ts";
import { receiveMigration } from "../../ts/migrate/target.ts";
import { FakeGuest } from "./fake-guest.ts";

const PAGES = 400;

/** A channel that something is done with on the way in. */
abstract class Wrapped implements Channel {
  protected readonly inner: Channel;
  constructor(inner: Channel) {
    this.inner = inner;
  }
  send(bytes: Uint8Array): Wait<void> {
    return this.inner.send(bytes);
  }
  receive(): Wait<Uint8Array | undefined> {
    return runTask(this.next());
  }
  protected abstract next(): Task<Uint8Array | undefined>;
  close(): void {
    this.inner.close();
  }
  abort(reason: unknown): void {
    this.inner.abort(reason);
  }
}

/** Counts the frames that come, by their type. */
class Counting extends Wrapped {
  readonly counts = new Map<number, number>();
  readonly #decoder = new stream.FrameDecoder(Array.from({ length: 32 }, (_, type) => type));

  protected *next(): Task<Uint8Array | undefined> {
    const chunk = yield* wait(this.inner.receive());
    if (!chunk) return undefined;
    this.#decoder.push(chunk.slice());
    for (let frame = this.#decoder.next(); frame; frame = this.#decoder.next())
      this.counts.set(frame.type, (this.counts.get(frame.type) ?? 0) + 1);
    return chunk;
  }
}

/** A reader that is busy otherwise: it looks each few milliseconds, and gets all that has come. */
class Bundling extends Wrapped {
  readonly #clock: VirtualClock;
  readonly #everyNs: number;
  #coming: Wait<Uint8Array | undefined>;

  constructor(inner: Channel, clock: VirtualClock, everyNs: number) {
    super(inner);
    this.#clock = clock;
    this.#everyNs = everyNs;
    this.#coming = inner.receive();
  }

  protected *next(): Task<Uint8Array | undefined> {
    const first = yield* wait(this.#coming);
    if (!first) return undefined;
    const chunks = [first.slice()];
    yield* wait(this.#clock.sleep(this.#everyNs));
    for (;;) {
      this.#coming = this.inner.receive();
      if (this.#coming instanceof Future && !this.#coming.isSettled) break;
      const more = yield* wait(this.#coming);
      if (!more) break;
      chunks.push(more.slice());
    }
    return joinParts(chunks);
  }
}

function move(everyNs: number) {
  const clock = new VirtualClock();
  const [source, target] = [new FakeGuest(PAGES), new FakeGuest(PAGES)];
  source.fill(new Random(3), 1);
  source.isRunning = true;
  const before = source.memory.slice();
  const [left, right] = simulatedLink({ clock, bytesPerSec: 40e6, latencyNs: 50_000 });
  const toTarget = new Counting(left);
  receiveMigration(new Bundling(right, clock, everyNs), {
    clock,
    ledger: new MigrationLedger(),
    accept: () => target,
  });
  let result: MigrationResult | undefined;
  migrate(source, toTarget, { clock, id: "m", strategy: "post-copy", pushPages: 1 }).observe(
    (o) => {
      if (o.ok) result = o.value;
    },
  );
  clock.run(() => result !== undefined || clock.nowNs() > 60e9);
  expect(result?.state).toBe("completed");
  expect(Buffer.compare(target.memory, before)).toBe(0);
  return { credits: toTarget.counts.get(stream.FRAME_CREDIT) ?? 0, totalNs: clock.nowNs() };
}

test("a reader that keeps up says it of each frame, one that does not of all that came", () => {
  const prompt = move(1);
  expect(prompt.credits).toBeGreaterThan(PAGES / 2);
  const late = move(4_000_000);
  expect(late.credits).toBeGreaterThan(2);
  expect(late.credits).toBeLessThan(PAGES / 4);
  // The window is never used up for want of a word: 64 KiB each time that it looks, at least.
  expect(late.totalNs).toBeLessThan((PAGES / 16 + 10) * 5e6);
});
