/**
 * Calls over a message port, either way: arguments and results by structured clone, errors with
 * their code, an `AbortSignal` as a message.
 *
 *   call   id method args signal?   ->   return id value | throw id error
 *   abort  id                            the signal of a call
 *   note   name detail                   one way, in order with everything else
 */
import { onAbort } from "../../base/abort.ts";
import { type ErrorCode, WasmvisorError } from "../../base/errors.ts";

/** An error as data. */
export interface PackedError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: string | undefined;
  readonly cause: PackedError | undefined;
}

type Message =
  | {
      readonly type: "call";
      readonly id: number;
      readonly method: string;
      readonly args: readonly unknown[];
    }
  | { readonly type: "abort"; readonly id: number; readonly reason: PackedError | undefined }
  | { readonly type: "return"; readonly id: number; readonly value: unknown }
  | { readonly type: "throw"; readonly id: number; readonly error: PackedError }
  | { readonly type: "note"; readonly name: string; readonly detail: unknown };

/** What one side understands: calls, and details of notes, by name. */
export interface Side {
  readonly calls: object;
  readonly notes: object;
}

type Arguments<F> = F extends (...args: infer A) => unknown ? A : never;
type Result<F> = F extends (...args: never[]) => infer R ? R : never;

/** How a side serves its calls: the last argument is the signal of the call. */
export type Methods<Calls> = {
  readonly [Name in keyof Calls]: (
    ...args: [...Arguments<Calls[Name]>, AbortSignal]
  ) => Result<Calls[Name]> | Promise<Result<Calls[Name]>>;
};
export type Handlers<Notes> = { readonly [Name in keyof Notes]: (detail: Notes[Name]) => void };

/** How many causes of causes are kept. */
const CAUSES_MAX = 4;

export function packError(error: unknown, depth = 0): PackedError {
  if (!(error instanceof Error))
    return {
      name: "Error",
      message: String(error),
      stack: undefined,
      code: undefined,
      cause: undefined,
    };
  const { code } = error as { code?: unknown };
  return {
    name: error.name,
    message: error.message,
    stack: error.stack,
    code: typeof code === "string" ? code : undefined,
    cause:
      error.cause === undefined || depth >= CAUSES_MAX
        ? undefined
        : packError(error.cause, depth + 1),
  };
}

const builtIn = { RangeError, SyntaxError, TypeError } as const;

/** The inverse: an error of the same class and code. */
export function unpackError(packed: PackedError): Error {
  const { code, message, name, stack } = packed;
  const options = packed.cause === undefined ? {} : { cause: unpackError(packed.cause) };
  const Class = builtIn[name as keyof typeof builtIn] ?? Error;
  const error =
    name === "WasmvisorError"
      ? new WasmvisorError(code as ErrorCode, message, options)
      : new Class(message, options);
  if (error.name !== name) Object.defineProperty(error, "name", { value: name });
  if (code !== undefined && !("code" in error)) Object.assign(error, { code });
  if (stack !== undefined) error.stack = stack;
  return error;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** One end of a port: we serve `Ours`, and call `Theirs`. */
export class Rpc<Ours extends Side, Theirs extends Side> {
  readonly #port: MessagePort;
  readonly #methods: Methods<Ours["calls"]>;
  readonly #handlers: Handlers<Ours["notes"]>;
  readonly #pending = new Map<number, Pending>();
  readonly #serving = new Map<number, AbortController>();
  /** Told how many calls of ours wait for an answer, whenever that changes. */
  onPending: (count: number) => void = () => undefined;
  #lastId = 0;
  #closed: unknown;

  constructor(
    port: MessagePort,
    methods: Methods<Ours["calls"]>,
    handlers: Handlers<Ours["notes"]>,
  ) {
    this.#port = port;
    this.#methods = methods;
    this.#handlers = handlers;
    port.onmessage = (event: MessageEvent<Message>) => this.#receive(event.data);
  }

  /** Calls `method` on the other side. */
  call<Name extends keyof Theirs["calls"] & string>(
    method: Name,
    args: Arguments<Theirs["calls"][Name]>,
    signal?: AbortSignal,
  ): Promise<Result<Theirs["calls"][Name]>> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const id = ++this.#lastId;
    return new Promise((resolve, reject: (error: unknown) => void) => {
      let forget = (): void => undefined;
      const settle =
        <T>(how: (value: T) => void) =>
        (value: T): void => {
          forget();
          this.#pending.delete(id);
          this.onPending(this.#pending.size);
          how(value);
        };
      this.#pending.set(id, {
        resolve: settle(resolve as (value: unknown) => void),
        reject: settle(reject),
      });
      this.onPending(this.#pending.size);
      try {
        this.#send({ type: "call", id, method, args });
      } catch (error) {
        this.#pending.get(id)?.reject(error);
        return;
      }
      forget = onAbort(signal, () => {
        const reason = signal?.reason === undefined ? undefined : packError(signal.reason);
        this.#send({ type: "abort", id, reason });
      });
    });
  }

  /** Tells the other side something, after all that was sent before. */
  note<Name extends keyof Theirs["notes"] & string>(
    name: Name,
    detail: Theirs["notes"][Name],
  ): void {
    if (this.#closed === undefined) this.#send({ type: "note", name, detail });
  }

  /** No more messages; whoever still waits is rejected with `reason`. */
  close(reason: unknown): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#port.close();
    for (const pending of [...this.#pending.values()]) pending.reject(reason);
  }

  #send(message: Message): void {
    this.#port.postMessage(message);
  }

  #receive(message: Message): void {
    switch (message.type) {
      case "call":
        void this.#serve(message.id, message.method, message.args);
        break;
      case "abort":
        this.#serving.get(message.id)?.abort(message.reason && unpackError(message.reason));
        break;
      case "return":
        this.#pending.get(message.id)?.resolve(message.value);
        break;
      case "throw":
        this.#pending.get(message.id)?.reject(unpackError(message.error));
        break;
      case "note":
        this.#handle(message.name, message.detail);
    }
  }

  #handle(name: string, detail: unknown): void {
    const handlers = this.#handlers as Record<string, ((detail: unknown) => void) | undefined>;
    handlers[name]?.(detail);
  }

  async #serve(id: number, method: string, args: readonly unknown[]): Promise<void> {
    const controller = new AbortController();
    this.#serving.set(id, controller);
    try {
      const methods = this.#methods as Record<
        string,
        ((...args: unknown[]) => unknown) | undefined
      >;
      const action = methods[method];
      if (!action) throw new TypeError(`no method is called "${method}"`);
      this.#send({ type: "return", id, value: await action(...args, controller.signal) });
    } catch (error) {
      this.#send({ type: "throw", id, error: packError(error) });
    } finally {
      this.#serving.delete(id);
    }
  }
}
