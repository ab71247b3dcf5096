/**
 * Debian's unmodified kernel to the first line of /init, wall time from the start of the process:
 * ours and QEMU's with the same kernel, initramfs and command line. `default` is the kernel as it
 * is, with its crypto self-tests; `image` has the command line of `wasmvisor image pull debian`.
 */
import { INIT_LINE } from "../ts/image/init-script.ts";
import { type BenchRow, inTurn } from "./harness.ts";
import { type Command, runMachine } from "./machine-run.ts";
import {
  type BenchOptions,
  hasQemu,
  ourLinux,
  provideImage,
  QEMU_TCG,
  qemuLinux,
} from "./machines.ts";

const MEMORY_MIB = 256;
const RUNS = 5;

async function bootMs(command: Command, options: BenchOptions): Promise<number> {
  const { timeoutSec, time } = options;
  const last = (await runMachine(command, { until: new RegExp(INIT_LINE), timeoutSec })).at(-1);
  const figure = time === "wall" ? last?.wallMs : last?.cpuMs;
  if (figure === undefined) throw new Error("--time cpu needs /proc");
  return figure;
}

export async function benchLinuxBoot(options: BenchOptions): Promise<BenchRow[]> {
  const { kernel, initrd, cmdline } = await provideImage(options);
  const withQemu = hasQemu(options);
  const rows: BenchRow[] = [];
  for (const [name, line] of [
    ["image", cmdline],
    ["default", "console=ttyS0"],
  ] as const) {
    if (options.only.length > 0 && !options.only.includes(name)) continue;
    const guest = { kernel, initrd, cmdline: line, memoryMiB: MEMORY_MIB };
    const row = await inTurn({
      bench: `linux-boot/${name}`,
      unit: "ms",
      better: "lower",
      runs: options.runs ?? RUNS,
      ours: () => bootMs(ourLinux(guest, options), options),
      peer: withQemu ? { name: QEMU_TCG, run: () => bootMs(qemuLinux(guest), options) } : undefined,
    });
    options.log(`${row.bench}: ${row.ours.median.toFixed(0)} ms, ratio ${row.ratio?.toFixed(2)}`);
    rows.push(row);
  }
  return rows;
}
