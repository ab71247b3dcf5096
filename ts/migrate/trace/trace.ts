/**
 * A dirty trace: which pages a guest wrote in each interval of its time. A file (`docs/dirty-trace.md`) is a magic and
 * then frames, so that it can be written and read a piece at a time, and a cut one is known for what it is:
 *
 *   "WVTRACE2"   {u32 length, u32 CRC-32, payload}   {...}   ...
 *
 * little endian. The first byte of a payload is its kind: head, interval, or the end, which says how many
 * intervals and pages there were. All numbers in it are LEB128.
 */
import { crc32 } from "../../base/crc32.ts";
import { WasmvisorError } from "../../base/errors.ts";

export const TRACE_MAGIC = Uint8Array.from([0x57, 0x56, 0x54, 0x52, 0x41, 0x43, 0x45, 0x32]);
export const FRAME_KIND = { head: 1, interval: 2, end: 3 } as const;
export const FRAME_HEAD_BYTES = 8;
const FRAME_BYTES_MAX = 256 << 20;
const PAGES_MAX = 2 ** 32;
/** Pages over all intervals that fit into memory comfortably. */
const WRITES_MAX = 5e7;

export interface TraceHead {
  /** Of the guest's memory, and of these the ones that it had touched when the trace began. */
  readonly pageCount: number;
  readonly usedPages: number;
  /** Which ones that were, in order; where it is missing nobody knows. */
  readonly used?: Uint32Array | undefined;
  readonly intervalNs: number;
}

export interface DirtyTrace extends TraceHead {
  /** Pages written in each interval, in ascending order. */
  readonly intervals: readonly Uint32Array[];
  /** When each interval ended, since the beginning; where it is missing, they are equally long. */
  readonly endsNs?: readonly number[] | undefined;
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

/** Runs of pages: pages since the end of the run before, pages of the run. */
function putPages(into: number[], pages: Uint32Array): void {
  let end = 0;
  for (let i = 0; i < pages.length; ) {
    const start = pages[i] as number;
    let next = start;
    while (i < pages.length && pages[i] === next) {
      i++;
      next++;
    }
    putNumber(into, start - end);
    putNumber(into, next - start);
    end = next;
  }
}

function frame(payload: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEAD_BYTES + payload.length);
  bytes.set(payload, FRAME_HEAD_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, payload.length, true);
  view.setUint32(4, crc32(bytes, 0, FRAME_HEAD_BYTES), true);
  return bytes;
}

/** Writes a trace, a piece at a time. */
export class TraceWriter {
  intervals = 0;
  pages = 0;

  head({ intervalNs, pageCount, used, usedPages }: TraceHead): Uint8Array {
    const payload: number[] = [FRAME_KIND.head];
    for (const value of [pageCount, usedPages, intervalNs]) putNumber(payload, value);
    if (used) putPages(payload, used);
    const first = frame(payload);
    const bytes = new Uint8Array(TRACE_MAGIC.length + first.length);
    bytes.set(TRACE_MAGIC);
    bytes.set(first, TRACE_MAGIC.length);
    return bytes;
  }

  /** `endNs`: since the beginning of the trace. */
  interval(endNs: number, pages: Uint32Array): Uint8Array {
    const payload: number[] = [FRAME_KIND.interval];
    putNumber(payload, Math.round(endNs));
    putPages(payload, pages);
    this.intervals++;
    this.pages += pages.length;
    return frame(payload);
  }

  end(): Uint8Array {
    return endFrame(this.intervals, this.pages);
  }
}

/** What a trace ends with. */
export function endFrame(intervals: number, pages: number): Uint8Array {
  const payload: number[] = [FRAME_KIND.end];
  putNumber(payload, intervals);
  putNumber(payload, pages);
  return frame(payload);
}

/** Reads a trace from pieces of any size. Every complaint names `file` and the byte. */
export class TraceReader {
  readonly #file: string;
  #pending = new Uint8Array(0);
  /** Of the first byte in `#pending`. */
  #offset = 0;
  #head: TraceHead | undefined;
  #hasEnded = false;
  readonly #intervals: Uint32Array[] = [];
  readonly #endsNs: number[] = [];
  #pages = 0;

  constructor(file: string) {
    this.#file = file;
  }

  #bad(why: string): never {
    throw new WasmvisorError(
      "WV_CONFIG",
      `${this.#file}: byte ${this.#offset}: ${why}; record it again with: wasmvisor record`,
    );
  }

  push(chunk: Uint8Array): void {
    const joined = new Uint8Array(this.#pending.length + chunk.length);
    joined.set(this.#pending);
    joined.set(chunk, this.#pending.length);
    this.#pending = joined;
    let at = 0;
    for (let next = this.#take(at); next > at; next = this.#take(at)) {
      this.#offset += next - at;
      at = next;
    }
    this.#pending = this.#pending.slice(at);
  }

  /** Reads what begins at `at` of the pending bytes; returns where it ends, `at` if it is not whole. */
  #take(at: number): number {
    const bytes = this.#pending;
    if (this.#offset === 0) {
      if (bytes.length < TRACE_MAGIC.length) return at;
      if (TRACE_MAGIC.some((byte, i) => bytes[i] !== byte)) this.#bad("not a dirty trace");
      return TRACE_MAGIC.length;
    }
    if (bytes.length < at + FRAME_HEAD_BYTES) return at;
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    const length = view.getUint32(0, true);
    if (length === 0 || length > FRAME_BYTES_MAX) this.#bad("damaged: no frame is that long");
    const end = at + FRAME_HEAD_BYTES + length;
    if (bytes.length < end) return at;
    const payload = bytes.subarray(at + FRAME_HEAD_BYTES, end);
    if (crc32(payload) !== view.getUint32(4, true)) this.#bad("damaged: its checksum is another");
    this.#frame(payload);
    return end;
  }

  #frame(payload: Uint8Array): void {
    if (this.#hasEnded) this.#bad("something follows behind the end");
    const kind = payload[0];
    if ((kind === FRAME_KIND.head) === (this.#head !== undefined)) this.#bad("not in its place");
    const numbers = this.#numbers(payload);
    if (kind === FRAME_KIND.head) this.#readHead(numbers);
    else if (kind === FRAME_KIND.interval) this.#readInterval(numbers);
    else if (kind === FRAME_KIND.end) {
      const [intervals, pages] = numbers;
      if (intervals !== this.#intervals.length || pages !== this.#pages)
        this.#bad(`the end says ${intervals} intervals, but there are ${this.#intervals.length}`);
      this.#hasEnded = true;
    } else this.#bad(`a frame of kind ${kind}, which this version does not know`);
  }

  #numbers(payload: Uint8Array): readonly number[] {
    const numbers: number[] = [];
    let value = 0;
    let scale = 1;
    for (let i = 1; i < payload.length; i++) {
      const byte = payload[i] as number;
      value += (byte & 127) * scale;
      scale *= 128;
      if (value > Number.MAX_SAFE_INTEGER) this.#bad("a number that is too large");
      if (byte >= 128) continue;
      numbers.push(value);
      value = 0;
      scale = 1;
    }
    if (scale !== 1) this.#bad("a number is cut");
    return numbers;
  }

  #readHead([pageCount = 0, usedPages = 0, intervalNs = 0, ...runs]: readonly number[]): void {
    if (pageCount < 1 || pageCount > PAGES_MAX || usedPages > pageCount || intervalNs < 1)
      this.#bad("a head that makes no sense");
    const used = runs.length > 0 ? this.#pagesOf(runs, pageCount) : undefined;
    if (used && used.length !== usedPages)
      this.#bad(`the head says ${usedPages} pages, but lists ${used.length}`);
    this.#head = { pageCount, usedPages, intervalNs, used };
  }

  #readInterval([endNs = 0, ...runs]: readonly number[]): void {
    const before = this.#endsNs.at(-1) ?? 0;
    if (endNs <= before)
      this.#bad(
        `time goes backwards: an interval ends at ${endNs} ns, the one before at ${before}`,
      );
    const pages = this.#pagesOf(runs, this.#head?.pageCount ?? 0);
    this.#pages += pages.length;
    if (this.#pages > WRITES_MAX) this.#bad(`more than ${WRITES_MAX} pages; a shorter one, please`);
    this.#intervals.push(pages);
    this.#endsNs.push(endNs);
  }

  /** The pages of runs: pages since the end of the one before, pages of the run. */
  #pagesOf(runs: readonly number[], pageCount: number): Uint32Array {
    if (runs.length % 2 !== 0) this.#bad("a run of pages is cut");
    let end = 0;
    let count = 0;
    for (let i = 0; i < runs.length; i += 2) {
      end += (runs[i] as number) + (runs[i + 1] as number);
      count += runs[i + 1] as number;
      if (end > pageCount) this.#bad(`page ${end - 1} of ${pageCount}`);
    }
    const pages = new Uint32Array(count);
    let page = 0;
    let to = 0;
    for (let i = 0; i < runs.length; i += 2) {
      page += runs[i] as number;
      for (const stop = page + (runs[i + 1] as number); page < stop; page++) pages[to++] = page;
    }
    return pages;
  }

  /** What was written, once all has been pushed. */
  finish(): DirtyTrace {
    const read = this.#intervals.length;
    if (!this.#head || !this.#hasEnded)
      this.#bad(`the file is cut behind ${read} whole intervals: its end is missing`);
    if (read === 0) this.#bad("it has no intervals");
    const intervalNs = Math.round((this.#endsNs.at(-1) as number) / read);
    return { ...this.#head, intervalNs, intervals: this.#intervals, endsNs: this.#endsNs };
  }
}

/** Reads a trace. Throws `WV_CONFIG` that names `file` and the byte for what is none. */
export function decodeTrace(bytes: Uint8Array, file = "dirty trace"): DirtyTrace {
  const reader = new TraceReader(file);
  reader.push(bytes);
  return reader.finish();
}

export function encodeTrace(trace: DirtyTrace): Uint8Array {
  const writer = new TraceWriter();
  const { endsNs, intervalNs, intervals } = trace;
  const parts = [
    writer.head(trace),
    ...intervals.map((pages, i) => writer.interval(endsNs?.[i] ?? (i + 1) * intervalNs, pages)),
    writer.end(),
  ];
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
