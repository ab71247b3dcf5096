/** What carries a tunnel's messages: an ordinary UDP socket, or a port inside of an encrypted network. */
export interface DatagramEnd {
  readonly address: string;
  readonly port: number;
}

export interface Datagrams {
  /** The port that messages come to. */
  readonly localPort: number;
  /** Longest IP packet on the way. */
  readonly mtu: number;
  /** More than it can send waits: what is sent now would be lost later. */
  readonly isFull: boolean;
  /** Says who hears what comes. Once. */
  connect(receive: (message: Uint8Array, from: DatagramEnd) => void): void;
  send(message: Uint8Array, to: DatagramEnd): void;
  close(): void;
}
