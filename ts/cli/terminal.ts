/**
 * A guest's console on this process's stdin and stdout. On a terminal, keys go to the guest as they
 * are (Ctrl-C, too); Ctrl-A X leaves and Ctrl-A Ctrl-A sends one Ctrl-A. A pipe is passed on as it
 * is, no faster than the guest's queue takes it.
 */
const CTRL_A = 0x01;
const RETRY_MS = 20;

export interface TerminalOptions {
  /** Takes input for the guest and says how many bytes it took. */
  readonly send: (bytes: Uint8Array) => number;
  /** Ctrl-A X. */
  readonly onLeave: () => void;
  /** The end of a piped stdin. */
  readonly onEnd?: (() => void) | undefined;
}

export class Terminal {
  readonly #options: TerminalOptions;
  #isEscaped = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Takes stdin from now on, until `close`. */
  constructor(options: TerminalOptions) {
    this.#options = options;
    const { stdin } = process;
    if (stdin.isTTY) stdin.setRawMode(true);
    stdin.on("data", this.#onData);
    stdin.once("end", this.#onEnd);
    stdin.once("error", this.#onEnd);
  }

  readonly #onEnd = (): void => this.#options.onEnd?.();

  readonly #onData = (bytes: Buffer): void => {
    const input = process.stdin.isTTY ? this.#unescape(bytes) : bytes;
    if (input) this.#send(input);
  };

  /** What of the keys is the guest's; undefined: leave. */
  #unescape(bytes: Buffer): Buffer | undefined {
    if (!this.#isEscaped && !bytes.includes(CTRL_A)) return bytes;
    const input: number[] = [];
    for (const byte of bytes) {
      if (this.#isEscaped) {
        this.#isEscaped = false;
        if (byte === CTRL_A) input.push(byte);
        else if (byte === 0x78 || byte === 0x58) {
          this.#options.onLeave();
          return undefined;
        }
      } else if (byte === CTRL_A) this.#isEscaped = true;
      else input.push(byte);
    }
    return Buffer.from(input);
  }

  #send(bytes: Uint8Array): void {
    const taken = this.#options.send(bytes);
    if (taken >= bytes.length) return;
    process.stdin.pause();
    this.#timer = setTimeout(() => {
      process.stdin.resume();
      this.#send(bytes.subarray(taken));
    }, RETRY_MS);
  }

  /** Gives the terminal back. */
  close(): void {
    clearTimeout(this.#timer);
    const { stdin } = process;
    stdin.off("data", this.#onData);
    stdin.off("end", this.#onEnd);
    stdin.off("error", this.#onEnd);
    if (stdin.isTTY) stdin.setRawMode(false);
    stdin.pause();
  }
}
