/** Cryptokey routing: which inner addresses belong to whom. The longest prefix wins; each prefix has one owner. */
import { WasmvisorError } from "../../base/errors.ts";
import { formatIp, parseIp } from "../ipv4.ts";

export interface Prefix {
  readonly network: number;
  /** 0 to 32. */
  readonly bits: number;
}

const maskOf = (bits: number): number => (bits === 0 ? 0 : (0xffff_ffff << (32 - bits)) >>> 0);

/** From `10.9.0.2` or `10.9.0.0/24`. Throws `WV_CONFIG`. */
export function parsePrefix(text: string, what = "allowed IPs"): Prefix {
  const [address = "", length = "32"] = text.split("/", 2);
  const bits = /^\d{1,2}$/.test(length) ? Number(length) : 33;
  if (bits > 32 || text.split("/").length > 2)
    throw new WasmvisorError("WV_CONFIG", `${what}: expected ADDRESS[/0 to 32], got "${text}"`);
  return { network: (parseIp(address, what) & maskOf(bits)) >>> 0, bits };
}

export const formatPrefix = ({ bits, network }: Prefix): string => `${formatIp(network)}/${bits}`;

export class AllowedIps<Owner> {
  /** By length, longest first. */
  readonly #tables: {
    readonly bits: number;
    readonly mask: number;
    readonly owners: Map<number, Owner>;
  }[] = [];

  /** Takes the prefix from whoever had it. */
  add({ bits, network }: Prefix, owner: Owner): void {
    let table = this.#tables.find((one) => one.bits === bits);
    if (!table) {
      table = { bits, mask: maskOf(bits), owners: new Map() };
      this.#tables.push(table);
      this.#tables.sort((a, b) => b.bits - a.bits);
    }
    table.owners.set(network, owner);
  }

  find(ip: number): Owner | undefined {
    for (const { mask, owners } of this.#tables) {
      const owner = owners.get((ip & mask) >>> 0);
      if (owner !== undefined) return owner;
    }
    return undefined;
  }
}
