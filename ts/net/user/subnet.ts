/** Addresses of a user-mode network: those of QEMU's, so that guests made for that find what they expect. */
import { parseIp } from "../ipv4.ts";

export interface Subnet {
  readonly network: number;
  readonly mask: number;
  readonly gateway: number;
  readonly dns: number;
  /** Leases are from here to there. */
  readonly firstLease: number;
  readonly lastLease: number;
}

const network = parseIp("10.0.2.0");

export const DEFAULT_SUBNET: Subnet = Object.freeze({
  network,
  mask: parseIp("255.255.255.0"),
  gateway: network + 2,
  dns: network + 3,
  firstLease: network + 15,
  lastLease: network + 254,
});

export const isIn = (ip: number, { mask, network: base }: Subnet): boolean =>
  (ip & mask) >>> 0 === base;
