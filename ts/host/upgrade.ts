/** A connection to a host's daemon that HTTP lets go of: from its upgrade on it is a plain stream. */
import { type IncomingMessage, request } from "node:http";
import type { Duplex } from "node:stream";
import { abortError } from "../base/abort.ts";
import { WasmvisorError } from "../base/errors.ts";
import { formatAddress, parseAddress } from "./address.ts";

/** Protocol names in `Upgrade:` headers. */
export const UPGRADE_MIGRATION = "wasmvisor-migration";
export const UPGRADE_CONSOLE = "wasmvisor-console";

const CONNECT_MS_MAX = 10_000;
const ANSWER_CHARS_MAX = 64 << 10;

export interface Upgraded {
  readonly socket: Duplex;
  /** Bytes that came with the answer and belong to the stream. */
  readonly head: Buffer;
}

export interface UpgradeRequest {
  /** Like `tcp://127.0.0.1:7070`. */
  readonly target: string;
  readonly path: string;
  readonly protocol: string;
  readonly signal?: AbortSignal | undefined;
}

/** Throws `WV_CONFIG` for a bad address, `WV_NETWORK` naming it, `WV_ABORTED`, or what the daemon says. */
export function connectUpgraded(wanted: UpgradeRequest): Promise<Upgraded> {
  const { path, protocol, signal, target } = wanted;
  const address = parseAddress(target, "target");
  const { host, port } = address;
  return new Promise((resolve, reject) => {
    const outgoing = request({
      host,
      port,
      path,
      agent: false,
      timeout: CONNECT_MS_MAX,
      headers: { Connection: "Upgrade", Upgrade: protocol },
      ...(signal ? { signal } : {}),
    });
    const fail = (why: string, cause?: unknown): void =>
      reject(unreachable(formatAddress(address), why, cause));
    outgoing.once("upgrade", (_answer, socket, head) => {
      socket.setTimeout(0);
      resolve({ socket, head });
    });
    outgoing.once("timeout", () => outgoing.destroy(new Error("no answer within 10 s")));
    outgoing.once("error", (cause: NodeJS.ErrnoException) => {
      if (signal?.aborted) reject(abortError(signal));
      else fail(cause.code ?? cause.message, cause);
    });
    outgoing.once("response", (answer) => {
      void readRefusal(answer).then(reject, (cause: unknown) => fail("a broken answer", cause));
    });
    outgoing.end();
  });
}

/** An error that names the address and what to do about it. */
export function unreachable(address: string, why: string, cause?: unknown): WasmvisorError {
  return new WasmvisorError(
    "WV_NETWORK",
    `cannot reach the host at ${address} (${why}); start one there with: wasmvisor host --listen ${address}`,
    { cause },
  );
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
