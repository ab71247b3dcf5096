/** The outside through Node's sockets, without privileges. */
import { createSocket } from "node:dgram";
import { promises as dns } from "node:dns";
import { createServer, Socket } from "node:net";
import { WasmvisorError } from "../../base/errors.ts";
import { word32 } from "../dhcp.ts";
import { encodeName, TYPE_A, TYPE_AAAA, TYPE_PTR } from "../dns.ts";
import { formatIp, parseIp } from "../ipv4.ts";
import type {
  ForwardedPort,
  Listening,
  Outside,
  OutsideEvents,
  OutsidePort,
  OutsideSocket,
} from "./outside.ts";

const NO_NAME_CODES = ["ENOTFOUND", "ENODATA", "EAI_NONAME"];

/** `listen`s to a socket from now on. */
function follow(socket: Socket, events: OutsideEvents): void {
  let hasOpened = !socket.connecting;
  socket.on("connect", () => {
    hasOpened = true;
    events.onOpen();
  });
  socket.on("data", (data) => events.onData(data));
  socket.on("end", () => events.onEnd());
  socket.on("drain", () => events.onDrain());
  socket.on("error", () => undefined); // "close" follows.
  socket.on("close", () => events.onClose(!hasOpened));
}

class NodeSocket implements OutsideSocket {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
  }

  get waitingBytes(): number {
    return this.#socket.writableLength;
  }

  write(data: Uint8Array): void {
    this.#socket.write(data);
  }
  end(): void {
    this.#socket.end();
  }
  destroy(): void {
    this.#socket.destroy();
  }
  pause(): void {
    this.#socket.pause();
  }
  resume(): void {
    this.#socket.resume();
  }
}

type UdpSocket = ReturnType<typeof createSocket>;

class NodePort implements OutsidePort {
  readonly #socket: UdpSocket;
  #isClosed = false;

  constructor(socket: UdpSocket) {
    this.#socket = socket;
  }

  send(data: Uint8Array, { ip, port }: { readonly ip: number; readonly port: number }): void {
    if (port === 0 || this.#isClosed) return;
    this.#socket.send(data, port, formatIp(ip), () => undefined); // What cannot be sent is lost.
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.close();
  }

  get port(): number {
    return this.#socket.address().port;
  }
}

const cannotListen = ({ hostAddress, hostPort, protocol }: ForwardedPort, cause: Error) =>
  new WasmvisorError(
    "WV_NETWORK",
    `forward: cannot listen on ${protocol} ${hostAddress}:${hostPort}: ${cause.message}`,
    { cause },
  );

export class NodeOutside implements Outside {
  connect(
    to: { readonly ip: number; readonly port: number },
    events: OutsideEvents,
  ): OutsideSocket {
    const socket = new Socket({ allowHalfOpen: true });
    follow(socket, events);
    socket.connect({ host: formatIp(to.ip), port: to.port });
    return new NodeSocket(socket);
  }

  openUdp(onMessage: (data: Uint8Array, ip: number, port: number) => void): OutsidePort {
    const socket = createSocket("udp4");
    socket.on("error", () => undefined);
    socket.on("message", (data, { address, port }) => onMessage(data, parseIp(address), port));
    return new NodePort(socket);
  }

  listenTcp(
    asked: ForwardedPort,
    onConnection: (socket: OutsideSocket) => OutsideEvents | undefined,
  ): Promise<Listening> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const events = onConnection(new NodeSocket(socket));
      if (events) follow(socket, events);
      else socket.destroy();
    });
    return new Promise((resolve, reject) => {
      server.once("error", (cause) => reject(cannotListen(asked, cause)));
      server.listen(asked.hostPort, asked.hostAddress, () => {
        server.on("error", () => undefined);
        const address = server.address();
        const port = typeof address === "object" && address ? address.port : asked.hostPort;
        resolve({ port, close: () => void server.close() });
      });
    });
  }

  listenUdp(
    asked: ForwardedPort,
    onMessage: (data: Uint8Array, from: { readonly ip: number; readonly port: number }) => void,
  ): Promise<Listening & OutsidePort> {
    const socket = createSocket("udp4");
    socket.on("message", (data, { address, port }) =>
      onMessage(data, { ip: parseIp(address), port }),
    );
    return new Promise((resolve, reject) => {
      socket.once("error", (cause) => reject(cannotListen(asked, cause)));
      socket.bind(asked.hostPort, asked.hostAddress, () => {
        socket.on("error", () => undefined);
        resolve(new NodePort(socket));
      });
    });
  }

  async resolve(name: string, type: number): Promise<Uint8Array[] | "no-name"> {
    try {
      return await lookUp(name, type);
    } catch (error) {
      if (NO_NAME_CODES.includes((error as NodeJS.ErrnoException).code ?? "")) return "no-name";
      throw error;
    }
  }
}

async function lookUp(name: string, type: number): Promise<Uint8Array[]> {
  if (type === TYPE_A) {
    const found = await dns.lookup(name, { all: true, family: 4 });
    return found.map(({ address }) => word32(parseIp(address)));
  }
  if (type === TYPE_AAAA) return []; // Guests have no IPv6 here: an address would only make them wait.
  if (type !== TYPE_PTR) return [];
  const parts = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.in-addr\.arpa$/i.exec(name);
  if (!parts) return [];
  const names = await dns.reverse(parts.slice(1).reverse().join("."));
  return names.flatMap((one) => encodeName(one) ?? []);
}
