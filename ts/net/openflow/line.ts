/** What OpenFlow messages go over, and what each side does with that. */

export interface OpenFlowLine {
  send(message: Uint8Array): void;
  /** Bytes that were not taken yet. */
  readonly waitingBytes: number;
  close(): void;
}

export interface OpenFlowPeer {
  /** A whole message has come. */
  receive(message: Uint8Array): void;
  /** Nothing came for a while: asks whether anybody is there. */
  ping(): void;
}

/** What a side does with a line that is there. */
export interface OpenFlowSide {
  open(line: OpenFlowLine): OpenFlowPeer;
  closed(peer: OpenFlowPeer): void;
}

/** What may wait on a line before frames and notices for it are lost. */
export const WAITING_BYTES_MAX = 4 << 20;
