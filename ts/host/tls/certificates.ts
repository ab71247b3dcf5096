/**
 * A small certificate authority for the hosts of one owner: `ca.crt` and `ca.key` in a directory, and a
 * directory for each host with what it needs (see `credentials.ts`). Keys are P-256.
 */

import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { realTimeNs } from "../../base/clock.ts";
import { WasmvisorError } from "../../base/errors.ts";
import { CA_FILE, CERT_FILE, KEY_FILE } from "./credentials.ts";

type X509 = typeof import("@peculiar/x509");
type Certificate = import("@peculiar/x509").X509Certificate;

const CA_KEY_FILE = "ca.key";
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;
const CA_DAYS = 3650;
/** Clocks of two machines need not agree to the minute. */
const BACKDATED_MS = 5 * 60_000;
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;

export interface Authority {
  readonly certificate: Certificate;
  readonly key: CryptoKey;
}

/** From when until when a certificate counts. */
export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Valid from five minutes ago for `days` days. */
export function validFor(days: number): Validity {
  const nowMs = realTimeNs() / 1e6;
  return {
    notBefore: new Date(nowMs - BACKDATED_MS),
    notAfter: new Date(nowMs + days * DAY_MS),
  };
}

/** Loaded when a certificate is made, and never else: it takes a third of a second. */
async function library(): Promise<X509> {
  await import("reflect-metadata");
  return import("@peculiar/x509");
}

/** A positive number of 126 bits that nobody guesses. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] as number) & 0x3f) | 0x40;
  return bytes.toString("hex");
}

const newKeys = (): Promise<CryptoKeyPair> =>
  crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);

async function keyPem(key: CryptoKey): Promise<string> {
  const { PemConverter } = await library();
  return PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

/** A new authority, which exists in memory only. */
export async function makeAuthority(validity = validFor(CA_DAYS)): Promise<Authority> {
  const x509 = await library();
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: ["wasmvisor CA"] }],
    ...validity,
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, key: keys.privateKey };
}

/** Names and IP addresses that a certificate is for. Throws `WV_CONFIG`. */
function checkNames(names: readonly string[]): void {
  for (const name of names)
    if (isIP(name) === 0 && !NAME.test(name))
      throw new WasmvisorError(
        "WV_CONFIG",
        `--for: expected names or addresses like host2,10.0.0.2, got "${name}"`,
      );
}

/** A certificate for `names` and its key, both PEM; for both sides of a connection. */
export async function issue(
  authority: Authority,
  names: readonly string[],
  validity: Validity,
): Promise<{ readonly cert: string; readonly key: string }> {
  checkNames(names);
  const x509 = await library();
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ CN: [names[0] as string] }],
    issuer: authority.certificate.subjectName.toJSON(),
    ...validity,
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: authority.key,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value }) as const),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(authority.certificate.publicKey),
    ],
  });
  return { cert: `${certificate.toString("pem")}\n`, key: `${await keyPem(keys.privateKey)}\n` };
}

/** Whole or not at all; secrets are for their owner's eyes from the first byte on. */
function write(path: string, text: string, mode = 0o644): void {
  writeFileSync(`${path}.new`, text, { mode });
  renameSync(`${path}.new`, path);
}

async function loadAuthority(folder: string): Promise<Authority> {
  const x509 = await library();
  try {
    const certificate = new x509.X509Certificate(readFileSync(join(folder, CA_FILE), "utf8"));
    const [der] = x509.PemConverter.decode(readFileSync(join(folder, CA_KEY_FILE), "utf8"));
    const key = await crypto.subtle.importKey("pkcs8", der as ArrayBuffer, ALGORITHM, false, [
      "sign",
    ]);
    return { certificate, key };
  } catch (cause) {
    throw new WasmvisorError(
      "WV_CONFIG",
      `--init-ca: ${folder} holds ${CA_FILE} or ${CA_KEY_FILE}, and they are no authority that can ` +
        "be used; choose another directory",
      { cause },
    );
  }
}

/** The authority of `folder`, made if there is none. */
async function openAuthority(folder: string): Promise<Authority & { readonly isNew: boolean }> {
  if (existsSync(join(folder, CA_FILE)) || existsSync(join(folder, CA_KEY_FILE)))
    return { ...(await loadAuthority(folder)), isNew: false };
  const authority = await makeAuthority();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  write(join(folder, CA_KEY_FILE), `${await keyPem(authority.key)}\n`, 0o600);
  write(join(folder, CA_FILE), `${authority.certificate.toString("pem")}\n`);
  return { ...authority, isNew: true };
}

export interface InitCaOptions {
  readonly folder: string;
  /** For each host its names and addresses, the first one the name of its directory. */
  readonly hosts: readonly (readonly string[])[];
  readonly days: number;
}

/** What was made: the directories of the hosts, ready to be carried there. */
export interface InitCaResult {
  readonly isNew: boolean;
  readonly folders: readonly string[];
}

/**
 * Makes the authority of a directory unless it is there, and a certificate for each host. A host that
 * has one gets a new one. Throws `WV_CONFIG`.
 */
export async function initCa({ days, folder, hosts }: InitCaOptions): Promise<InitCaResult> {
  for (const names of hosts) checkNames(names);
  const authority = await openAuthority(folder);
  const folders: string[] = [];
  for (const names of hosts) {
    const its = join(folder, names[0] as string);
    const { cert, key } = await issue(authority, names, validFor(days));
    mkdirSync(its, { recursive: true, mode: 0o700 });
    write(join(its, KEY_FILE), key, 0o600);
    write(join(its, CERT_FILE), cert);
    write(join(its, CA_FILE), `${authority.certificate.toString("pem")}\n`);
    folders.push(its);
  }
  return { isNew: authority.isNew, folders };
}
