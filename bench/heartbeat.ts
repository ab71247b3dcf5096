/** A guest's heartbeat as somebody outside sees it: on two consoles, by the clock of whoever looks. */
import type { HostClient } from "../ts/host/daemon/client.ts";

/** One sign of life: its number, and when it was seen. */
export interface Beat {
  readonly number: number;
  readonly atMs: number;
}

/** Beats in what came, and what is left of a line. */
export function beatsIn(text: string): { readonly numbers: number[]; readonly rest: string } {
  const lines = text.split("\n");
  const rest = lines.pop() ?? "";
  const numbers = lines.flatMap((line) => {
    const number = /^(?:hb (?=\d+ \d)|beat |kv ok )(\d+)/.exec(line)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
  return { numbers, rest };
}

/** Watches a guest on the host it is on and on the one it goes to. */
export class Observer {
  readonly beats: Beat[] = [];
  readonly #sockets: { destroy(): void }[] = [];
  #seen = -1;
  #text = "";

  /** `wait`: the guest is not there yet. Settles when the console is open. */
  async watch(client: HostClient, name: string, absent: "refuse" | "wait"): Promise<void> {
    const { head, socket } = await client.console(name, absent);
    this.#sockets.push(socket);
    const listen = this.listen();
    const look = (bytes: Buffer): void => listen(bytes.toString("latin1"));
    socket.on("data", look).on("error", () => undefined);
    if (head.length > 0) look(head);
  }

  /** Takes what another console prints, as it comes. */
  listen(): (text: string) => void {
    let line = "";
    return (text) => {
      const atMs = performance.now();
      this.#text = (this.#text + text).slice(-200);
      const { numbers, rest } = beatsIn(line + text);
      line = rest;
      for (const number of numbers) this.#beat(number, atMs);
    };
  }

  /** A number that was seen before is what a console repeats to newcomers. */
  #beat(number: number, atMs: number): void {
    if (number <= this.#seen) return;
    this.#seen = number;
    this.beats.push({ number, atMs });
  }

  /** Settles at the next beat. Throws when there is none for `timeoutMs`. */
  async beat(timeoutMs: number): Promise<void> {
    const untilMs = performance.now() + timeoutMs;
    for (const before = this.beats.length; this.beats.length === before; ) {
      if (performance.now() > untilMs) throw new Error(`no heartbeat: ${this.#text}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

export interface Silence {
  readonly ms: number;
  /** When it began. */
  readonly atMs: number;
}

/** The times between two beats that follow each other within a span, the longest first. */
export function silencesIn(beats: readonly Beat[], fromMs: number, untilMs: number): Silence[] {
  const silences: Silence[] = [];
  for (const [i, { atMs }] of beats.entries()) {
    const before = beats[i - 1];
    if (before && atMs > fromMs && before.atMs < untilMs)
      silences.push({ ms: atMs - before.atMs, atMs: before.atMs });
  }
  return silences.sort((a, b) => b.ms - a.ms);
}
