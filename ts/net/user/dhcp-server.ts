/**
 * A DHCP server for one subnet (RFC 2131). A client is its MAC address, and has to send from it: who makes clients up
 * needs a port that lets it, and gets no more than the share of that port. Leases are as many as the subnet has
 * addresses; those of cards that the host knows are kept for them.
 */
import type { Clock } from "../../base/clock.ts";
import * as dhcp from "../dhcp.ts";
import { isIn, type Subnet } from "./subnet.ts";

const LEASE_SECONDS = 24 * 3600;
const OFFER_NS = 30e9;
/** How long nobody gets an address that somebody found in use. */
const DECLINED_NS = 600e9;
const NOBODY = 0;

interface Lease {
  readonly ip: number;
  readonly untilNs: number;
  /** Where it was asked for. */
  readonly place: Place | undefined;
}

export interface DhcpMetrics {
  readonly leases: number;
  readonly offers: number;
  readonly acknowledged: number;
  readonly refused: number;
  /** Clients that found no address free. */
  readonly exhausted: number;
  /** Clients that got none because those behind the same port have their share. */
  readonly limited: number;
}

/** Where clients are: a port of the switch. */
export interface Place {
  readonly name: string;
}

/** Where a message comes from. */
export interface From {
  readonly mac: number;
  /** The port that it came in through, if that is known. */
  readonly place?: Place | undefined;
}

export class DhcpServer {
  readonly #subnet: Subnet;
  readonly #mtu: number;
  readonly #clock: Clock;
  readonly #leases = new Map<number, Lease>();
  readonly #owners = new Map<number, number>();
  readonly #reserved = new Map<number, number>();
  readonly #counts = { offers: 0, acknowledged: 0, refused: 0, exhausted: 0, limited: 0 };

  constructor(options: { readonly subnet: Subnet; readonly mtu: number; readonly clock: Clock }) {
    this.#subnet = options.subnet;
    this.#mtu = options.mtu;
    this.#clock = options.clock;
  }

  /** Keeps an address for a card of the host's own, the one it has if that can be; undefined: none is left. */
  reserve(mac: number, own?: number): number | undefined {
    const known = this.#reserved.get(mac);
    if (known !== undefined && (own === undefined || own === known)) return known;
    const ip = this.#wanted(own) ?? known ?? this.#leases.get(mac)?.ip ?? this.#free();
    if (ip === undefined) return undefined;
    if (ip !== known) this.forget(mac);
    this.#reserved.set(mac, ip);
    this.#owners.set(ip, mac);
    return ip;
  }

  /** The card is gone. */
  forget(mac: number): void {
    const ip = this.#reserved.get(mac);
    this.#reserved.delete(mac);
    this.#drop(mac);
    if (ip !== undefined && this.#owners.get(ip) === mac) this.#owners.delete(ip);
  }

  /** The address that a card has, or will be given. */
  addressOf(mac: number): number | undefined {
    return this.#leases.get(mac)?.ip ?? this.#reserved.get(mac);
  }

  metrics(): DhcpMetrics {
    return { leases: this.#leases.size, ...this.#counts };
  }

  /** The answer to a message, if there is one. */
  answer(message: dhcp.DhcpMessage, from: From): dhcp.DhcpMessage | undefined {
    const { mac: source, place } = from;
    if (message.isReply || message.mac !== source) return undefined;
    switch (message.options.get(dhcp.OPTION_TYPE)?.[0]) {
      case dhcp.DISCOVER:
        return this.#offer(message, place);
      case dhcp.REQUEST:
        return this.#grant(message, place);
      case dhcp.INFORM:
        return this.#reply(message, dhcp.ACKNOWLEDGE, { yourIp: 0, hasLease: false });
      case dhcp.RELEASE:
        if (this.#leases.get(source)?.ip === message.clientIp && this.#isThere(from))
          this.#drop(source);
        return undefined;
      case dhcp.DECLINE:
        if (this.#isThere(from)) this.#decline(source);
        return undefined;
      default:
        return undefined;
    }
  }

  /** Nobody gives back from elsewhere what a client holds. */
  #isThere({ mac, place }: From): boolean {
    const lease = this.#leases.get(mac);
    return lease?.place === undefined || lease.place === place;
  }

  /**
   * Those behind one port may have one more address for as long as at least as many as they hold are left for others:
   * who makes clients up gets half of what there is, a second one half of the rest. What a client holds already counts
   * for no more.
   */
  #mayTake({ mac, place }: From): boolean {
    if (!place || this.addressOf(mac) !== undefined) return true;
    const nowNs = this.#clock.nowNs();
    let [held, taken] = [0, this.#reserved.size];
    for (const [owner, lease] of this.#leases) {
      if (lease.untilNs <= nowNs || this.#reserved.get(owner) === lease.ip) continue;
      taken++;
      if (lease.place === place) held++;
    }
    const { firstLease, lastLease } = this.#subnet;
    if (held < lastLease - firstLease + 1 - taken) return true;
    this.#counts.limited++;
    return false;
  }

  #offer(message: dhcp.DhcpMessage, place: Place | undefined): dhcp.DhcpMessage | undefined {
    if (!this.#mayTake({ mac: message.mac, place })) return undefined;
    const asked = dhcp.option32(message, dhcp.OPTION_REQUESTED_IP);
    const ip = this.addressOf(message.mac) ?? this.#wanted(asked) ?? this.#free();
    if (ip === undefined) {
      this.#counts.exhausted++;
      return undefined;
    }
    this.#counts.offers++;
    this.#lend({ mac: message.mac, place }, ip, OFFER_NS);
    return this.#reply(message, dhcp.OFFER, { yourIp: ip, hasLease: true });
  }

  #grant(message: dhcp.DhcpMessage, place: Place | undefined): dhcp.DhcpMessage | undefined {
    const client = { mac: message.mac, place };
    const server = dhcp.option32(message, dhcp.OPTION_SERVER);
    if (server !== undefined && server !== this.#subnet.gateway) {
      if (this.#isThere(client)) this.#drop(message.mac); // It took the offer of another server.
      return undefined;
    }
    const asked = dhcp.option32(message, dhcp.OPTION_REQUESTED_IP) ?? message.clientIp;
    const ip =
      this.addressOf(message.mac) ?? (this.#mayTake(client) ? this.#wanted(asked) : undefined);
    if (ip === undefined || ip !== asked) {
      this.#counts.refused++;
      return this.#reply(message, dhcp.REFUSE, { yourIp: 0, hasLease: false });
    }
    this.#counts.acknowledged++;
    this.#lend(client, ip, LEASE_SECONDS * 1e9);
    return this.#reply(message, dhcp.ACKNOWLEDGE, { yourIp: ip, hasLease: true });
  }

  #decline(mac: number): void {
    const ip = this.#leases.get(mac)?.ip;
    if (ip === undefined || this.#reserved.has(mac)) return;
    this.#drop(mac);
    this.#lend({ mac: NOBODY }, ip, DECLINED_NS); // One at a time: the next gives this one back.
  }

  #lend({ mac, place }: From, ip: number, ns: number): void {
    const before = this.#leases.get(mac);
    if (before && before.ip !== ip) this.#drop(mac);
    const untilNs = this.#clock.nowNs() + ns;
    const kept = before?.ip === ip ? before.untilNs : 0; // An offer shortens no lease.
    this.#leases.set(mac, { ip, untilNs: Math.max(untilNs, kept), place });
    this.#owners.set(ip, mac);
  }

  #drop(mac: number): void {
    const lease = this.#leases.get(mac);
    this.#leases.delete(mac);
    const ip = lease?.ip;
    if (ip !== undefined && this.#reserved.get(mac) !== ip && this.#owners.get(ip) === mac)
      this.#owners.delete(ip);
  }

  #wanted(ip: number | undefined): number | undefined {
    if (ip === undefined || !isIn(ip, this.#subnet)) return undefined;
    const { firstLease, lastLease } = this.#subnet;
    return ip >= firstLease && ip <= lastLease && this.#isFree(ip) ? ip : undefined;
  }

  #isFree(ip: number): boolean {
    const owner = this.#owners.get(ip);
    if (owner === undefined) return true;
    if (this.#reserved.get(owner) === ip) return false;
    const lease = this.#leases.get(owner);
    if (lease && lease.untilNs > this.#clock.nowNs()) return false;
    this.#drop(owner);
    this.#owners.delete(ip);
    return true;
  }

  #free(): number | undefined {
    const { firstLease, lastLease } = this.#subnet;
    for (let ip = firstLease; ip <= lastLease; ip++) if (this.#isFree(ip)) return ip;
    return undefined;
  }

  #reply(
    message: dhcp.DhcpMessage,
    type: number,
    lease: { readonly yourIp: number; readonly hasLease: boolean },
  ): dhcp.DhcpMessage {
    const { dns, gateway, mask } = this.#subnet;
    const options = new Map([
      [dhcp.OPTION_TYPE, Uint8Array.of(type)],
      [dhcp.OPTION_SERVER, dhcp.word32(gateway)],
    ]);
    if (type !== dhcp.REFUSE) {
      if (lease.hasLease) options.set(dhcp.OPTION_LEASE_TIME, dhcp.word32(LEASE_SECONDS));
      options.set(dhcp.OPTION_MASK, dhcp.word32(mask));
      options.set(dhcp.OPTION_ROUTER, dhcp.word32(gateway));
      options.set(dhcp.OPTION_DNS, dhcp.word32(dns));
      options.set(dhcp.OPTION_MTU, dhcp.word32(this.#mtu).subarray(2));
    }
    const { clientIp, flags, mac, xid } = message;
    return { isReply: true, xid, flags, clientIp, yourIp: lease.yourIp, mac, options };
  }
}
