/**
 * What QEMU needs for the rows of `test/sweep/qemu-blind.ts`: two processes each on loopback, a line of figures
 * for each run on stderr. And where in the guest's memory its writer writes, which the model has to be told:
 * found by comparing two images of the guest's memory, in a run of its own.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BLIND_POST_COPY, BLIND_ROWS, type BlindRow, EDGE_ROW } from "../test/sweep/qemu-blind.ts";
import { type BenchRow, rowOf } from "./harness.ts";
import { type BenchOptions, hasQemu, provideImage } from "./machines.ts";
import { type Linux, moveQemu, provideLinux } from "./migration-qemu.ts";
import type { MigrationFigures, QemuMove } from "./migration-rows.ts";
import { Observer } from "./observer.ts";
import { startQemu, stopQemu } from "./qemu.ts";

const MEMORY_MIB = 512;
const RAM_BASE = 0x8000_0000;
const PAGE_BYTES = 4096;
const PIECE_PAGES = 4096;
/** A run whose windows of 100 ms were longer on average says what the machine does, not QEMU: it does not count. */
const WINDOW_MS_MAX = 101;

const argsOf = ({ pattern, rate, wsMib }: BlindRow): string =>
  `fill=320MiB ws=${wsMib}MiB rate=${rate} pattern=${pattern} heartbeat=10 idle=spin`;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Calls back with each page of two images. */
function comparePages(a: string, b: string, look: (page: number, x: Buffer, y: Buffer) => void) {
  const files = [openSync(a, "r"), openSync(b, "r")];
  const pieces = files.map(() => Buffer.alloc(PIECE_PAGES * PAGE_BYTES));
  for (let first = 0; ; first += PIECE_PAGES) {
    const read = files.map((file, i) => readSync(file, pieces[i] as Buffer));
    if (read[0] === 0) break;
    for (let i = 0; i < (read[0] as number) / PAGE_BYTES; i++) {
      const [x, y] = pieces.map((piece) => piece.subarray(i * PAGE_BYTES, (i + 1) * PAGE_BYTES));
      look(first + i, x as Buffer, y as Buffer);
    }
  }
  for (const file of files) closeSync(file);
}

/** Where a guest's pages are: those that are not zero, and of these, those that it writes. */
async function layoutOf(linux: Linux, log: (line: string) => void): Promise<void> {
  const { append, initrd, kernel, scratch } = linux;
  const observer = new Observer();
  const guest = { append, initrd, kernel, memoryMiB: MEMORY_MIB, scratch };
  const console = join(scratch, "layout.console");
  const machine = await startQemu({ ...guest, name: "layout", console });
  const files = ["a", "b"].map((name) => join(scratch, `${name}.ram`));
  try {
    await observer.watchPath(console);
    await observer.beat(120_000);
    await sleep(1000);
    for (const filename of files) {
      await sleep(500);
      await machine.qmp.ask("stop");
      await machine.qmp.ask("pmemsave", { val: RAM_BASE, size: MEMORY_MIB * 2 ** 20, filename });
      await machine.qmp.ask("cont");
    }
  } finally {
    observer.close();
    await stopQemu(machine);
  }
  const zero = Buffer.alloc(PAGE_BYTES);
  let used = 0;
  const runs: { from: number; until: number; usedBefore: number; changed: number }[] = [];
  comparePages(files[0] as string, files[1] as string, (page, x, y) => {
    if (!y.equals(zero)) used++;
    if (x.equals(y)) return;
    const last = runs.at(-1);
    if (last && page - last.until < 64) {
      last.until = page + 1;
      last.changed++;
    } else runs.push({ from: page, until: page + 1, usedBefore: used - 1, changed: 1 });
  });
  log(`layout: ${used} pages used`);
  for (const { from, until, usedBefore, changed } of runs)
    if (changed > 32)
      log(`  pages ${from} to ${until}: ${changed} written, ${usedBefore} used before`);
  log(
    `  and ${runs.filter(({ changed }) => changed <= 32).reduce((sum, one) => sum + one.changed, 0)} elsewhere`,
  );
}

const moveOf = ({ capMibPerSec, downtimeLimitMs, help, strategy }: BlindRow): QemuMove => ({
  strategy,
  help,
  capMiB: capMibPerSec,
  limitSec: 30,
  downtimeLimitMs,
  machine: "ahead-of-all",
});

function lineOf(figures: MigrationFigures): string {
  const { bytes, downtime, normalPages, rounds, settledMs, total, windowMs, zeroPages } = figures;
  const mib = (bytes / 2 ** 20).toFixed(2);
  const pages = `${normalPages} + ${zeroPages} pages, ${mib} MiB`;
  const machine = `windows of ${windowMs?.toFixed(2)} ms, settled for ${settledMs?.toFixed(0)} ms`;
  return `  ${total} ms, down ${downtime} ms, ${rounds} rounds, ${pages}; ${machine}`;
}

export async function benchMigrationBlind(options: BenchOptions): Promise<BenchRow[]> {
  const { log, only, runs = 1, size } = options;
  if (!hasQemu(options)) return [];
  const scratch = mkdtempSync(join(tmpdir(), "wasmvisor-bench-"));
  const rows: BenchRow[] = [];
  try {
    const linux = await provideLinux(options, scratch);
    const { cmdline } = await provideImage({ ...options, log: () => undefined });
    for (const row of [...BLIND_ROWS, ...BLIND_POST_COPY, EDGE_ROW]) {
      if (only.length > 0 && !only.includes(row.name)) continue;
      const append = `${cmdline} quiet -- ${argsOf(row)}`;
      log(row.name);
      if (size === "whole") await layoutOf({ ...linux, append }, log);
      const theirs: MigrationFigures[] = [];
      for (let run = 0; run < runs; run++) {
        const figures = await moveQemu({ ...linux, append }, moveOf(row));
        log(lineOf(figures));
        if ((figures.windowMs ?? 0) <= WINDOW_MS_MAX) theirs.push(figures);
      }
      if (theirs.length === 0) continue;
      rows.push(
        rowOf({
          bench: `migration-blind/${row.name}`,
          unit: "ms",
          better: "lower",
          ours: theirs.map((one) => one.total),
        }),
      );
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return rows;
}
