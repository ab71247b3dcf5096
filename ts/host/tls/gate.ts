/**
 * The way into a host that other machines can reach: TLS 1.3, certificates on both sides. Nothing of
 * a peer is believed, and nothing set aside for it, before its certificate was checked; who has not
 * shown one in time, or when too many are at the door, is let go.
 */
import { createServer, type Server } from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { WasmvisorError } from "../../base/errors.ts";
import type { Credentials } from "./credentials.ts";
import { describeRefusal } from "./refusal.ts";

/** A handshake takes milliseconds, on a machine that is overloaded seconds. */
const HANDSHAKE_MS_MAX = 10_000;
/** Connections that may be in the middle of a handshake; the oldest makes room for the next. */
const PENDING_MAX = 64;
/** How long a refused peer may take to read why. */
const REFUSED_MS_MAX = 1_000;

export interface GateOptions {
  readonly credentials: Credentials;
  /** Names of certificates that are let in; without any, all that the CA has signed. */
  readonly peers?: readonly string[] | undefined;
  /** Called for each peer that is turned away. */
  readonly onRefused: (peer: string, error: WasmvisorError) => void;
  readonly handshakeMsMax?: number | undefined;
  readonly pendingMax?: number | undefined;
}

const nameOf = (socket: Socket): string => `${socket.remoteAddress}:${socket.remotePort}`;

/** Whoever is not through the door yet. */
class Pending {
  readonly #sockets = new Map<string, Socket>();
  readonly #max: number;
  readonly #onDropped: (peer: string) => void;

  constructor(max: number, onDropped: (peer: string) => void) {
    this.#max = max;
    this.#onDropped = onDropped;
  }

  add(socket: Socket): void {
    const peer = nameOf(socket);
    this.#sockets.set(peer, socket);
    socket.once("close", () => this.#sockets.delete(peer));
    if (this.#sockets.size <= this.#max) return;
    const [oldest] = this.#sockets;
    if (!oldest) return;
    this.#sockets.delete(oldest[0]);
    oldest[1].destroy();
    this.#onDropped(oldest[0]);
  }

  done(socket: Socket): void {
    this.#sockets.delete(nameOf(socket));
  }
}

/** An HTTP server that only peers with a good certificate get to. */
export function createGate(options: GateOptions): Server {
  const { credentials, onRefused, peers = [] } = options;
  const server = createServer({
    ...credentials,
    minVersion: "TLSv1.3",
    requestCert: true,
    rejectUnauthorized: false, // Checked below, where the peer can be told why.
    handshakeTimeout: options.handshakeMsMax ?? HANDSHAKE_MS_MAX,
  });
  const refused = (peer: string, why: string): WasmvisorError => {
    const error = new WasmvisorError("WV_AUTH", why);
    onRefused(peer, error);
    return error;
  };
  const pending = new Pending(options.pendingMax ?? PENDING_MAX, (peer) =>
    refused(peer, "too many peers are at the door; it was the one that had waited longest"),
  );
  const [serve] = server.listeners("secureConnection");
  server.removeAllListeners("secureConnection");
  server.on("connection", (socket: Socket) => pending.add(socket));
  server.on("tlsClientError", (error, socket) => {
    refused(nameOf(socket), describeRefusal(error));
    socket.destroy();
  });
  server.on("secureConnection", (socket) => {
    pending.done(socket);
    const why = whyNot(socket, peers);
    if (why === undefined) serve?.call(server, socket);
    else turnAway(socket, refused(nameOf(socket), why));
  });
  return server;
}

/** Why a peer may not come in; undefined if it may. */
function whyNot(socket: TLSSocket, peers: readonly string[]): string | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (!certificate) return "it shows no certificate";
  if (!socket.authorized) {
    const code = String(socket.authorizationError);
    return describeRefusal(Object.assign(new Error(code), { code }));
  }
  if (peers.length === 0 || peers.some((name) => certificate.checkHost(name) !== undefined)) return;
  return `its certificate is for ${certificate.subjectAltName}, expected ${peers.join(" or ")}`;
}

/** Says why, in the words of HTTP, whatever was asked. */
function turnAway(socket: TLSSocket, { code, message }: WasmvisorError): void {
  const text = `${JSON.stringify({ code, message: `the host refuses this peer: ${message}` })}\n`;
  const head = "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: application/json\r\n";
  const timer = setTimeout(() => socket.destroy(), REFUSED_MS_MAX);
  socket.once("close", () => clearTimeout(timer));
  socket.on("error", () => socket.destroy());
  socket.resume(); // What it sends is not kept.
  socket.end(`${head}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
}
