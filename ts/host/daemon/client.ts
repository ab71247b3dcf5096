/** Talks to the daemon of a host. */
import type { IncomingMessage } from "node:http";
import { abortError } from "../../base/abort.ts";
import { WasmvisorError } from "../../base/errors.ts";
import type { RoundStats } from "../../migrate/stats.ts";
import { type Access, requestTo, unreachable } from "../access.ts";
import { type Address, formatAddress, parseAddress } from "../address.ts";
import type { HostMemory, RestoreOptions, SharedPages, VmInfo } from "../api.ts";
import type { MigrationOutcome } from "../migration.ts";
import type { MigrationAdvice } from "../migrations/advisor.ts";
import type { MigrationChanges } from "../migrations/changes.ts";
import type { MigrationProgress } from "../migrations/jobs.ts";
import type { MigrateOptions, PlainMigrateOptions } from "../migrations/options.ts";
import type { FlowInfo, SwitchInfo } from "../networks/switch-control.ts";
import { connectUpgraded, errorFromBody, UPGRADE_CONSOLE, type Upgraded } from "../upgrade.ts";
import type { CreateVmOptions } from "../vm-config.ts";

/** Options of a vm as text and numbers; paths are of the daemon's machine. */
export type RemoteVmOptions = Omit<CreateVmOptions, "kernel" | "initrd" | "bare" | "dtb"> & {
  readonly kernel?: string | undefined;
  readonly initrd?: string | undefined;
  readonly bare?: string | undefined;
  readonly dtb?: string | undefined;
};

/** Options of a migration; quantities are text, the certificates are the daemon's own. */
export type RemoteMigrateOptions = Omit<PlainMigrateOptions, "tls" | "strategy"> & {
  /** `auto`: the host measures the guest and the link for a moment, and chooses. */
  readonly strategy?: PlainMigrateOptions["strategy"] | "auto";
};

/** Who hears of a migration, and may end it. */
export type RemoteWatch = Pick<MigrateOptions, "signal" | "onRound" | "onProgress"> & {
  /** What was chosen, and why. */
  readonly onAdvice?: ((advice: MigrationAdvice) => void) | undefined;
};

export interface HostHealth {
  readonly status: "ok";
  readonly freeBytes: number;
  readonly vms: number;
}

/** How a migration went, as the daemon tells it. */
export type RemoteOutcome = Omit<MigrationOutcome, "error"> & {
  readonly error?: { readonly code: string; readonly message: string };
};

interface Ask {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: object | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A host that listens somewhere. Its methods throw what the daemon says, or `WV_NETWORK`. */
export class HostClient {
  /** Like `tcp://127.0.0.1:7070`. */
  readonly address: string;
  readonly #address: Address;
  readonly #access: Access;

  constructor(address: string, access: Access = {}) {
    this.#address = parseAddress(address, "--host");
    this.#access = access;
    this.address = formatAddress(this.#address);
  }

  health(): Promise<HostHealth> {
    return this.#json({ method: "GET", path: "/v1/health" });
  }
  list(): Promise<VmInfo[]> {
    return this.#json({ method: "GET", path: "/v1/vms" });
  }
  info(name: string): Promise<VmInfo> {
    return this.#json({ method: "GET", path: pathOf(name) });
  }
  create(options: RemoteVmOptions): Promise<VmInfo> {
    return this.#json({ method: "POST", path: "/v1/vms", body: options });
  }
  /** One of the actions that take nothing. */
  act(name: string, action: "start" | "pause" | "resume"): Promise<VmInfo> {
    return this.#json({ method: "POST", path: pathOf(name, action), body: {} });
  }
  /** `path` is of the daemon's machine. */
  async snapshot(name: string, path: string): Promise<void> {
    await this.#json({ method: "POST", path: pathOf(name, "snapshot"), body: { path } });
  }
  restore(path: string, options: Omit<RestoreOptions, "signal"> = {}): Promise<VmInfo> {
    return this.#json({ method: "POST", path: "/v1/restore", body: { path, ...options } });
  }
  /** What guests use of the host's memory, and what sharing saves. */
  memory(): Promise<HostMemory> {
    return this.#json({ method: "GET", path: "/v1/memory" });
  }
  /** Lets equal pages share memory. An abort stops the pass. */
  sharePages(signal?: AbortSignal): Promise<SharedPages> {
    return this.#json({ method: "POST", path: "/v1/share-pages", body: {}, signal });
  }
  /** The migrations from this host that run or wait. */
  migrations(): Promise<MigrationProgress[]> {
    return this.#json({ method: "GET", path: "/v1/migrations" });
  }
  /** Ends the migration of a vm, also while it waits. */
  async cancelMigration(name: string): Promise<void> {
    const path = `/v1/migrations/${encodeURIComponent(name)}`;
    await this.#json({ method: "DELETE", path });
  }
  /** Orders a migration to switch to post-copy now, or breaks off one that has. Tells how far it is. */
  orderMigration(name: string, order: "postcopy" | "pause"): Promise<MigrationProgress> {
    const path = `/v1/migrations/${encodeURIComponent(name)}/${order}`;
    return this.#json({ method: "POST", path, body: {} });
  }
  /** Changes limits of a migration. Tells how far it is. */
  setMigration(name: string, changes: MigrationChanges): Promise<MigrationProgress> {
    const path = `/v1/migrations/${encodeURIComponent(name)}/set`;
    return this.#json({ method: "POST", path, body: changes });
  }
  /** Its switches, with ports and counters. */
  switches(): Promise<SwitchInfo[]> {
    return this.#json({ method: "GET", path: "/v1/switches" });
  }
  /** Rules of a switch; null: it has none, and learns. */
  async flows(name: string): Promise<FlowInfo[] | null> {
    const path = `/v1/switches/${encodeURIComponent(name)}/flows`;
    return (await this.#json<{ flows: FlowInfo[] | null }>({ method: "GET", path })).flows;
  }
  /** Changes something of a switch: `flows`, `flows-delete`, `lines`, `mirrors`, `mirrors-delete`. */
  ofSwitch<T>(name: string, what: string, body: object): Promise<T> {
    const path = `/v1/switches/${encodeURIComponent(name)}/${what}`;
    return this.#json({ method: "POST", path, body });
  }
  fork(name: string, child: string | undefined): Promise<VmInfo> {
    return this.#json({ method: "POST", path: pathOf(name, "fork"), body: { name: child } });
  }
  async destroy(name: string): Promise<void> {
    await this.#json({ method: "DELETE", path: pathOf(name) });
  }

  /** A vm's console: raw bytes both ways, recent output first. `wait`: from when it comes to this host. */
  console(name: string, absent: "refuse" | "wait" = "refuse"): Promise<Upgraded> {
    const path = pathOf(name, absent === "wait" ? "console?absent=wait" : "console");
    return connectUpgraded({
      target: this.address,
      access: this.#access,
      path,
      protocol: UPGRADE_CONSOLE,
    });
  }

  /** Moves a vm. An abort before the switch-over leaves it where it is. */
  async migrate(
    name: string,
    move: RemoteMigrateOptions & { readonly target: string },
    watch: RemoteWatch = {},
  ): Promise<RemoteOutcome> {
    const ask: Ask = {
      method: "POST",
      path: pathOf(name, "migrate"),
      body: move,
      signal: watch.signal,
    };
    for await (const line of linesOf(await this.#send(ask), watch.signal)) {
      const { advice, error, outcome, progress, round } = JSON.parse(line) as {
        readonly advice?: MigrationAdvice;
        readonly progress?: MigrationProgress;
        readonly round?: RoundStats;
        readonly outcome?: RemoteOutcome;
        readonly error?: object;
      };
      if (advice) watch.onAdvice?.(advice);
      if (progress) watch.onProgress?.(progress);
      if (round) watch.onRound?.(round);
      if (outcome) return outcome;
      if (error) throw errorFromBody(200, JSON.stringify(error));
    }
    throw unreachable(this.#address, new Error("it broke off in the middle of a migration"));
  }

  /** The dirty trace of a vm, as the bytes of its file, while it is taken. Leaving ends it. */
  async *record(
    name: string,
    options: {
      readonly interval?: string;
      readonly duration?: string;
      readonly signal?: AbortSignal;
    },
  ): AsyncGenerator<Uint8Array> {
    const { signal, ...body } = options;
    const answer = await this.#send({ method: "POST", path: pathOf(name, "record"), body, signal });
    try {
      for await (const chunk of answer) yield chunk as Buffer;
    } catch (cause) {
      if (signal?.aborted) throw abortError(signal);
      throw new WasmvisorError("WV_NETWORK", "the host went away in the middle of a trace", {
        cause,
      });
    }
  }

  /** What passes a vm's cards, as the bytes of a pcap file, while it is taken. Leaving ends it. */
  async *capture(
    name: string,
    body: {
      readonly duration?: string | undefined;
      readonly maxSize?: string | undefined;
      readonly snapBytes?: number | undefined;
    },
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const answer = await this.#send({
      method: "POST",
      path: pathOf(name, "capture"),
      body,
      signal,
    });
    try {
      for await (const chunk of answer) yield chunk as Buffer;
    } catch (cause) {
      if (signal?.aborted) throw abortError(signal);
      const message = "the host went away in the middle of a capture";
      throw new WasmvisorError("WV_NETWORK", message, { cause });
    }
  }

  async #json<T>(ask: Ask): Promise<T> {
    return JSON.parse(await textOf(await this.#send(ask))) as T;
  }

  /** The answer, if it is a good one. */
  async #send({ body, method, path, signal }: Ask): Promise<IncomingMessage> {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const outgoing = requestTo(this.#address, this.#access, {
        path,
        method,
        headers: body ? { "Content-Type": "application/json" } : {},
        ...(signal ? { signal } : {}),
      });
      outgoing.once("response", resolve);
      outgoing.once("error", (cause: NodeJS.ErrnoException) => {
        if (signal?.aborted) reject(abortError(signal));
        else reject(unreachable(this.#address, cause));
      });
      outgoing.end(body ? JSON.stringify(body) : undefined);
    });
    const status = answer.statusCode ?? 0;
    if (status === 200) return answer;
    throw errorFromBody(status, await textOf(answer));
  }
}

function pathOf(name: string, action?: string): string {
  const vm = `/v1/vms/${encodeURIComponent(name)}`;
  return action === undefined ? vm : `${vm}/${action}`;
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

async function* linesOf(answer: IncomingMessage, signal?: AbortSignal): AsyncGenerator<string> {
  let rest = "";
  answer.setEncoding("utf8");
  try {
    for await (const chunk of answer) {
      const lines = (rest + (chunk as string)).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
  } catch (cause) {
    if (signal?.aborted) throw abortError(signal);
    throw new WasmvisorError("WV_NETWORK", "the host went away in the middle of its answer", {
      cause,
    });
  }
}
