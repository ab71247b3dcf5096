/** Tells a DNS server where guests are now: each that comes gets `NAME.ZONE` with an address of this host, or its own. */
import { createSocket } from "node:dgram";
import { type Clock, realTimeNs } from "../../base/clock.ts";
import { WasmvisorError } from "../../base/errors.ts";
import { secretBytes } from "../../base/random.ts";
import { get16 } from "../../net/bytes.ts";
import type { DatagramEnd } from "../../net/datagrams.ts";
import {
  encodeUpdate,
  parseTsigKey,
  signedUpdate,
  statusName,
  type TsigKey,
  updateStatus,
} from "../../net/dns-update.ts";
import { formatIp, parseIp } from "../../net/ipv4.ts";
import { readPrivate } from "./private-file.ts";

const DEFAULT_TTL_SEC = 30;
const TRIES = 3;
const TRY_NS = 2e9;

export interface DnsUpdaterOptions {
  readonly server: DatagramEnd;
  readonly zone: string;
  /** Where names lead: an address of this host, with ports that lead to guests. Default: the guest's own. */
  readonly address?: string | undefined;
  readonly ttlSec?: number | undefined;
  /** File of a key that the server knows, as `tsig-keygen` writes it. */
  readonly keyFile?: string | undefined;
}

export class DnsUpdater {
  readonly #options: DnsUpdaterOptions;
  readonly #clock: Clock;
  readonly #key: TsigKey | undefined;
  readonly #address: number | undefined;

  /** Throws `WV_CONFIG`, `WV_AUTH`. */
  constructor(options: DnsUpdaterOptions, clock: Clock) {
    const { address, keyFile, zone } = options;
    this.#options = options;
    this.#clock = clock;
    this.#key = keyFile === undefined ? undefined : parseTsigKey(readPrivate(keyFile), keyFile);
    this.#address = address === undefined ? undefined : parseIp(address, "dns address");
    encodeUpdate({ zone, name: zone, address: 0, ttlSec: 0 }, 0);
  }

  /** `web.example.org is 10.0.0.2 now`. Throws `WV_CONFIG`, `WV_NETWORK` if the server refuses or does not answer. */
  async update(vm: string, own: string | undefined): Promise<string> {
    const { server, ttlSec = DEFAULT_TTL_SEC, zone } = this.#options;
    const address = this.#address ?? (own === undefined ? undefined : parseIp(own));
    const name = `${vm}.${zone}`;
    if (address === undefined)
      throw new WasmvisorError(
        "WV_CONFIG",
        `${name}: its address is not known; give one with address=`,
      );
    const id = get16(secretBytes(new Uint8Array(2)), 0);
    const plain = encodeUpdate({ zone, name, address, ttlSec }, id);
    const nowSec = Math.floor(realTimeNs() / 1e9);
    const message = this.#key ? signedUpdate(plain, this.#key, nowSec) : plain;
    const status = await this.#ask(message, id);
    const where = `${server.address}:${server.port}`;
    if (status !== 0)
      throw new WasmvisorError(
        "WV_NETWORK",
        `${name}: ${where} ${status === undefined ? "does not answer" : `said ${statusName(status)}`}`,
      );
    return `${name} is ${formatIp(address)} now`;
  }

  async #ask(message: Uint8Array, id: number): Promise<number | undefined> {
    const { server } = this.#options;
    const socket = createSocket("udp4");
    let status: number | undefined;
    const answered = new AbortController();
    socket.on("error", () => undefined); // As if nobody answered.
    socket.on("message", (response, from) => {
      if (from.address !== server.address || from.port !== server.port) return;
      status = updateStatus(response, id);
      if (status !== undefined) answered.abort();
    });
    try {
      for (let tries = 0; tries < TRIES && status === undefined; tries++) {
        socket.send(message, server.port, server.address, () => undefined);
        await this.#clock.sleep(TRY_NS, answered.signal).then(undefined, () => undefined);
      }
    } finally {
      socket.close();
    }
    return status;
  }
}
