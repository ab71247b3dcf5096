/**
 * Guest CPU throughput: each kernel of guests/bin/kernels.elf in our product and in
 * qemu-system-riscv64, in turn. The time is the guest's own (rdtime is wall time in both, at
 * 10 MHz), so start-up does not count; the number of instructions is the exact one from
 * guests/expected/runs.json, the same for both. A run with a wrong checksum is an error.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type BenchRow, geometricMean, type Measured, rowOf } from "./harness.ts";

export interface KernelOptions {
  /** The root of the package. */
  readonly root: string;
  readonly runs: number;
  /** Names; empty means all. */
  readonly kernels: readonly string[];
  /** Further options of `wasmvisor run`, such as `--engine interpreter`. */
  readonly runOptions: readonly string[];
  /** Seconds after which one run counts as hung. */
  readonly timeoutSec: number;
  readonly log: (line: string) => void;
}

interface Kernel {
  readonly name: string;
  readonly checksum: string;
  readonly instructions: number;
}

interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

const TICKS_PER_US = 10;
const PLAIN_FIVE = ["crc", "sieve", "quicksort", "matmul", "recursion"];
const PEER = "qemu-system-riscv64";

function expectedKernels(root: string): Kernel[] {
  const text = readFileSync(join(root, "guests/expected/runs.json"), "utf8");
  const runs = JSON.parse(text) as { program: string; append: string; lines: string[] }[];
  const run = runs.find(({ program, append }) => program === "kernels.elf" && append === "");
  return (run?.lines ?? []).map((line) => {
    const [, name, checksum, instret] =
      /^kernel (\w+) checksum (\w+) instret (\d+)/.exec(line) ?? [];
    if (name === undefined || checksum === undefined) throw new Error(`runs.json: ${line}`);
    return { name, checksum, instructions: Number(instret) };
  });
}

/** Everything that the command printed; an error when it hangs or fails. */
function output({ program, args }: Command, timeoutSec: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    const out: string[] = [];
    const timer = setTimeout(() => child.kill("SIGKILL"), timeoutSec * 1000);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => out.push(text));
    }
    child.on("error", reject);
    child.on("close", (status) => {
      clearTimeout(timer);
      const text = out.join("");
      if (status === 0) resolve(text);
      else reject(new Error(`${program} ${args.join(" ")}\n${text}status ${status ?? "killed"}`));
    });
  });
}

/** MIPS of one run. */
async function measure(kernel: Kernel, command: Command, timeoutSec: number): Promise<number> {
  const text = await output(command, timeoutSec);
  const pattern = new RegExp(
    `^kernel ${kernel.name} checksum (\\w+) instret \\d+ time (\\d+)`,
    "m",
  );
  const [, checksum, ticks] = pattern.exec(text) ?? [];
  if (checksum !== kernel.checksum || !(Number(ticks) > 0)) {
    throw new Error(
      `kernel ${kernel.name}: expected checksum ${kernel.checksum}, got ${checksum ?? text}`,
    );
  }
  return (kernel.instructions / Number(ticks)) * TICKS_PER_US;
}

/** The kernels that were asked for; an error names those that do not exist. */
function chosen(options: KernelOptions): Kernel[] {
  const all = expectedKernels(options.root);
  const unknown = options.kernels.filter((name) => all.every((kernel) => kernel.name !== name));
  if (unknown.length > 0) throw new Error(`no kernel is called ${unknown.join(", ")}`);
  return all.filter(({ name }) => options.kernels.length === 0 || options.kernels.includes(name));
}

function commandsFor(kernel: Kernel, { root, runOptions }: KernelOptions) {
  const image = join(root, "guests/bin/kernels.elf");
  const append = `kernel=${kernel.name}`;
  const ours: Command = {
    program: process.execPath,
    args: [
      [join(root, "dist/ts/cli/main.js"), "run", "--kernel", image, "--append", append],
      ["--memory", "128MiB", "--clock", "wall", ...runOptions],
    ].flat(),
  };
  const peer: Command = {
    program: PEER,
    args: [
      ["-M", "virt", "-m", "128", "-bios", "default", "-nographic"],
      ["-kernel", image, "-append", append],
    ].flat(),
  };
  return { ours, peer };
}

/**
 * Over the plain five: the figures of each run are geometric means over the kernels; the ratio
 * is the geometric mean of the kernels' ratios.
 */
function meanRow(byKernel: ReadonlyMap<string, Measured>): BenchRow | undefined {
  const five = PLAIN_FIVE.flatMap((name) => byKernel.get(name) ?? []);
  if (five.length < PLAIN_FIVE.length) return undefined;
  const mean = (figures: readonly (readonly number[])[]): number[] =>
    (figures[0] ?? []).map((_, run) => geometricMean(figures.map((runs) => runs[run] ?? 0)));
  const peers = five.flatMap(({ peer }) => peer ?? []);
  const row = rowOf({
    bench: "kernels/geomean5",
    unit: "MIPS",
    better: "higher",
    ours: mean(five.map(({ ours }) => ours)),
    peer: peers[0] && { name: peers[0].name, values: mean(peers.map(({ values }) => values)) },
  });
  const ratios = five.flatMap((measured) => rowOf(measured).ratio ?? []);
  return ratios.length === five.length ? { ...row, ratio: geometricMean(ratios) } : row;
}

export async function benchKernels(options: KernelOptions): Promise<BenchRow[]> {
  const cli = join(options.root, "dist/ts/cli/main.js");
  if (!existsSync(cli)) throw new Error(`${cli} is missing: npm run build`);
  const kernels = chosen(options);
  const hasPeer = spawnSync(PEER, ["--version"]).status === 0;
  if (!hasPeer) options.log(`${PEER} is not installed: figures without a peer`);

  const byKernel = new Map<string, Measured>();
  const rows: BenchRow[] = [];
  for (const kernel of kernels) {
    const commands = commandsFor(kernel, options);
    const ours: number[] = [];
    const values: number[] = [];
    for (let run = 0; run < options.runs; run++) {
      ours.push(await measure(kernel, commands.ours, options.timeoutSec));
      if (hasPeer) values.push(await measure(kernel, commands.peer, options.timeoutSec));
    }
    const measured: Measured = {
      bench: `kernels/${kernel.name}`,
      unit: "MIPS",
      better: "higher",
      ours,
      peer: hasPeer ? { name: "qemu-tcg", values } : undefined,
    };
    byKernel.set(kernel.name, measured);
    const row = rowOf(measured);
    const ratio = row.ratio === undefined ? "" : `, ratio ${row.ratio.toFixed(2)}`;
    options.log(`${row.bench}: ${row.ours.median.toFixed(0)} MIPS${ratio}`);
    rows.push(row);
  }
  const mean = meanRow(byKernel);
  return mean === undefined ? rows : [...rows, mean];
}
