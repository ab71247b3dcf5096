/** QEMU moving the same guest between two processes over loopback, told what to do by QMP. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { cpuSecondsOf, type Moved, type MovedGuest } from "./moved.ts";

const POLL_MS = 20;
let runs = 0;

interface QemuMigration {
  readonly status?: string;
  readonly "total-time"?: number;
  readonly "setup-time"?: number;
  readonly downtime?: number;
  readonly ram?: { readonly transferred: number; readonly normal: number };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Answer {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

class Qmp {
  readonly #socket: Socket;
  readonly #answers: ((answer: Answer) => void)[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    let rest = "";
    socket.setEncoding("utf8").on("data", (text) => {
      const lines = (rest + String(text)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const message = JSON.parse(line) as Answer;
        if ("return" in message || "error" in message) this.#answers.shift()?.(message);
      }
    });
  }

  static async open(path: string): Promise<Qmp> {
    for (;;) {
      const socket = connect(path);
      try {
        await once(socket, "connect");
        const qmp = new Qmp(socket);
        await qmp.ask("qmp_capabilities");
        return qmp;
      } catch {
        await sleep(POLL_MS);
      }
    }
  }

  async ask<T>(execute: string, args: object = {}): Promise<T> {
    this.#socket.write(`${JSON.stringify({ execute, arguments: args })}\n`);
    const { error, return: value } = await new Promise<{
      return?: unknown;
      error?: { desc: string };
    }>((resolve) => this.#answers.push(resolve));
    if (error) throw new Error(`${execute}: ${error.desc}`);
    return value as T;
  }

  close(): void {
    this.#socket.destroy();
  }
}

interface Machine {
  readonly child: ChildProcess;
  readonly qmp: Qmp;
  /** Settles when the console has printed it. */
  readonly printed: (word: string) => Promise<void>;
}

async function start(
  options: MovedGuest & { readonly name: string; readonly scratch: string },
  more: readonly string[],
): Promise<Machine> {
  const { append, kernel, memoryMiB, name, scratch } = options;
  const path = join(scratch, `${name}.qmp`);
  const child = spawn(
    "qemu-system-riscv64",
    [
      ["-M", "virt", "-m", String(memoryMiB), "-bios", "default", "-display", "none"],
      ["-serial", "stdio", "-kernel", kernel, "-append", append],
      ["-qmp", `unix:${path},server=on,wait=off`, ...more],
    ].flat(),
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  const printed = async (word: string): Promise<void> => {
    while (!text.includes(word)) {
      if (child.exitCode !== null) throw new Error(`QEMU ended: ${text}`);
      await sleep(POLL_MS);
    }
  };
  return { child, qmp: await Qmp.open(path), printed };
}

/** One migration without a cap. */
export async function moveWithQemu(guest: MovedGuest, scratch: string): Promise<Moved> {
  const tcp = `tcp:127.0.0.1:${20_000 + (process.pid % 20_000)}`;
  const run = runs++;
  const source = await start({ ...guest, scratch, name: `source-${run}` }, []);
  const target = await start({ ...guest, scratch, name: `target-${run}` }, ["-incoming", tcp]);
  try {
    await source.printed("ready");
    const before = [source, target].map(({ child }) => cpuSecondsOf(child.pid));
    await source.qmp.ask("migrate-set-parameters", { "max-bandwidth": 0 });
    await source.qmp.ask("migrate", { uri: tcp });
    let state: QemuMigration = {};
    while (state.status !== "completed") {
      await sleep(POLL_MS);
      state = await source.qmp.ask<QemuMigration>("query-migrate");
      if (state.status === "failed") throw new Error("QEMU: the migration failed");
    }
    const after = [source, target].map(({ child }) => cpuSecondsOf(child.pid));
    return {
      bytes: state.ram?.transferred ?? 0,
      seconds: (state["total-time"] ?? 0) / 1e3,
      cpuSeconds: Math.max(...after.map((one, i) => one - (before[i] as number))),
      downtimeMs: state.downtime ?? 0,
    };
  } finally {
    for (const { child, qmp } of [source, target]) {
      qmp.close();
      child.kill("SIGKILL");
      await once(child, "close");
    }
  }
}
