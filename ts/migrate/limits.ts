/** What may be changed of a migration while it is under way. */
import { WasmvisorError } from "../base/errors.ts";
import type { ResolvedSourceOptions } from "./options.ts";

/** Absent: as it was. */
export interface MovingLimits {
  /** Bytes a second; `Infinity`: no cap. */
  readonly bandwidthCapBytesPerSec?: number | undefined;
  readonly downtimeLimitNs?: number | undefined;
}

/** Throws `WV_CONFIG` for what makes no sense. */
export function checkLimits(limits: MovingLimits): void {
  const { bandwidthCapBytesPerSec: cap = 1, downtimeLimitNs: downtimeNs = 0 } = limits;
  if (!(cap > 0))
    throw new WasmvisorError("WV_CONFIG", `bandwidth: expected more than 0, got ${cap}`);
  if (!(downtimeNs >= 0))
    throw new WasmvisorError("WV_CONFIG", `downtime: expected 0 or more, got ${downtimeNs}`);
}

/** `options` with what is there of `limits` in place of their own. */
export function withLimits(
  options: ResolvedSourceOptions,
  limits: MovingLimits,
): ResolvedSourceOptions {
  const given = Object.entries(limits).filter(([, value]) => value !== undefined);
  return { ...options, ...Object.fromEntries(given) };
}
