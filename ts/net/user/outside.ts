/** What a user-mode network asks of the world outside. In Node it is sockets; tests have their own. */

/** One TCP connection outside. */
export interface OutsideSocket {
  /** Sends; the bytes are the callee's to keep. */
  write(data: Uint8Array): void;
  /** Bytes that were written and are not sent yet. */
  readonly waitingBytes: number;
  end(): void;
  destroy(): void;
  pause(): void;
  resume(): void;
}

/** What happens on it. */
export interface OutsideEvents {
  onOpen(): void;
  onData(data: Uint8Array): void;
  onEnd(): void;
  /** All that was written is sent. */
  onDrain(): void;
  /** It is gone; `isRefused`: it never was there. */
  onClose(isRefused: boolean): void;
}

/** One UDP port outside. */
export interface OutsidePort {
  send(data: Uint8Array, to: { readonly ip: number; readonly port: number }): void;
  close(): void;
}

export interface ForwardedPort {
  readonly protocol: "tcp" | "udp";
  /** Address that is listened on; 127.0.0.1 by default. */
  readonly hostAddress: string;
  readonly hostPort: number;
}

export interface Listening {
  /** The port, chosen by the system if 0 was asked for. */
  readonly port: number;
  close(): void;
}

export interface Outside {
  connect(to: { readonly ip: number; readonly port: number }, events: OutsideEvents): OutsideSocket;
  /** A port of its own for what one guest sends. */
  openUdp(onMessage: (data: Uint8Array, ip: number, port: number) => void): OutsidePort;
  /** `onConnection` gets each connection that comes, and says who hears of it. Throws `WV_NETWORK`. */
  listenTcp(
    port: ForwardedPort,
    onConnection: (socket: OutsideSocket) => OutsideEvents | undefined,
  ): Promise<Listening>;
  listenUdp(
    port: ForwardedPort,
    onMessage: (data: Uint8Array, from: { readonly ip: number; readonly port: number }) => void,
  ): Promise<Listening & OutsidePort>;
  /** Data of the records of that type. Rejects with `isNoName` if there is no such name. */
  resolve(name: string, type: number): Promise<Uint8Array[] | "no-name">;
}
