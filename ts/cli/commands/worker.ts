/** `wasmvisor worker`: this machine's cores for sweeps that are coordinated elsewhere. */
import { availableParallelism } from "node:os";
import { WasmvisorError } from "../../base/errors.ts";
import { LOCK_MS } from "../../sweep/queue/protocol.ts";
import { redisName } from "../../sweep/queue/redis.ts";
import { serveSweeps } from "../../sweep/queue/serve.ts";
import { collectAlone } from "../collector.ts";
import type { CommandContext } from "../context.ts";
import { EXIT_DONE, EXIT_INTERRUPTED } from "../exit.ts";
import { interruptSignal } from "../interrupt.ts";
import * as parse from "../options.ts";

const LOCK_MS_MIN = 500;
const WORKERS_MAX = 1024;

export async function worker({ options, out }: CommandContext): Promise<number> {
  const redis = parse.text(options.redis) ?? process.env["WASMVISOR_REDIS"];
  if (redis === undefined)
    throw new WasmvisorError(
      "WV_CONFIG",
      "worker: say where the server is: --redis redis://host:6379, or WASMVISOR_REDIS in the environment",
    );
  const workers = parse.integer(options.workers, "--workers", 1) ?? availableParallelism();
  if (workers > WORKERS_MAX)
    throw new WasmvisorError(
      "WV_CONFIG",
      `--workers: expected 1 to ${WORKERS_MAX}, got ${workers}`,
    );
  const lockMs = parse.timeMs(options.lock, "--lock") ?? LOCK_MS;
  if (lockMs < LOCK_MS_MIN)
    throw new WasmvisorError("WV_CONFIG", `--lock: expected at least ${LOCK_MS_MIN}ms`);
  const signal = interruptSignal();
  const name = redisName(redis);
  collectAlone();
  const served = await serveSweeps({
    redis,
    workers,
    lockMs,
    idleMs: parse.timeMs(options.idle, "--idle"),
    signal,
    onReady: () => {
      out.event({ event: "ready", redis: name, workers });
      out.log(`wasmvisor: worker at ${name}, ${workers} threads`);
    },
    onChunk: ({ count, number: chunk }, sweep) =>
      out.event({ event: "chunk", sweep, chunk, count }),
    onNotice: (line) => out.log(`wasmvisor: ${line}`),
  });
  out.result({ event: "end", ...served }, () => "");
  out.log(`wasmvisor: worker ends, ${served.chunks} chunks, ${served.scenarios} scenarios`);
  return signal.aborted ? EXIT_INTERRUPTED : EXIT_DONE;
}
