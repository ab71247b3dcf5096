/**
 * The cable between a network card and whatever network it is plugged into. Frames are Ethernet without the
 * checksum at their end. Who sends one gives its bytes away: nobody writes them afterwards, many may hold them.
 */

/** Work that the sender has left to the card: part of a checksum, cutting a long TCP segment. */
export interface Offload {
  /** The sum goes over everything from here on; the pseudo header is in the checksum field already. */
  readonly checksumStart: number;
  /** Where the field is, from there. */
  readonly checksumOffset: number;
  /** TCP payload of each piece that the frame is cut into; 0: it stays whole. */
  readonly segmentBytes: number;
}

export interface Frame {
  readonly bytes: Uint8Array;
  readonly offload?: Offload | undefined;
}

/** What the network calls at the card's end. */
export interface NicReceiver {
  /** A frame for the card. It takes it, keeps it until the guest has room, or drops it and counts that. */
  receive(frame: Frame): void;
  /** What came since the last call was all for now: the time to answer with one frame instead of many. */
  flush(): void;
}

/** What a card calls at the network's end. */
export interface NicPort {
  /** Says where frames for the card go. Once, by the card. */
  connect(receiver: NicReceiver): void;
  /** Sends a frame. The network takes it or drops it; it never makes the guest wait. */
  send(frame: Frame): void;
  /** What was sent since the last call was all for now. */
  flush(): void;
}

/** Bytes of a MAC address. */
export const MAC_BYTES = 6;
/** Destination, source, type. */
export const ETHERNET_HEADER_BYTES = 14;
/** An 802.1Q tag. */
export const VLAN_TAG_BYTES = 4;
export const DEFAULT_MTU = 1500;
export const MTU_MIN = 576;
export const MTU_MAX = 65535;
