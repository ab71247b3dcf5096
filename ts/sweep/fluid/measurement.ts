/** A fluid result as the row of a sweep has it, in the same units and as fine as the other fidelities. */
import { GUEST_PAGE_BYTES } from "../../machine/migratable.ts";
import type { Measurement } from "../scenario.ts";
import type { FluidResult } from "./migration.ts";

/** Thousandths: of a millisecond, or of an expected page. */
const fine = (value: number): number => Math.round(value * 1000) / 1000;

export function fluidMeasurement(result: FluidResult): Measurement {
  const { totalNs, transferredBytes } = result;
  return {
    state: result.isCompleted ? "completed" : "failed",
    error: result.error,
    near: result.near,
    total_time_ms: fine(totalNs / 1e6),
    downtime_ms: fine(result.downtimeNs / 1e6),
    gap_ms: fine(result.gapNs / 1e6),
    setup_time_ms: fine(result.setupNs / 1e6),
    transferred_bytes: Math.round(transferredBytes),
    normal_pages: fine(result.normalPages - result.deltaPages),
    duplicate_pages: fine(result.zeroPages),
    delta_pages: fine(result.deltaPages),
    dirty_sync_count: result.dirtySyncCount,
    postcopy_requests: fine(result.postcopyRequests),
    remaining_bytes: Math.round(result.remainingPages) * GUEST_PAGE_BYTES,
    dirty_pages_rate: Math.round(result.dirtyPagesPerSec),
    mbps: totalNs > 0 ? fine((transferredBytes * 8000) / totalNs) : 0,
  };
}
