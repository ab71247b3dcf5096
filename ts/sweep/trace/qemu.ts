/**
 * What QEMU says of a guest's writes, as a writer: the answer to `query-dirty-rate` (after `calc-dirty-rate`) or to
 * `query-migrate`. One number says nothing of the pattern: it is taken for uniform, over all of the memory.
 */
import { WasmvisorError } from "../../base/errors.ts";
import { GUEST_PAGE_BYTES } from "../../machine/migratable.ts";
import type { Fit } from "./fit.ts";

const MIB = 2 ** 20;

function numberAt(value: unknown, ...path: readonly string[]): number | undefined {
  let at: unknown = value;
  for (const key of path) at = (at as Record<string, unknown> | null | undefined)?.[key];
  return typeof at === "number" && Number.isFinite(at) && at >= 0 ? at : undefined;
}

/** What to ask QEMU instead. */
function adviceFor(body: unknown): string {
  const status = (body as { status?: unknown } | null)?.status;
  if (status === "measuring" || status === "unstarted")
    return `it says "${status}": ask query-dirty-rate again when it says "measured"`;
  const error = (body as { error?: unknown } | null)?.error;
  if (error !== undefined)
    return "it is an error; give the answer of query-dirty-rate or query-migrate";
  return "give the answer of query-dirty-rate, or of query-migrate while it migrates";
}

/** The writer behind an answer of QEMU's, with or without its `return`. Throws `WV_CONFIG`. */
export function writerFromQemu(
  text: string,
  memoryBytes: number | undefined,
  file = "QEMU's answer",
): Fit {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new WasmvisorError(
      "WV_CONFIG",
      `${file}: neither a dirty trace nor an answer of QEMU's (${why}); give what query-dirty-rate or query-migrate printed`,
      { cause },
    );
  }
  const body = (answer as { return?: unknown } | null)?.return ?? answer;
  const mibPerSec = numberAt(body, "dirty-rate");
  const pagesPerSec = numberAt(body, "ram", "dirty-pages-rate");
  const total = numberAt(body, "ram", "total") ?? memoryBytes;
  const dirtyRate =
    pagesPerSec ?? (mibPerSec === undefined ? undefined : (mibPerSec * MIB) / GUEST_PAGE_BYTES);
  if (dirtyRate === undefined)
    throw new WasmvisorError(
      "WV_CONFIG",
      `${file}: QEMU's answer has neither "dirty-rate" nor "ram"."dirty-pages-rate"; ${adviceFor(body)}`,
    );
  if (total === undefined)
    throw new WasmvisorError(
      "WV_CONFIG",
      `${file}: QEMU's answer does not say how large the guest is; add --memory`,
    );
  const duplicate = numberAt(body, "ram", "duplicate") ?? 0;
  return {
    memoryBytes: total,
    usedBytes: Math.max(0, total - duplicate * GUEST_PAGE_BYTES),
    workingSetBytes: total,
    workingSetOffsetBytes: 0,
    dirtyRate,
    distribution: { kind: "uniform" },
    backgroundPages: 0,
    error: { rms: Number.NaN, max: Number.NaN },
    others: [],
  };
}
