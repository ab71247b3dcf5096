/**
 * A planner of the user's own: an ES module whose default export is a function of a request. It runs in a worker with
 * a time limit, so one that never comes back costs its time and no more; what it says is checked as everybody's is.
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  Worker,
} from "node:worker_threads";
import { WasmvisorError } from "../../base/errors.ts";
import type { Move, PlacementRequest, Planner } from "./placement.ts";

/** Runs in the worker: answers requests one after the other, and wakes up whoever waits. */
const WORKER = `
const { workerData: { url, port, done } } = require("node:worker_threads");
const answer = (message) => { port.postMessage(message); Atomics.add(done, 0, 1); Atomics.notify(done, 0); };
const say = (error) => ({ error: error instanceof Error ? error.message : String(error) });
const loaded = import(url).then((module) => {
  if (typeof module.default !== "function") throw new Error("its default export is no function");
  return module.default;
});
loaded.then(() => answer({ moves: [] }), (error) => answer(say(error)));
port.on("message", async (request) => {
  try { answer({ moves: await (await loaded)(request) }); } catch (error) { answer(say(error)); }
});
`;

interface Answer {
  readonly moves?: unknown;
  readonly error?: string;
}

export class PlannerModule {
  readonly #file: string;
  readonly #timeoutMs: number;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #done = new Int32Array(new SharedArrayBuffer(4));
  #answers = 0;

  /** Loads the module; throws `WV_PLANNER` if it cannot be, or has no planner. */
  constructor(file: string, timeoutMs: number) {
    this.#file = file;
    this.#timeoutMs = timeoutMs;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const url = pathToFileURL(resolve(file)).href;
    this.#worker = new Worker(WORKER, {
      eval: true,
      workerData: { url, port: port2, done: this.#done },
      transferList: [port2],
    });
    this.#worker.on("error", () => undefined);
    this.#worker.unref();
    port1.unref();
    this.#receive();
  }

  readonly plan: Planner = (request: PlacementRequest): readonly Move[] => {
    this.#port.postMessage(request);
    const moves = this.#receive();
    if (!Array.isArray(moves) || !moves.every(isMove))
      throw this.#error("expected an array of {vm, target}, two numbers of the request");
    return moves;
  };

  async close(): Promise<void> {
    this.#port.close();
    await this.#worker.terminate();
  }

  #receive(): unknown {
    const waited = Atomics.wait(this.#done, 0, this.#answers, this.#timeoutMs);
    if (waited === "timed-out") {
      void this.#worker.terminate();
      throw this.#error(`no answer after ${this.#timeoutMs} ms; --planner-timeout allows more`);
    }
    this.#answers++;
    const { error, moves } = (receiveMessageOnPort(this.#port)?.message ?? {}) as Answer;
    if (error !== undefined) throw this.#error(error);
    return moves;
  }

  #error(what: string): WasmvisorError {
    return new WasmvisorError("WV_PLANNER", `planner ${this.#file}: ${what}`);
  }
}

function isMove(value: unknown): value is Move {
  const { target, vm } = (value ?? {}) as Partial<Move>;
  return Number.isSafeInteger(target) && Number.isSafeInteger(vm);
}
