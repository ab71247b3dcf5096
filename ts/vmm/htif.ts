/** HTIF, as conformance suites use it: end of the run, characters, the `write` system call. */
import type { GuestMemory } from "../machine/guest-memory.ts";

const SYS_WRITE = 64;
const WRITE_BYTES_MAX = 1 << 16;

export interface HtifOptions {
  readonly memory: GuestMemory;
  readonly tohost: number;
  readonly fromhost: number | undefined;
  readonly onExit: (status: number) => void;
  readonly onConsole: (bytes: Uint8Array) => void;
}

export class Htif {
  readonly #options: HtifOptions;

  constructor(options: HtifOptions) {
    this.#options = options;
  }

  /** The guest has stored to `tohost`. */
  poll(): void {
    const { memory, onConsole, onExit, tohost } = this.#options;
    const [value] = words(memory, tohost, 1);
    if (value === undefined || value === 0n) return;
    if (value & 1n && value >> 48n === 0n) {
      onExit(Number((value >> 1n) & 0x7fff_ffffn));
      return;
    }
    if (value >> 48n === 0x0101n) onConsole(Uint8Array.of(Number(value & 0xffn)));
    else if (value >> 48n === 0n) this.#systemCall(Number(value));
    this.#store(tohost, 0n);
  }

  /** `at` points to {number, arguments ...}; the result goes to the first word. */
  #systemCall(at: number): void {
    const { fromhost, memory, onConsole } = this.#options;
    const [number, , buffer, bytes] = words(memory, at, 4);
    if (number === BigInt(SYS_WRITE) && buffer !== undefined && bytes !== undefined) {
      const data = new Uint8Array(Math.min(Number(bytes), WRITE_BYTES_MAX));
      const ok = memory.read(Number(buffer), data);
      if (ok) onConsole(data);
      this.#store(at, ok ? BigInt(data.length) : -14n);
    } else this.#store(at, -38n);
    if (fromhost !== undefined) this.#store(fromhost, 1n);
  }

  #store(gpa: number, value: bigint): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigInt64(0, value, true);
    this.#options.memory.write(gpa, bytes);
  }
}

function words(memory: GuestMemory, gpa: number, count: number): bigint[] {
  const bytes = new Uint8Array(count * 8);
  if (!memory.read(gpa, bytes)) return [];
  return [...new BigUint64Array(bytes.buffer)];
}
