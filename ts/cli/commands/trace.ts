/** `wasmvisor record`, `fit` and `advise`: from a guest's writes to how it is best moved. */
import { readFileSync, writeFileSync } from "node:fs";
import { WasmvisorError } from "../../base/errors.ts";
import { formatSize, formatTime, parseRate, parseSize, parseTime } from "../../base/units.ts";
import { traceTimes } from "../../host/recording.ts";
import { encodeTrace } from "../../migrate/trace/trace.ts";
import { type Advice, advise as adviceFor, howOf, type Span } from "../../sweep/advise.ts";
import { distributionName } from "../../sweep/scenario.ts";
import { type Fit, fitWriter } from "../../sweep/trace/fit.ts";
import { writerFromQemu } from "../../sweep/trace/qemu.ts";
import { readTraceFile } from "../../sweep/trace/read-trace.ts";
import { TraceFileWriter } from "../../sweep/trace/trace-file.ts";
import { recordGuest } from "../../sweep/trace/traced-guest.ts";
import { hostClient } from "../client.ts";
import type { CommandContext, Options } from "../context.ts";
import { EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED } from "../exit.ts";
import { interruptSignal } from "../interrupt.ts";
import * as parse from "../options.ts";
import { columns } from "../output.ts";

const time = (value: unknown, what: string, otherwise: string): number =>
  parseTime(parse.text(value) ?? otherwise, what);

/** Kernel, initrd and command line of a guest, from files or an image. */
async function guestFiles(options: Options) {
  const append = parse.text(options.append);
  const image = parse.text(options.image);
  if (image !== undefined) {
    const { resolveImage } = await import("../../image/store.ts");
    const { cmdline, initrd, kernel } = await resolveImage(image, { verify: "size" });
    const bootArgs = append ? `${cmdline} ${append}` : cmdline;
    return { kernel: readFileSync(kernel), initrd: readFileSync(initrd), bootArgs };
  }
  if (options.kernel === undefined)
    throw new WasmvisorError("WV_CONFIG", "record: name a guest with --kernel or --image");
  return {
    kernel: parse.inputFile(String(options.kernel), "--kernel"),
    initrd:
      options.initrd === undefined
        ? undefined
        : parse.inputFile(String(options.initrd), "--initrd"),
    bootArgs: append,
  };
}

export async function record({ args, options, out }: CommandContext): Promise<number> {
  const { intervalNs, intervals } = traceTimes({
    interval: parse.text(options.interval),
    duration: parse.text(options.duration),
  });
  const file = parse.text(options.out) ?? "trace.wvtrace";
  const [name] = args;
  if (name !== undefined) return recordRunning(name, file, { options, out });
  const trace = await recordGuest({
    ...(await guestFiles(options)),
    memoryBytes: parseSize(parse.text(options.memory) ?? "512MiB", "--memory"),
    mips: parse.integer(options.mips, "--mips", 1) ?? 500,
    until: parse.regex(options.until, "--until"),
    settleNs: time(options.settle, "--settle", "0s"),
    intervalNs,
    intervals,
  });
  const bytes = encodeTrace(trace);
  writeFileSync(file, bytes);
  const dirtyPages = trace.intervals.reduce((sum, one) => sum + one.length, 0);
  return recorded(
    { file, bytes: bytes.length, intervals: trace.intervals.length, dirtyPages },
    out,
  );
}

/** Options that are about a guest that is booted for its trace. */
const OF_BOOT = [
  "kernel",
  "initrd",
  "image",
  "append",
  "memory",
  "mips",
  "until",
  "settle",
] as const;

/** The trace of a vm that a daemon has: as it comes, so it goes to the file. */
async function recordRunning(
  name: string,
  file: string,
  { options, out }: Pick<CommandContext, "options" | "out">,
): Promise<number> {
  const wrong = OF_BOOT.find((one) => options[one] !== undefined);
  if (wrong !== undefined)
    throw new WasmvisorError(
      "WV_CONFIG",
      `--${wrong}: is about a guest that is booted for its trace; ${name} runs already`,
    );
  const interrupt = interruptSignal();
  const writer = new TraceFileWriter(file);
  try {
    const pieces = hostClient(options).record(name, {
      interval: parse.text(options.interval) ?? "50ms",
      duration: parse.text(options.duration) ?? "10s",
      signal: interrupt,
    });
    for await (const piece of pieces) {
      writer.write(piece);
      out.progress(`${name}: ${writer.intervals} intervals, ${writer.dirtyPages} pages`);
    }
  } catch (error) {
    // What was taken until then is a trace, too.
    if (writer.intervals === 0) writer.discard();
    else if (!interrupt.aborted) {
      writer.close();
      out.log(`wasmvisor: ${file} has the ${writer.intervals} intervals until then`);
    }
    if (!interrupt.aborted || writer.intervals === 0) throw error;
  } finally {
    out.progressDone();
  }
  const { intervals, pages: dirtyPages } = writer.close();
  recorded({ file, bytes: writer.bytes, intervals, dirtyPages }, out);
  return interrupt.aborted ? EXIT_INTERRUPTED : EXIT_DONE;
}

interface Recorded {
  readonly file: string;
  readonly bytes: number;
  readonly intervals: number;
  readonly dirtyPages: number;
}

function recorded(result: Recorded, out: CommandContext["out"]): number {
  const { bytes, dirtyPages, file, intervals } = result;
  out.result(
    result,
    () => `${file}: ${intervals} intervals, ${dirtyPages} pages, ${formatSize(bytes)}`,
  );
  return EXIT_DONE;
}

/** A recorded trace, lines of text, or what QEMU answered. */
function writerOf(file: string, options: Options): Fit {
  const memory = parse.text(options.memory);
  const memoryBytes = memory === undefined ? undefined : parseSize(memory, "--memory");
  const read = readTraceFile(file, { memoryBytes });
  return read.kind === "trace"
    ? fitWriter(read.trace)
    : writerFromQemu(read.text, memoryBytes, file);
}

const percent = (share: number): string =>
  Number.isNaN(share) ? "unknown" : `${(100 * share).toFixed(1)} %`;

export async function fit({ args, options, out }: CommandContext): Promise<number> {
  const writer = writerOf(args[0] as string, options);
  out.result(writer, () =>
    [
      `writer      ${distributionName(writer.distribution)}, ${writer.dirtyRate} pages/s`,
      `working set ${formatSize(writer.workingSetBytes)} from ${formatSize(writer.workingSetOffsetBytes)} on, of ${formatSize(writer.memoryBytes)}`,
      `background  ${writer.backgroundPages} pages in each interval`,
      `error       ${percent(writer.error.rms)} (root mean square), ${percent(writer.error.max)} at worst`,
      ...writer.others.map((one) => `            ${percent(one.rms)} as ${one.distribution}`),
    ].join("\n"),
  );
  return EXIT_DONE;
}

function span(value: Span, format: (value: number) => string): string {
  const { expected, high, low } = value;
  return low === high
    ? format(expected)
    : `${format(expected)} (${format(low)} to ${format(high)})`;
}

function adviceLine(one: Advice): string[] {
  const ms = (value: number): string => formatTime(Math.round(value * 1e6), 1);
  const size = (value: number): string => formatSize(Math.round(value), 1);
  return [
    one.fits,
    howOf(one),
    span(one.totalMs, ms),
    span(one.silenceMs, ms),
    span(one.bytes, size),
    one.reason,
  ];
}

export async function advise({ args, options, out }: CommandContext): Promise<number> {
  if (options.bandwidth === undefined)
    throw new WasmvisorError("WV_CONFIG", "advise: say how fast the link is with --bandwidth");
  const advices = adviceFor({
    writer: writerOf(args[0] as string, options),
    bandwidthBytesPerSec: parseRate(String(options.bandwidth), "--bandwidth"),
    latencyNs: time(options.latency, "--latency", "100us"),
    lossRatio: parse.ratio(options.loss, "--loss"),
    downtimeNs: time(options.downtime, "--downtime", "300ms"),
    timeoutNs: time(options.timeout, "--timeout", "10min"),
  });
  out.result(advices, () =>
    columns(["fits", "strategy", "total time", "silence", "sent", "why"], advices.map(adviceLine)),
  );
  return advices[0]?.fits === "no" ? EXIT_FAILED : EXIT_DONE;
}
