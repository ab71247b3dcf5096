/** Jobs by their kinds. */
import type { Job } from "../centre-schema.ts";
import type { Centre } from "../model.ts";
import { CentreSimulation, type Moving } from "../simulation.ts";
import { failOver } from "./fail-over.ts";
import { JobRun, type NamedPlanner } from "./job-run.ts";
import { evacuate, update } from "./maintenance.ts";
import { consolidate, followTheSun, rebalance } from "./placement-jobs.ts";

type Starts = { readonly [K in Job["kind"]]: (run: JobRun<Extract<Job, { kind: K }>>) => void };

const STARTS: Starts = {
  evacuate,
  update,
  consolidate,
  rebalance,
  "follow-the-sun": followTheSun,
  "fail-over": failOver,
};

/** Does a job on a data centre as it is at the beginning, and runs to the end of all that follows from it. */
export function runJob(
  centre: Centre,
  job: Job,
  planner: NamedPlanner,
  moving: Moving = "simulated",
): JobRun {
  const run = new JobRun(new CentreSimulation(centre, moving), job, planner);
  // Which kind it is decides which of these it is given to.
  (STARTS[job.kind] as (run: JobRun) => void)(run);
  run.simulation.run(job.duration);
  return run;
}
