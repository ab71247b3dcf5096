/** QEMU as a process of its own, told what to do by QMP; and moving a guest between two of them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { cpuSecondsOf, keepApart, type Moved, type MovedGuest } from "./moved.ts";

const POLL_MS = 20;
let runs = 0;

/** What `query-migrate` answers, as far as it is of use here. */
export interface QemuMigration {
  readonly status?: string;
  readonly "total-time"?: number;
  readonly downtime?: number;
  readonly "cpu-throttle-percentage"?: number;
  readonly ram?: {
    readonly transferred: number;
    readonly normal: number;
    readonly duplicate: number;
    readonly "dirty-sync-count": number;
    readonly "postcopy-requests": number;
  };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Answer {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

export class Qmp {
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

export interface Machine {
  readonly child: ChildProcess;
  readonly qmp: Qmp;
  /** Settles when the console has printed it. */
  readonly printed: (word: string) => Promise<void>;
}

/** What one QEMU is started with. */
export interface QemuOptions extends MovedGuest {
  readonly name: string;
  readonly scratch: string;
  readonly initrd?: string | undefined;
  /** Where it waits for a guest to come. */
  readonly incoming?: string | undefined;
  /** A socket of the file system on which its console is listened to; nobody here reads it then. */
  readonly console?: string | undefined;
  /** All memory is the process's before the guest begins: nobody waits for the machine to find a page. */
  readonly memory?: "as-needed" | "at-once" | undefined;
  /** Where it notes each window of 100 ms. */
  readonly trace?: string | undefined;
  /** Directory of certificates as QEMU names them, and which end of a connection it is. */
  readonly tls?: { readonly folder: string; readonly endpoint: "server" | "client" } | undefined;
}

/** A port of loopback that is probably free. */
export const qemuTcp = (): string => `tcp:127.0.0.1:${20_000 + (process.pid % 20_000)}`;

export async function startQemu(options: QemuOptions): Promise<Machine> {
  const { append, incoming, initrd, kernel, memory, memoryMiB, name, scratch, tls, trace } =
    options;
  const serial =
    options.console === undefined ? "stdio" : `unix:${options.console},server=on,wait=off`;
  const path = join(scratch, `${name}.qmp`);
  const child = spawn(
    "qemu-system-riscv64",
    [
      ["-M", "virt", "-m", String(memoryMiB), "-bios", "default", "-display", "none"],
      ["-serial", serial, "-kernel", kernel, "-append", append],
      ["-qmp", `unix:${path},server=on,wait=off`],
      initrd === undefined ? [] : ["-initrd", initrd],
      incoming === undefined ? [] : ["-incoming", incoming],
      memory === "at-once" ? ["-mem-prealloc"] : [],
      tls === undefined
        ? []
        : ["-object", `tls-creds-x509,id=tls0,dir=${tls.folder},endpoint=${tls.endpoint}`],
      trace === undefined ? [] : ["-trace", "enable=migrate_transferred", "-D", trace],
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

/** It is gone at once. */
export async function stopQemu({ child, qmp }: Machine): Promise<void> {
  qmp.close();
  const gone = once(child, "close");
  child.kill("SIGKILL");
  await gone;
}

/** How QEMU moves a guest: what it does by itself, unless something else is said. */
export interface QemuWay {
  /** Of the target, which begins as a new process: of the source all is touched that the guest has. */
  readonly memory?: QemuOptions["memory"];
  /** Directory of certificates as QEMU names them. */
  readonly tls?: string | undefined;
  /** Connections for pages (multifd); 1: the one that it has by itself. */
  readonly channels?: number | undefined;
  /** Has each end a processor of its own? */
  readonly processors?: "own" | "any" | undefined;
}

/** Both ends are told the same. */
async function agree(ends: readonly Machine[], { channels = 1, tls }: QemuWay): Promise<void> {
  for (const { qmp } of ends) {
    if (channels > 1) {
      const capabilities = [{ capability: "multifd", state: true }];
      await qmp.ask("migrate-set-capabilities", { capabilities });
      await qmp.ask("migrate-set-parameters", { "multifd-channels": channels });
    }
    const secure = { "tls-creds": "tls0", "tls-hostname": "localhost" };
    if (tls !== undefined) await qmp.ask("migrate-set-parameters", secure);
  }
}

/** One migration without a cap. */
export async function moveWithQemu(
  guest: MovedGuest,
  scratch: string,
  how: QemuWay = {},
): Promise<Moved> {
  const tcp = qemuTcp();
  const run = runs++;
  const { memory, tls } = how;
  const secure = (endpoint: "server" | "client"): QemuOptions["tls"] =>
    tls === undefined ? undefined : { folder: tls, endpoint };
  const common = { ...guest, scratch };
  const source = await startQemu({ ...common, name: `source-${run}`, tls: secure("client") });
  const target = await startQemu({
    ...common,
    name: `target-${run}`,
    incoming: "defer",
    memory,
    tls: secure("server"),
  });
  try {
    await agree([source, target], how);
    await target.qmp.ask("migrate-incoming", { uri: tcp });
    await source.printed("ready");
    if (how.processors === "own") keepApart([source, target].map(({ child }) => child.pid));
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
    for (const machine of [source, target]) await stopQemu(machine);
  }
}
