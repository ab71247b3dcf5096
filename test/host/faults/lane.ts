/**
 * Two daemons, a link between them, and a guest that checks itself: one run after the other, each with a
 * fault, and after each the question: who runs it?
 */
import { join } from "node:path";
import type { Access } from "../../../ts/host/access.ts";
import type { RemoteOutcome } from "../../../ts/host/daemon/client.ts";
import { type DaemonProcess, printed, ROOT, startDaemon } from "../daemon-process.ts";
import { FEATURES, type FeatureName, leavesPages, type Plan } from "./plan.ts";
import { FaultProxy, type Traffic } from "./proxy.ts";

/** The store prints a line each 5,000 operations, and checks every page before. */
const KERNEL = { kernel: join(ROOT, "guests/bin/kv.elf"), memory: "32MiB", append: "report=5000" };
const NAME = "kv";
/** A target that lost its source notices after the stall timeout of 10 s at the latest. */
const SETTLE_MS = 30_000;

/** A target whose source does not come back gives up on it after this: longer than a link is cut. */
const SOURCE_TIMEOUT = "6s";
/** Slow enough that pages still follow when the fault comes. */
const BANDWIDTH = "16MiB/s";

/**
 * Who had the guest in the end. `lost`: it ran at the target, pages of it were only at the source, which was
 * killed; it went on from its snapshot. `source-died`, `target-died`: it was there when that host was killed, as it
 * would have been without a migration, and went on from its snapshot.
 */
export type Survivor = "source" | "target" | "resumed" | "lost" | "source-died" | "target-died";

export interface RunResult {
  readonly survivor: Survivor;
  /** What the source said, or the code of what it threw; undefined if it was killed. */
  readonly outcome: string | undefined;
  /** False if the migration was over before the byte came. */
  readonly hasFired: boolean;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class Lane {
  readonly #access: Access;
  readonly #snapshot: string;
  #source: DaemonProcess | undefined;
  #target: DaemonProcess | undefined;
  /** After the fault: the guest was seen at the target, and pages of it were missing when it was seen last. */
  #wasThere = false;
  #lackedPages = false;

  /** Over TLS if `access` says so. `scratch`: a directory for the snapshot. */
  constructor(name: string, access: Access, scratch: string) {
    this.#access = access;
    this.#snapshot = join(scratch, `${name}.wvsn`);
  }

  async #daemons(): Promise<{ source: DaemonProcess; target: DaemonProcess }> {
    const start = (): Promise<DaemonProcess> => this.#start();
    [this.#source, this.#target] = await Promise.all([
      this.#source ?? start(),
      this.#target ?? start(),
    ]);
    return { source: this.#source, target: this.#target };
  }

  #start(): Promise<DaemonProcess> {
    const args = ["--source-timeout", SOURCE_TIMEOUT];
    return startDaemon("96MiB", { access: this.#access, args });
  }

  async close(): Promise<void> {
    await this.#source?.kill("SIGKILL");
    await this.#target?.kill("SIGKILL");
  }

  /** A migration without a fault: how much it sends, and in how many turns. */
  async calibrate(
    strategy: Plan["strategy"] = "pre-copy",
    features: FeatureName = "plain",
  ): Promise<Traffic> {
    const { source, target } = await this.#daemons();
    const proxy = await FaultProxy.open(() => portOf(target));
    await this.#boot(source);
    const outcome = await source.client.migrate(NAME, {
      target: this.#through(proxy),
      strategy,
      bandwidth: features === "plain" || !leavesPages(strategy) ? undefined : BANDWIDTH,
      ...FEATURES[features],
    });
    if (outcome.state !== "completed") throw new Error(`a clean migration: ${outcome.state}`);
    await isSound(target);
    await target.client.destroy(NAME);
    const { traffic } = proxy;
    await proxy.close();
    return traffic;
  }

  #through(proxy: FaultProxy): string {
    return `${this.#access.tls === undefined ? "tcp" : "tls"}://127.0.0.1:${proxy.port}`;
  }

  async #boot(source: DaemonProcess): Promise<void> {
    await source.client.create({ name: NAME, ...KERNEL });
    await source.client.act(NAME, "start");
    await printed(source.client, NAME, { pattern: /kv ok/ });
  }

  /** One run. Throws if two run the guest, or nobody does, or it is damaged. */
  async run(plan: Plan): Promise<RunResult> {
    const { source, target } = await this.#daemons();
    const proxy = await FaultProxy.open(() => portOf(this.#target ?? target));
    try {
      await this.#boot(source);
      await source.client.snapshot(NAME, this.#snapshot);
      const fault = this.#arm(plan, proxy);
      const { features, strategy } = plan;
      const bandwidth = leavesPages(strategy) ? BANDWIDTH : undefined;
      const how = { strategy, bandwidth, ...FEATURES[features] };
      const move = { target: this.#through(proxy), ...how };
      let outcome = await source.client.migrate(NAME, move).catch((error) => error);
      await fault();
      const hasFired = proxy.hasFired;
      if (outcome.state === "paused") {
        // The link was cut for good, until somebody mends it and says so.
        proxy.heal();
        outcome = await source.client.migrate(NAME, move).catch((error) => error);
      }
      const survivor = await this.#check(plan, hasFired);
      return { survivor, outcome: outcomeOf(outcome, this.#source !== undefined), hasFired };
    } finally {
      await proxy.close().catch(() => undefined);
      await this.#clean().catch(() => this.#startAgain());
    }
  }

  /** Something is not as it should be: the next run is not to suffer from that. */
  async #startAgain(): Promise<void> {
    await this.close();
    this.#source = undefined;
    this.#target = undefined;
  }

  /** Prepares the fault. The result settles once all of it is over, or it has not come. */
  #arm(plan: Plan, proxy: FaultProxy): () => Promise<void> {
    let done: Promise<void> | undefined;
    proxy.arm(plan.trigger, () => {
      done = this.#strike(plan, proxy);
    });
    return async () => {
      proxy.disarm(); // What TLS says at the end is no part of the migration.
      if (!proxy.hasFired) return;
      while (!done) await sleep(1); // The fault is a moment behind its byte.
      await done;
    };
  }

  async #strike({ fault, healMs, isRestarted }: Plan, proxy: FaultProxy): Promise<void> {
    if (fault === "cut") {
      proxy.drop();
      if (healMs === Number.POSITIVE_INFINITY) return;
      await sleep(healMs);
      proxy.heal();
      return;
    }
    if (fault === "kill-source") {
      await this.#source?.kill("SIGKILL");
      this.#source = undefined;
      proxy.drop();
      return;
    }
    await this.#target?.kill("SIGKILL");
    this.#target = undefined;
    if (!isRestarted) {
      await proxy.close();
      return;
    }
    proxy.drop();
    this.#target = await this.#start();
    proxy.heal();
  }

  /** Counts who runs the guest, and has it check itself. */
  async #check(plan: Plan, hasFired: boolean): Promise<Survivor> {
    const killed = hasFired && plan.fault !== "cut" ? plan.fault : undefined;
    const [here, there] = await this.#settled();
    const running = [here, there].filter((status) => status === "running").length;
    if (running > 1) throw new Error("two copies run");
    if (there === "running") {
      if (here !== undefined && here !== "paused") throw new Error(`source: ${here}`);
      await isSound(this.#target as DaemonProcess);
      return "target";
    }
    if (there !== undefined) throw new Error(`the target keeps a guest that is ${there}`);
    if (here === "running") {
      await isSound(this.#source as DaemonProcess);
      return "source";
    }
    if (here === "paused") {
      await (this.#source as DaemonProcess).client.act(NAME, "resume");
      await isSound(this.#source as DaemonProcess);
      return "resumed";
    }
    if (killed === undefined) throw new Error("nobody has the guest");
    const survivor = await this.#fromSnapshot(killed);
    if (!this.#wasThere) return survivor;
    // It ran at the target, and its source died.
    if (killed === "kill-target" || leavesPages(plan.strategy) === false)
      throw new Error("the target gave up a guest that ran there");
    if (!this.#lackedPages) throw new Error("the target gave up a guest that had all of its pages");
    return "lost";
  }

  /** The host that had it is dead: it goes on from the last snapshot, elsewhere. */
  async #fromSnapshot(killed: "kill-source" | "kill-target"): Promise<Survivor> {
    const { source } = await this.#daemons();
    await source.client.restore(this.#snapshot);
    await source.client.act(NAME, "resume");
    await isSound(source);
    return killed === "kill-source" ? "source-died" : "target-died";
  }

  /** The guest's status at the source and at the target, once a target that lost its source has noticed. */
  async #settled(): Promise<(string | undefined)[]> {
    const find = async (one: DaemonProcess | undefined) =>
      (await one?.client.list())?.find((vm) => vm.name === NAME);
    const look = async (one: DaemonProcess | undefined) => (await find(one))?.status;
    this.#wasThere = false;
    const free = async (): Promise<number> =>
      (await this.#target?.client.health())?.freeBytes ?? Number.POSITIVE_INFINITY;
    // A guest on its way is in no list, but its memory is taken.
    for (let waitedMs = 0; waitedMs < SETTLE_MS; waitedMs += 50) {
      const there = await find(this.#target);
      this.#wasThere ||= there !== undefined;
      this.#lackedPages = there ? there.missingBytes > 0 : this.#lackedPages;
      // As long as pages are missing and their source is dead, it is on its way to its end.
      const isLeft = there !== undefined && there.missingBytes > 0 && !this.#source;
      if (!isLeft && (there !== undefined || (await free()) > EMPTY_BYTES)) break;
      await sleep(50);
    }
    return [await look(this.#source), await look(this.#target)];
  }

  /** No guest is left anywhere. */
  async #clean(): Promise<void> {
    for (const one of [this.#source, this.#target])
      for (const vm of (await one?.client.list()) ?? []) await one?.client.destroy(vm.name);
  }
}

/** Of 96 MiB, a daemon without guests has more than this; one with half a guest of ours does not. */
const EMPTY_BYTES = 60 << 20;

const portOf = (one: DaemonProcess): number =>
  Number(new URL(one.address.replace(/^t\w+/, "http")).port);

function outcomeOf(
  outcome: RemoteOutcome | { code?: string },
  isAlive: boolean,
): string | undefined {
  if (!isAlive) return undefined;
  if ("state" in outcome) return outcome.state;
  return ("code" in outcome && outcome.code) || String(outcome);
}

/** The store checks itself twice more, and finds nothing. */
async function isSound(where: DaemonProcess): Promise<void> {
  const text = await printed(where.client, NAME, { pattern: /kv ok \d+ [^\n]*\n|CORRUPT/ });
  // Its numbers may leap: what it said at the target, and was a checkpoint of, nobody heard here.
  const lines = (all: string): number => [...all.matchAll(/kv ok \d+ [^\n]*\n/g)].length;
  const wanted = lines(text) + 2;
  const pattern = { test: (all: string) => lines(all) >= wanted || all.includes("CORRUPT") };
  const more = await printed(where.client, NAME, { pattern });
  if (more.includes("CORRUPT")) throw new Error("the guest is damaged");
}
