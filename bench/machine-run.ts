/**
 * One run of a machine as a child process: its console's lines, each with when it came, by the
 * host's clock and by the processor time that the process had used until then.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

export interface ConsoleLine {
  readonly text: string;
  /** Milliseconds since the process was started. */
  readonly wallMs: number;
  /** Of all its threads; undefined where there is no /proc. */
  readonly cpuMs: number | undefined;
}

export interface RunOptions {
  /** The run is over when a line matches; the process is killed then if it goes on. */
  readonly until: RegExp;
  readonly timeoutSec: number;
}

/** Which clock of the host figures are taken from, where they are the host's. */
export type TimeSource = "wall" | "cpu";

const CLOCK_TICKS_PER_SEC = 100; // USER_HZ of Linux.
const TAIL_LINES = 15;

/** utime + stime of /proc/PID/stat, which stand behind the name in brackets. */
function cpuMsOf(pid: number | undefined): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / CLOCK_TICKS_PER_SEC;
  } catch {
    return undefined;
  }
}

/** All lines up to the one that ends the run. Throws when the process ends or hangs before it. */
export function runMachine(command: Command, options: RunOptions): Promise<ConsoleLine[]> {
  const { program, args } = command;
  const startMs = performance.now();
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  const lines: ConsoleLine[] = [];
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      const tail = lines.slice(-TAIL_LINES).map(({ text }) => text);
      reject(new Error(`${program} ${args.join(" ")}\n${tail.join("\n")}\n${why}`));
    };
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      fail(`no line like ${options.until} in ${options.timeoutSec} s`);
    }, options.timeoutSec * 1000);
    const take = (text: string): void => {
      const wallMs = performance.now() - startMs;
      lines.push({ text: text.trimEnd(), wallMs, cpuMs: cpuMsOf(child.pid) });
      if (!options.until.test(text)) return;
      clearTimeout(timer);
      child.kill("SIGKILL");
      resolve(lines);
    };
    for (const stream of [child.stdout, child.stderr]) {
      let rest = "";
      stream.setEncoding("utf8").on("data", (chunk: string) => {
        const pieces = (rest + chunk).split("\n");
        rest = pieces.pop() ?? "";
        for (const piece of pieces) take(piece);
      });
    }
    child.on("error", reject);
    child.on("close", (status) => {
      clearTimeout(timer);
      fail(`ended with ${status ?? "a signal"}`); // Nothing happens when it is resolved already.
    });
  });
}

/** A guest that says "begin NAME", works, and says "TAG NAME ... us N": how long NAME took. */
export interface Timed {
  readonly name: string;
  /** What stands between the name and the time: a checksum or a status. */
  readonly result: string;
  readonly guestMs: number;
  readonly wallMs: number;
  readonly cpuMs: number | undefined;
}

/** The two clocks may differ by what a busy host takes to pass a console line on. */
const CLOCK_SLACK_MS = 500;
const CLOCK_SLACK_RATIO = 0.15;

/** Throws when the guest's clock and the host's disagree. */
export function timedIn(lines: readonly ConsoleLine[], tag: string): Timed[] {
  const pattern = new RegExp(`^${tag} (\\w+) (.*) us (\\d+)$`);
  return lines.flatMap((line) => {
    const [, name, result = "", us] = pattern.exec(line.text) ?? [];
    if (name === undefined) return [];
    const begin = lines.findLast(({ text }) => text === `begin ${name}`);
    if (begin === undefined) throw new Error(`"${line.text}" without a line "begin ${name}"`);
    const guestMs = Number(us) / 1000;
    const wallMs = line.wallMs - begin.wallMs;
    if (Math.abs(guestMs - wallMs) > CLOCK_SLACK_MS + CLOCK_SLACK_RATIO * wallMs) {
      throw new Error(
        `${name}: ${guestMs.toFixed(0)} ms by the guest's clock, ${wallMs.toFixed(0)} by the host's`,
      );
    }
    const cpuMs = differenceOf(line.cpuMs, begin.cpuMs);
    return [{ name, result, guestMs, wallMs, cpuMs }];
  });
}

function differenceOf(end: number | undefined, begin: number | undefined): number | undefined {
  return end === undefined || begin === undefined ? undefined : Math.max(end - begin, 1);
}

/** The figure of a timed piece: the guest's own clock, or the processor time of the machine. */
export function figureOf(timed: Timed, time: TimeSource): number {
  if (time === "wall") return timed.guestMs;
  if (timed.cpuMs === undefined) throw new Error("--time cpu needs /proc");
  return timed.cpuMs;
}
