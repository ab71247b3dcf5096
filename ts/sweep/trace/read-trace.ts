/**
 * What somebody has of a guest's writes, from a file: our own trace, lines of text (`time_ms,page,pages`), or an answer of
 * QEMU's. Files are read a piece at a time: a line or an answer that is far too long ends that early.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { WasmvisorError } from "../../base/errors.ts";
import { type DirtyTrace, TRACE_MAGIC, TraceReader } from "../../migrate/trace/trace.ts";
import { CsvTrace } from "./csv-trace.ts";

const PIECE_BYTES = 1 << 20;
/** An answer of QEMU's has a few kilobytes. */
const ANSWER_BYTES_MAX = 1 << 20;

export type TraceFile =
  | { readonly kind: "trace"; readonly trace: DirtyTrace }
  | { readonly kind: "answer"; readonly text: string };

export interface ReadTraceOptions {
  /** For lines of text, which do not say it. */
  readonly memoryBytes?: number | undefined;
}

function* piecesOf(path: string): Generator<Uint8Array> {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code;
    const message = `trace: cannot read "${path}" (${why}); check the path`;
    throw new WasmvisorError("WV_CONFIG", message, { cause });
  }
  try {
    for (;;) {
      const piece = new Uint8Array(PIECE_BYTES);
      const bytes = readSync(file, piece);
      if (bytes === 0) return;
      yield piece.subarray(0, bytes);
    }
  } finally {
    closeSync(file);
  }
}

/** Throws `WV_CONFIG` that names the file, the byte or line, and what to do. */
export function readTraceFile(path: string, options: ReadTraceOptions = {}): TraceFile {
  let sink: TraceReader | CsvTrace | undefined;
  let answer = "";
  const decoder = new TextDecoder();
  for (const piece of piecesOf(path)) {
    if (!sink && answer === "") {
      const isText = /^\s*[{[]/.test(decoder.decode(piece.subarray(0, 256)));
      if (!isText)
        sink =
          piece[0] === TRACE_MAGIC[0] && piece[1] === TRACE_MAGIC[1]
            ? new TraceReader(path)
            : new CsvTrace(path, options.memoryBytes);
    }
    if (sink) {
      sink.push(piece);
      continue;
    }
    answer += decoder.decode(piece, { stream: true });
    if (answer.length > ANSWER_BYTES_MAX)
      throw new WasmvisorError(
        "WV_CONFIG",
        `${path}: more than ${ANSWER_BYTES_MAX} characters, which no answer of QEMU's has; give the answer alone`,
      );
  }
  if (!sink && answer.trim() === "")
    throw new WasmvisorError("WV_CONFIG", `${path}: it is empty; record it again`);
  return sink ? { kind: "trace", trace: sink.finish() } : { kind: "answer", text: answer };
}

/** A trace, and nothing less. */
export function readTrace(path: string, options: ReadTraceOptions = {}): DirtyTrace {
  const read = readTraceFile(path, options);
  if (read.kind === "trace") return read.trace;
  throw new WasmvisorError(
    "WV_CONFIG",
    `${path}: an answer of QEMU's has no pages that could be replayed; take a trace with: wasmvisor record`,
  );
}
