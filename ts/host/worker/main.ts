/** The script of the worker: takes its port, in Node or in a browser, and serves a host on it. */
import { serveHost } from "./service.ts";

if (typeof process === "object" && process.versions?.node) {
  const { workerData } = await import("node:worker_threads");
  serveHost((workerData as { readonly port: MessagePort }).port);
} else {
  addEventListener("message", (event: MessageEvent<{ readonly port: MessagePort }>) =>
    serveHost(event.data.port),
  );
}
