/**
 * A dirty trace: which pages a guest wrote in each interval of its time. In a file (`docs/dirty-trace.md`) it is
 * the codec's form of
 *
 *   {pageCount, usedPages, intervalNs, intervals: [bytes, ...]}
 *
 * and the bytes of an interval are runs of pages, in order: pages since the end of the run before, pages of
 * the run, each as LEB128.
 */
import { decodeState, encodeState, type Plain } from "../../base/codec.ts";
import { WasmvisorError } from "../../base/errors.ts";

const TRACE_VERSION = 1;
const INTERVALS_MAX = 1e6;
const PAGES_MAX = 2 ** 32;

export interface DirtyTrace {
  /** Of the guest's memory, and of these the ones that are not zero. */
  readonly pageCount: number;
  readonly usedPages: number;
  readonly intervalNs: number;
  /** Pages written in each interval, in ascending order. */
  readonly intervals: readonly Uint32Array[];
}

/** The pages of a bitmap, in order. */
export function pagesOfBitmap(bitmap: Uint8Array): Uint32Array {
  const pages: number[] = [];
  bitmap.forEach((byte, at) => {
    for (let bits = byte; bits !== 0; bits &= bits - 1)
      pages.push(at * 8 + (31 - Math.clz32(bits & -bits)));
  });
  return Uint32Array.from(pages);
}

function putNumber(into: number[], value: number): void {
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) into.push((rest % 128) | 128);
  into.push(rest);
}

function encodePages(pages: Uint32Array): Uint8Array {
  const bytes: number[] = [];
  let end = 0;
  for (let i = 0; i < pages.length; ) {
    const start = pages[i] as number;
    let next = start;
    while (i < pages.length && pages[i] === next) {
      i++;
      next++;
    }
    putNumber(bytes, start - end);
    putNumber(bytes, next - start);
    end = next;
  }
  return Uint8Array.from(bytes);
}

class BadTrace extends WasmvisorError {
  constructor(why: string) {
    super("WV_CONFIG", `dirty trace: ${why}; record it again with: wasmvisor record`);
  }
}

function decodePages(bytes: Uint8Array, pageCount: number): Uint32Array {
  const pages: number[] = [];
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      if (byte === undefined || scale > PAGES_MAX) throw new BadTrace("a run of pages is cut");
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  let end = 0;
  while (at < bytes.length) {
    const start = end + number();
    end = start + number();
    if (end > pageCount) throw new BadTrace(`page ${end - 1} of ${pageCount}`);
    for (let page = start; page < end; page++) pages.push(page);
  }
  return Uint32Array.from(pages);
}

export function encodeTrace(trace: DirtyTrace): Uint8Array {
  const { intervalNs, intervals, pageCount, usedPages } = trace;
  return encodeState(
    { pageCount, usedPages, intervalNs, intervals: intervals.map(encodePages) },
    TRACE_VERSION,
  );
}

const count = (value: Plain | undefined, most: number): number => {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= most)
    return value;
  throw new BadTrace("a number that makes no sense");
};

/** Reads a trace. Throws `WV_CONFIG` for what is none. */
export function decodeTrace(bytes: Uint8Array): DirtyTrace {
  const state = decodeState(bytes, { version: TRACE_VERSION, code: "WV_CONFIG" });
  if (
    state === null ||
    typeof state !== "object" ||
    Array.isArray(state) ||
    state instanceof Uint8Array
  )
    throw new BadTrace("not one");
  const fields = state as { readonly [key: string]: Plain | undefined };
  const pageCount = count(fields["pageCount"], PAGES_MAX);
  const usedPages = count(fields["usedPages"], pageCount);
  const intervalNs = count(fields["intervalNs"], Number.MAX_SAFE_INTEGER);
  const intervals = fields["intervals"];
  if (!Array.isArray(intervals) || intervals.length === 0 || intervalNs === 0)
    throw new BadTrace("it has no intervals");
  if (intervals.length > INTERVALS_MAX) throw new BadTrace(`${intervals.length} intervals`);
  return {
    pageCount,
    usedPages,
    intervalNs,
    intervals: intervals.map((one) => {
      if (!(one instanceof Uint8Array)) throw new BadTrace("an interval is no bytes");
      return decodePages(one, pageCount);
    }),
  };
}
