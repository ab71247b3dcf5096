/** Takes a dirty trace from a guest: anything that the migration engine could move. */
import { type Task, wait } from "../../base/task.ts";
import type { Migratable } from "../../machine/migratable.ts";
import { type DirtyTrace, pagesOfBitmap } from "./trace.ts";

export interface RecordOptions {
  readonly intervalNs: number;
  readonly intervals: number;
  /** Lets the guest run for so long. */
  readonly run: (ns: number) => void;
}

/** Looks at the guest's dirty log once in each interval; between two looks it runs as always. */
export function* recordTrace(guest: Migratable, options: RecordOptions): Task<DirtyTrace> {
  const { intervalNs, run } = options;
  const populated = guest.newPageSet();
  yield* wait(guest.startDirtyLog(populated));
  const intervals: Uint32Array[] = [];
  for (let i = 0; i < options.intervals; i++) {
    run(intervalNs);
    const set = guest.newPageSet();
    yield* wait(guest.harvest(set));
    intervals.push(pagesOfBitmap(set.save()));
    set.release();
  }
  const usedPages = populated.count();
  populated.release();
  yield* wait(guest.stopDirtyLog());
  return { pageCount: guest.shape.pageCount, usedPages, intervalNs, intervals };
}
