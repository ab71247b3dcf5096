/** A channel that plays bytes to whoever reads and keeps what is written: all at once, without a clock. */
import type { Random } from "../../../ts/base/random.ts";
import type { Wait } from "../../../ts/base/task.ts";
import { brokenError, type Channel, rejected } from "../../../ts/migrate/channel.ts";

/** Chunks of a stream are at most this long: so short that frames are cut everywhere. */
const CHUNK_BYTES_MAX = 9_000;

export class ReplayChannel implements Channel {
  readonly #bytes: Uint8Array;
  readonly #random: Random;
  readonly sent: Uint8Array[] = [];
  #at = 0;
  #failure: { readonly reason: unknown } | undefined;

  constructor(bytes: Uint8Array, random: Random) {
    this.#bytes = bytes;
    this.#random = random;
  }

  send(bytes: Uint8Array): Wait<void> {
    if (this.#failure) return rejected(this.#failure.reason);
    this.sent.push(bytes.slice());
  }

  receive(): Wait<Uint8Array | undefined> {
    if (this.#failure) return rejected(this.#failure.reason);
    if (this.#at === this.#bytes.length) return rejected(brokenError("the input ends here"));
    const length = 1 + this.#random.below(this.#random.below(4) ? CHUNK_BYTES_MAX : 40);
    const chunk = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += chunk.length;
    return chunk;
  }

  close(): void {}

  abort(reason: unknown): void {
    this.#failure ??= { reason };
  }
}
