/** A channel that breaks, lies or falls silent at a given byte. */
import { Future, rejected, type Wait } from "../../ts/base/task.ts";
import { brokenError, type Channel } from "../../ts/migrate/channel.ts";

/** `loss`: whoever sends does not notice that nothing arrives any more. */
export type Fault = "cut" | "flip" | "silence" | "loss";

export interface FaultPlan {
  readonly fault: Fault;
  /** Bytes sent through this end that arrive unharmed. */
  readonly atByte: number;
  readonly onFault?: () => void;
}

export class FaultyChannel implements Channel {
  readonly #inner: Channel;
  readonly #plan: FaultPlan | undefined;
  #sent = 0;
  #isDone = false;
  /** Never settles, unless this end gives up: the other one does not hear of that. */
  readonly #silent = new Future<never>();
  #aborted: Future<never> | undefined;
  /** Where each send ended: the frame boundaries. */
  readonly boundaries: number[] = [0];

  constructor(inner: Channel, plan?: FaultPlan) {
    this.#inner = inner;
    this.#plan = plan;
  }

  send(bytes: Uint8Array, modelBytes?: number): Wait<void> {
    const from = this.#sent;
    this.#sent += bytes.length;
    this.boundaries.push(this.#sent);
    const plan = this.#plan;
    if (!plan || this.#sent <= plan.atByte) return this.#inner.send(bytes, modelBytes);
    const keep = Math.max(0, plan.atByte - from);
    if (plan.fault === "flip") {
      if (this.#isDone) return this.#inner.send(bytes, modelBytes);
      this.#isDone = true;
      const changed = bytes.slice();
      changed[keep] = (changed[keep] as number) ^ 0x10;
      plan.onFault?.();
      return this.#inner.send(changed, modelBytes);
    }
    if (plan.fault === "loss") {
      if (!this.#isDone && keep > 0) this.#inner.send(bytes.slice(0, keep));
      if (!this.#isDone) plan.onFault?.();
      this.#isDone = true;
      return this.#aborted;
    }
    if (plan.fault === "silence") {
      if (!this.#isDone && keep > 0) this.#inner.send(bytes.slice(0, keep));
      this.#isDone = true;
      plan.onFault?.();
      return this.#silent;
    }
    if (this.#isDone) return rejected(brokenError("cut by the test"));
    this.#isDone = true;
    const result = new Future<void>();
    const cut = (): void => {
      plan.onFault?.();
      this.#inner.abort(brokenError("cut by the test"));
      result.reject(brokenError("cut by the test"));
    };
    const partial = keep > 0 ? this.#inner.send(bytes.slice(0, keep)) : undefined;
    if (partial instanceof Future) partial.observe(cut);
    else cut();
    return result;
  }

  receive(): Wait<Uint8Array | undefined> {
    const received = this.#inner.receive();
    if (!(received instanceof Future)) return received;
    const either = new Future<Uint8Array | undefined>();
    for (const one of [received, this.#silent] as Future<Uint8Array | undefined>[])
      one.observe((o) => (o.ok ? either.resolve(o.value) : either.reject(o.reason)));
    return either;
  }

  close(): void {
    this.#inner.close();
  }

  abort(reason: unknown): void {
    const { fault } = this.#plan ?? {};
    if (!this.#isDone || (fault !== "silence" && fault !== "loss")) {
      this.#inner.abort(reason);
      return;
    }
    this.#aborted = rejected(reason);
    this.#silent.reject(reason);
  }
}
