/** Jobs that need hosts empty: evacuation, and the update of a fleet that runs on. */
import type { Job } from "../centre-schema.ts";
import { hostsOf, type JobRun } from "./job-run.ts";

type Evacuate = Extract<Job, { kind: "evacuate" }>;
type Update = Extract<Job, { kind: "update" }>;

/** Everybody leaves, at once as far as the limits of hosts and links let them. */
export function evacuate(run: JobRun<Evacuate>): void {
  const { job, report, simulation } = run;
  const hosts = new Set(hostsOf(simulation, job));
  report.hostsWanted = hosts.size;
  for (const host of hosts) simulation.host(host).isClosed = true;
  const countDone = (): void => {
    const left = new Set(run.vmsOn(hosts).map((vm) => simulation.vm(vm).host));
    report.hostsDone = hosts.size - left.size;
  };
  const { window } = job;
  if (window !== undefined)
    simulation.at(window, () => {
      report.windowMet = run.vmsOn(hosts).length === 0 && report.unplaced.length === 0;
    });
  run.move(run.vmsOn(hosts), () => true, countDone);
}

/** Some hosts at a time: empty, off for a reboot, on again, and the next. What cannot be emptied is left as it is. */
export function update(run: JobRun<Update>): void {
  const { job, report, simulation } = run;
  const hosts = hostsOf(simulation, job, "all");
  report.hostsWanted = hosts.length;
  let next = 0;
  const begin = (): void => {
    const host = hosts[next++];
    if (host === undefined) return;
    const state = simulation.host(host);
    const only = new Set([host]);
    state.isClosed = true;
    const again = (): void => {
      state.isClosed = false;
      begin();
    };
    run.move(
      run.vmsOn(only),
      () => true,
      () => {
        if (run.vmsOn(only).length > 0 || state.incoming > 0) return again();
        simulation.power(host, false);
        simulation.at(simulation.nowNs + job.reboot, () => {
          simulation.power(host, true);
          report.hostsDone++;
          again();
        });
      },
    );
  };
  for (let i = 0; i < job.parallel; i++) begin();
}
