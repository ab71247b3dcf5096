/**
 * A process that mostly waits, for work or for guests, is what V8 takes for a good time to collect all garbage
 * (its memory reducer): up to 0.2 s of processor time beside 19 s of work of a queue, and 20 to 37 ms in which the guests of
 * a host are silent. What has to be collected is collected all the same, when memory runs short.
 */
import { setFlagsFromString } from "node:v8";

/** In milliseconds, the longest that V8 takes: 24 days. */
const NEVER = 2 ** 31 - 1;

/** From now on, in all threads of this process. */
export function leaveGarbage(): void {
  // Threads that begin from now on have no memory reducer. This one has: V8 asked when it began (measured: it
  // collected as before). How long it waits V8 asks when it has collected for the first time.
  setFlagsFromString("--no-memory-reducer");
  setFlagsFromString(`--gc-memory-reducer-start-delay-ms=${NEVER}`);
}

/**
 * From now on threads collect what is young by themselves, and free its buffers: V8 would share that out among its
 * helpers, who have no processor of their own where every one has a thread that computes (a tenth of a sweep's time
 * at page level).
 */
export function collectAlone(): void {
  setFlagsFromString("--no-parallel-scavenge");
  setFlagsFromString("--no-concurrent-array-buffer-sweeping");
}
