/** A number for each setting of each policy: what the systems have whose names they bear. */
import { POLICY_SETTINGS } from "../../ts/migrate/policy/convergence.ts";
import type { ConvergenceLimits } from "../../ts/migrate/policy/state.ts";

export const EVERY_SETTING = {
  ...Object.assign({}, ...Object.values(POLICY_SETTINGS)),
  rounds: 5,
  pages: 50,
} as ConvergenceLimits["policySettings"];
