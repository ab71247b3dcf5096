/** A connection to a host's daemon that HTTP lets go of: from its upgrade on it is a plain stream. */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { abortError } from "../base/abort.ts";
import { WasmvisorError } from "../base/errors.ts";
import { type Access, requestTo, unreachable } from "./access.ts";
import { parseAddress } from "./address.ts";

/** Protocol names in `Upgrade:` headers. */
export const UPGRADE_MIGRATION = "wasmvisor-migration";
export const UPGRADE_CONSOLE = "wasmvisor-console";

const CONNECT_MS_MAX = 10_000;
const ANSWER_CHARS_MAX = 64 << 10;

export interface Upgraded {
  readonly socket: Duplex;
  /** Bytes that came with the answer and belong to the stream. */
  readonly head: Buffer;
  readonly headers: IncomingHttpHeaders;
}

export interface UpgradeRequest {
  /** Like `tcp://127.0.0.1:7070` or `tls://host2:16509`. */
  readonly target: string;
  readonly access?: Access | undefined;
  readonly path: string;
  readonly protocol: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Throws `WV_CONFIG` for a bad address, `WV_NETWORK` naming it, `WV_AUTH` if either side does not trust
 * the other, `WV_ABORTED`, or what the daemon says.
 */
export async function connectUpgraded(wanted: UpgradeRequest): Promise<Upgraded> {
  const { access = {}, headers, path, protocol, signal, target } = wanted;
  const address = parseAddress(target, "target");
  return new Promise((resolve, reject) => {
    const outgoing = requestTo(address, access, {
      path,
      timeout: CONNECT_MS_MAX,
      headers: { ...headers, Connection: "Upgrade", Upgrade: protocol },
      ...(signal ? { signal } : {}),
    });
    const fail = (cause: NodeJS.ErrnoException): void => reject(unreachable(address, cause));
    outgoing.once("upgrade", ({ headers: answered }, socket, head) => {
      socket.setTimeout(0);
      resolve({ socket, head, headers: answered });
    });
    outgoing.once("timeout", () => outgoing.destroy(new Error("no answer within 10 s")));
    outgoing.once("error", (cause: NodeJS.ErrnoException) => {
      if (signal?.aborted) reject(abortError(signal));
      else fail(cause);
    });
    outgoing.once("response", (answer) => {
      void readRefusal(answer).then(reject, fail);
    });
    outgoing.end();
  });
}

/** What a daemon answers instead of an upgrade. */
async function readRefusal(answer: IncomingMessage): Promise<WasmvisorError> {
  let text = "";
  answer.setEncoding("utf8");
  for await (const chunk of answer) {
    text += chunk as string;
    if (text.length > ANSWER_CHARS_MAX) break;
  }
  return errorFromBody(answer.statusCode ?? 0, text);
}

/** The error in the body of an answer. */
export function errorFromBody(status: number, text: string): WasmvisorError {
  try {
    const { code, message } = JSON.parse(text) as {
      readonly code?: unknown;
      readonly message?: unknown;
    };
    if (typeof code === "string" && /^WV_[A-Z_]+$/.test(code) && typeof message === "string")
      return new WasmvisorError(code as WasmvisorError["code"], message);
  } catch {
    // Not ours; said below.
  }
  return new WasmvisorError(
    "WV_NETWORK",
    `no wasmvisor host listens there (HTTP status ${status})`,
  );
}

/** Lets HTTP go of a connection that a client wanted upgraded. `headers`: what else it is told. */
export function acceptUpgrade(
  socket: Duplex,
  protocol: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const fields = Object.entries({ Connection: "Upgrade", Upgrade: protocol, ...headers });
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines}\r\n`);
}
