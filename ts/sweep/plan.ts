/** Reads a plan: YAML (or JSON) text to a checked {@link Plan}; errors say file, line and column. */
import { isMap, isScalar, LineCounter, type Node, parseDocument } from "yaml";
import type { z } from "zod";
import { WasmvisorError } from "../base/errors.ts";
import { spaceOf } from "./axes.ts";
import { scenarioCount } from "./expand.ts";
import { type Plan, planSchema } from "./plan-schema.ts";
import { withTraces } from "./trace/plan-traces.ts";

export const PLAN_BYTES_MAX = 1 << 20;
export const SCENARIOS_MAX = 1e7;
/** Problems shown at once. */
const SHOWN_MAX = 10;

type Path = readonly PropertyKey[];

interface Problem {
  readonly path: Path;
  readonly message: string;
  /** The last step of `path` is a key that should not be there. */
  readonly isKey?: boolean;
}

/**
 * Checks a plan. Throws `WV_BAD_PLAN` whose message has one line `fileName:line:col: where: what`
 * for each problem.
 */
export function parsePlan(text: string, fileName = "plan.yaml"): Plan {
  const fail = (lines: readonly string[], cause?: unknown): never => {
    throw new WasmvisorError("WV_BAD_PLAN", lines.join("\n"), { cause });
  };
  if (text.length > PLAN_BYTES_MAX)
    fail([`${fileName}:1:1: larger than ${PLAN_BYTES_MAX} bytes, which no plan is`]);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${fileName}:${Math.max(1, line)}:${Math.max(1, col)}`;
  };
  if (document.errors.length > 0)
    fail(document.errors.slice(0, SHOWN_MAX).map((e) => `${at(e.pos[0])}: ${e.message}`));
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    fail([`${at(0)}: ${error instanceof Error ? error.message : error}`], error);
  }
  const parsed = planSchema.safeParse(value);
  if (!parsed.success) {
    const problems = parsed.error.issues.flatMap((issue) => problemsOf(issue, []));
    return fail(
      problems.slice(0, SHOWN_MAX).map((problem) => {
        const node = nodeAt(document.contents, problem);
        return `${at(node?.range?.[0] ?? 0)}: ${pathText(problem.path)}${problem.message}`;
      }),
    );
  }
  const plan = withTraces(parsed.data, fileName);
  const count = scenarioCount(plan);
  if (count > SCENARIOS_MAX)
    fail([`${at(0)}: ${count} scenarios, at most ${SCENARIOS_MAX} are allowed in one plan`]);
  const empty = plan.parts.find((part) => spaceOf(part).count === 0);
  if (empty)
    fail([`${at(0)}: the constraints of part ${empty.name} leave none of its points (where)`]);
  return plan;
}

/** zod's issue as problems, with those of the likeliest branch where a union failed. */
function problemsOf(issue: z.core.$ZodIssue, prefix: Path): Problem[] {
  const path = [...prefix, ...issue.path];
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({ path: [...path, key], message: "unknown key", isKey: true }));
  if (issue.code !== "invalid_union" || issue.errors.length === 0)
    return [{ path, message: issue.message }];
  const score = (branch: readonly z.core.$ZodIssue[]): number => {
    const isWrongShape = branch.some((one) => one.path.length === 0 && one.code === "invalid_type");
    const depth = Math.max(0, ...branch.map((one) => one.path.length));
    return (isWrongShape ? 0 : 100) + depth;
  };
  const best = issue.errors.reduce((a, b) => (score(b) > score(a) ? b : a));
  return best.flatMap((one) => problemsOf(one, path));
}

/** `parts[0].axes.memory: ` */
function pathText(path: Path): string {
  let text = "";
  for (const step of path)
    text += typeof step === "number" ? `[${step}]` : `${text ? "." : ""}${String(step)}`;
  return text ? `${text}: ` : "";
}

/** The node at a path, or the deepest one on the way to it. */
function nodeAt(root: Node | null, problem: Problem): Node | undefined {
  let node: unknown = root;
  let found = root ?? undefined;
  problem.path.forEach((step, i) => {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === step);
      const isLastKey = problem.isKey && i === problem.path.length - 1;
      node = isLastKey ? pair?.key : pair?.value;
    } else node = (node as { items?: unknown[] } | undefined)?.items?.[step as number];
    if ((node as Node | undefined)?.range) found = node as Node;
  });
  return found;
}
