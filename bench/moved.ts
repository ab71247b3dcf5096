/** What a migration between two processes took, whoever did it. */
import { readFileSync } from "node:fs";

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
