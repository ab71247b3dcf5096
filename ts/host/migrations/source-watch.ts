/**
 * Is the host dead that a guest came from, and from which pages of it are still to come? A daemon listens as long as
 * it lives: on one machine, a refused connection is its death. Of other machines nothing is known before
 * `--source-timeout` is over: a network that is down looks the same.
 */
import { connect } from "node:net";
import { requestTo } from "../access.ts";
import { type Address, isLoopback, parseAddress } from "../address.ts";

/** Header in which a daemon says where it listens. */
export const SOURCE_HEADER = "wasmvisor-source";
const ANSWER_MS_MAX = 2_000;

export interface SourcePeer {
  /** What it says, if it says anything. */
  readonly address: string | undefined;
  /** Where its connection comes from. */
  readonly remoteAddress: string | undefined;
  /** Directory of certificates of this host. */
  readonly tls: string | undefined;
}

/**
 * Tells whether the peer's daemon is known to be gone; undefined: that cannot be told. Only of a peer of this machine
 * that was seen to listen is silence the end: through a tunnel, another machine looks like this one.
 */
export function watchSource(peer: SourcePeer): (() => Promise<boolean>) | undefined {
  const address = addressOf(peer);
  if (!address) return undefined;
  const isListening = (): Promise<boolean | undefined> =>
    address.scheme === "tcp" ? knock(address) : greet(address, peer.tls);
  const wasListening = isListening();
  return async () => (await wasListening) === true && (await isListening()) === false;
}

function addressOf({ address, remoteAddress = "" }: SourcePeer): Address | undefined {
  if (address === undefined || !isLoopback(remoteAddress.replace(/^::ffff:/, ""))) return undefined;
  try {
    const parsed = parseAddress(address, "source");
    return isLoopback(parsed.host) ? parsed : undefined;
  } catch {
    return undefined; // Whoever says nonsense is not asked.
  }
}

type Heard = (isListening: boolean | undefined) => void;
const refusedOnly = ({ code }: NodeJS.ErrnoException): false | undefined =>
  code === "ECONNREFUSED" ? false : undefined;

function knock({ host, port }: Address): Promise<boolean | undefined> {
  return new Promise((heard: Heard) => {
    const socket = connect({ host, port, timeout: ANSWER_MS_MAX });
    socket.once("connect", () => heard(true));
    socket.once("timeout", () => heard(undefined));
    socket.on("error", (error) => heard(refusedOnly(error)));
    for (const end of ["connect", "timeout"]) socket.once(end, () => socket.destroy());
  });
}

/** Over TLS whoever only knocks would be logged as somebody who was refused. */
function greet(address: Address, tls: string | undefined): Promise<boolean | undefined> {
  return new Promise((heard: Heard) => {
    try {
      const request = requestTo(address, { tls }, { path: "/v1/health", timeout: ANSWER_MS_MAX });
      request.once("response", (answer) => {
        answer.resume();
        heard(true);
      });
      request.once("timeout", () => request.destroy());
      request.on("error", (error) => heard(refusedOnly(error)));
      request.end();
    } catch {
      heard(undefined);
    }
  });
}
