/**
 * Page copy between two processes over loopback, without a cap: a guest that holds still, 256 MiB of it
 * random, moved by pre-copy over one connection; over plain TCP and over TLS; QEMU with the same guest in turn, one
 * connection too. Both ends keep to a processor each, ours and QEMU's. Our hosts are those that served the moves before,
 * as hosts are; QEMU's target is a new process for each guest, as QEMU's are, whose memory is touched as pages come,
 * or (`plain-touched`) before. With --time cpu a rate is that of the busier of the two processes, as if it had a
 * processor for itself.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initCa } from "../ts/host/tls/certificates.ts";
import { type DaemonProcess, startDaemon } from "./daemons.ts";
import { type BenchRow, inTurn } from "./harness.ts";
import { type BenchOptions, hasQemu } from "./machines.ts";
import { canKeepApart, cpuSecondsOf, keepApart, type Moved, type MovedGuest } from "./moved.ts";
import { moveWithQemu } from "./qemu.ts";

const MIB = 2 ** 20;
const RUNS = 5;
/** Until the engine's code is compiled: V8 does that while it runs. */
const WARM_MOVES = 10;

/** Two daemons and a guest that goes to and fro. */
class Pair {
  readonly #hosts: DaemonProcess[];

  private constructor(hosts: DaemonProcess[]) {
    this.#hosts = hosts;
  }

  static async open(root: string, tls: string | undefined, guest: MovedGuest): Promise<Pair> {
    const memory = `${guest.memoryMiB + 96}MiB`;
    const options = { root, tls, memory };
    const hosts = [await startDaemon(options), await startDaemon(options)];
    const { client } = hosts[0] as DaemonProcess;
    const { append, kernel, memoryMiB } = guest;
    await client.create({ name: "g", kernel, append, memory: `${memoryMiB}MiB` });
    await client.act("g", "start");
    const { head, socket } = await client.console("g");
    await new Promise<void>((resolve) => {
      let text = head.toString();
      const look = (): void => {
        if (text.includes("ready")) resolve();
      };
      socket.on("data", (bytes: Buffer) => {
        text += bytes;
        look();
      });
      look();
    });
    socket.destroy();
    return new Pair(hosts);
  }

  async move(): Promise<Moved> {
    const [here, there] = this.#hosts as [DaemonProcess, DaemonProcess];
    const pids = [here.child.pid, there.child.pid];
    const before = pids.map(cpuSecondsOf);
    const { state, stats } = await here.client.migrate("g", { target: there.client.address });
    if (state !== "completed") throw new Error(`the migration: ${state}`);
    const after = pids.map(cpuSecondsOf);
    this.#hosts.reverse();
    return {
      bytes: stats.ram.transferred,
      seconds: stats["total-time"] / 1e3,
      cpuSeconds: Math.max(...after.map((one, i) => one - (before[i] as number))),
      downtimeMs: stats.downtime,
    };
  }

  keepApart(): void {
    keepApart(this.#hosts.map(({ child }) => child.pid));
  }

  close(): void {
    for (const { child } of this.#hosts) child.kill("SIGKILL");
  }
}

const guestOf = ({ root, size }: BenchOptions): MovedGuest => {
  const fill = size === "quick" ? 16 : 256;
  return {
    kernel: join(root, "guests/bin/dirtier.elf"),
    append: `fill=${fill}MiB ws=4MiB rate=1 heartbeat=0 idle=sleep`,
    memoryMiB: fill + 64,
  };
};

/** What is compared: ours, and which of QEMU's ways. */
interface Row {
  readonly name: string;
  readonly transport: "plain" | "tls";
  readonly peer: "plain" | "tls";
  /** Of QEMU's target, see `QemuWay`. */
  readonly memory: "as-needed" | "at-once";
}

const ROWS: readonly Row[] = [
  { name: "plain", transport: "plain", peer: "plain", memory: "as-needed" },
  { name: "plain-touched", transport: "plain", peer: "plain", memory: "at-once" },
  { name: "tls", transport: "tls", peer: "tls", memory: "as-needed" },
  { name: "tls-plain", transport: "tls", peer: "plain", memory: "as-needed" },
];

/** A host's certificate under the names by which QEMU looks for it. */
function qemuCertificates(host: string, folder: string): string {
  mkdirSync(folder);
  copyFileSync(join(host, "ca.crt"), join(folder, "ca-cert.pem"));
  for (const end of ["server", "client"]) {
    copyFileSync(join(host, "host.crt"), join(folder, `${end}-cert.pem`));
    copyFileSync(join(host, "host.key"), join(folder, `${end}-key.pem`));
  }
  return folder;
}

/** Rows of one transport: the same pair of hosts for all of them. */
async function benchRows(
  rows: readonly Row[],
  options: BenchOptions,
  scratch: string,
): Promise<BenchRow[]> {
  const { log, root, runs = RUNS, time } = options;
  const guest = guestOf(options);
  const host = join(scratch, "localhost");
  const processors = canKeepApart() ? "own" : "any";
  if (processors === "any") log("no processor for each end, or no taskset: rates will differ");
  const rate = ({ bytes, cpuSeconds, seconds }: Moved): number =>
    bytes / MIB / (time === "cpu" ? cpuSeconds : seconds);
  const pair = await Pair.open(root, rows[0]?.transport === "tls" ? host : undefined, guest);
  const results: BenchRow[] = [];
  try {
    if (processors === "own") pair.keepApart();
    for (let i = 0; i < WARM_MOVES; i++) await pair.move();
    for (const { memory, name, peer } of rows) {
      const bench = `migration-loopback/${name}`;
      log(bench);
      const tls = peer === "tls" ? join(scratch, "qemu") : undefined;
      const qemu = { memory, processors, tls } as const;
      results.push(
        await inTurn({
          bench,
          unit: "MiB/s",
          better: "higher",
          runs,
          ours: async () => rate(await pair.move()),
          peer: hasQemu(options)
            ? { name: "QEMU", run: async () => rate(await moveWithQemu(guest, scratch, qemu)) }
            : undefined,
        }),
      );
    }
  } finally {
    pair.close();
  }
  return results;
}

export async function benchMigrationLoopback(options: BenchOptions): Promise<BenchRow[]> {
  const scratch = mkdtempSync(join(tmpdir(), "wasmvisor-bench-"));
  const results: BenchRow[] = [];
  try {
    await initCa({ folder: scratch, days: 1, hosts: [["localhost", "127.0.0.1"]] });
    qemuCertificates(join(scratch, "localhost"), join(scratch, "qemu"));
    const wanted = ROWS.filter(
      ({ name }) => options.only.length === 0 || options.only.includes(name),
    );
    for (const transport of ["plain", "tls"] as const) {
      const rows = wanted.filter((row) => row.transport === transport);
      if (rows.length > 0) results.push(...(await benchRows(rows, options, scratch)));
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return results;
}
