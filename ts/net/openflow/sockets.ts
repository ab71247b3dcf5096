/** OpenFlow over sockets: where it is spoken, and who calls whom. No TLS: on loopback, or a network that one trusts. */
import { rmSync } from "node:fs";
import { connect, createServer, type ListenOptions, type Server, type Socket } from "node:net";
import type { Clock } from "../../base/clock.ts";
import { WasmvisorError } from "../../base/errors.ts";
import { OPENFLOW_PORT } from "./constants.ts";
import type { OpenFlowLine, OpenFlowSide } from "./line.ts";
import { MessageCutter, OpenFlowError } from "./wire.ts";

const SESSIONS_MAX = 16;
const AGAIN_NS_MIN = 1e9;
const AGAIN_NS_MAX = 8e9;
const IDLE_MS = 15_000;
/** A peer that takes nothing and asks on is read no further. */
const PAUSE_BYTES = 1 << 20;

/** `tcp:HOST[:PORT]` or `unix:PATH`. */
export type OpenFlowPlace =
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

/** Throws `WV_CONFIG`. */
export function parsePlace(text: string, what: string): OpenFlowPlace {
  const unix = /^unix:(.+)$/.exec(text);
  if (unix) return { path: unix[1] as string };
  const tcp = /^p?tcp:(?:\/\/)?([\w.-]+)(?::(\d{1,5}))?$/.exec(text);
  const port = Number(tcp?.[2] ?? OPENFLOW_PORT);
  if (tcp && port <= 65535) return { host: tcp[1] as string, port };
  throw new WasmvisorError(
    "WV_CONFIG",
    `${what}: expected tcp:HOST[:PORT] or unix:PATH, got "${text}"`,
  );
}

export const formatPlace = (place: OpenFlowPlace): string =>
  "path" in place ? `unix:${place.path}` : `tcp:${place.host}:${place.port}`;

class SocketLine implements OpenFlowLine {
  readonly #socket: Socket;
  constructor(socket: Socket) {
    this.#socket = socket;
  }
  get waitingBytes(): number {
    return this.#socket.writableLength;
  }
  send(message: Uint8Array): void {
    if (!this.#socket.writable) return;
    if (!this.#socket.write(message) && this.waitingBytes > PAUSE_BYTES) this.#socket.pause();
  }
  close(): void {
    this.#socket.end();
  }
}

/** Speaks over `socket` until it ends. */
function speak(socket: Socket, side: OpenFlowSide): void {
  socket.setNoDelay(true);
  const peer = side.open(new SocketLine(socket));
  const cutter = new MessageCutter();
  let isAsked = false;
  socket.setTimeout(IDLE_MS, () => {
    if (isAsked) socket.destroy();
    else peer.ping();
    isAsked = true;
  });
  socket.on("data", (bytes) => {
    isAsked = false;
    try {
      for (const message of cutter.push(bytes)) peer.receive(message);
    } catch (error) {
      if (!(error instanceof OpenFlowError)) throw error;
      socket.destroy(); // Where the next message begins is not known any more.
    }
  });
  socket.on("drain", () => socket.resume());
  socket.on("error", () => undefined); // "close" follows.
  socket.on("close", () => side.closed(peer));
}

/** Lets others call. */
export class OpenFlowListener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly place: OpenFlowPlace;

  private constructor(server: Server, place: OpenFlowPlace, side: OpenFlowSide) {
    this.#server = server;
    const at = server.address();
    this.place = typeof at === "object" && at ? { host: at.address, port: at.port } : place;
    server.on("connection", (socket) => {
      if (this.#sockets.size >= SESSIONS_MAX) {
        socket.destroy();
        return;
      }
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      speak(socket, side);
    });
  }

  /** Throws `WV_NETWORK`. */
  static async open(place: OpenFlowPlace, side: OpenFlowSide): Promise<OpenFlowListener> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause) =>
        reject(
          new WasmvisorError("WV_NETWORK", `openflow: cannot listen: ${cause.message}`, { cause }),
        ),
      );
      server.listen(place satisfies ListenOptions, resolve);
    });
    return new OpenFlowListener(server, place, side);
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    if ("path" in this.place) rmSync(this.place.path, { force: true });
  }
}

/** Calls somebody, and again when that ends. */
export class OpenFlowCaller {
  readonly #place: OpenFlowPlace;
  readonly #side: OpenFlowSide;
  readonly #clock: Clock;
  readonly #end = new AbortController();
  #socket: Socket | undefined;
  #againNs = AGAIN_NS_MIN;

  constructor(place: OpenFlowPlace, side: OpenFlowSide, clock: Clock) {
    this.#place = place;
    this.#side = side;
    this.#clock = clock;
    this.#call();
  }

  get isConnected(): boolean {
    return this.#socket?.readyState === "open";
  }

  close(): void {
    this.#end.abort();
    this.#socket?.destroy();
  }

  #call(): void {
    const socket = connect(this.#place);
    this.#socket = socket;
    socket.once("connect", () => {
      this.#againNs = AGAIN_NS_MIN;
      speak(socket, this.#side);
    });
    socket.on("error", () => undefined); // "close" follows.
    socket.once("close", () => void this.#callAgain());
  }

  async #callAgain(): Promise<void> {
    try {
      await this.#clock.sleep(this.#againNs, this.#end.signal);
    } catch {
      return; // It was closed.
    }
    this.#againNs = Math.min(AGAIN_NS_MAX, this.#againNs * 2);
    if (!this.#end.signal.aborted) this.#call();
  }
}
