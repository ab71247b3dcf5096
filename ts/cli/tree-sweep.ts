/** Commands that are about sweeps. */
import type { AddCommand } from "./context.ts";
import { onHost } from "./tree-host.ts";

export function addSweepCommands(add: AddCommand): void {
  const load = () => import("./commands/sweep.ts");
  add("sweep <plan>", "run every scenario of a plan and report", () => load().then((m) => m.sweep))
    .option("--out <dir>", "where results go (default: the plan's name)")
    .option("--engine <name>", "threads, inline, or bullmq for many machines (default: threads)")
    .option("--redis <url>", "server of the engine bullmq (or WASMVISOR_REDIS)")
    .option("--workers <n>", "worker threads")
    .option("--seed <n>", "another seed than the plan's")
    .option("--format <name>", "parquet, csv or ndjson (default: parquet above 100,000 rows)")
    .option("--no-report", "leave results only")
    .option("--dry-run", "say how many scenarios there are, and how long they will take")
    .option("--resume", "go on with results that are there already");
  add("worker", "compute chunks of sweeps that come from other machines", () =>
    import("./commands/worker.ts").then((m) => m.worker),
  )
    .option("--redis <url>", "the server (or WASMVISOR_REDIS)")
    .option("--workers <n>", "worker threads (default: one for each CPU)")
    .option("--idle <time>", "end when nothing came for so long (default: never)")
    .option("--lock <time>", "silent for so long, a worker loses its chunks (default: 30s)");
  add("report <dir>", "rebuild the report of a sweep", () => load().then((m) => m.report))
    .option("--svg <dir>", "its figures as SVG, for papers")
    .option("--png <dir>", "its figures as PNG")
    .option("--font <file>", "a TrueType font for the words in PNG (default: one of the system's)");
  addTraceCommands(add);
  add("centre <file>", "do a job on a data centre: evacuate, update, consolidate, ...", () =>
    import("./commands/centre.ts").then((m) => m.centre),
  )
    .option("--job <name>", "one of the file's jobs (default: the first)")
    .option(
      "--planner <name|file>",
      "who chooses targets; an ES module of your own (default: the job's)",
    )
    .option("--planner-timeout <time>", "for each answer of that module (default: 10s)")
    .option("--seed <n>", "another seed than the file's")
    .option("--out <dir>", "where results and timelines go (default: the file's name)")
    .option("--dry-run", "say who would move where, and how long that takes at least");
}

function addTraceCommands(add: AddCommand): void {
  const load = () => import("./commands/trace.ts");
  onHost(
    add(
      "record [name]",
      "take the dirty trace of a host's vm, or of a guest that is booted for it",
      () => load().then((m) => m.record),
    ),
  )
    .option("--kernel <file>", "Linux Image or ELF")
    .option("--initrd <file>", "initial RAM disk")
    .option("--image <name>", "an image that was pulled, instead")
    .option("--append <text>", "kernel command line")
    .option("--memory <size>", "RAM (default: 512MiB)")
    .option("--mips <n>", "speed in virtual time (default: 500)")
    .option("--until <regex>", "begin when the console has printed it")
    .option("--settle <time>", "and so long after that (default: 0s)")
    .option("--interval <time>", "between two looks at the dirty log (default: 50ms)")
    .option("--duration <time>", "of the trace (default: 10s)")
    .option("--out <file>", "the trace (default: trace.wvtrace)");
  add("fit <trace>", "fit a writer to a dirty trace, or to QEMU's answer", () =>
    load().then((m) => m.fit),
  ).option("--memory <size>", "of the guest, where the file does not say");
  add("advise <trace>", "rank strategies for a guest, a link and a downtime", () =>
    load().then((m) => m.advise),
  )
    .option("--bandwidth <rate>", "of the link")
    .option("--latency <time>", "of the link, one way (default: 100us)")
    .option("--loss <share>", "of packets that the link loses, 0.001 or 0.1% (default: none)")
    .option("--downtime <time>", "that the guest may be silent for (default: 300ms)")
    .option("--timeout <time>", "after which a migration is given up (default: 10min)")
    .option("--memory <size>", "of the guest, where the file does not say");
}
