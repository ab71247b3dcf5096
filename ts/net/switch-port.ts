/** A port of a {@link Switch}: what comes in is checked here, what goes out passes its line. */
import {
  ETHERNET_HEADER_BYTES,
  type Frame,
  MTU_MAX,
  type NicPort,
  type NicReceiver,
  VLAN_TAG_BYTES,
} from "../machine/nic.ts";
import type { ImpairedLine } from "./impairment.ts";
import type { PortVlans } from "./vlan.ts";

/** The longest packet with its header and two tags. */
const FRAME_BYTES_MAX = MTU_MAX + ETHERNET_HEADER_BYTES + 2 * VLAN_TAG_BYTES;

export interface SwitchPortMetrics {
  readonly inFrames: number;
  readonly inBytes: number;
  readonly outFrames: number;
  readonly outBytes: number;
  /** Frames that came in and went no further: too short or long, a wrong VLAN, another's address. */
  readonly refusedFrames: number;
  /** Frames for all that were too many. */
  readonly stormFrames: number;
  /** Frames lost on the line, or while nobody was at its end. */
  readonly lostFrames: number;
}

/** What a port asks of its switch. */
export interface PortOwner {
  forward(frame: Frame, from: SwitchPort): void;
  flush(): void;
}

/** What a controller may say of a port, as OpenFlow's bits. */
export const PORT_CONFIG_DOWN = 1;
export const PORT_CONFIG_NO_RECEIVE = 1 << 2;
export const PORT_CONFIG_NO_FORWARD = 1 << 5;
export const PORT_CONFIG_NO_FRAME_IN = 1 << 6;

export class SwitchPort implements NicPort {
  readonly name: string;
  /** How flow rules call it. */
  readonly number: number;
  readonly vlans: PortVlans;
  /** The only address that may send here, if there is one. */
  readonly mac: number | undefined;
  readonly #owner: PortOwner;
  #receiver: NicReceiver | undefined;
  #line: ImpairedLine | undefined;
  #inLine: ImpairedLine | undefined;
  /** Bits of `PORT_CONFIG_...`, written by the switch. */
  config = 0;
  #hasNews = false;
  /** Written by the switch. */
  readonly counts = {
    inFrames: 0,
    inBytes: 0,
    outFrames: 0,
    outBytes: 0,
    refusedFrames: 0,
    stormFrames: 0,
    lostFrames: 0,
  };

  constructor(
    owner: PortOwner,
    options: {
      readonly name: string;
      readonly number: number;
      readonly vlans: PortVlans;
      readonly mac: number | undefined;
    },
  ) {
    this.#owner = owner;
    this.name = options.name;
    this.number = options.number;
    this.vlans = options.vlans;
    this.mac = options.mac;
  }

  connect(receiver: NicReceiver): void {
    this.#receiver = receiver;
  }

  /** From now on what goes out passes `line`; undefined: it is there at once. */
  setLine(line: ImpairedLine | undefined): void {
    this.#line = line;
  }

  /** The same for what comes in. */
  setInLine(line: ImpairedLine | undefined): void {
    this.#inLine = line;
  }

  send(frame: Frame): void {
    this.counts.inFrames++;
    this.counts.inBytes += frame.bytes.length;
    const { length } = frame.bytes;
    if (length < ETHERNET_HEADER_BYTES || length > FRAME_BYTES_MAX) this.counts.refusedFrames++;
    else if (!this.#inLine) this.#owner.forward(frame, this);
    else if (!this.#inLine.send(frame)) this.counts.lostFrames++;
  }

  flush(): void {
    this.#owner.flush();
  }

  /** @internal Out to whoever is at the other end. */
  emit(frame: Frame): void {
    if (!this.#line) this.arrive(frame);
    else if (!this.#line.send(frame)) this.counts.lostFrames++;
  }

  /** @internal The frame is at the end of its line. */
  arrive(frame: Frame): void {
    if (!this.#receiver) {
      this.counts.lostFrames++;
      return;
    }
    this.counts.outFrames++;
    this.counts.outBytes += frame.bytes.length;
    this.#hasNews = true;
    this.#receiver.receive(frame);
  }

  /** @internal Tells the other end that this was all for now. True: there was something. */
  settle(): boolean {
    if (!this.#hasNews) return false;
    this.#hasNews = false;
    this.#receiver?.flush();
    return true;
  }

  metrics(): SwitchPortMetrics {
    return { ...this.counts };
  }
}
