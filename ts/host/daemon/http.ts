/** HTTP, as far as the control API needs it: JSON in, JSON out, and who may ask at all. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { type ErrorCode, WasmvisorError } from "../../base/errors.ts";
import { isLoopback } from "../address.ts";

const BODY_BYTES_MAX = 64 << 10;

const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  WV_CONFIG: 400,
  WV_BAD_ELF: 422,
  WV_BAD_IMAGE: 422,
  WV_BAD_SNAPSHOT: 422,
  WV_DISK: 422,
  WV_MISSING: 424,
  WV_STATE: 409,
  WV_LIMIT: 413,
  WV_NETWORK: 502,
  WV_AUTH: 401,
  WV_TIMEOUT: 504,
  WV_NO_MEMORY: 507,
};

/** An error with an HTTP status of its own. */
export class HttpError extends WasmvisorError {
  readonly status: number;
  constructor(status: number, code: ErrorCode, message: string) {
    super(code, message);
    this.status = status;
  }
}

/** What a client is told about an error; details of bugs stay here. */
export function errorBody(error: unknown): {
  readonly status: number;
  readonly body: { readonly code: string; readonly message: string };
} {
  if (!(error instanceof WasmvisorError))
    return { status: 500, body: { code: "WV_BUG", message: `internal error: ${String(error)}` } };
  const status = error instanceof HttpError ? error.status : (STATUS[error.code] ?? 500);
  return { status, body: { code: error.code, message: error.message } };
}

/**
 * Web pages may not talk to a host: requests with an `Origin` are refused, and so are those whose
 * `Host` is a name that somebody's DNS server could point here. Who has shown a certificate may call the
 * host whatever its certificate says.
 */
export function checkOrigin(request: IncomingMessage): void {
  if (request.headers.origin !== undefined)
    throw new HttpError(403, "WV_CONFIG", "requests of web pages are refused");
  if ("encrypted" in request.socket) return;
  const name = (request.headers.host ?? "").replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  if (!isLoopback(name))
    throw new HttpError(
      403,
      "WV_CONFIG",
      `Host: expected an address of this machine, got "${name}"`,
    );
}

/** The JSON object in the body of a request; an empty body is an empty object. */
export async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const type = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json")
    throw new HttpError(415, "WV_CONFIG", "Content-Type: expected application/json");
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > BODY_BYTES_MAX)
      throw new HttpError(413, "WV_LIMIT", `body: more than ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk as Buffer);
  }
  if (bytes === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new HttpError(400, "WV_CONFIG", "body: not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new HttpError(400, "WV_CONFIG", "body: expected a JSON object");
  return value as Record<string, unknown>;
}

const PROBE_BYTES_MAX = 64 << 20;

/** Bytes of a body that nobody looks at. */
export async function countBytes(request: IncomingMessage): Promise<number> {
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > PROBE_BYTES_MAX)
      throw new HttpError(413, "WV_LIMIT", `body: more than ${PROBE_BYTES_MAX} bytes`);
  }
  return bytes;
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(text),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
  });
  response.end(text);
}

/** One line of an NDJSON answer. */
export function sendLine(response: ServerResponse, line: unknown): void {
  if (!response.headersSent) response.writeHead(200, { "Content-Type": "application/x-ndjson" });
  response.write(`${JSON.stringify(line)}\n`);
}

/** A piece of an answer that is bytes; settles when the client has taken it, or has left. */
export async function sendBytes(
  response: ServerResponse,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  if (!response.headersSent)
    response.writeHead(200, { "Content-Type": "application/octet-stream" });
  if (response.write(bytes) || signal.aborted) return;
  await new Promise<void>((resolve) => {
    response.once("drain", resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
