/** Exit status, and errors as a user sees them. */
import { type ErrorCode, WasmvisorError } from "../base/errors.ts";

export const EXIT_DONE = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
export const EXIT_LACKS = 3;
export const EXIT_TIMED_OUT = 124;
export const EXIT_INTERRUPTED = 130;

const STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  WV_CONFIG: EXIT_USAGE,
  WV_BAD_ELF: EXIT_USAGE,
  WV_BAD_IMAGE: EXIT_USAGE,
  WV_BAD_SNAPSHOT: EXIT_USAGE,
  WV_BAD_PLAN: EXIT_USAGE,
  WV_BAD_TRACE: EXIT_USAGE,
  WV_PLANNER: EXIT_USAGE,
  WV_DISK: EXIT_USAGE,
  WV_SHARE: EXIT_USAGE,
  WV_NO_SPACE: EXIT_FAILED,
  WV_CORE_LOAD: EXIT_LACKS,
  WV_AUTH: EXIT_LACKS,
  WV_MISSING: EXIT_LACKS,
  WV_NO_MEMORY: EXIT_LACKS,
  WV_TIMEOUT: EXIT_TIMED_OUT,
  WV_ABORTED: EXIT_INTERRUPTED,
};

/** The exit status that goes with an error. */
export function exitStatusOf(error: unknown): number {
  return (error instanceof WasmvisorError && STATUS[error.code]) || EXIT_FAILED;
}

/** An error in plain data: our own with their code, anything else is a bug and says so. */
export function describeError(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof WasmvisorError) return { code: error.code, message: error.message };
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: "WV_BUG", message: `internal error, please report it: ${message}` };
}
