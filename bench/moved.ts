/** What a migration between two processes took, whoever did it. */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

const CLOCK_TICKS_PER_SEC = 100; // USER_HZ of Linux.

/** The guest that is moved. */
export interface MovedGuest {
  readonly kernel: string;
  readonly append: string;
  readonly memoryMiB: number;
}

/** What one migration took. */
export interface Moved {
  readonly bytes: number;
  /** From the order to the end. */
  readonly seconds: number;
  /** Of the process that needed more. */
  readonly cpuSeconds: number;
  readonly downtimeMs: number;
}

/** Processor seconds of all threads of a process so far. */
export function cpuSecondsOf(pid: number | undefined): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SEC;
}

/** Can each end have a processor of its own here? */
export const canKeepApart = (): boolean =>
  availableParallelism() > 1 && spawnSync("taskset", ["--version"]).status === 0;

/**
 * The ends of a migration keep to a processor each, as two hosts would: where the scheduler is free to, it puts a
 * reader beside its writer, and then both have one processor for seconds, and half the rate.
 */
export function keepApart(pids: readonly (number | undefined)[]): void {
  for (const [i, pid] of pids.entries())
    execFileSync("taskset", ["--all-tasks", "--pid", "--cpu-list", String(i), String(pid)], {
      stdio: "ignore",
    });
}
