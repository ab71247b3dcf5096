/** Reads a plan: YAML (or JSON) text to a checked {@link Plan}; errors say file, line and column. */
import { spaceOf } from "./axes.ts";
import { checkYaml } from "./checked-yaml.ts";
import { scenarioCount } from "./expand.ts";
import { type Plan, planSchema } from "./plan-schema.ts";
import { withTraces } from "./trace/plan-traces.ts";

export const SCENARIOS_MAX = 1e7;

/**
 * Checks a plan. Throws `WV_BAD_PLAN` whose message has one line `fileName:line:col: where: what`
 * for each problem.
 */
export function parsePlan(text: string, fileName = "plan.yaml"): Plan {
  const { data: written, fail } = checkYaml(planSchema, text, fileName);
  const data = withTraces(written, fileName);
  const count = scenarioCount(data);
  if (count > SCENARIOS_MAX)
    fail(`${count} scenarios, at most ${SCENARIOS_MAX} are allowed in one plan`);
  const empty = data.parts.find((part) => spaceOf(part).count === 0);
  if (empty) fail(`the constraints of part ${empty.name} leave none of its points (where)`);
  return data;
}
