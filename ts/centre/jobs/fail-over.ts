/** Hosts fail, with or without a warning; their vms come up elsewhere, from disks that all hosts share. */
import type { Job } from "../centre-schema.ts";
import { hostsOf, type JobRun } from "./job-run.ts";

type FailOver = Extract<Job, { kind: "fail-over" }>;

export function failOver(run: JobRun<FailOver>): void {
  const { job, report, simulation } = run;
  const hosts = hostsOf(simulation, job);
  const failing = new Set(hosts);
  report.hostsWanted = hosts.length;
  if (job.warning > 0)
    simulation.at(Math.max(0, job.at - job.warning), () => {
      for (const host of hosts) simulation.host(host).isClosed = true;
      run.move(run.vmsOn(failing), () => true);
    });
  simulation.at(job.at, () => {
    const lost = hosts.flatMap((host) => simulation.fail(host));
    // Nobody knows before somebody has noticed; by then there may be other places than now.
    simulation.at(simulation.nowNs + job.detect, () => {
      const moves = run.ask(run.request(lost, () => true));
      const placed = new Set(moves.map(({ vm }) => vm));
      for (const vm of lost) if (!placed.has(vm)) report.lost.push(run.vmName(vm));
      for (const { target, vm } of moves) simulation.restart(vm, target, job.restart);
      report.hostsDone = hosts.length;
    });
  });
}
