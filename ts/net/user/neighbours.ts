/** Which MAC address an IP address has, asked by ARP where nobody has said so. */
import type { Clock } from "../../base/clock.ts";
import type { Frame, NicPort } from "../../machine/nic.ts";
import { ARP_REQUEST, arpFrame } from "../arp.ts";
import type { Station } from "../ipv4.ts";
import { MAC_BROADCAST } from "../mac.ts";

const ENTRIES_MAX = 1024;
/** Stations that are asked for; for each the last frame waits. */
const ASKED_MAX = 64;
const ASK_AGAIN_NS = 1e9;

interface Asked {
  make: (to: Station) => Frame;
  askedNs: number;
}

export class Neighbours {
  readonly #port: NicPort;
  readonly #clock: Clock;
  readonly #self: Station;
  readonly #macs = new Map<number, number>();
  readonly #asked = new Map<number, Asked>();

  constructor(options: { readonly port: NicPort; readonly clock: Clock; readonly self: Station }) {
    this.#port = options.port;
    this.#clock = options.clock;
    this.#self = options.self;
  }

  learn({ ip, mac }: Station): void {
    if (ip === 0 || ip === this.#self.ip || mac === this.#self.mac) return;
    if (!this.#macs.has(ip) && this.#macs.size >= ENTRIES_MAX) this.#forgetOldest();
    this.#macs.set(ip, mac);
    const asked = this.#asked.get(ip);
    if (!asked) return;
    this.#asked.delete(ip);
    this.#port.send(asked.make({ ip, mac }));
  }

  /** Sends what `make` makes, now or when its station has answered. */
  send(ip: number, make: (to: Station) => Frame): void {
    const mac = this.#macs.get(ip);
    if (mac === undefined) this.#ask(ip, make);
    else this.#port.send(make({ ip, mac }));
  }

  #forgetOldest(): void {
    const [oldest] = this.#macs.keys();
    if (oldest !== undefined) this.#macs.delete(oldest);
  }

  #ask(ip: number, make: (to: Station) => Frame): void {
    const nowNs = this.#clock.nowNs();
    const asked = this.#asked.get(ip);
    if (asked) asked.make = make;
    else if (this.#asked.size >= ASKED_MAX) {
      const [oldest] = this.#asked.keys();
      this.#asked.delete(oldest as number);
    }
    if (asked && nowNs - asked.askedNs < ASK_AGAIN_NS) return;
    this.#asked.set(ip, { make, askedNs: nowNs });
    const { ip: senderIp, mac: senderMac } = this.#self;
    const request = { operation: ARP_REQUEST, senderMac, senderIp, targetMac: 0, targetIp: ip };
    this.#port.send({ bytes: arpFrame(request, MAC_BROADCAST) });
  }
}
