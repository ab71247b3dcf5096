/** `wasmvisor record`, `fit` and `advise`: from a guest's writes to how it is best moved. */
import { readFileSync, writeFileSync } from "node:fs";
import { WasmvisorError } from "../../base/errors.ts";
import { formatSize, formatTime, parseRate, parseSize, parseTime } from "../../base/units.ts";
import { type Advice, advise as adviceFor, type Span } from "../../sweep/advise.ts";
import { distributionName } from "../../sweep/scenario.ts";
import { type Fit, fitWriter } from "../../sweep/trace/fit.ts";
import { writerFromQemu } from "../../sweep/trace/qemu.ts";
import { decodeTrace, encodeTrace } from "../../sweep/trace/trace.ts";
import { recordGuest } from "../../sweep/trace/traced-guest.ts";
import type { CommandContext, Options } from "../context.ts";
import { EXIT_DONE, EXIT_FAILED } from "../exit.ts";
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

export async function record({ options, out }: CommandContext): Promise<number> {
  const intervalNs = time(options.interval, "--interval", "50ms");
  const durationNs = time(options.duration, "--duration", "10s");
  if (!(intervalNs > 0 && durationNs >= intervalNs))
    throw new WasmvisorError(
      "WV_CONFIG",
      "record: --duration is at least one --interval, above zero",
    );
  const file = parse.text(options.out) ?? "trace.wvtrace";
  const trace = await recordGuest({
    ...(await guestFiles(options)),
    memoryBytes: parseSize(parse.text(options.memory) ?? "512MiB", "--memory"),
    mips: parse.integer(options.mips, "--mips", 1) ?? 500,
    until: parse.regex(options.until, "--until"),
    settleNs: time(options.settle, "--settle", "0s"),
    intervalNs,
    intervals: Math.floor(durationNs / intervalNs),
  });
  const bytes = encodeTrace(trace);
  writeFileSync(file, bytes);
  const pages = trace.intervals.reduce((sum, one) => sum + one.length, 0);
  const result = {
    file,
    bytes: bytes.length,
    intervals: trace.intervals.length,
    dirtyPages: pages,
  };
  out.result(
    result,
    () => `${file}: ${result.intervals} intervals, ${pages} pages, ${formatSize(bytes.length)}`,
  );
  return EXIT_DONE;
}

/** A recorded trace, or what QEMU answered. */
function writerOf(file: string, options: Options): Fit {
  const bytes = parse.inputFile(file, "trace");
  const isText = /^\s*[{[]/.test(bytes.subarray(0, 64).toString("latin1"));
  if (!isText) return fitWriter(decodeTrace(bytes));
  const memory = parse.text(options.memory);
  return writerFromQemu(bytes.toString("utf8"), memory ? parseSize(memory, "--memory") : undefined);
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
  const how = one.slowdown === "none" ? one.strategy : `${one.strategy}, ${one.slowdown}`;
  return [
    one.fits,
    how,
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
    downtimeNs: time(options.downtime, "--downtime", "300ms"),
    timeoutNs: time(options.timeout, "--timeout", "10min"),
  });
  out.result(advices, () =>
    columns(["fits", "strategy", "total time", "silence", "sent", "why"], advices.map(adviceLine)),
  );
  return advices[0]?.fits === "no" ? EXIT_FAILED : EXIT_DONE;
}
