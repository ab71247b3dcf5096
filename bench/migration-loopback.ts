/**
 * Page copy between two processes over loopback, without a cap: a guest that holds still, 256 MiB of it
 * random, moved by pre-copy; over plain TCP and over TLS; QEMU with the same guest in turn. With --time
 * cpu a rate is that of the busier of the two processes, as if it had a processor for itself.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initCa } from "../ts/host/tls/certificates.ts";
import { type DaemonProcess, startDaemon } from "./daemons.ts";
import { type BenchRow, inTurn } from "./harness.ts";
import { type BenchOptions, hasQemu } from "./machines.ts";
import { cpuSecondsOf, type Moved, type MovedGuest } from "./moved.ts";
import { moveWithQemu } from "./qemu.ts";

const MIB = 2 ** 20;
const RUNS = 5;

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

export async function benchMigrationLoopback(options: BenchOptions): Promise<BenchRow[]> {
  const { log, only, root, runs = RUNS, time } = options;
  const scratch = mkdtempSync(join(tmpdir(), "wasmvisor-bench-"));
  const guest = guestOf(options);
  const rate = ({ bytes, cpuSeconds, seconds }: Moved): number =>
    bytes / MIB / (time === "cpu" ? cpuSeconds : seconds);
  const peer = hasQemu(options)
    ? { name: "QEMU", run: async () => rate(await moveWithQemu(guest, scratch)) }
    : undefined;
  const rows: BenchRow[] = [];
  try {
    await initCa({ folder: scratch, days: 1, hosts: [["localhost", "127.0.0.1"]] });
    const transports = [
      ["plain", undefined],
      ["tls", join(scratch, "localhost")],
    ] as const;
    for (const [name, tls] of transports) {
      if (only.length > 0 && !only.includes(name)) continue;
      const bench = `migration-loopback/${name}`;
      log(bench);
      const pair = await Pair.open(root, tls, guest);
      try {
        await pair.move(); // Code is warm on both sides from the second time on.
        await pair.move();
        const ours = async (): Promise<number> => rate(await pair.move());
        rows.push(await inTurn({ bench, unit: "MiB/s", better: "higher", runs, ours, peer }));
      } finally {
        pair.close();
      }
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return rows;
}
