/** Answers guests' DNS queries with what the host's resolver says. */
import * as dns from "../dns.ts";
import type { Outside } from "./outside.ts";

/** Queries under way; more are dropped, and asked again by who wants to know. */
const PENDING_MAX = 64;

export class DnsForwarder {
  readonly #outside: Outside;
  #pending = 0;
  readonly #counts = { queries: 0, dropped: 0, failed: 0 };

  constructor(outside: Outside) {
    this.#outside = outside;
  }

  metrics() {
    return { pending: this.#pending, ...this.#counts };
  }

  /** Calls `reply` with the response, if there is one. */
  async receive(message: Uint8Array, reply: (response: Uint8Array) => void): Promise<void> {
    const query = dns.parseDnsQuery(message);
    if (!query || this.#pending >= PENDING_MAX) {
      this.#counts.dropped++;
      return;
    }
    this.#counts.queries++;
    this.#pending++;
    try {
      const found = await this.#outside.resolve(query.name, query.type);
      reply(
        found === "no-name"
          ? dns.encodeDnsResponse(query, { code: dns.CODE_NO_NAME })
          : dns.encodeDnsResponse(query, { code: dns.CODE_OK, answers: found }),
      );
    } catch {
      this.#counts.failed++;
      reply(dns.encodeDnsResponse(query, { code: dns.CODE_FAILED }));
    } finally {
      this.#pending--;
    }
  }
}
