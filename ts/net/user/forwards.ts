/** Ports of the host that lead to guests. */
import type { ForwardedPort, Listening, Outside, OutsidePort } from "./outside.ts";
import type { TcpNat } from "./tcp-nat.ts";

const UDP_CLIENTS_MAX = 1024;
const FIRST_CLIENT_PORT = 20000;

export interface Forward extends ForwardedPort {
  readonly guestPort: number;
}

export interface ForwardsOptions {
  readonly outside: Outside;
  readonly tcp: TcpNat;
  readonly gateway: number;
  readonly sendUdp: (
    from: { readonly ip: number; readonly port: number },
    to: { readonly ip: number; readonly port: number },
    data: Uint8Array,
  ) => void;
}

interface Client {
  readonly ip: number;
  readonly port: number;
  readonly through: OutsidePort;
}

export class Forwards {
  readonly #options: ForwardsOptions;
  readonly #listening = new Set<Listening>();
  /** Who outside is meant by which port of the gateway, as guests see it. */
  readonly #clients = new Map<number, Client>();
  readonly #ports = new Map<string, number>();
  #nextPort = 0;

  constructor(options: ForwardsOptions) {
    this.#options = options;
  }

  /** Listens; `guestIp` says who gets what comes. Throws `WV_NETWORK`. */
  async add(forward: Forward, guestIp: () => number | undefined): Promise<Listening> {
    const listening =
      forward.protocol === "tcp"
        ? await this.#addTcp(forward, guestIp)
        : await this.#addUdp(forward, guestIp);
    const entry: Listening = {
      port: listening.port,
      close: () => {
        if (this.#listening.delete(entry)) listening.close();
      },
    };
    this.#listening.add(entry);
    return entry;
  }

  close(): void {
    for (const listening of [...this.#listening]) listening.close();
  }

  /** A guest's datagram to the gateway: is it an answer to somebody outside? */
  answers(
    from: { readonly guestIp: number; readonly guestPort: number },
    port: number,
    data: Uint8Array,
  ): boolean {
    const client = this.#clients.get(port);
    if (!client || this.#ports.get(clientKey(client, from.guestIp, from.guestPort)) !== port)
      return false;
    client.through.send(data, client);
    return true;
  }

  #addTcp(forward: Forward, guestIp: () => number | undefined): Promise<Listening> {
    const { gateway, outside, tcp } = this.#options;
    const { guestPort } = forward;
    return outside.listenTcp(forward, (socket) => {
      const ip = guestIp();
      return ip === undefined
        ? undefined
        : tcp.connect(socket, { guestIp: ip, guestPort, ip: gateway });
    });
  }

  async #addUdp(forward: Forward, guestIp: () => number | undefined): Promise<Listening> {
    const { gateway, outside, sendUdp } = this.#options;
    const through = await outside.listenUdp(forward, (data, from) => {
      const ip = guestIp();
      if (ip === undefined) return;
      const client = { ...from, through };
      const port = this.#clientPort(client, ip, forward.guestPort);
      sendUdp({ ip: gateway, port }, { ip, port: forward.guestPort }, data);
    });
    return through;
  }

  /** The port of the gateway that stands for a client; the oldest gives its up when there are many. */
  #clientPort(client: Client, guestIp: number, guestPort: number): number {
    const key = clientKey(client, guestIp, guestPort);
    const known = this.#ports.get(key);
    if (known !== undefined) return known;
    const port = FIRST_CLIENT_PORT + this.#nextPort;
    this.#nextPort = (this.#nextPort + 1) % UDP_CLIENTS_MAX;
    for (const [other, taken] of this.#ports) if (taken === port) this.#ports.delete(other);
    this.#ports.set(key, port);
    this.#clients.set(port, client);
    return port;
  }
}

const clientKey = ({ ip, port }: Client, guestIp: number, guestPort: number): string =>
  `${ip}:${port}:${guestIp}:${guestPort}`;
