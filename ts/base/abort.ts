/** Small helpers around `AbortSignal`. */
import { WasmvisorError } from "./errors.ts";

/** The error that an aborted operation ends with: `WV_ABORTED`, the signal's reason as its cause. */
export function abortError(signal?: AbortSignal): WasmvisorError {
  return new WasmvisorError("WV_ABORTED", "aborted by its AbortSignal", { cause: signal?.reason });
}

/** Throws `WV_ABORTED` if `signal` is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal);
}

/**
 * Calls `onAbort` once, when `signal` aborts or at once if it already has. The returned function
 * forgets about it.
 */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (!signal) return () => undefined;
  if (signal.aborted) {
    callback();
    return () => undefined;
  }
  signal.addEventListener("abort", callback, { once: true });
  return () => signal.removeEventListener("abort", callback);
}
