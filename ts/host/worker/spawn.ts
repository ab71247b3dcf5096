/** A worker that serves a host: a thread in Node, a module worker in a browser. */

/** A running worker. */
export interface HostWorker {
  readonly port: MessagePort;
  /** Called once if the worker ends although nobody asked it to. */
  onDeath: (cause: unknown) => void;
  /** Whether the process waits for this worker. */
  hold(isHeld: boolean): void;
  terminate(): Promise<void>;
}

const isNode = typeof process === "object" && process.versions?.node !== undefined;

export async function spawnHostWorker(): Promise<HostWorker> {
  return isNode ? spawnThread() : spawnWebWorker();
}

async function spawnThread(): Promise<HostWorker> {
  const { MessageChannel, Worker } = await import("node:worker_threads");
  const { port1, port2 } = new MessageChannel();
  // From source it is the worker of the last build: Node 20 does not run TypeScript.
  const here = import.meta.url;
  const script = here.endsWith(".ts") ? "../../../dist/ts/host/worker/main.js" : "./main.js";
  const worker = new Worker(new URL(script, here), {
    name: "wasmvisor host",
    workerData: { port: port2 },
    transferList: [port2],
  });
  const self: HostWorker = {
    port: port1 as unknown as MessagePort,
    onDeath: () => undefined,
    hold: (isHeld) => {
      worker[isHeld ? "ref" : "unref"]();
      port1[isHeld ? "ref" : "unref"]();
    },
    terminate: async () => void (await worker.terminate()),
  };
  worker.on("error", (error) => self.onDeath(error));
  worker.on("exit", (status) => self.onDeath(new Error(`exit status ${status}`)));
  return self;
}

function spawnWebWorker(): HostWorker {
  // Bundlers know this form.
  const worker = new Worker(new URL("./main.js", import.meta.url), { type: "module" });
  const { port1, port2 } = new MessageChannel();
  const self: HostWorker = {
    port: port1,
    onDeath: () => undefined,
    hold: () => undefined,
    terminate: async () => worker.terminate(),
  };
  worker.onerror = (event) => self.onDeath(new Error(event.message || "the script did not load"));
  worker.postMessage({ port: port2 }, [port2]);
  return self;
}
