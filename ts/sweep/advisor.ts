/** Chooses how a running vm is moved: its writes are watched for a moment, then every way is simulated. */
import { parseRate, parseTime } from "../base/units.ts";
import type {
  AdvisorAnswer,
  AdvisorQuestion,
  MigrationAdvisor,
} from "../host/migrations/advisor.ts";
import type { PlainMigrateOptions } from "../host/migrations/options.ts";
import { TraceReader } from "../migrate/trace/trace.ts";
import { type Advice, advise, howOf } from "./advise.ts";
import { distributionName } from "./scenario.ts";
import { fitWriter } from "./trace/fit.ts";

/** How long a guest is watched, and how closely. */
const WATCHED = { interval: "25ms", duration: "1s" } as const;
const DOWNTIME_NS = 300e6;
const TIMEOUT_NS = 600e9;

const number = (
  value: number | string | undefined,
  parse: (text: string, what: string) => number,
  otherwise: number,
): number =>
  value === undefined ? otherwise : typeof value === "number" ? value : parse(value, "");

/** The settings of an advice; what somebody has asked for stays. */
function optionsOf(advice: Advice, asked: PlainMigrateOptions): PlainMigrateOptions {
  const { channels, downtimeLimitMs, preCopyRounds, slowdown, strategy, xbzrleCacheBytes } = advice;
  const isIterative = strategy === "pre-copy";
  return {
    strategy,
    ...(channels > 1 ? { channels: asked.channels ?? channels } : {}),
    ...(xbzrleCacheBytes > 0 ? { xbzrleCache: asked.xbzrleCache ?? xbzrleCacheBytes } : {}),
    ...(strategy === "hybrid" ? { preCopyRounds: asked.preCopyRounds ?? preCopyRounds } : {}),
    ...(isIterative ? { slowdown: asked.slowdown ?? slowdown } : {}),
    ...(isIterative ? { downtime: asked.downtime ?? downtimeLimitMs * 1e6 } : {}),
  };
}

/** What `migrate --strategy auto` asks. */
export const adviseRunning: MigrationAdvisor = async (
  question: AdvisorQuestion,
): Promise<AdvisorAnswer> => {
  const { asked, link, signal, vm } = question;
  const reader = new TraceReader(vm.name);
  await vm.recordTrace({ ...WATCHED, signal, onBytes: (bytes) => reader.push(bytes) });
  signal.throwIfAborted();
  const writer = fitWriter(reader.finish());
  const cap = number(asked.bandwidth, parseRate, Number.POSITIVE_INFINITY);
  const [best] = advise({
    writer,
    bandwidthBytesPerSec: Math.min(link.bytesPerSec, cap),
    latencyNs: link.latencyNs,
    downtimeNs: number(asked.downtime, parseTime, DOWNTIME_NS),
    timeoutNs: number(asked.timeout, parseTime, TIMEOUT_NS),
  }) as readonly [Advice];
  const { dirtyRate, distribution, workingSetBytes } = writer;
  return {
    options: optionsOf(best, asked),
    advice: {
      choice: howOf(best),
      reason: best.reason,
      fits: best.fits,
      writer: {
        distribution: distributionName(distribution),
        dirtyRate,
        workingSetBytes,
        error: writer.error.rms,
      },
      link,
      totalMs: best.totalMs,
      silenceMs: best.silenceMs,
    },
  };
};
