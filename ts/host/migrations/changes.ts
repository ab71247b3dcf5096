/** Limits that are changed while a migration is under way, in the words of people. */
import { WasmvisorError } from "../../base/errors.ts";
import { parseRate, parseTime } from "../../base/units.ts";
import { checkLimits, type MovingLimits } from "../../migrate/limits.ts";

/** Absent: as it was. Of pre-copy, and what follows in post-copy. */
export interface MigrationChanges {
  /** Cap of the rate, `"32MiB/s"` or bytes a second; `"none"`: as fast as the link. */
  readonly bandwidth?: number | string | undefined;
  /** Pre-copy stops the guest when what remains should take this long, `"300ms"` or nanoseconds. */
  readonly downtime?: number | string | undefined;
}

function rate(value: number | string): number {
  if (typeof value === "number") return value;
  return value === "none" ? Number.POSITIVE_INFINITY : parseRate(value, "bandwidth");
}

/** Throws `WV_CONFIG` for text that is no quantity, and if there is nothing to change. */
export function changedLimits({ bandwidth, downtime }: MigrationChanges): MovingLimits {
  if (bandwidth === undefined && downtime === undefined)
    throw new WasmvisorError(
      "WV_CONFIG",
      "nothing to change: expected bandwidth, downtime or both",
    );
  const limits: MovingLimits = {
    ...(bandwidth === undefined ? {} : { bandwidthCapBytesPerSec: rate(bandwidth) }),
    ...(downtime === undefined
      ? {}
      : {
          downtimeLimitNs:
            typeof downtime === "string" ? parseTime(downtime, "downtime") : downtime,
        }),
  };
  checkLimits(limits);
  return limits;
}
