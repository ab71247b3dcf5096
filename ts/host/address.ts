/** Where a host listens: `tcp://127.0.0.1:7070`. */
import { WasmvisorError } from "../base/errors.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

export const DEFAULT_ADDRESS = "tcp://127.0.0.1:7070";
const DEFAULT_PORT = 7070;
const PORT_MAX = 65_535;

/** Reads `tcp://HOST[:PORT]`. Throws `WV_CONFIG` naming `what`. */
export function parseAddress(text: string, what: string): Address {
  const match = /^tcp:\/\/(\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::(\d{1,5}))?\/?$/.exec(text);
  const port = match?.[2] === undefined ? DEFAULT_PORT : Number(match[2]);
  if (!match || port > PORT_MAX)
    throw new WasmvisorError(
      "WV_CONFIG",
      `${what}: expected an address like ${DEFAULT_ADDRESS}, got "${text}"`,
    );
  const host = (match[1] as string).replace(/^\[|\]$/g, "");
  return { host, port };
}

export function formatAddress({ host, port }: Address): string {
  return `tcp://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** True for addresses that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
