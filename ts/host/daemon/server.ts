/**
 * The daemon of one host, on one port: a control API in JSON, consoles and incoming migrations as
 * HTTP upgrades. It listens on this machine only: there is no TLS yet.
 *
 *     GET  /v1/health                        POST /v1/vms              create
 *     GET  /v1/vms, /v1/vms/NAME             POST /v1/restore          from a snapshot
 *     DELETE /v1/vms/NAME                    POST /v1/vms/NAME/ACTION  see `routes.ts`
 *     /v1/vms/NAME/console                   Upgrade: wasmvisor-console
 *     /v1/migration                          Upgrade: wasmvisor-migration
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WasmvisorError } from "../../base/errors.ts";
import { type Address, formatAddress, isLoopback, parseAddress } from "../address.ts";
import type { Host } from "../host.ts";
import { MigrationReceiver } from "../migration.ts";
import { SocketChannel } from "../socket-channel.ts";
import { UPGRADE_CONSOLE, UPGRADE_MIGRATION } from "../upgrade.ts";
import { serveConsole } from "./console-socket.ts";
import { checkOrigin, errorBody, HttpError, sendJson } from "./http.ts";
import { handle, vmOf } from "./routes.ts";

export interface DaemonOptions {
  /** Like `tcp://127.0.0.1:7070`; port 0 takes a free one. */
  readonly listen: string;
  /** Hears of migrations that came or failed. */
  readonly log?: ((line: string) => void) | undefined;
}

/** Serves a host until it is closed. */
export class Daemon implements AsyncDisposable {
  /** Where it listens. */
  readonly address: string;
  readonly #host: Host;
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();

  private constructor(host: Host, server: Server, address: string) {
    this.#host = host;
    this.#server = server;
    this.address = address;
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  /** Throws `WV_CONFIG` for an address that is not this machine's own, `WV_NETWORK` if it is taken. */
  static async listen(host: Host, options: DaemonOptions): Promise<Daemon> {
    const address = parseAddress(options.listen, "--listen");
    if (!isLoopback(address.host))
      throw new WasmvisorError(
        "WV_CONFIG",
        `--listen: ${address.host} is reachable by other machines, and there is no TLS yet; ` +
          "listen on 127.0.0.1 and reach it through a tunnel (ssh -L)",
      );
    const log = options.log ?? (() => undefined);
    const receiver = new MigrationReceiver(host);
    const server = createServer((request, response) => void answer(host, request, response));
    server.on("upgrade", (request, socket, head) =>
      upgrade({ host, receiver, log }, { request, socket, head }),
    );
    const port = await bind(server, address);
    return new Daemon(host, server, formatAddress({ host: address.host, port }));
  }

  /** Ends all vms, then listens no more: whoever finds nobody listening knows that nothing runs. */
  async close(): Promise<void> {
    await this.#host.close();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function bind(server: Server, { host, port }: Address): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const address = formatAddress({ host, port });
      const why = cause.code === "EADDRINUSE" ? "something else listens there" : cause.message;
      const advice = `cannot listen on ${address}: ${why}; choose another port with --listen`;
      reject(new WasmvisorError("WV_NETWORK", advice, { cause }));
    });
    server.listen({ host, port }, () => resolve((server.address() as AddressInfo).port));
  });
}

async function answer(
  host: Host,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    checkOrigin(request);
    await handle({ host, request, response });
  } catch (error) {
    const { body, status } = errorBody(error);
    if (response.headersSent) response.destroy();
    else {
      // What is left of a body that was refused is not read.
      if (!request.complete) response.setHeader("Connection", "close");
      sendJson(response, status, body);
    }
  }
}

interface Served {
  readonly host: Host;
  readonly receiver: MigrationReceiver;
  readonly log: (line: string) => void;
}

interface UpgradeCall {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

function upgrade(served: Served, call: UpgradeCall): void {
  const { head, request, socket } = call;
  socket.on("error", () => socket.destroy());
  try {
    checkOrigin(request);
    const protocol = request.headers.upgrade;
    const path = request.url ?? "";
    const vmName = /^\/v1\/vms\/([\w.-]+)\/console$/.exec(path)?.[1];
    if (protocol === UPGRADE_CONSOLE && vmName !== undefined) {
      const vm = vmOf(served.host, vmName);
      accept(socket, protocol);
      serveConsole(vm, socket, head);
    } else if (protocol === UPGRADE_MIGRATION && path === "/v1/migration") {
      accept(socket, protocol);
      void receive(served, new SocketChannel(socket, head));
    } else throw new HttpError(404, "WV_CONFIG", `${path}: no upgrade to "${protocol}" here`);
  } catch (error) {
    refuse(socket, error);
  }
}

async function receive({ log, receiver }: Served, channel: SocketChannel): Promise<void> {
  const result = await receiver.receive(channel);
  if (result.state === "running") log(`a vm came (${result.receivedBytes} bytes)`);
  if (result.state === "discarded")
    log(`a vm did not come: ${errorBody(result.error).body.message}`);
}

function accept(socket: Duplex, protocol: string): void {
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`,
  );
}

function refuse(socket: Duplex, error: unknown): void {
  const { body, status } = errorBody(error);
  const text = `${JSON.stringify(body)}\n`;
  const head = `HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Type: application/json\r\n`;
  socket.end(`${head}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
}
