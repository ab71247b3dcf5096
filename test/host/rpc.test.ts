/** Calls over a message port, without a worker. */
import { MessageChannel } from "node:worker_threads";
import { afterEach, expect, test } from "vitest";
import { WasmvisorError } from "../../ts/base/errors.ts";
import { packError, Rpc, unpackError } from "../../ts/host/worker/rpc.ts";

interface Server {
  readonly calls: {
    add(a: number, b: number): number;
    fail(): never;
    wait(): string;
  };
  readonly notes: { said: string };
}
interface Client {
  readonly calls: object;
  readonly notes: { answered: string };
}

const heard: string[] = [];
const open: { close(reason: unknown): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close(new Error("over"));
  heard.length = 0;
});

function pair(): Rpc<Client, Server> {
  const { port1, port2 } = new MessageChannel();
  const server = new Rpc<Server, Client>(
    port1 as unknown as MessagePort,
    {
      add: (a, b) => a + b,
      fail: () => {
        throw new WasmvisorError("WV_DISK", "gone", { cause: new RangeError("too far") });
      },
      wait: (signal) =>
        new Promise((_, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason as Error)),
        ),
    },
    { said: (text) => server.note("answered", text.toUpperCase()) },
  );
  const client = new Rpc<Client, Server>(
    port2 as unknown as MessagePort,
    {},
    { answered: (text) => heard.push(text) },
  );
  open.push(server, client);
  return client;
}

test("calls are answered, after the notes that came before", async () => {
  const client = pair();
  client.note("said", "a");
  client.note("said", "b");
  expect(await client.call("add", [1, 2])).toBe(3);
  expect(heard).toEqual(["A", "B"]);
});

test("errors come back with class, code and cause", async () => {
  const error = await pair()
    .call("fail", [])
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(WasmvisorError);
  expect(error).toMatchObject({ code: "WV_DISK", message: "gone" });
  expect((error as Error).cause).toBeInstanceOf(RangeError);
});

test("an abort reaches the call with its reason, before and while", async () => {
  const client = pair();
  const late = new AbortController();
  const waiting = client.call("wait", [], late.signal);
  late.abort(new TypeError("enough"));
  await expect(waiting).rejects.toThrow(new TypeError("enough"));
  await expect(client.call("wait", [], AbortSignal.abort())).rejects.toMatchObject({
    name: "AbortError",
  });
});

test("what cannot be cloned and what does not exist is an error, not a silence", async () => {
  const client = pair();
  const uncloneable = (() => 1) as unknown as number;
  await expect(client.call("add", [uncloneable, 1])).rejects.toMatchObject({
    name: "DataCloneError",
  });
  await expect(client.call("nothing" as "wait", [])).rejects.toBeInstanceOf(TypeError);
});

test("a close rejects who waits and who comes later", async () => {
  const client = pair();
  const counts: number[] = [];
  client.onPending = (count) => counts.push(count);
  const waiting = client.call("wait", []);
  const reason = new Error("closed");
  client.close(reason);
  await expect(waiting).rejects.toBe(reason);
  await expect(client.call("add", [1, 2])).rejects.toBe(reason);
  expect(counts).toEqual([1, 0]);
});

test("any thrown value survives the way, and chains of causes end", () => {
  expect(unpackError(packError("text")).message).toBe("text");
  const endless: Error & { cause?: unknown } = new Error("round");
  endless.cause = endless;
  expect(unpackError(packError(endless)).message).toBe("round");
});
