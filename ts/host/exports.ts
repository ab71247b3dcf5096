/** Exports of NBD servers, opened with the certificates of this host. Node only. */
import { NbdDisk, type NbdDiskOptions } from "../storage/nbd/client.ts";
import { parseNbdUrl } from "../storage/nbd/protocol.ts";
import { checkPlain } from "./address.ts";
import { loadCredentials } from "./tls/credentials.ts";

/** Throws `WV_DISK`, `WV_CONFIG` for plain NBD that would leave this machine, `WV_AUTH` without credentials. */
export async function openExport(
  url: string,
  options: Omit<NbdDiskOptions, "url" | "tls"> = {},
): Promise<NbdDisk> {
  const address = parseNbdUrl(url);
  const scheme = address.isSecure ? "tls" : "tcp";
  checkPlain({ ...address, scheme }, `disk "${url}"`, url.replace(/^nbd:/, "nbds:"));
  const tls = address.isSecure ? loadCredentials(process.env["WASMVISOR_TLS"]) : undefined;
  return NbdDisk.connect({ ...options, url, tls });
}
