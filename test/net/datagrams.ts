/** UDP between hosts that are objects here. */
import type { DatagramEnd, Datagrams } from "../../ts/net/datagrams.ts";

export class FakeNet {
  readonly log: {
    readonly message: Uint8Array;
    readonly from: DatagramEnd;
    readonly to: DatagramEnd;
  }[] = [];
  readonly #ends = new Map<string, (message: Uint8Array, from: DatagramEnd) => void>();

  end(address: string, port: number, mtu = 1500): Datagrams {
    const from = { address, port };
    return {
      ...{ localPort: port, mtu, isFull: false },
      connect: (receive) => void this.#ends.set(`${address}:${port}`, receive),
      close: () => void this.#ends.delete(`${address}:${port}`),
      send: (message, to) => {
        this.log.push({ message: message.slice(), from, to });
        this.#ends.get(`${to.address}:${to.port}`)?.(message, from);
      },
    };
  }
}
