/** Where a host listens: `tcp://127.0.0.1:7070` for this machine alone, `tls://host2:16509` for all. */
import { WasmvisorError } from "../base/errors.ts";

export interface Address {
  /** Plain TCP never leaves the machine; TLS 1.3 with certificates on both sides may. */
  readonly scheme: "tcp" | "tls";
  readonly host: string;
  readonly port: number;
}

export const DEFAULT_ADDRESS = "tcp://127.0.0.1:7070";
const DEFAULT_PORTS = { tcp: 7070, tls: 16_509 } as const;
const PORT_MAX = 65_535;

/** Reads `tcp://HOST[:PORT]` or `tls://HOST[:PORT]`. Throws `WV_CONFIG` naming `what`. */
export function parseAddress(text: string, what: string): Address {
  const match = /^(tcp|tls):\/\/(\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::(\d{1,5}))?\/?$/.exec(text);
  const scheme = match?.[1] as Address["scheme"];
  const port = match?.[3] === undefined ? DEFAULT_PORTS[scheme] : Number(match[3]);
  if (!match || port > PORT_MAX)
    throw new WasmvisorError(
      "WV_CONFIG",
      `${what}: expected an address like ${DEFAULT_ADDRESS} or tls://host2:16509, got "${text}"`,
    );
  const host = (match[2] as string).replace(/^\[|\]$/g, "");
  return { scheme, host, port };
}

export function formatAddress({ host, port, scheme }: Address): string {
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** True for addresses that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Throws `WV_CONFIG` for plain TCP that would leave this machine, and says what to write instead: `secure`. */
export function checkPlain(
  { host, scheme }: Address,
  what: string,
  secure: string = formatAddress({ scheme: "tls", host, port: DEFAULT_PORTS.tls }),
): void {
  if (scheme === "tls" || isLoopback(host)) return;
  throw new WasmvisorError(
    "WV_CONFIG",
    `${what}: ${host} is not this machine alone, where plain TCP ends; write ${secure}, ` +
      "with certificates from: wasmvisor host --init-ca DIR",
  );
}
