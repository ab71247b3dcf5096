/** Traces of the field: small files in the exact formats, and files that are not. */
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { WasmvisorError } from "../../ts/base/errors.ts";
import { loadCentre } from "../../ts/centre/load-centre.ts";
import { TRACE_FORMATS, TRACE_TABLES, type TraceFormat } from "../../ts/centre/traces/formats.ts";
import { readTrace } from "../../ts/centre/traces/read-trace.ts";

const scratch = mkdtempSync(join(tmpdir(), "wasmvisor-traces-"));
afterAll(() => rmSync(scratch, { recursive: true }));

let count = 0;
/** A file of these lines. */
function file(lines: readonly string[], suffix = ".csv", end = "\n"): string {
  const path = join(scratch, `${count++}${suffix}`);
  const text = lines.map((line) => `${line}${end}`).join("");
  writeFileSync(path, suffix.endsWith(".gz") ? gzipSync(text) : text);
  return path;
}

const read = (format: TraceFormat, files: Record<string, string>, limit = 100) =>
  readTrace({ format, files, limit, machineCpus: 64, machineBytes: 2 ** 38 });

const GIB = 2 ** 30;
const steps = (demand: readonly { atNs: number; cpus: number }[]) =>
  demand.map(({ atNs, cpus }) => [atNs / 1e9, Number(cpus.toFixed(6))]);

const AZURE_VMS = [
  "x/XsOfHO4ocsV99i4NluqKDuxctW2MMVmwqOPAlg4wp8mqbBOe3wxBlQo0+Qx+uf,sub,dep,0,2591700,93.1,8.2,29.4,Unknown,2,4",
  "second,sub,dep,300,900,10,5,9,Interactive,>24,>64",
  "third,sub,dep,300,900,10,5,9,Delay-insensitive,1,1.75",
];
const AZURE_CPU = [
  "0,x/XsOfHO4ocsV99i4NluqKDuxctW2MMVmwqOPAlg4wp8mqbBOe3wxBlQo0+Qx+uf,19.8,24.3,22.5",
  "300,x/XsOfHO4ocsV99i4NluqKDuxctW2MMVmwqOPAlg4wp8mqbBOe3wxBlQo0+Qx+uf,1,50,50",
  "300,second,1,99,25",
  "300,unheard-of,1,99,25",
];

test("Azure 2017 and 2019: cores and GB or buckets of them, readings every five minutes", async () => {
  for (const format of ["azure-2017", "azure-2019"] as const) {
    const traced = await read(format, {
      vmtable: file(AZURE_VMS),
      cpu: file(AZURE_CPU, ".csv.gz"),
    });
    expect(traced.map(({ cpus, memoryBytes }) => [cpus, memoryBytes / GIB])).toEqual([
      [2, 4],
      [24, 64],
      [1, 1.75],
    ]);
    expect(traced.map(({ demand }) => steps(demand))).toEqual([
      [
        [0, 0.45],
        [300, 1],
      ],
      [
        [0, 0],
        [300, 6],
      ],
      [[0, 0]],
    ]);
  }
});

test("Google 2011: tasks, with shares of the largest machine and microseconds", async () => {
  const events = file([
    "0,2,3418309,0,4155527081,0,70s3v5qRyCO/1PCdI6fVXnrW8FU/w+5CKRSa72xgcIo=,3,9,0.125,0.07446,0.0004244,0",
  ]);
  const usage = file([
    "600000000,900000000,3418309,0,4155527081,0.001562,0.06787,0.07568,0.001156,0.001503,0.06787,2.861e-06,0.0001869,0.03967,0.0003567,2.445,0.007243,0,1,0",
    "900000000,1200000000,3418309,0,4155527081,0.0625,0.06787,0.07568,0.001156,0.001503,0.06787,2.861e-06,0.0001869,0.03967,0.0003567,2.445,0.007243,0,1,0",
  ]);
  const [task] = await read("google-2011", { events, usage });
  expect(task).toMatchObject({ name: "3418309-0", cpus: 8 });
  expect(steps(task?.demand ?? [])).toEqual([
    [0, 0.099968],
    [300, 4],
  ]);
});

test("Google 2019: instance_usage as JSON, integers written as text", async () => {
  const row = (start: number, cpus: number) =>
    JSON.stringify({
      start_time: String(start),
      end_time: String(start + 300e6),
      collection_id: "330587160469",
      instance_index: "7",
      machine_id: "20204",
      alloc_collection_id: "0",
      average_usage: { cpus, memory: 0.01 },
      maximum_usage: { cpus: 2 * cpus, memory: 0.02 },
      assigned_memory: 0.0625,
      sample_rate: 1,
      cpu_usage_distribution: [0, 0.1],
    });
  const usage = file([row(600e6, 0.125), row(900e6, 0.25)], ".json");
  const [instance] = await read("google-2019", { usage });
  expect(instance).toMatchObject({ name: "330587160469-7", cpus: 16, memoryBytes: 2 ** 34 });
  expect(steps(instance?.demand ?? [])).toEqual([
    [0, 8],
    [300, 16],
  ]);
});

const BITBRAINS =
  "Timestamp [ms];\tCPU cores;\tCPU capacity provisioned [MHZ];\tCPU usage [MHZ];\tCPU usage [%];\tMemory capacity provisioned [KB];\tMemory usage [KB];\tDisk read throughput [KB/s];\tDisk write throughput [KB/s];\tNetwork received throughput [KB/s];\tNetwork transmitted throughput [KB/s]";
const bitbrains = (time: number, percent: number): string =>
  `${time};\t4;\t11703.99824;\t10912.027692;\t${percent};\t6.7108864E7;\t6129274.4;\t0.13333333333333333;\t20816.4;\t0.0;\t0.2`;

test("Bitbrains: a file for each vm, in a folder, with Windows line ends", async () => {
  const folder = join(scratch, "fastStorage");
  mkdirSync(folder);
  for (const vm of [1, 2, 10])
    writeFileSync(
      join(folder, `${vm}.csv`),
      [BITBRAINS, bitbrains(1376314846, 93.2), bitbrains(1376315146, 50), ""].join("\r\n"),
    );
  const traced = await read("bitbrains", { vm: folder }, 2);
  expect(traced.map(({ name }) => name.split("/").at(-1))).toEqual(["1.csv", "2.csv"]);
  expect(traced[0]).toMatchObject({ cpus: 4, memoryBytes: 64 * GIB });
  expect(steps(traced[0]?.demand ?? [])).toEqual([
    [0, 3.728],
    [300, 2],
  ]);
});

test("Alibaba 2018: containers, 100 is a core, memory in percent of a machine", async () => {
  const meta = file([
    "c_1,m_2556,0,app_5052,started,400,400,1.56",
    "c_1,m_2556,287942,app_5052,started,400,400,1.56",
    "c_2,m_962,0,app_5052,started,800,800,3.13",
  ]);
  const usage = file([
    "c_1,m_2556,386640,25,33,0.80,0,0,0,0,1",
    "c_1,m_2556,386700,50,33,,,,,,",
    "c_2,m_962,386640,10,33,1,1,1,1,1,1",
  ]);
  const traced = await read("alibaba-2018", { meta, usage });
  expect(traced.map(({ cpus }) => cpus)).toEqual([4, 8]);
  expect(traced[0]?.memoryBytes).toBeCloseTo(0.0156 * 2 ** 38, -3);
  expect(steps(traced[0]?.demand ?? [])).toEqual([
    [0, 1],
    [60, 2],
  ]);
});

test("no more vms are kept than were asked for", async () => {
  const many = Array.from({ length: 500 }, (_, i) => `vm-${i},s,d,0,1,1,1,1,Unknown,2,4`);
  const cpu = Array.from({ length: 500 }, (_, i) => `0,vm-${i},1,1,10`);
  expect((await read("azure-2017", { vmtable: file(many), cpu: file(cpu) }, 3)).length).toBe(3);
});

test.each<readonly [string, TraceFormat, () => Record<string, string>, RegExp]>([
  [
    "too few columns",
    "azure-2017",
    () => ({ vmtable: file(["a,b,c"]), cpu: file(AZURE_CPU) }),
    /\.csv:1:6: 3 columns where there are 11: no vmcreated, .*; is this the right table/,
  ],
  [
    "time that goes backwards",
    "azure-2017",
    () => ({ vmtable: file(AZURE_VMS), cpu: file(["600,second,1,1,1", "300,second,1,1,1"]) }),
    /\.csv:2:1: timestamp: time goes backwards for this vm; sort the file by time/,
  ],
  [
    "a number that is none",
    "azure-2019",
    () => ({ vmtable: file(AZURE_VMS), cpu: file(["0,second,1,1,NaN"]) }),
    /\.csv:1:14: avgcpu: expected a number from 0 on, got "NaN"/,
  ],
  [
    "a negative use",
    "alibaba-2018",
    () => ({ meta: file(["c,m,0,a,s,100,100,1"]), usage: file(["c,m,0,-5,1,1,1"]) }),
    /\.csv:1:7: cpu_util_percent: expected a number from 0 on, got "-5"/,
  ],
  [
    "another header",
    "bitbrains",
    () => ({ vm: file([BITBRAINS.replace("CPU cores", "Cores")]) }),
    /\.csv:1:16: expected the column "CPU cores", got "Cores"/,
  ],
  [
    "no JSON",
    "google-2019",
    () => ({ usage: file(["start_time,end_time"]) }),
    /:1:1: no JSON: .*one object a line/,
  ],
  [
    "a missing key",
    "google-2019",
    () => ({
      usage: file(['{"start_time":"1","end_time":"2","collection_id":"3","instance_index":0}']),
    }),
    /:1:1: average_usage: .*instance_usage/,
  ],
  [
    "a missing table",
    "google-2011",
    () => ({ usage: "x" }),
    /google-2011: no table events; files: events, usage/,
  ],
  ["a table that is none", "bitbrains", () => ({ vms: "x" }), /no table is called vms; files: vm/],
  [
    "no file",
    "bitbrains",
    () => ({ vm: join(scratch, "nowhere.csv") }),
    /nowhere.csv:1:1: cannot be read \(ENOENT\)/,
  ],
  ["nothing in it", "bitbrains", () => ({ vm: file([BITBRAINS]) }), /there is no vm in/],
  [
    "half an archive",
    "bitbrains",
    () => ({ vm: cut() }),
    /\.csv\.gz:\d+:1: cannot be read \(Z_BUF_ERROR\)/,
  ],
])("a trace with %s is refused by place, with the remedy", async (_, format, files, message) => {
  const error = await read(format, files()).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(WasmvisorError);
  expect((error as WasmvisorError).code).toBe("WV_BAD_TRACE");
  expect((error as WasmvisorError).message).toMatch(message);
});

function cut(): string {
  const path = join(scratch, "cut.csv.gz");
  const whole = gzipSync(
    [BITBRAINS, ...Array.from({ length: 1000 }, (_, i) => bitbrains(i, i % 97))].join("\n"),
  );
  writeFileSync(path, whole.subarray(0, whole.length / 2));
  return path;
}

test("a line without an end is refused after a megabyte, not kept", async () => {
  const path = join(scratch, "endless.csv");
  const out = createWriteStream(path);
  const piece = Buffer.alloc(1 << 20, "7");
  for (let i = 0; i < 200; i++)
    if (!out.write(piece)) await new Promise<void>((resolve) => out.once("drain", () => resolve()));
  await new Promise<void>((resolve) => out.end(() => resolve()));
  const before = process.memoryUsage().rss;
  await expect(read("azure-2017", { vmtable: path, cpu: path })).rejects.toThrow(
    /endless.csv:1:1: a line of more than 1048576 bytes/,
  );
  expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20);
});

test("whatever stands in a file, a reader takes it or says where it is wrong", async () => {
  const cell = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.integer().map(String),
    fc.constantFrom("", "NaN", "1e400", ">24", "{}"),
  );
  const line = fc.oneof(
    fc.array(cell, { maxLength: 14 }).map((cells) => cells.join(",")),
    fc.array(cell, { maxLength: 14 }).map((cells) => cells.join(";\t")),
    fc.constantFrom(BITBRAINS, ...AZURE_VMS, ...AZURE_CPU, '{"start_time":"1"}', "null", "[]"),
    fc.json(),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...TRACE_FORMATS),
      fc.array(line, { maxLength: 6 }),
      async (format, lines) => {
        const path = file(lines);
        const files = Object.fromEntries(TRACE_TABLES[format].map((table) => [table, path]));
        const outcome = await read(format, files).catch((reason: unknown) => reason);
        if (Array.isArray(outcome)) expect(outcome.length).toBeGreaterThan(0);
        else expect((outcome as WasmvisorError).code).toBe("WV_BAD_TRACE");
      },
    ),
    { numRuns: 200 },
  );
});

test("vms of a trace have its demand, and dirty rates that the seed draws", async () => {
  const vmtable = file(AZURE_VMS.map((line) => line.replace(">24,>64", "4,8")));
  const cpu = file(AZURE_CPU);
  const text = `apiVersion: wasmvisor.dev/v1
kind: DataCentre
name: traced
racks:
  - name: r
    uplink: { bandwidth: 100Gbit }
    hosts: [{ count: 2, cpus: 8, memory: 32GiB, nic: { bandwidth: 10Gbit } }]
vms:
  - { name: azure, trace: azure-2017, files: { vmtable: "${vmtable}", cpu: "${cpu}" }, dirtyRate: { median: 500, sigma: 0.5 } }
jobs: [{ name: j, kind: evacuate, hosts: [r-0] }]
`;
  const { centre } = await loadCentre(text, join(scratch, "traced.yaml"));
  expect(centre.vms.map(({ name }) => name)).toEqual(["azure-0", "azure-1", "azure-2"]);
  expect(steps(centre.vms[0]?.demand ?? [])).toEqual([
    [0, 0.45],
    [300, 1],
  ]);
  const rates = centre.vms.map(({ writer }) => writer.dirtyRate);
  expect(new Set(rates).size).toBe(3);
  const again = await loadCentre(text, join(scratch, "traced.yaml"));
  expect(again.centre.vms.map(({ writer }) => writer.dirtyRate)).toEqual(rates);
  const other = await loadCentre(text, join(scratch, "traced.yaml"), 2);
  expect(other.centre.vms.map(({ writer }) => writer.dirtyRate)).not.toEqual(rates);
});
