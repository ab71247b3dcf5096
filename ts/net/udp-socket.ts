/** UDP between hosts, for tunnels. What cannot be sent is lost, as on any line. */
import { createSocket, type Socket } from "node:dgram";
import { WasmvisorError } from "../base/errors.ts";
import { DEFAULT_MTU } from "../machine/nic.ts";
import type { DatagramEnd, Datagrams } from "./datagrams.ts";

const QUEUED_BYTES_MAX = 4 << 20;
const SOCKET_BYTES = 4 << 20;

export class UdpSocket implements Datagrams {
  readonly mtu: number;
  readonly #socket: Socket;
  #isClosed = false;

  private constructor(socket: Socket, mtu: number) {
    this.#socket = socket;
    this.mtu = mtu;
  }

  /** `mtu` is the path's, 1500 by default. Throws `WV_NETWORK` if it cannot listen there. */
  static async open(listen: DatagramEnd, mtu = DEFAULT_MTU): Promise<UdpSocket> {
    const sizes = { recvBufferSize: SOCKET_BYTES, sendBufferSize: SOCKET_BYTES };
    const socket = createSocket({ type: "udp4", ...sizes });
    await new Promise<void>((resolve, reject) => {
      socket.once("error", (cause) => {
        const where = `${listen.address}:${listen.port}`;
        const message = `cannot listen on ${where}: ${cause.message}`;
        reject(new WasmvisorError("WV_NETWORK", message, { cause }));
      });
      socket.bind(listen.port, listen.address, resolve);
    });
    socket.on("error", () => undefined);
    return new UdpSocket(socket, mtu);
  }

  get localPort(): number {
    return this.#socket.address().port;
  }

  get isFull(): boolean {
    return !this.#isClosed && this.#socket.getSendQueueSize() > QUEUED_BYTES_MAX;
  }

  connect(receive: (message: Uint8Array, from: DatagramEnd) => void): void {
    this.#socket.on("message", receive);
  }

  send(message: Uint8Array, to: DatagramEnd): void {
    if (this.#isClosed) return; // Guests that end say goodbye after the host's networks did.
    this.#socket.send(message, to.port, to.address, () => undefined);
  }

  /** Harmless when it is closed. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.close();
  }
}
