// A worker of sweeps whose threads are those of test/sweep/poisoned-worker.mjs; a second argument is its lock in ms.
import { fileURLToPath } from "node:url";
import { serveSweeps } from "../../dist/ts/sweep/queue/serve.js";

process.env.WV_TEST_WORKER = new URL("../../dist/ts/sweep/worker.js", import.meta.url).href;
const workerFile = fileURLToPath(new URL("../sweep/poisoned-worker.mjs", import.meta.url));
await serveSweeps({
  redis: process.argv[2],
  workers: 1,
  lockMs: Number(process.argv[3]),
  workerFile,
});
