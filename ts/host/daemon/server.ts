/**
 * The daemon of one host, on one port: a control API in JSON, consoles and incoming migrations as
 * HTTP upgrades. Plain TCP is for this machine alone; other machines come through `tls/gate.ts`.
 *
 *     GET  /v1/health                        POST /v1/vms              create
 *     GET  /v1/vms, /v1/vms/NAME             POST /v1/restore          from a snapshot
 *     DELETE /v1/vms/NAME                    POST /v1/vms/NAME/ACTION  see `routes.ts`
 *     GET  /v1/migrations                    DELETE /v1/migrations/NAME
 *                                            POST /v1/migrations/NAME/postcopy, .../pause, .../set
 *     /v1/vms/NAME/console[?absent=wait]     Upgrade: wasmvisor-console
 *     /v1/migration, /v1/migration/outcome   Upgrade: wasmvisor-migration
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WasmvisorError } from "../../base/errors.ts";
import { parseTime } from "../../base/units.ts";
import type { TargetResult } from "../../migrate/target.ts";
import { type Address, checkPlain, formatAddress, parseAddress } from "../address.ts";
import type { Host } from "../host.ts";
import { MigrationReceiver } from "../migration-receiver.ts";
import type { MigrationAdvisor } from "../migrations/advisor.ts";
import { isGone, PROCESS_HEADER } from "../process-identity.ts";
import {
  acceptMigration,
  PATH_MIGRATION,
  PATH_OUTCOME,
  type SocketChannel,
} from "../socket-channel.ts";
import { checkToken, checkTokenFile } from "../tokens.ts";
import { acceptUpgrade, UPGRADE_CONSOLE, UPGRADE_MIGRATION } from "../upgrade.ts";
import { awaitConsole, serveConsole } from "./console-socket.ts";
import { checkOrigin, errorBody, HttpError, sendJson } from "./http.ts";
import { RefusalLog } from "./refusal-log.ts";
import { openDoor } from "./rehearsal-door.ts";
import { handle, vmOf } from "./routes.ts";

/** Who does not say in this time what it wants is let go. */
const HEADERS_MS_MAX = 10_000;
const CONNECTIONS_MAX = 1024;
const SOURCE_TIMEOUT_NS = 600e9;

export interface DaemonOptions {
  /** Like `tcp://127.0.0.1:7070` or `tls://0.0.0.0:16509`; port 0 takes a free one. */
  readonly listen: string;
  /** Directory with `ca.crt`, `host.crt` and `host.key`: for `tls://`, and for migrations to others. */
  readonly tls?: string | undefined;
  /** Names of certificates that are let in; without any, all that the CA has signed. */
  readonly peers?: readonly string[] | undefined;
  /** A file of tokens, see `tokens.ts`: whoever asks has to show one. */
  readonly tokens?: string | undefined;
  /**
   * A guest whose pages follow (post-copy) is lost when its source does not come back for this long: `"10min"`
   * in words, in nanoseconds. Default 10 minutes; until then its source, or whoever recovers it, is waited for.
   */
  readonly sourceTimeout?: number | string | undefined;
  /** Chooses for migrations with the strategy `auto`; without one they are refused. */
  readonly advisor?: MigrationAdvisor | undefined;
  /** Hears of migrations that came or failed, and of peers that were refused. */
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

  /**
   * Throws `WV_CONFIG` for plain TCP that others could reach, `WV_AUTH` for certificates that are missing
   * or wrong, `WV_NETWORK` if the address is taken.
   */
  static async listen(host: Host, options: DaemonOptions): Promise<Daemon> {
    const address = parseAddress(options.listen, "--listen");
    checkPlain(address, "--listen");
    if (options.tokens !== undefined) checkTokenFile(options.tokens);
    const { sourceTimeout = SOURCE_TIMEOUT_NS } = options;
    const sourceTimeoutNs =
      typeof sourceTimeout === "number"
        ? sourceTimeout
        : parseTime(sourceTimeout, "--source-timeout");
    const log = options.log ?? (() => undefined);
    const refusals = new RefusalLog(host.clock, log);
    const served: Served = {
      host,
      receiver: new MigrationReceiver(host, sourceTimeoutNs),
      log,
      refusals,
      tls: options.tls,
      tokens: options.tokens,
      advisor: options.advisor,
    };
    const server = address.scheme === "tls" ? await gate(options, refusals) : createServer();
    server.headersTimeout = HEADERS_MS_MAX;
    server.maxConnections = CONNECTIONS_MAX;
    server.on("request", (request, response) => void answer(served, request, response));
    server.on("upgrade", (request, socket, head) => upgrade(served, { request, socket, head }));
    // Now, not when a guest waits for it: what moves guests is loaded and compiled.
    const [{ parseMigration }] = await Promise.all([
      import("../migrations/schema.ts"),
      import("../migration.ts"),
      host.rehearsed(openDoor),
    ]);
    parseMigration({ target: formatAddress(address) });
    const port = await bind(server, address);
    return new Daemon(host, server, formatAddress({ ...address, port }));
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

/** The door for other machines, with this host's certificate. */
async function gate(options: DaemonOptions, refusals: RefusalLog): Promise<Server> {
  const { checkCredentials, loadCredentials } = await import("../tls/credentials.ts");
  const { createGate } = await import("../tls/gate.ts");
  const credentials = loadCredentials(options.tls);
  checkCredentials(credentials, options.tls as string);
  const onRefused = (peer: string, error: WasmvisorError): void =>
    refusals.refused(peer, error.message);
  return createGate({ credentials, peers: options.peers, onRefused });
}

function bind(server: Server, at: Address): Promise<number> {
  const { host, port } = at;
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const address = formatAddress(at);
      const why = cause.code === "EADDRINUSE" ? "something else listens there" : cause.message;
      const advice = `cannot listen on ${address}: ${why}; choose another port with --listen`;
      reject(new WasmvisorError("WV_NETWORK", advice, { cause }));
    });
    server.listen({ host, port }, () => resolve((server.address() as AddressInfo).port));
  });
}

/** Throws what a peer is told that may not ask. */
function admit({ refusals, tokens }: Served, request: IncomingMessage): void {
  checkOrigin(request);
  if (tokens === undefined) return;
  try {
    checkToken(tokens, request.headers.authorization);
  } catch (error) {
    const { remoteAddress, remotePort } = request.socket;
    refusals.refused(`${remoteAddress}:${remotePort}`, errorBody(error).body.message);
    throw error;
  }
}

async function answer(
  served: Served,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    admit(served, request);
    const { advisor, host, tls } = served;
    await handle({ host, advisor, tls, request, response });
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
  readonly refusals: RefusalLog;
  readonly advisor: MigrationAdvisor | undefined;
  readonly tls: string | undefined;
  readonly tokens: string | undefined;
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
    admit(served, request);
    const protocol = request.headers.upgrade;
    const path = request.url ?? "";
    const [, vmName, wait] = /^\/v1\/vms\/([\w.-]+)\/console(\?absent=wait)?$/.exec(path) ?? [];
    if (protocol === UPGRADE_CONSOLE && vmName !== undefined) {
      const vm =
        wait === undefined
          ? vmOf(served.host, vmName)
          : served.host.vms.find(({ name }) => name === vmName);
      acceptUpgrade(socket, protocol);
      if (vm) serveConsole(vm, socket, head);
      else awaitConsole(served.host, vmName, socket);
    } else if (
      protocol === UPGRADE_MIGRATION &&
      (path === PATH_MIGRATION || path === PATH_OUTCOME)
    ) {
      const open = (): SocketChannel => acceptMigration(socket, head);
      const { receiver } = served;
      const source = request.headers[PROCESS_HEADER] as string | undefined;
      const serving =
        path === PATH_OUTCOME
          ? receiver.answer(open())
          : receiver.receive(open, () => isGone(source));
      void logArrival(served, serving);
    } else throw new HttpError(404, "WV_CONFIG", `${path}: no upgrade to "${protocol}" here`);
  } catch (error) {
    refuse(socket, error);
  }
}

async function logArrival({ log }: Served, serving: Promise<TargetResult>): Promise<void> {
  const result = await serving;
  if (result.state === "running") log(`a vm came (${result.receivedBytes} bytes)`);
  if (result.state === "discarded")
    log(`a vm did not come: ${errorBody(result.error).body.message}`);
  if (result.state === "lost") log(`a vm is lost: ${errorBody(result.error).body.message}`);
}

function refuse(socket: Duplex, error: unknown): void {
  const { body, status } = errorBody(error);
  const text = `${JSON.stringify(body)}\n`;
  const head = `HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Type: application/json\r\n`;
  socket.end(`${head}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
}
