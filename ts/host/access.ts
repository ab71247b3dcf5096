/** Asks a host, over plain TCP on this machine and over TLS elsewhere. */
import { type ClientRequest, type RequestOptions, request as requestPlain } from "node:http";
import { request as requestTls } from "node:https";
import { isIP } from "node:net";
import { WasmvisorError } from "../base/errors.ts";
import { type Address, checkPlain, formatAddress } from "./address.ts";
import { loadCredentials } from "./tls/credentials.ts";
import { describeRefusal, isRefusal } from "./tls/refusal.ts";
import { tokenHeader } from "./tokens.ts";

/** What whoever asks has to show. */
export interface Access {
  /** Directory with `ca.crt`, `host.crt` and `host.key`: needed for `tls://`. */
  readonly tls?: string | undefined;
  readonly token?: string | undefined;
}

/** Begins a request. Throws `WV_CONFIG` for plain TCP to another machine, `WV_AUTH` without credentials. */
export function requestTo(
  address: Address,
  access: Access,
  options: RequestOptions,
): ClientRequest {
  checkPlain(address, "address");
  const { host, port, scheme } = address;
  const { token } = access;
  const headers = {
    ...options.headers,
    ...(token === undefined ? {} : { Authorization: tokenHeader(token) }),
  };
  const plain = { ...options, headers, host, port, agent: false } as const;
  if (scheme === "tcp") return requestPlain(plain);
  return requestTls({
    ...plain,
    ...loadCredentials(access.tls),
    minVersion: "TLSv1.3",
    ...(isIP(host) === 0 ? { servername: host } : {}),
  });
}

/** An error that names the address and what to do about it. */
export function unreachable(address: Address, cause: NodeJS.ErrnoException): WasmvisorError {
  const name = formatAddress(address);
  if (address.scheme === "tls" && isRefusal(cause.code))
    return new WasmvisorError(
      "WV_AUTH",
      `the host at ${name} is not to be trusted: ${describeRefusal(cause)}`,
      { cause },
    );
  const why = cause.code ?? cause.message;
  return new WasmvisorError(
    "WV_NETWORK",
    `cannot reach the host at ${name} (${why}); start one there with: wasmvisor host --listen ${name}`,
    { cause },
  );
}
