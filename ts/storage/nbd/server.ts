/**
 * Serves disks to NBD clients: fixed newstyle, structured replies, `base:allocation`, TLS if certificates are
 * given. Each client has a bounded number of requests and bytes under way; more of them wait in its socket.
 */
import { createServer, type Server, type Socket } from "node:net";
import { type SecureContextOptions, TLSSocket } from "node:tls";
import { WasmvisorError } from "../../base/errors.ts";
import { SpareBuffers } from "../../base/spare-buffers.ts";
import * as nbd from "./protocol.ts";
import type { NbdExport } from "./server-export.ts";
import { ServerHandshake } from "./server-handshake.ts";
import { ServerSession } from "./server-session.ts";
import { ByteStream, StreamEnd } from "./stream.ts";

const HANDSHAKE_MS = 30_000;
const CLIENTS_MAX = 64;

export interface NbdServerOptions {
  readonly exports: readonly NbdExport[];
  readonly host?: string | undefined;
  /** 0: any that is free. 10809 by default. */
  readonly port?: number | undefined;
  /** With these clients must use TLS, and show a certificate of the same authority. */
  readonly tls?: Pick<SecureContextOptions, "ca" | "cert" | "key"> | undefined;
  /** A line about a client that came, went, or broke the protocol. */
  readonly log?: ((line: string) => void) | undefined;
}

export class NbdServer {
  readonly #options: NbdServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #spare = new SpareBuffers();
  readonly #sessions = new Set<Promise<void>>();

  private constructor(options: NbdServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#admit(socket));
  }

  /** Throws `WV_NETWORK` if the address cannot be had. */
  static async listen(options: NbdServerOptions): Promise<NbdServer> {
    const { host = "127.0.0.1", port = nbd.DEFAULT_PORT } = options;
    const server = new NbdServer(options);
    await new Promise<void>((resolve, reject) => {
      server.#server.once("error", (cause) =>
        reject(
          new WasmvisorError("WV_NETWORK", `cannot listen at ${host}:${port}: ${cause.message}`, {
            cause,
          }),
        ),
      );
      server.#server.listen(port, host, resolve);
    });
    return server;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address ? address.port : 0;
  }

  get clients(): number {
    return this.#sockets.size;
  }

  #admit(socket: Socket): void {
    socket.on("error", () => undefined);
    if (this.#sockets.size >= CLIENTS_MAX) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    const who = `${socket.remoteAddress}:${socket.remotePort}`;
    const session = this.#serve(socket)
      .catch((error: unknown) => {
        if (!(error instanceof StreamEnd)) this.#log(`${who}: ${(error as Error).message}`);
      })
      .finally(() => {
        this.#sockets.delete(socket);
        this.#sessions.delete(session);
        socket.destroy();
      });
    this.#sessions.add(session);
  }

  #log(line: string): void {
    this.#options.log?.(line);
  }

  async #serve(socket: Socket): Promise<void> {
    socket.setTimeout(HANDSHAKE_MS, () => socket.destroy());
    const { exports, tls } = this.#options;
    let stream = new ByteStream(socket);
    let handshake = new ServerHandshake(stream, { exports, tls: tls ? "wanted" : "none" });
    await handshake.greet();
    let chosen = await handshake.options();
    if (chosen === "tls") {
      stream.release();
      const secure = new TLSSocket(socket, {
        isServer: true,
        requestCert: true,
        rejectUnauthorized: true,
        minVersion: "TLSv1.3",
        ...tls,
      });
      secure.on("error", () => socket.destroy());
      stream = new ByteStream(secure);
      handshake = new ServerHandshake(stream, { exports, tls: "on" });
      chosen = await handshake.options();
    }
    if (chosen === "end" || chosen === "tls") return;
    socket.setTimeout(0);
    this.#log(`${socket.remoteAddress}:${socket.remotePort}: "${chosen.name}"`);
    const { agreed } = handshake;
    await new ServerSession(stream, chosen, { agreed, spare: this.#spare }).run();
  }

  /** Ends all connections; their disks stay open. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#sessions);
    await closed;
  }
}
