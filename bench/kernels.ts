/**
 * Guest CPU throughput: each kernel of guests/bin/kernels.elf in our product and in
 * qemu-system-riscv64, in turn. The time is the guest's own (rdtime is wall time in both, at
 * 10 MHz), so start-up does not count; the number of instructions is the exact one from
 * guests/expected/runs.json, the same for both. A run with a wrong checksum is an error.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type BenchRow, geometricMean, type Measured, rowOf } from "./harness.ts";
import { type Command, runMachine } from "./machine-run.ts";
import { type BenchOptions, cliOf, hasQemu, QEMU, QEMU_TCG } from "./machines.ts";

interface Kernel {
  readonly name: string;
  readonly checksum: string;
  readonly instructions: number;
}

const RUNS = 5;
const TICKS_PER_US = 10;

/** Geometric means over several kernels. */
const MEANS: Readonly<Record<string, readonly string[]>> = {
  geomean5: ["crc", "sieve", "quicksort", "matmul", "recursion"],
  "dirty+bytecode": ["dirty", "bytecode"],
  "nbody+mandelbrot": ["nbody", "mandelbrot"],
};

const appendOf = ({ size }: BenchOptions): string => (size === "quick" ? "scale=1" : "");

function expectedKernels(options: BenchOptions): Kernel[] {
  const text = readFileSync(join(options.root, "guests/expected/runs.json"), "utf8");
  const runs = JSON.parse(text) as { program: string; append: string; lines: string[] }[];
  const run = runs.find(
    ({ program, append }) => program === "kernels.elf" && append === appendOf(options),
  );
  return (run?.lines ?? []).map((line) => {
    const [, name, checksum, instret] =
      /^kernel (\w+) checksum (\w+) instret (\d+)/.exec(line) ?? [];
    if (name === undefined || checksum === undefined) throw new Error(`runs.json: ${line}`);
    return { name, checksum, instructions: Number(instret) };
  });
}

/** MIPS of one run: by the guest's clock, or by the processor time that the kernel took. */
async function measure(kernel: Kernel, command: Command, options: BenchOptions): Promise<number> {
  const { timeoutSec, time } = options;
  const lines = await runMachine(command, { until: /^kernel /, timeoutSec });
  const begin = lines.find(({ text }) => text === `begin ${kernel.name}`);
  const { text = "", cpuMs } = lines.at(-1) ?? {};
  const [, checksum, ticks] = /checksum (\w+) instret \d+ time (\d+)$/.exec(text) ?? [];
  if (checksum !== kernel.checksum || !(Number(ticks) > 0)) {
    throw new Error(`kernel ${kernel.name}: expected checksum ${kernel.checksum}, got ${text}`);
  }
  if (time === "wall") return (kernel.instructions / Number(ticks)) * TICKS_PER_US;
  if (cpuMs === undefined || begin?.cpuMs === undefined) throw new Error("--time cpu needs /proc");
  return kernel.instructions / Math.max(cpuMs - begin.cpuMs, 1) / 1000;
}

/** The kernels that were asked for; an error names those that do not exist. */
function chosen(options: BenchOptions): Kernel[] {
  const all = expectedKernels(options);
  const unknown = options.only.filter((name) => all.every((kernel) => kernel.name !== name));
  if (unknown.length > 0) throw new Error(`no kernel is called ${unknown.join(", ")}`);
  return all.filter(({ name }) => options.only.length === 0 || options.only.includes(name));
}

function commandsFor(kernel: Kernel, options: BenchOptions) {
  const image = join(options.root, "guests/bin/kernels.elf");
  const append = `kernel=${kernel.name} ${appendOf(options)}`.trim();
  const ours: Command = {
    program: process.execPath,
    args: [
      [cliOf(options.root), "run", "--kernel", image, "--append", append],
      ["--memory", "128MiB", "--clock", "wall", ...options.runOptions],
    ].flat(),
  };
  const peer: Command = {
    program: QEMU,
    args: [
      ["-M", "virt", "-m", "128", "-bios", "default", "-nographic"],
      ["-kernel", image, "-append", append],
    ].flat(),
  };
  return { ours, peer };
}

/**
 * Over several kernels: the figures of each run are geometric means over the kernels; the ratio
 * is the geometric mean of the kernels' ratios.
 */
function meanRow(
  name: string,
  members: readonly string[],
  byKernel: ReadonlyMap<string, Measured>,
): BenchRow[] {
  const measured = members.flatMap((member) => byKernel.get(member) ?? []);
  if (measured.length < members.length) return [];
  const mean = (figures: readonly (readonly number[])[]): number[] =>
    (figures[0] ?? []).map((_, run) => geometricMean(figures.map((runs) => runs[run] ?? 0)));
  const peers = measured.flatMap(({ peer }) => peer ?? []);
  const row = rowOf({
    bench: `kernels/${name}`,
    unit: "MIPS",
    better: "higher",
    ours: mean(measured.map(({ ours }) => ours)),
    peer: peers[0] && { name: peers[0].name, values: mean(peers.map(({ values }) => values)) },
  });
  const ratios = measured.flatMap((one) => rowOf(one).ratio ?? []);
  return [ratios.length === members.length ? { ...row, ratio: geometricMean(ratios) } : row];
}

export async function benchKernels(options: BenchOptions): Promise<BenchRow[]> {
  const withQemu = hasQemu(options);
  const byKernel = new Map<string, Measured>();
  const rows: BenchRow[] = [];
  for (const kernel of chosen(options)) {
    const commands = commandsFor(kernel, options);
    const ours: number[] = [];
    const values: number[] = [];
    for (let run = 0; run < (options.runs ?? RUNS); run++) {
      ours.push(await measure(kernel, commands.ours, options));
      if (withQemu) values.push(await measure(kernel, commands.peer, options));
    }
    const measured: Measured = {
      bench: `kernels/${kernel.name}`,
      unit: "MIPS",
      better: "higher",
      ours,
      peer: withQemu ? { name: QEMU_TCG, values } : undefined,
    };
    byKernel.set(kernel.name, measured);
    const row = rowOf(measured);
    const ratio = row.ratio === undefined ? "" : `, ratio ${row.ratio.toFixed(2)}`;
    options.log(`${row.bench}: ${row.ours.median.toFixed(0)} MIPS${ratio}`);
    rows.push(row);
  }
  const means = Object.entries(MEANS).flatMap(([name, members]) =>
    meanRow(name, members, byKernel),
  );
  return [...rows, ...means];
}
