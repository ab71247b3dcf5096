/** The script of the worker: takes its port, in Node or in a browser, and serves a host on it. */
import { serveHost } from "./service.ts";

// No await here: bundlers turn workers into classic scripts.
if (typeof process === "object" && process.versions?.node) {
  void import("node:worker_threads").then(({ workerData }) =>
    serveHost((workerData as { readonly port: MessagePort }).port),
  );
} else {
  addEventListener("message", (event: MessageEvent<{ readonly port: MessagePort }>) =>
    serveHost(event.data.port),
  );
}
