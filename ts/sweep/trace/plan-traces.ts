/** The traces of a plan's parts: read once, and made into axes of those parts. */
import { dirname, relative, resolve } from "node:path";
import { WasmvisorError } from "../../base/errors.ts";
import type { Plan, PlanPart } from "../plan-schema.ts";
import { readTrace } from "./read-trace.ts";
import { prepareReplay, type Replayed, sha256Of, type TraceDistribution } from "./replay.ts";

const PAGE_BYTES = 4096;

interface PlanTrace {
  readonly replay: Replayed;
  readonly distribution: TraceDistribution;
}

/** Fills in what a part does not say and its traces do. Throws `WV_BAD_PLAN` that names the part. */
export function withTraces(plan: Plan, planFile: string): Plan {
  if (plan.parts.every((part) => part.writer === undefined)) return plan;
  return { ...plan, parts: plan.parts.map((part) => partWithTraces(part, planFile)) };
}

function partWithTraces(part: PlanPart, planFile: string): PlanPart {
  const { axes, settings, writer } = part;
  if (!writer) return part;
  const traces = writer.trace.map((file) => planTrace(file, writer.start, { part, planFile }));
  const memoryBytes = Math.max(...traces.map(({ replay }) => replay.pageCount * PAGE_BYTES));
  const usedBytes = Math.max(...traces.map(({ replay }) => replay.usedPages * PAGE_BYTES));
  const rates = traces.map(({ distribution }) => distribution.pagesPerSec);
  const isZip = axes.dirtyRate === undefined && traces.length > 1;
  return {
    ...part,
    fidelity: "page",
    axes: {
      ...axes,
      memory: axes.memory ?? [memoryBytes],
      usedMemory: axes.usedMemory ?? [{ bytes: usedBytes }],
      distribution: traces.map(({ distribution }) => distribution),
      dirtyRate: axes.dirtyRate ?? rates,
    },
    zip: isZip ? [...part.zip, ["distribution", "dirtyRate"]] : part.zip,
    settings,
  };
}

function planTrace(
  file: string,
  start: TraceDistribution["start"],
  { part, planFile }: { readonly part: PlanPart; readonly planFile: string },
): PlanTrace {
  // As seen from where the sweep runs: a plan says the same wherever its folder is.
  const path = relative(process.cwd(), resolve(dirname(planFile), file)) || file;
  try {
    const replay = prepareReplay(readTrace(path), 0);
    const pagesPerSec = Number(replay.pagesPerSec.toPrecision(12));
    const sha256 = sha256Of(path);
    return { replay, distribution: { kind: "trace", file: path, sha256, pagesPerSec, start } };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new WasmvisorError("WV_BAD_PLAN", `${planFile}: part ${part.name}: writer: ${why}`, {
      cause,
    });
  }
}
