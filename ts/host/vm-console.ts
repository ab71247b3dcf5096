import { abortError, onAbort } from "../base/abort.ts";
import { WasmvisorError } from "../base/errors.ts";
import { TypedEventTarget } from "../base/events.ts";

/** Output that is kept for `expect` and `text`. */
const KEPT_CHARS = 1 << 20;
const TAIL_CHARS = 400;
const DEFAULT_TIMEOUT_MS = 60_000;
/** Output that is gathered before it is looked at: guests print a character at a time. */
const GATHERED_BYTES = 1 << 12;
const ESCAPE = 0x1b;

export interface ExpectOptions {
  /** Default 60 s of wall time. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface Waiting {
  readonly pattern: RegExp;
  readonly resolve: (match: RegExpExecArray) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A guest's console: what it prints, and what is typed to it.
 *
 * ```ts
 * await vm.console.expect(/login: $/);
 * vm.console.write("root\n");
 * ```
 */
export class VmConsole {
  /** `output`: bytes as the guest printed them. */
  readonly events = new TypedEventTarget<{ output: { readonly bytes: Uint8Array } }>();
  readonly #decoder = new TextDecoder();
  readonly #encoder = new TextEncoder();
  readonly #send: (bytes: Uint8Array) => unknown;
  /** Made when something is printed: most of a thousand forks say nothing. */
  #gathered: Uint8Array | undefined;
  #gatheredBytes = 0;
  readonly #waiting = new Set<Waiting>();
  #text = "";
  /** Characters of `#text` that an `expect` has consumed. */
  #consumed = 0;
  #ended: unknown;

  /** `send` takes input for the guest; a number that it returns is how many bytes it took. */
  constructor(send: (bytes: Uint8Array) => unknown) {
    this.#send = send;
  }

  /** The last of what the guest printed (up to 1 Mi characters). */
  get text(): string {
    this.flush();
    return this.#text;
  }

  /** Types to the guest. Returns how many bytes it took: its queue holds a mebibyte. */
  write(input: string | Uint8Array): number {
    const bytes = typeof input === "string" ? this.#encoder.encode(input) : input;
    const taken = this.#send(bytes);
    return typeof taken === "number" ? taken : bytes.length;
  }

  /**
   * Waits until the output behind the last match fits `pattern`. Rejects with `WV_TIMEOUT`, with
   * `WV_GUEST` if the guest ends first, with `WV_ABORTED`. Several waiters are served in turn.
   */
  expect(pattern: RegExp, options: ExpectOptions = {}): Promise<RegExpExecArray> {
    const { signal, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
    return new Promise((resolve, reject) => {
      let forget = (): void => undefined;
      const settle = <T>(how: (value: T) => void) => {
        return (value: T): void => {
          clearTimeout(timer);
          forget();
          this.#waiting.delete(waiting);
          how(value);
        };
      };
      const waiting: Waiting = { pattern, resolve: settle(resolve), reject: settle(reject) };
      const timer = setTimeout(() => waiting.reject(this.#timeout(pattern, timeoutMs)), timeoutMs);
      this.#waiting.add(waiting);
      forget = onAbort(signal, () => waiting.reject(abortError(signal)));
      this.#match();
      if (this.#ended !== undefined && this.#waiting.has(waiting)) waiting.reject(this.#ended);
    });
  }

  #timeout(pattern: RegExp, timeoutMs: number): WasmvisorError {
    const tail = this.#text.slice(-TAIL_CHARS);
    return new WasmvisorError(
      "WV_TIMEOUT",
      `console: ${pattern} did not come within ${timeoutMs} ms; the last output was: ${JSON.stringify(tail)}`,
    );
  }

  /**
   * The guest printed, a little at a time; seen at the next `flush`, or when a control sequence
   * begins: shells ask the terminal something right behind their prompt, and patterns like `/# $/`
   * are about the prompt. For the vm that owns this console.
   */
  gather(bytes: Uint8Array): void {
    let from = 0;
    for (let at = bytes.indexOf(ESCAPE); at >= 0; at = bytes.indexOf(ESCAPE, at + 1)) {
      this.#append(bytes.subarray(from, at));
      this.flush();
      from = at;
    }
    this.#append(bytes.subarray(from));
  }

  #append(bytes: Uint8Array): void {
    if (this.#gatheredBytes + bytes.length > GATHERED_BYTES) this.flush();
    if (bytes.length > GATHERED_BYTES) {
      this.receive(bytes.slice());
      return;
    }
    this.#gathered ??= new Uint8Array(GATHERED_BYTES);
    this.#gathered.set(bytes, this.#gatheredBytes);
    this.#gatheredBytes += bytes.length;
  }

  /** What was gathered is now seen. For the vm that owns this console, once in a turn. */
  flush(): void {
    if (this.#gatheredBytes === 0 || !this.#gathered) return;
    const bytes = this.#gathered.slice(0, this.#gatheredBytes);
    this.#gatheredBytes = 0;
    this.#gathered = undefined;
    this.receive(bytes);
  }

  /** The guest printed. For the vm that owns this console. */
  receive(bytes: Uint8Array): void {
    this.#text += this.#decoder.decode(bytes, { stream: true });
    if (this.#text.length > 2 * KEPT_CHARS) {
      const cut = this.#text.length - KEPT_CHARS;
      this.#text = this.#text.slice(cut);
      this.#consumed = Math.max(0, this.#consumed - cut);
    }
    this.events.emit("output", { bytes });
    this.#match();
  }

  /** Nothing more will be printed. For the vm that owns this console. */
  end(why: string): void {
    this.flush();
    this.#ended = new WasmvisorError("WV_GUEST", `console: the guest has ended (${why})`);
    for (const waiting of [...this.#waiting]) waiting.reject(this.#ended);
  }

  #match(): void {
    for (const waiting of [...this.#waiting]) {
      const match = waiting.pattern.exec(this.#text.slice(this.#consumed));
      if (!match) continue;
      this.#consumed += match.index + match[0].length;
      waiting.resolve(match);
    }
  }
}
