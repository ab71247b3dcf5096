/**
 * What a Debian guest's card moves, by iperf3: to a server of this machine through the user-mode network (`out`),
 * from it (`in`), and to another guest (`guests`: on a switch of one host; between two QEMUs, through a socket).
 * Ours and QEMU's in turn, with the same kernel and initramfs, one TCP connection.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { killDaemon, startDaemon } from "./daemons.ts";
import { doWork, provideTools } from "./guest-tools.ts";
import { type BenchRow, rowOf } from "./harness.ts";
import { type Command, runMachine } from "./machine-run.ts";
import {
  type BenchOptions,
  hasQemu,
  type LinuxGuest,
  ourLinux,
  provideImage,
  QEMU_TCG,
  qemuLinux,
} from "./machines.ts";

const MEMORY_MIB = 256;
const RUNS = 3;
const SECONDS = { whole: 6, quick: 1 } as const;
const ROWS = ["out", "in", "guests"] as const;
const CLIENT_IP = "10.0.2.15";
const SERVER_IP = "10.0.2.16";
const HOST_IP = "10.0.2.2";
const IPERF_PORT = 5201;

/** `sh /work serve IP`, or `sh /work ask IP SERVER PORT SECONDS [out|in|guests...]`. */
const SCRIPT = `
role=$1
ip link set lo up
ip link set eth0 up
ip addr add $2/24 dev eth0
server=$3 port=$4 seconds=$5
if [ $role = serve ]; then
  iperf3 -s
  exit
fi
shift 5
for row; do
  [ $row = in ] && back=-R || back=
  echo begin $row
  until iperf3 -c $server -p $port -t $seconds -f k $back; do sleep 1; done
done
echo end
`;

type Row = (typeof ROWS)[number];
type Figures = ReadonlyMap<string, number>;

/** Megabits a second of each row that a guest has printed: what arrived. */
export function iperfFigures(lines: readonly string[]): Map<string, number> {
  const figures = new Map<string, number>();
  let row = "";
  for (const line of lines) {
    row = /^begin (\w+)/.exec(line)?.[1] ?? row;
    const rate = /\s([\d.]+) Kbits\/sec.*receiver/.exec(line)?.[1];
    if (rate !== undefined) figures.set(row, Number(rate) / 1e3);
  }
  return figures;
}

/** One machine of a kind, and a pair of them. */
interface Machines {
  readonly name: string;
  readonly alone: (words: readonly string[]) => Promise<string[]>;
  readonly pair: (words: readonly string[]) => Promise<string[]>;
}

export async function benchNetwork(options: BenchOptions): Promise<BenchRow[]> {
  const { log, only, size } = options;
  if (spawnSync("iperf3", ["--version"]).status !== 0) throw new Error("apt install iperf3");
  const image = await provideImage(options);
  const initrd = await provideTools(image, { packages: ["iperf3"], script: SCRIPT }, log);
  const guest = { ...image, initrd, memoryMiB: MEMORY_MIB };
  const port = 20_000 + (process.pid % 20_000);
  const machines = [ourMachines(guest, options)];
  if (hasQemu(options)) machines.push(qemuMachines(guest, { ...options, port: port + 1 }));
  const rows = ROWS.filter((row) => only.length === 0 || only.includes(row));
  const figures = new Map(machines.map(({ name }) => [name, [] as Figures[]]));
  const server = spawn("iperf3", ["-s", "-B", "127.0.0.1", "-p", String(port)], {
    stdio: "ignore",
  });
  try {
    const runs = options.runs ?? RUNS;
    for (let run = 1; run <= runs; run++)
      for (const one of machines) {
        const found = await measure(one, { rows, port, seconds: SECONDS[size] });
        figures.get(one.name)?.push(found);
        const text = [...found].map(([row, mbit]) => `${row} ${mbit.toFixed(0)}`).join(", ");
        log(`network: run ${run} of ${runs}, ${one.name}: ${text} Mbit/s`);
      }
  } finally {
    await ended(server);
  }
  const valuesOf = (machine: string, row: Row): number[] =>
    (figures.get(machine) ?? []).flatMap((one) => one.get(row) ?? []);
  return rows.map((row) =>
    rowOf({
      bench: `network/${row}`,
      unit: "Mbit/s",
      better: "higher",
      ours: valuesOf("ours", row),
      peer: figures.has(QEMU_TCG) ? { name: QEMU_TCG, values: valuesOf(QEMU_TCG, row) } : undefined,
    }),
  );
}

async function measure(
  { alone, name, pair }: Machines,
  what: { readonly rows: readonly Row[]; readonly port: number; readonly seconds: number },
): Promise<Figures> {
  const { port, seconds } = what;
  const asked = (server: string, at: number, rows: readonly Row[]): string[] =>
    ["ask", CLIENT_IP, server, String(at), String(seconds)].concat(rows);
  const outside = what.rows.filter((row) => row !== "guests");
  const lines: string[] = [];
  if (outside.length > 0) lines.push(...(await alone(asked(HOST_IP, port, outside))));
  if (what.rows.includes("guests"))
    lines.push(...(await pair(asked(SERVER_IP, IPERF_PORT, ["guests"]))));
  const figures = iperfFigures(lines);
  const lacking = what.rows.find((row) => !figures.has(row));
  if (lacking !== undefined)
    throw new Error(`network: ${name}: no figure of ${lacking}:\n${lines.slice(-20).join("\n")}`);
  return figures;
}

const working = (guest: LinuxGuest, words: readonly string[]): LinuxGuest => ({
  ...guest,
  cmdline: `${guest.cmdline} quiet ${doWork(...words)}`,
});

async function linesOf(command: Command, { timeoutSec }: BenchOptions): Promise<string[]> {
  // QEMU's console loses a few characters now and then, when much is printed.
  const until = /^end|exit status \d/;
  return (await runMachine(command, { until, timeoutSec })).map(({ text }) => text);
}

function ourMachines(guest: LinuxGuest, options: BenchOptions): Machines {
  return {
    name: "ours",
    alone: (words) => {
      const { args, program } = ourLinux(working(guest, words), options);
      return linesOf({ program, args: [...args, "--net", "user"] }, options);
    },
    pair: async (words) => {
      const daemon = await startDaemon({
        root: options.root,
        memory: `${2 * MEMORY_MIB + 128}MiB`,
      });
      try {
        const start = async (name: string, its: readonly string[]): Promise<void> => {
          const { cmdline: append, initrd, kernel, memoryMiB } = working(guest, its);
          const networks = [{ kind: "switch", switch: "bench" }] as const;
          const memory = `${memoryMiB}MiB`;
          await daemon.client.create({ name, kernel, initrd, append, memory, networks });
          await daemon.client.act(name, "start");
        };
        await start("server", ["serve", SERVER_IP]);
        await start("client", words);
        return await printedBy(daemon, "client", options);
      } finally {
        await killDaemon(daemon);
      }
    },
  };
}

/** The lines of a vm's console until it says "end". */
async function printedBy(
  { client }: Awaited<ReturnType<typeof startDaemon>>,
  name: string,
  { timeoutSec }: BenchOptions,
): Promise<string[]> {
  const { head, socket } = await client.console(name);
  const timer = setTimeout(() => socket.destroy(), timeoutSec * 1e3);
  let text = head.toString("latin1");
  try {
    for await (const part of socket) {
      text += (part as Buffer).toString("latin1");
      if (/^end\r?$/m.test(text)) return text.split(/\r?\n/);
    }
    throw new Error(`network: ${name} did not end:\n${text.slice(-1000)}`);
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

function qemuMachines(
  guest: LinuxGuest,
  options: BenchOptions & { readonly port: number },
): Machines {
  const at = `127.0.0.1:${options.port}`;
  const command = (words: readonly string[], netdev: string, mac: string): Command => {
    const { args, program } = qemuLinux(working(guest, words));
    const device = `virtio-net-device,netdev=n,mac=52:54:00:12:34:${mac}`;
    return {
      program,
      args: [...args, "-nic", "none", "-netdev", `${netdev},id=n`, "-device", device],
    };
  };
  return {
    name: QEMU_TCG,
    alone: (words) => linesOf(command(words, "user", "56"), options),
    pair: async (words) => {
      const { args, program } = command(["serve", SERVER_IP], `socket,listen=${at}`, "57");
      const server = spawn(program, args, { stdio: "ignore" });
      try {
        return await linesOf(command(words, `socket,connect=${at}`, "56"), options);
      } finally {
        await ended(server);
      }
    },
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = once(child, "close");
  child.kill("SIGKILL");
  await gone;
}
