/**
 * What a host shows of itself over TLS, in a directory: `ca.crt` (whom it believes), `host.crt` and
 * `host.key` (who it is), all PEM. They are read for each connection that is made, so that renewed
 * files need no restart.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { realTimeNs } from "../../base/clock.ts";
import { WasmvisorError } from "../../base/errors.ts";

export interface Credentials {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export const CA_FILE = "ca.crt";
export const CERT_FILE = "host.crt";
export const KEY_FILE = "host.key";

const ADVICE = "make them with: wasmvisor host --init-ca DIR --for NAME";

function fail(why: string, cause?: unknown): never {
  throw new WasmvisorError("WV_AUTH", `${why}; ${ADVICE}`, { cause });
}

function read(folder: string, name: string): Buffer {
  try {
    return readFileSync(join(folder, name));
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code;
    return fail(`--tls: cannot read ${join(folder, name)} (${why})`, cause);
  }
}

/** The files of `folder`, as they are. Throws `WV_AUTH` if there is none, or one cannot be read. */
export function loadCredentials(folder: string | undefined): Credentials {
  if (folder === undefined)
    return fail("tls:// needs certificates: give their directory with --tls DIR");
  return { ca: read(folder, CA_FILE), cert: read(folder, CERT_FILE), key: read(folder, KEY_FILE) };
}

/** Throws `WV_AUTH` unless the three belong together and the certificate is valid today. */
export function checkCredentials({ ca, cert, key }: Credentials, folder: string): void {
  let own: X509Certificate;
  let issuer: X509Certificate;
  let isOwnKey: boolean;
  try {
    own = new X509Certificate(cert);
    issuer = new X509Certificate(ca);
    isOwnKey = own.checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    fail(`--tls: ${folder} holds a file that is not a certificate or key in PEM`, cause);
  }
  if (!isOwnKey) fail(`--tls: ${KEY_FILE} in ${folder} does not belong to ${CERT_FILE}`);
  if (!own.verify(issuer.publicKey))
    fail(`--tls: ${CERT_FILE} in ${folder} was not signed by ${CA_FILE}`);
  const nowMs = realTimeNs() / 1e6;
  for (const [name, { validFrom, validTo }] of [
    [CERT_FILE, own],
    [CA_FILE, issuer],
  ] as const) {
    if (Date.parse(validTo) < nowMs) fail(`--tls: ${name} in ${folder} has expired on ${validTo}`);
    if (Date.parse(validFrom) > nowMs)
      fail(`--tls: ${name} in ${folder} is not valid before ${validFrom}`);
  }
}
