/** A port of a {@link Switch}: what comes in is checked here, what goes out passes its line. */
import {
  ETHERNET_HEADER_BYTES,
  type Frame,
  type NicPort,
  type NicReceiver,
} from "../machine/nic.ts";
import type { ImpairedLine } from "./impairment.ts";
import type { PortVlans } from "./vlan.ts";

export interface SwitchPortMetrics {
  readonly inFrames: number;
  readonly inBytes: number;
  readonly outFrames: number;
  readonly outBytes: number;
  /** Frames that came in and went no further: too short, a wrong VLAN, another's address. */
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

export class SwitchPort implements NicPort {
  readonly name: string;
  readonly vlans: PortVlans;
  /** The only address that may send here, if there is one. */
  readonly mac: number | undefined;
  readonly #owner: PortOwner;
  #receiver: NicReceiver | undefined;
  #line: ImpairedLine | undefined;
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
      readonly vlans: PortVlans;
      readonly mac: number | undefined;
    },
  ) {
    this.#owner = owner;
    this.name = options.name;
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

  send(frame: Frame): void {
    this.counts.inFrames++;
    this.counts.inBytes += frame.bytes.length;
    if (frame.bytes.length < ETHERNET_HEADER_BYTES) this.counts.refusedFrames++;
    else this.#owner.forward(frame, this);
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
