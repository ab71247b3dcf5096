/** The thread of an observer: it says what came, and when; what it means is looked at elsewhere. */
import { connect } from "node:net";
import { setPriority } from "node:os";
import type { Duplex } from "node:stream";
import { parentPort } from "node:worker_threads";
import { HostClient } from "../ts/host/daemon/client.ts";
import type { Heard, Listen } from "./observer.ts";

/** The thread looks at the clock this often; late by as much again, it could not hear anything either. */
const TICK_MS = 10;

/** Before whatever else runs on this machine: who looks at a guest from outside has a machine of his own. */
const PRIORITY = -20;

const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;
const say = (heard: Heard): void => parentPort?.postMessage(heard);

async function open(what: Listen): Promise<{ readonly socket: Duplex; readonly head: Buffer }> {
  if ("target" in what) return new HostClient(what.target).console(what.name, what.absent);
  const socket = connect(what.path);
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  return { socket, head: Buffer.alloc(0) };
}

async function listen(what: Listen): Promise<void> {
  const { source } = what;
  const hear = (bytes: Buffer): void =>
    say({ type: "text", source, text: bytes.toString("latin1"), atMs: nowMs() });
  try {
    const { head, socket } = await open(what);
    socket.on("data", hear).on("error", () => undefined);
    if (head.length > 0) hear(head);
    say({ type: "open", source });
  } catch (error) {
    say({ type: "open", source, error: String(error) });
  }
}

function goAhead(): void {
  try {
    setPriority(PRIORITY); // Of this thread alone, where there is Linux.
  } catch {
    // Not everybody may: then silences are somewhat longer.
  }
}

goAhead();
let lastMs = nowMs();
setInterval(() => {
  const atMs = nowMs();
  const ms = atMs - lastMs;
  if (ms > 2 * TICK_MS) say({ type: "deaf", ms, atMs: lastMs });
  lastMs = atMs;
}, TICK_MS);
parentPort?.on("message", (what: Listen) => void listen(what));
