/** How fast the way to another host is: bytes that nobody wants, for a fifth of a second. */
import type { ClientRequest, IncomingMessage } from "node:http";
import type { Clock } from "../base/clock.ts";
import { type Access, requestTo, unreachable } from "./access.ts";
import { type Address, parseAddress } from "./address.ts";
import type { Link } from "./migrations/advisor.ts";

const PROBE_NS = 200e6;
const PROBE_BYTES_MAX = 32 << 20;
const CHUNK = new Uint8Array(256 << 10);
/** Round trips until a small answer is there: TCP, then TLS, then the question. */
const TRIPS = { tcp: 2, tls: 3 } as const;
const ASSUMED: Link = { bytesPerSec: 125e6, latencyNs: 100_000, source: "assumed" };

interface Probe {
  readonly target: string;
  readonly access: Access;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

function answerTo(outgoing: ClientRequest, address: Address): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once("response", (answer) => {
      answer.resume();
      answer.once("end", () => resolve(answer));
    });
    outgoing.once("error", (cause) => reject(unreachable(address, cause)));
  });
}

/** Throws what a request to the target throws; a target that cannot be probed is taken for a link of 1 Gbit. */
export async function probeLink({ access, clock, signal, target }: Probe): Promise<Link> {
  const address = parseAddress(target, "target");
  const beganNs = clock.nowNs();
  const ask = requestTo(address, access, { method: "GET", path: "/v1/health", signal });
  ask.end();
  await answerTo(ask, address);
  const latencyNs = Math.round((clock.nowNs() - beganNs) / TRIPS[address.scheme] / 2);
  const outgoing = requestTo(address, access, { method: "POST", path: "/v1/probe", signal });
  const answer = answerTo(outgoing, address);
  const gone = answer.then(
    () => undefined,
    () => undefined,
  );
  const sentNs = clock.nowNs();
  let bytes = 0;
  while (bytes < PROBE_BYTES_MAX && clock.nowNs() - sentNs < PROBE_NS) {
    bytes += CHUNK.length;
    if (outgoing.write(CHUNK)) continue;
    await Promise.race([new Promise((resolve) => outgoing.once("drain", resolve)), gone]);
    if (outgoing.destroyed) break;
  }
  outgoing.end();
  const { statusCode } = await answer;
  if (statusCode !== 200) return ASSUMED;
  const spentNs = Math.max(1, clock.nowNs() - sentNs);
  return { bytesPerSec: Math.round((bytes * 1e9) / spentNs), latencyNs, source: "measured" };
}
