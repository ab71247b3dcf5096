/** Takes the dirty trace of a vm on this host while it runs, piece by piece. */
import { onAbort } from "../base/abort.ts";
import type { Clock } from "../base/clock.ts";
import { WasmvisorError } from "../base/errors.ts";
import { promiseOf, runTask, type Wait } from "../base/task.ts";
import { parseTime } from "../base/units.ts";
import type { RecordedTrace } from "../migrate/trace/record.ts";
import type { MigratableVm } from "../vmm/migratable-vm.ts";

const INTERVAL_NS_MIN = 1e6;
const INTERVALS_MAX = 1e6;

/** Numbers are nanoseconds. */
export interface RecordTraceOptions {
  /** Between two looks at the dirty log: `"50ms"` (default), at least 1 ms. */
  readonly interval?: number | string | undefined;
  /** Of the trace: `"10s"` (default). */
  readonly duration?: number | string | undefined;
  /** Ends the trace early; what was told until then is whole. */
  readonly signal?: AbortSignal | undefined;
  /** A piece of the trace's file (`docs/dirty-trace.md`). The next one waits until this one is taken. */
  readonly onBytes: (bytes: Uint8Array) => Wait<void>;
}

const nsOf = (value: number | string, what: string): number =>
  typeof value === "number" ? value : parseTime(value, what);

/** Throws `WV_CONFIG` for times that make no sense. */
export function traceTimes(options: Pick<RecordTraceOptions, "interval" | "duration">): {
  readonly intervalNs: number;
  readonly intervals: number;
} {
  const intervalNs = nsOf(options.interval ?? "50ms", "interval");
  const durationNs = nsOf(options.duration ?? "10s", "duration");
  if (!(intervalNs >= INTERVAL_NS_MIN && durationNs >= intervalNs))
    throw new WasmvisorError(
      "WV_CONFIG",
      "record: expected an interval of at least 1ms, and a duration of at least one of them",
    );
  const intervals = Math.floor(durationNs / intervalNs);
  if (intervals > INTERVALS_MAX)
    throw new WasmvisorError(
      "WV_CONFIG",
      `record: ${intervals} intervals, at most ${INTERVALS_MAX}; longer ones, or a shorter trace`,
    );
  return { intervalNs, intervals };
}

/** @internal Settles when the trace is whole. */
export async function recordVm(
  guest: MigratableVm,
  clock: Clock,
  options: RecordTraceOptions,
): Promise<RecordedTrace> {
  const { onBytes, signal } = options;
  const times = traceTimes(options);
  // Few vms are recorded, and all of them are imported.
  const { recordTrace } = await import("../migrate/trace/record.ts");
  let beganNs = clock.nowNs();
  const run = async (ns: number): Promise<number | "stop"> => {
    const stopped = new AbortController();
    const forget = onAbort(signal, () => stopped.abort());
    // Whoever is late does not make the next interval shorter: each says how long it was.
    await Promise.resolve(clock.sleep(ns, stopped.signal)).catch(() => undefined);
    forget();
    if (signal?.aborted) return "stop";
    const nowNs = clock.nowNs();
    const ranNs = nowNs - beganNs;
    beganNs = nowNs;
    return ranNs;
  };
  return promiseOf(runTask(recordTrace(guest, { ...times, run, onBytes })));
}
