/**
 * Traces that the field publishes, in the very formats they are published in. None says how fast memory is dirtied, and
 * only some how much a vm has; what they share is who there is, and how busy they are over time.
 */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { WasmvisorError } from "../../base/errors.ts";
import { Collector } from "./collector.ts";
import { TRACE_TABLES, type TraceFormat } from "./formats.ts";
import { readGoogle2019 } from "./google-2019.ts";
import { type Row, rowsOf, type TableFormat } from "./table.ts";
import type { TracedVm } from "./traced-vm.ts";

export interface TraceRequest {
  readonly format: TraceFormat;
  /** Path of each table. */
  readonly files: Readonly<Record<string, string>>;
  readonly limit: number;
  /** A whole machine, where the trace says shares of one. */
  readonly machineCpus: number;
  readonly machineBytes: number;
}

const GIB = 2 ** 30;
const SEC = 1e9;

const csv = (columns: string): TableFormat => ({
  separator: ",",
  columns: columns.split(" "),
  hasHeader: false,
});

const AZURE_VMS = csv(
  "vmid subscriptionid deploymentid vmcreated vmdeleted maxcpu avgcpu p95maxcpu vmcategory vmcorecount vmmemory",
);
const AZURE_CPU = csv("timestamp vmid mincpu maxcpu avgcpu");
const GOOGLE_EVENTS = csv(
  "timestamp missinginfo jobid taskindex machineid eventtype user schedulingclass priority cpurequest memoryrequest diskrequest differentmachines",
);
const GOOGLE_USAGE = csv("starttime endtime jobid taskindex machineid cpurate canonicalmemory");
const ALIBABA_META = csv(
  "container_id machine_id time_stamp app_du status cpu_request cpu_limit mem_size",
);
const ALIBABA_USAGE = csv(
  "container_id machine_id time_stamp cpu_util_percent mem_util_percent cpi mem_gps",
);
const BITBRAINS: TableFormat = {
  separator: ";",
  hasHeader: true,
  columns: [
    "Timestamp [ms]",
    "CPU cores",
    "CPU capacity provisioned [MHZ]",
    "CPU usage [MHZ]",
    "CPU usage [%]",
    "Memory capacity provisioned [KB]",
    "Memory usage [KB]",
    "Disk read throughput [KB/s]",
    "Disk write throughput [KB/s]",
    "Network received throughput [KB/s]",
    "Network transmitted throughput [KB/s]",
  ],
};

/** Reads a trace as it streams by; what is wrong with it is `WV_BAD_TRACE` with file, line and column. */
export async function readTrace(request: TraceRequest): Promise<TracedVm[]> {
  const { files, format, limit } = request;
  const tables: readonly string[] = TRACE_TABLES[format];
  const unknown = Object.keys(files).find((table) => !tables.includes(table));
  const missing = tables.find((table) => files[table] === undefined);
  if (unknown !== undefined || missing !== undefined)
    throw new WasmvisorError(
      "WV_BAD_TRACE",
      `trace ${format}: ${unknown === undefined ? `no table ${missing}` : `no table is called ${unknown}`}; files: ${tables.join(", ")}`,
    );
  const collector = new Collector(limit);
  await READERS[format](request, collector);
  const traced = collector.traced();
  if (traced.length === 0)
    throw new WasmvisorError(
      "WV_BAD_TRACE",
      `trace ${format}: there is no vm in ${Object.values(files).join(", ")}`,
    );
  return traced;
}

type Reader = (request: TraceRequest, collector: Collector) => Promise<void>;

const READERS: Readonly<Record<TraceFormat, Reader>> = {
  "azure-2017": readAzure,
  "azure-2019": readAzure,
  "google-2011": readGoogle2011,
  "google-2019": ({ files, machineBytes, machineCpus }, collector) =>
    readGoogle2019(files["usage"] as string, { machineBytes, machineCpus }, collector),
  bitbrains: readBitbrains,
  "alibaba-2018": readAlibaba,
};

const backwards = (row: Row, column: string) => (): never =>
  row.fail(column, "time goes backwards for this vm; sort the file by time");

/** 2017 has numbers of cores and GB; 2019 buckets of them, of which the last is `>24`: taken for its lower end. */
async function readAzure({ files }: TraceRequest, collector: Collector): Promise<void> {
  for await (const row of rowsOf(files["vmtable"] as string, AZURE_VMS)) {
    const bucket = (column: string): number => {
      const value = Number(row.text(column).replace(/^>\s*/, ""));
      return value > 0
        ? value
        : row.fail(column, `expected a number above 0, or a bucket like >24`);
    };
    const known = collector.vm(row.text("vmid"), bucket("vmcorecount"), bucket("vmmemory") * GIB);
    if (!known) break;
  }
  for await (const row of rowsOf(files["cpu"] as string, AZURE_CPU)) {
    const cpus = collector.cpusOf(row.text("vmid"));
    if (cpus === undefined) continue;
    const used = (cpus * row.number("avgcpu", 0)) / 100;
    collector.sample(
      row.text("vmid"),
      row.number("timestamp", 0) * SEC,
      used,
      backwards(row, "timestamp"),
    );
  }
}

/** Tasks are the vms; requests and use are shares of the largest machine, times are microseconds. */
async function readGoogle2011(request: TraceRequest, collector: Collector): Promise<void> {
  const { files, machineBytes, machineCpus } = request;
  const nameOf = (row: Row): string => `${row.text("jobid")}-${row.text("taskindex")}`;
  for await (const row of rowsOf(files["events"] as string, GOOGLE_EVENTS)) {
    const cpus = row.number("cpurequest", 0, 0) * machineCpus;
    if (!collector.vm(nameOf(row), cpus, row.number("memoryrequest", 0, 0) * machineBytes)) break;
  }
  for await (const row of rowsOf(files["usage"] as string, GOOGLE_USAGE)) {
    const startUs = row.number("starttime", 0);
    if (row.number("endtime", 0) < startUs) row.fail("endtime", "it ends before it begins");
    const used = row.number("cpurate", 0) * machineCpus;
    collector.sample(nameOf(row), startUs * 1e3, used, backwards(row, "starttime"));
  }
}

/** One file for each vm. Its header says ms; what stands there are seconds, or, in some copies, really ms. */
async function readBitbrains({ files, limit }: TraceRequest, collector: Collector): Promise<void> {
  const path = files["vm"] as string;
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const all = isFolder
    ? readdirSync(path)
        .filter((name) => /\.csv(\.gz)?$/.test(name))
        .sort((a, b) => a.localeCompare(b, "en", { numeric: true }))
        .map((name) => join(path, name))
    : [path];
  for (const file of all.slice(0, limit))
    for await (const row of rowsOf(file, BITBRAINS)) {
      const cpus = row.number("CPU cores", 0);
      const bytes = row.number("Memory capacity provisioned [KB]", 0) * 1024;
      collector.vm(file, cpus, bytes);
      const time = row.number("Timestamp [ms]", 0);
      const atNs = time > 1e11 ? time * 1e6 : time * SEC;
      const used = (cpus * row.number("CPU usage [%]", 0)) / 100;
      collector.sample(file, atNs, used, backwards(row, "Timestamp [ms]"));
    }
}

/** Containers are the vms. 100 is one core; memory is in percent of a machine. */
async function readAlibaba(
  { files, machineBytes }: TraceRequest,
  collector: Collector,
): Promise<void> {
  for await (const row of rowsOf(files["meta"] as string, ALIBABA_META)) {
    const cpus = row.number("cpu_request", 0, 0) / 100;
    const bytes = (row.number("mem_size", 0, 0) / 100) * machineBytes;
    if (!collector.vm(row.text("container_id"), cpus, bytes)) break;
  }
  for await (const row of rowsOf(files["usage"] as string, ALIBABA_USAGE)) {
    const name = row.text("container_id");
    const cpus = collector.cpusOf(name);
    if (cpus === undefined) continue;
    const used = (cpus * row.number("cpu_util_percent", 0, 0)) / 100;
    collector.sample(name, row.number("time_stamp", 0) * SEC, used, backwards(row, "time_stamp"));
  }
}
