/** Readers of traces: dirty traces in all their forms, and those that data centres publish. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "../../ts/base/crc32.ts";
import { TRACE_TABLES, type TraceFormat } from "../../ts/centre/traces/formats.ts";
import { readTrace } from "../../ts/centre/traces/read-trace.ts";
import {
  decodeTrace,
  encodeTrace,
  FRAME_HEAD_BYTES,
  TRACE_MAGIC,
} from "../../ts/migrate/trace/trace.ts";
import { CsvTrace } from "../../ts/sweep/trace/csv-trace.ts";
import { writerFromQemu } from "../../ts/sweep/trace/qemu.ts";
import type { FuzzedParser } from "./parsers.ts";

const text = (...lines: readonly string[]): Uint8Array => Buffer.from(`${lines.join("\n")}\n`);

const DIRTY = encodeTrace({
  pageCount: 10_000,
  usedPages: 3,
  used: Uint32Array.of(1, 2, 9),
  intervalNs: 50e6,
  intervals: [Uint32Array.of(1, 2, 3, 700), Uint32Array.of(), Uint32Array.of(9_999)],
});

/** Gives each frame the checksum that fits, as far as there are frames. */
function mendTrace(bytes: Uint8Array): Uint8Array {
  const out = bytes.slice();
  const view = new DataView(out.buffer);
  for (let at = TRACE_MAGIC.length; at + FRAME_HEAD_BYTES <= out.length; ) {
    const from = at + FRAME_HEAD_BYTES;
    const end = from + view.getUint32(at, true);
    if (end > out.length) break;
    view.setUint32(at + 4, crc32(out, 0, from, end), true);
    at = end;
  }
  return out;
}

/** A row or two of each table of each format; a fuzzed file stands for every table of its format. */
const TABLES: Readonly<Record<TraceFormat, readonly Uint8Array[]>> = {
  "azure-2017": [text("a,s,d,0,9,1,1,1,Unknown,2,4"), text("0,a,19,24,22.5", "300,a,1,5,50")],
  "azure-2019": [text("a,s,d,0,9,1,1,1,Unknown,>24,>64"), text("0,a,19,24,22.5")],
  "google-2011": [
    text("0,2,34,0,41,0,u,3,9,0.125,0.07446,0.0004,0"),
    text("600000000,900000000,34,0,41,0.001,0.06"),
  ],
  "google-2019": [
    text(
      '{"start_time":"6","end_time":"9","collection_id":"3","instance_index":"7","average_usage":{"cpus":0.1,"memory":0.01},"maximum_usage":{"cpus":0.2,"memory":0.02},"assigned_memory":0.06}',
    ),
  ],
  bitbrains: [
    text(
      "Timestamp [ms];\tCPU cores;\tCPU capacity provisioned [MHZ];\tCPU usage [MHZ];\tCPU usage [%];\tMemory capacity provisioned [KB];\tMemory usage [KB];\tDisk read throughput [KB/s];\tDisk write throughput [KB/s];\tNetwork received throughput [KB/s];\tNetwork transmitted throughput [KB/s]",
      "1376314846;\t4;\t11703.9;\t10912.0;\t93.2;\t6.7E7;\t6129274.4;\t0.1;\t20816.4;\t0.0;\t0.2",
    ),
  ],
  "alibaba-2018": [
    text("c_1,m_2,0,app,started,400,400,1.56"),
    text("c_1,m_2,386640,25,33,0.80,0,0", "c_1,m_2,386700,50,33,,,"),
  ],
};

const scratch = mkdtempSync(join(tmpdir(), "wasmvisor-fuzz-"));
process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));

function publishedTrace(format: TraceFormat, samples: readonly Uint8Array[]): FuzzedParser[] {
  const tables: readonly string[] = TRACE_TABLES[format];
  const paths = tables.map((table) => join(scratch, `${format}-${table}.csv`));
  const files = Object.fromEntries(tables.map((table, i) => [table, paths[i] as string]));
  return tables.map((table, changed) => ({
    name: `${format} ${table}`,
    samples: [samples[changed] as Uint8Array],
    codes: ["WV_BAD_TRACE"],
    parse: (bytes) => {
      for (const [i, path] of paths.entries())
        writeFileSync(path, i === changed ? bytes : (samples[i] as Uint8Array));
      return readTrace({ format, files, limit: 10, machineCpus: 64, machineBytes: 2 ** 38 });
    },
  }));
}

const QEMU = [
  text('{"return":{"status":"measured","dirty-rate":31,"calc-time":1}}'),
  text('{"return":{"status":"active","ram":{"total":1073741824,"dirty-pages-rate":8000}}}'),
];

/** What `--target traces` draws from. A further parser is a further entry. */
export const TRACE_PARSERS: readonly FuzzedParser[] = [
  {
    name: "dirty trace",
    samples: [DIRTY],
    codes: ["WV_CONFIG"],
    parse: decodeTrace,
    mend: mendTrace,
  },
  {
    name: "dirty trace as text",
    samples: [text("time_ms,page,pages", "50,1200,16", "100,1,1", "100,7,2")],
    codes: ["WV_CONFIG"],
    parse: (bytes) => {
      const trace = new CsvTrace("trace.csv", 2 ** 26);
      trace.push(bytes);
      return trace.finish();
    },
  },
  {
    name: "answer of QEMU's",
    samples: QEMU,
    codes: ["WV_CONFIG"],
    parse: (bytes) => writerFromQemu(Buffer.from(bytes).toString(), 2 ** 30),
  },
  ...Object.entries(TABLES).flatMap(([format, samples]) =>
    publishedTrace(format as TraceFormat, samples),
  ),
];
