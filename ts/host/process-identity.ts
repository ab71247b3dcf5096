/**
 * Which process a host is, so that another one on the same machine can tell whether it still lives. What a network
 * says is no proof: a refused connection may be the end of a tunnel to a machine where the guest runs on. A
 * process of this boot and of these process numbers that is not there any more is gone, and its memory with it.
 */
import { readFileSync, readlinkSync } from "node:fs";

/** Header in which both sides of a migration say which process they are. */
export const PROCESS_HEADER = "wasmvisor-process";
const IDENTITY = /^[\da-f-]{36} pid:\[\d{1,20}\] (\d{1,10}) \d{1,20}$/;

/** What the numbers of processes mean: boot and namespace. Throws where there is no `/proc`. */
function numbering(): string {
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  return `${boot} ${readlinkSync("/proc/self/ns/pid")}`;
}

/** When process `pid` began; undefined: there is none, or all that is left of it is its exit status. */
function startOf(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  // The name, in parentheses, may hold anything.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return state === "Z" || state === "X" ? undefined : fields[18];
}

/** This process, in words that mean something on this machine only; undefined: it cannot be told. */
export function ownProcess(): string | undefined {
  try {
    return `${numbering()} ${process.pid} ${startOf(process.pid)}`;
  } catch {
    return undefined; // Not Linux.
  }
}

/** Is the process that said so known to run on this machine? False also if that cannot be told. */
export function isAlive(identity: string): boolean {
  const pid = Number(IDENTITY.exec(identity)?.[1]);
  if (Number.isNaN(pid)) return false;
  try {
    return identity === `${numbering()} ${pid} ${startOf(pid)}`;
  } catch {
    return false;
  }
}

/** Is the process that said so known to be gone? False also if that cannot be told. */
export function isGone(identity: string | undefined): boolean {
  const pid = Number(IDENTITY.exec(identity ?? "")?.[1]);
  if (Number.isNaN(pid)) return false;
  try {
    const prefix = `${numbering()} ${pid} `;
    return identity?.startsWith(prefix) === true && identity !== `${prefix}${startOf(pid)}`;
  } catch {
    return false;
  }
}
