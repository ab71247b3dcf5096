/** Ctrl-C and polite kills as an `AbortSignal`. */
import { WasmvisorError } from "../base/errors.ts";

/** Aborts at the first SIGINT or SIGTERM; the second one ends the process at once. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const)
    process.once(name, () => controller.abort(new WasmvisorError("WV_ABORTED", `got ${name}`)));
  return controller.signal;
}
