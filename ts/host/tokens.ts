/**
 * Tokens: what whoever asks a host has to know, beside the certificate it has to show; on loopback, the
 * only thing that tells one user of a machine from another. The host keeps no token, only a file with
 * a line for each: SHA-256 in hex, when it ends (or `never`), whose it is.
 */
import { createHash, randomBytes } from "node:crypto";
import { appendFileSync, readFileSync } from "node:fs";
import { realTimeNs } from "../base/clock.ts";
import { WasmvisorError } from "../base/errors.ts";

const TOKEN = /^wvt_[\w-]{43}$/;
const LINE = /^([0-9a-f]{64}) (never|\d{4}-\d\d-\d\dT[\d:.]+Z) (\S+)$/;
const DAY_MS = 86_400_000;

const digest = (token: string): string => createHash("sha256").update(token).digest("hex");

interface Known {
  readonly digest: string;
  readonly endsMs: number;
  readonly name: string;
}

function readTokens(file: string): readonly Known[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code;
    throw new WasmvisorError(
      "WV_CONFIG",
      `--tokens: cannot read "${file}" (${why}); make one with: wasmvisor host --new-token ${file}`,
      { cause },
    );
  }
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return lines.map((line, i) => {
    const [, hash = "", ends = "", name = ""] = LINE.exec(line) ?? [];
    const endsMs = ends === "never" ? Number.POSITIVE_INFINITY : Date.parse(ends);
    if (hash === "" || Number.isNaN(endsMs))
      throw new WasmvisorError("WV_CONFIG", `--tokens: ${file}: line ${i + 1} is not a token's`);
    return { digest: hash, endsMs, name };
  });
}

/** Throws `WV_CONFIG` if the file cannot be read or is not one of tokens. */
export function checkTokenFile(file: string): void {
  readTokens(file);
}

/**
 * Throws `WV_AUTH` unless `header` (`Bearer wvt_...`) holds a token of the file. The file is read each
 * time: to take a token back, delete its line. Hashes are compared, so how long it takes tells nothing.
 */
export function checkToken(file: string, header: string | undefined): void {
  const token = /^Bearer (\S+)$/.exec(header ?? "")?.[1];
  if (token === undefined)
    throw new WasmvisorError(
      "WV_AUTH",
      "this host wants a token and none was shown; set WASMVISOR_TOKEN, or give --token",
    );
  const hash = digest(token);
  const known = readTokens(file).find((one) => one.digest === hash);
  if (!known)
    throw new WasmvisorError("WV_AUTH", "this host does not know the token that was shown");
  if (known.endsMs < realTimeNs() / 1e6)
    throw new WasmvisorError("WV_AUTH", `the token of ${known.name} has expired`);
}

/** A new token, whose hash is added to `file`. It is shown once and kept nowhere. */
export function newToken(file: string, name: string, days: number | undefined): string {
  if (!/^\S{1,64}$/.test(name))
    throw new WasmvisorError("WV_CONFIG", `--for: expected a name without blanks, got "${name}"`);
  const token = `wvt_${randomBytes(32).toString("base64url")}`;
  const ends =
    days === undefined ? "never" : new Date(realTimeNs() / 1e6 + days * DAY_MS).toISOString();
  try {
    appendFileSync(file, `${digest(token)} ${ends} ${name}\n`, { mode: 0o600 });
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code;
    throw new WasmvisorError("WV_CONFIG", `--new-token: cannot write "${file}" (${why})`, {
      cause,
    });
  }
  return token;
}

/** A token as it is sent. Throws `WV_AUTH` for text that is none, before it is shown to anybody. */
export function tokenHeader(token: string): string {
  if (TOKEN.test(token)) return `Bearer ${token}`;
  throw new WasmvisorError(
    "WV_AUTH",
    "the token does not look like one: expected wvt_ and 43 letters",
  );
}
