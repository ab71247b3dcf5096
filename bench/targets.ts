/** What this project wants of its own speed: the rows that say so, and how far they are. */
import type { BenchRow } from "./harness.ts";

interface Target {
  readonly what: string;
  readonly must: number;
  readonly aim: number;
  /** The lowest ratio of these rows is held against both. */
  readonly rows: readonly (string | RegExp)[];
}

const TARGETS: readonly Target[] = [
  {
    what: "five plain kernels, geometric mean vs QEMU TCG",
    must: 1.2,
    aim: 2,
    rows: ["kernels/geomean5"],
  },
  {
    what: "page dirtier and bytecode interpreter vs the same",
    must: 3,
    aim: 5,
    rows: ["kernels/dirty+bytecode"],
  },
  {
    what: "n-body and mandelbrot in double vs the same",
    must: 1,
    aim: 2,
    rows: ["kernels/nbody+mandelbrot"],
  },
  {
    what: "unmodified Debian kernel to /init vs the same",
    must: 0.6,
    aim: 1,
    rows: ["linux-boot/image", "linux-boot/default"],
  },
  {
    what: "Debian userland, geometric mean vs the same",
    must: 0.6,
    aim: 1,
    rows: ["userland/geomean"],
  },
  {
    what: "programs inside Linux, geometric mean vs v86",
    must: 2,
    aim: 4,
    rows: ["linux-programs/v86/geomean"],
  },
  {
    what: "programs inside Linux, geometric mean vs QEMU TCG",
    must: 0.9,
    aim: 1.5,
    rows: ["linux-programs/qemu/geomean"],
  },
  {
    what: "the lowest of them vs QEMU TCG",
    must: 0.5,
    aim: 0.5,
    rows: [/^linux-programs\/qemu\//],
  },
  {
    what: "getppid, and fork + wait, in Debian vs QEMU TCG",
    must: 0.6,
    aim: 1,
    rows: ["linux-programs/qemu/getppid", "linux-programs/qemu/fork"],
  },
  {
    what: "page copy over loopback vs QEMU's",
    must: 2,
    aim: 3.15,
    rows: ["migration-loopback/plain"],
  },
  {
    what: "the same over TLS",
    must: 1.5,
    aim: 3.15,
    rows: ["migration-loopback/tls"],
  },
  { what: "virtio-blk by fio vs QEMU TCG", must: 0.8, aim: 1.2, rows: [/^disk\//] },
  { what: "virtio-net by iperf3 vs the same", must: 0.8, aim: 1.2, rows: [/^network\//] },
  { what: "NBD server by nbdcopy vs qemu-nbd", must: 0.5, aim: 1, rows: [/^nbd\//] },
  {
    what: "one migration after another, fluid, vs SimGrid",
    must: 50,
    aim: 130,
    rows: ["centre/serial fluid"],
  },
  {
    what: "one migration after another, page level, vs SimGrid",
    must: 0.3,
    aim: 1,
    rows: ["centre/serial page"],
  },
  {
    what: "1,000 vms leave at once over a fat tree vs SimGrid",
    must: 3,
    aim: 10,
    rows: [/^centre\/1000 at once, dirty \d+ %$/],
  },
  {
    what: "4,000 vms the same",
    must: 10,
    aim: 30,
    rows: ["centre/4000 at once, dirty 5 %"],
  },
  {
    what: "1,000 on links of their own, at once vs one after another",
    must: 1 / 1.5,
    aim: 1 / 1.2,
    rows: ["centre/disjoint"],
  },
];

/** The targets that were measured, as a Markdown table; empty when none was. */
export function targetsOf(rows: readonly BenchRow[]): string {
  const lines = TARGETS.flatMap(({ what, must, aim, rows: wanted }) => {
    const measured = rows
      .filter(({ bench }) =>
        wanted.some((one) => (typeof one === "string" ? one === bench : one.test(bench))),
      )
      .flatMap(({ bench, ratio }) => (ratio === undefined ? [] : { bench, ratio }))
      .sort((a, b) => a.ratio - b.ratio);
    const [lowest] = measured;
    if (lowest === undefined) return [];
    const verdict = lowest.ratio >= aim ? "aim" : lowest.ratio >= must ? "must" : "short";
    const name = lowest.bench.replaceAll("|", " ");
    return `| ${what} | ${must} | ${aim} | ${lowest.ratio.toFixed(2)} | ${verdict} | ${name} |`;
  });
  if (lines.length === 0) return "";
  const head = ["| what | must | aim | measured | met | row |", "|---|---|---|---|---|---|"];
  return [...head, ...lines].join("\n");
}
