/** Carries bytes between a guest's end of a TCP connection and the one outside, no faster than either takes them. */
import type { OutsideEvents, OutsideSocket } from "./outside.ts";
import type { TcpEndpoint, TcpOwner } from "./tcp-endpoint.ts";

/** Bytes from outside that wait for the guest. */
const WAITING_BYTES_MAX = 2 << 20;

export interface ConnectionParts {
  readonly guestIp: number;
  readonly counts: {
    opened: number;
    refused: number;
    toGuestBytes: number;
    fromGuestBytes: number;
  };
  /** Something was sent to the guest when no frame had come from it. */
  readonly flush: () => void;
  readonly transmit: TcpOwner["transmit"];
  readonly onClose: () => void;
  readonly make: (owner: TcpOwner) => TcpEndpoint;
}

export class Connection {
  readonly endpoint: TcpEndpoint;
  /** What the outside is to call. */
  readonly outside: OutsideEvents;
  readonly #parts: ConnectionParts;
  #socket: OutsideSocket | undefined;
  #isPaused = false;
  #isOutsideGone = false;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    this.endpoint = parts.make(this.#guestSide());
    this.outside = this.#outsideSide();
  }

  get guestIp(): number {
    return this.#parts.guestIp;
  }

  /** The end outside. */
  attach(socket: OutsideSocket): void {
    this.#socket = socket;
  }

  #guestSide(): TcpOwner {
    const connection = this;
    return {
      transmit: this.#parts.transmit,
      onOpen: () => {
        this.#parts.counts.opened++;
        this.#socket?.resume();
      },
      onData: (data) => {
        this.#parts.counts.fromGuestBytes += data.length;
        if (!this.#isOutsideGone) this.#socket?.write(data);
      },
      onEnd: () => this.#socket?.end(),
      onDrain: () => this.#drain(),
      onClose: (reason) => {
        if (reason !== "finished") this.#socket?.destroy();
        this.#parts.onClose();
      },
      get waitingBytes() {
        return connection.#socket?.waitingBytes ?? 0;
      },
    };
  }

  #drain(): void {
    if (!this.#isPaused || this.endpoint.unsentBytes > WAITING_BYTES_MAX / 2) return;
    this.#isPaused = false;
    this.#socket?.resume();
  }

  #outsideSide(): OutsideEvents {
    const { endpoint } = this;
    const { counts, flush } = this.#parts;
    return {
      onOpen: () => {
        endpoint.accept();
        flush();
      },
      onData: (data) => {
        counts.toGuestBytes += data.length;
        endpoint.write(data);
        if (endpoint.unsentBytes > WAITING_BYTES_MAX && !this.#isPaused) {
          this.#isPaused = true;
          this.#socket?.pause();
        }
        flush();
      },
      onEnd: () => {
        endpoint.end();
        flush();
      },
      onDrain: () => {
        endpoint.windowOpened();
        flush();
      },
      onClose: (isRefused) => this.#outsideClosed(isRefused),
    };
  }

  /** A socket that closes without an end was broken off; so is the guest's. */
  #outsideClosed(isRefused: boolean): void {
    this.#isOutsideGone = true;
    if (isRefused) this.#parts.counts.refused++;
    if (!this.endpoint.isClosed && !this.endpoint.isEnding) this.endpoint.abort();
    this.#parts.flush();
  }
}
