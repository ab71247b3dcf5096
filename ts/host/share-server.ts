/** A shared directory over TCP: messages of 9P one after the other, each client with a session of its own. */
import { createServer, type Server, type Socket } from "node:net";
import { WasmvisorError } from "../base/errors.ts";
import { isPromiseLike } from "../base/task.ts";
import { HostDirectory } from "../storage/9p/host-directory.ts";
import { ShareSession } from "../storage/9p/session.ts";
import { isLoopback } from "./address.ts";

/** Nobody shows who they are and nothing is encrypted: only this machine may ask. */
const CLIENTS_MAX = 64;
const MESSAGE_BYTES_MIN = 7;
const MESSAGE_BYTES_MAX = 512 * 1024;

export interface ShareServerOptions {
  readonly path: string;
  readonly readOnly?: boolean | undefined;
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

export class ShareServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Throws `WV_SHARE` for a directory that cannot be shared, `WV_AUTH` for an address that others reach, `WV_NETWORK`. */
  static async listen(options: ShareServerOptions): Promise<ShareServer> {
    const { host, port } = options;
    if (!isLoopback(host))
      throw new WasmvisorError(
        "WV_AUTH",
        `share: ${host}: 9P asks nobody who they are; listen on 127.0.0.1 and reach it through a tunnel`,
      );
    new HostDirectory(options).close(); // Says now what is wrong with it.
    const server = createServer({ noDelay: true });
    const shares = new ShareServer(server);
    server.maxConnections = CLIENTS_MAX;
    server.on("connection", (socket) => shares.#serve(socket, options));
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause: NodeJS.ErrnoException) =>
        reject(
          new WasmvisorError(
            "WV_NETWORK",
            `share: cannot listen on ${host}:${port}: ${cause.code}`,
            {
              cause,
            },
          ),
        ),
      );
      server.listen(port, host, resolve);
    });
    return shares;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address ? address.port : 0;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket, options: ShareServerOptions): void {
    const session = new ShareSession(new HostDirectory(options));
    this.#sockets.add(socket);
    socket.on("error", () => undefined); // `close` follows.
    socket.on("close", () => {
      this.#sockets.delete(socket);
      session.close();
    });
    const take = messages((message) => answer(socket, session, message));
    socket.on("data", (bytes: Buffer) => {
      if (!take(bytes)) socket.destroy();
    });
    socket.on("drain", () => socket.resume());
  }
}

function answer(socket: Socket, session: ShareSession, message: Uint8Array): void {
  const send = (reply: Uint8Array): void => {
    // A client that does not read its answers gets no new ones.
    if (!socket.destroyed && !socket.write(reply)) socket.pause();
  };
  const reply = session.request(message);
  if (isPromiseLike(reply)) reply.then(send);
  else send(reply);
}

/** Cuts a stream of bytes into messages. False: it is none. */
function messages(onMessage: (message: Uint8Array) => void): (bytes: Buffer) => boolean {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    while (rest.length >= 4) {
      const size = rest.readUInt32LE(0);
      if (size < MESSAGE_BYTES_MIN || size > MESSAGE_BYTES_MAX) return false;
      if (rest.length < size) return true;
      onMessage(rest.subarray(0, size));
      rest = rest.subarray(size);
    }
    return true;
  };
}
