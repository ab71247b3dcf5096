/**
 * Whoever listens to a guest from outside: a thread that does nothing else, goes before all that runs on this machine,
 * and collects no garbage while little is to be had. In the thread of a bench that does, some seconds after it has
 * begun, what it does not hear meanwhile was taken for a silence of the guest (measured: 56 of 75 ms, Node 20,
 * migration-qemu/uniform-2000-32).
 */
import { setFlagsFromString } from "node:v8";
import { Worker } from "node:worker_threads";
import type { HostClient } from "../ts/host/daemon/client.ts";
import { type Beat, BeatLog, type Silence, silenceBefore, silencesIn } from "./heartbeat.ts";

/** What the listener is told: a console of a host, or one that QEMU has on a socket of the file system. */
export type Listen =
  | {
      readonly source: number;
      readonly target: string;
      readonly name: string;
      readonly absent: "refuse" | "wait";
    }
  | { readonly source: number; readonly path: string };

/** What it tells. Times are of the machine's monotonic clock, which all threads share. */
export type Heard =
  | { readonly type: "open"; readonly source: number; readonly error?: string }
  | {
      readonly type: "text";
      readonly source: number;
      readonly text: string;
      readonly atMs: number;
    }
  /** It heard nothing itself. */
  | { readonly type: "deaf"; readonly ms: number; readonly atMs: number };

const SHOWN = 5;

// V8 does that when a process has next to nothing to do, in threads, too.
setFlagsFromString("--no-memory-reducer");

export class Observer {
  readonly #log = new BeatLog();
  readonly #deaf: Silence[] = [];
  readonly #opening = new Map<number, (heard: Heard & { readonly type: "open" }) => void>();
  readonly #thread = new Worker(new URL("./observer-thread.js", import.meta.url));
  /** From the machine's clock to that of this thread. */
  readonly #offsetMs = performance.now() - Number(process.hrtime.bigint()) / 1e6;
  #sources = 0;

  constructor() {
    this.#thread.unref();
    this.#thread.on("message", (heard: Heard) => this.#hear(heard));
  }

  get beats(): readonly Beat[] {
    return this.#log.beats;
  }

  /** `wait`: the guest is not there yet. Settles when the console is open. */
  async watch(client: HostClient, name: string, absent: "refuse" | "wait"): Promise<void> {
    await this.#listen({ source: this.#sources++, target: client.address, name, absent });
  }

  /** Listens to a console that is a socket of the file system. */
  async watchPath(path: string): Promise<void> {
    await this.#listen({ source: this.#sources++, path });
  }

  async #listen(what: Listen): Promise<void> {
    const opened = new Promise<Heard & { readonly type: "open" }>((resolve) =>
      this.#opening.set(what.source, resolve),
    );
    this.#thread.postMessage(what);
    const { error } = await opened;
    if (error !== undefined) throw new Error(`console: ${error}`);
  }

  #hear(heard: Heard): void {
    if (heard.type === "open") this.#opening.get(heard.source)?.(heard);
    else if (heard.type === "deaf")
      this.#deaf.push({ ms: heard.ms, atMs: heard.atMs + this.#offsetMs });
    else this.#log.add(heard.source, heard.text, heard.atMs + this.#offsetMs);
  }

  /** Settles when a beat was heard that came after this call. Throws when there is none for `timeoutMs`. */
  async beat(timeoutMs: number): Promise<void> {
    const fromMs = performance.now();
    while ((this.beats.at(-1)?.atMs ?? 0) <= fromMs) {
      if (performance.now() > fromMs + timeoutMs)
        throw new Error(`no heartbeat: ${this.#log.tail}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** The longest silences between two moments, each with when it began, and what tells whose they are. */
  describe(fromMs: number, untilMs: number): string {
    const ms = (value: number): string => value.toFixed(1);
    const longest = silencesIn(this.beats, fromMs, untilMs)
      .slice(0, SHOWN)
      .map((one) => `${ms(one.ms)}@${ms(one.atMs - fromMs)}`);
    const deaf = this.#deaf.filter(({ atMs }) => atMs > fromMs && atMs < untilMs);
    const deafMs = Math.max(0, ...deaf.map((one) => one.ms));
    const before = silenceBefore(this.beats, fromMs);
    return `silences ${longest.join(" ")} (before ${ms(before)}, the observer's own ${ms(deafMs)})`;
  }

  close(): void {
    void this.#thread.terminate();
  }
}
