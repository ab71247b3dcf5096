/** Takes a dirty trace from a guest: anything that the migration engine could move. */
import { type Task, type Wait, wait } from "../../base/task.ts";
import type { Migratable } from "../../machine/migratable.ts";
import { pagesOfBitmap, TraceWriter } from "./trace.ts";

export interface RecordOptions {
  readonly intervalNs: number;
  readonly intervals: number;
  /** Lets the guest run for so long; tells how long it really was. `stop`: the trace ends here. */
  readonly run: (ns: number) => Wait<number | "stop">;
  /** A piece of the trace's file. The next one waits until this one is taken. */
  readonly onBytes: (bytes: Uint8Array) => Wait<void>;
}

export interface RecordedTrace {
  readonly intervals: number;
  readonly dirtyPages: number;
}

/** Looks at the guest's dirty log once in each interval. However it ends, what was told is a whole file. */
export function* recordTrace(guest: Migratable, options: RecordOptions): Task<RecordedTrace> {
  const { intervalNs, onBytes, run } = options;
  const writer = new TraceWriter();
  const set = guest.newPageSet();
  try {
    yield* wait(guest.startDirtyLog(set));
    const { pageCount } = guest.shape;
    const used = pagesOfBitmap(set.save());
    const usedPages = used.length;
    yield* wait(onBytes(writer.head({ pageCount, usedPages, used, intervalNs })));
    const empty = new Uint8Array(Math.ceil(pageCount / 8));
    let endNs = 0;
    for (let i = 0; i < options.intervals; i++) {
      const ranNs = yield* wait(run(intervalNs));
      if (ranNs === "stop") break;
      endNs += ranNs;
      set.load(empty);
      yield* wait(guest.harvest(set));
      yield* wait(onBytes(writer.interval(endNs, pagesOfBitmap(set.save()))));
    }
    yield* wait(onBytes(writer.end()));
  } finally {
    set.release();
    yield* wait(guest.stopDirtyLog());
  }
  return { intervals: writer.intervals, dirtyPages: writer.pages };
}
