/** A vm's console on a socket: raw bytes both ways, recent output first. */
import type { Duplex } from "node:stream";
import type { Host } from "../host.ts";
import type { VirtualMachine } from "../virtual-machine.ts";

/** Recent output that a newcomer sees. */
const REPLAYED_CHARS = 64 << 10;
/** A client that is so far behind is let go. */
const UNSENT_BYTES_MAX = 4 << 20;
const RETRY_MS = 20;

/** Serves `socket` until either end closes it. `head`: input that came already. */
export function serveConsole(vm: VirtualMachine, socket: Duplex, head: Uint8Array): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const send = (bytes: Uint8Array): void => {
    socket.write(bytes);
    if (socket.writableLength > UNSENT_BYTES_MAX) socket.destroy();
  };
  const type = (bytes: Uint8Array): void => {
    if (vm.status === "gone") return;
    const taken = vm.machine.board.isListening ? vm.console.write(bytes) : 0;
    if (taken >= bytes.length) return;
    socket.pause();
    timer = setTimeout(() => {
      socket.resume();
      type(bytes.subarray(taken));
    }, RETRY_MS);
  };
  socket.write(vm.console.text.slice(-REPLAYED_CHARS));
  const offOutput = vm.console.events.on("output", ({ bytes }) => send(bytes));
  const offStatus = vm.events.on("status", ({ status }) => {
    if (status === "ended" || status === "gone") socket.end();
  });
  socket.on("data", type);
  socket.on("end", () => socket.end());
  socket.on("error", () => socket.destroy());
  socket.on("close", () => {
    clearTimeout(timer);
    offOutput();
    offStatus();
  });
  if (head.length > 0) type(head);
  if (vm.status === "ended") socket.end();
}

/** Serves `socket` as soon as a vm called `name` comes. What is typed until then is nobody's. */
export function awaitConsole(host: Host, name: string, socket: Duplex): void {
  const drop = (): void => undefined;
  const off = host.events.on("arrived", ({ vm }) => {
    if (vm.name !== name) return;
    leave();
    serveConsole(vm, socket, new Uint8Array(0));
  });
  const end = (): void => void socket.end();
  const leave = (): void => {
    off();
    socket.off("data", drop).off("end", end).off("close", leave);
  };
  socket.on("data", drop).on("end", end).on("close", leave);
}
