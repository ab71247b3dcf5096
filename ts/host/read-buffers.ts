/**
 * Sockets that read into buffers which are used again. Node reads each 64 KiB into fresh memory, which a
 * page fault in each of its pages and the garbage collector make the greatest cost of taking in a guest
 * (measured: half of the target's processor time, see docs/decisions.md). Sockets that Node connects can be
 * told to (`onread`); those that were accepted only through their handle, which is not documented: where it
 * is not as we know it, everything is as it was.
 */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";

/** TLS gives no more than 16 KiB at once. */
const BYTES_TLS = 16 << 10;
const BYTES_PLAIN = 256 << 10;
/** Buffers of a size that wait to be used again, by whichever socket: the next guest comes over another one. */
const SPARE_MAX = 4;
const spares = new Map<number, Uint8Array[]>();

/** What is known of the handle of a socket. */
interface Handle {
  readonly useUserBuffer: unknown;
}
interface Handled {
  _handle?: Handle | null;
}
type SocketClass = new (options: {
  readonly handle: Handle;
  readonly allowHalfOpen: boolean;
  readonly onread: {
    readonly buffer: () => Uint8Array;
    readonly callback: (length: number, buffer: Uint8Array) => boolean;
  };
}) => Socket;

export class ReadBuffers {
  /** Of each buffer. */
  readonly #bytes: number;
  readonly #spare: Uint8Array[];
  /** Whole buffers, by what was handed out of them. */
  readonly #used = new WeakMap<Uint8Array, Uint8Array>();

  constructor(socket: Duplex) {
    this.#bytes = "encrypted" in socket ? BYTES_TLS : BYTES_PLAIN;
    this.#spare = spares.get(this.#bytes) ?? [];
    spares.set(this.#bytes, this.#spare);
  }

  take(): Uint8Array {
    return this.#spare.pop() ?? new Uint8Array(this.#bytes);
  }

  /** The first `length` bytes of `buffer`, which is in use until they are given back; a few are copied. */
  use(buffer: Uint8Array, length: number): Uint8Array {
    // It would keep the whole from everybody else while it waits for its reader.
    if (length < this.#bytes >> 3) {
      const bytes = buffer.slice(0, length);
      this.#keep(buffer);
      return bytes;
    }
    const bytes = buffer.subarray(0, length);
    this.#used.set(bytes, buffer);
    return bytes;
  }

  /** Nobody looks at `bytes` any more. Harmless for those of somebody else. */
  giveBack(bytes: Uint8Array): void {
    const buffer = this.#used.get(bytes);
    if (!buffer) return;
    this.#used.delete(bytes);
    this.#keep(buffer);
  }

  #keep(buffer: Uint8Array): void {
    if (this.#spare.length < SPARE_MAX) this.#spare.push(buffer);
  }
}

/** Who has memory for what a socket reads. */
export interface Reader {
  /** Where it reads next: at once, and after each `came`. */
  readonly take: () => Uint8Array;
  /** The first `length` bytes of `buffer`, which was taken, were read. */
  readonly came: (length: number, buffer: Uint8Array) => void;
}

/**
 * A socket in the place of `socket`, of which nobody has read anything yet, that reads for `reader`. Undefined: that
 * cannot be done here.
 */
export function readingInto(socket: Duplex, reader: Reader): Socket | undefined {
  const handled = socket as Handled;
  const handle = handled._handle;
  const net = process.getBuiltinModule?.("node:net");
  if (!net || typeof handle?.useUserBuffer !== "function") return undefined;
  handled._handle = null;
  const Reading = net.Socket as unknown as SocketClass;
  const reading = new Reading({
    handle,
    allowHalfOpen: true,
    onread: {
      buffer: reader.take,
      callback: (length, buffer) => {
        reader.came(length, buffer);
        return !reading.isPaused();
      },
    },
  });
  // Whoever has `socket` may end it, and wants to know when it is over.
  socket.once("close", () => reading.destroy());
  reading.once("close", () => socket.destroy());
  return reading;
}
