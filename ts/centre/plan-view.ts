/** A simulation as planners see it. */
import type { HostSpec, RackSpec, VmSpec } from "./model.ts";
import type { PlacementRequest } from "./planners/placement.ts";
import type { CentreSimulation } from "./simulation.ts";

/** Who has to move, and where nobody may go. */
export interface Wish {
  readonly movers: readonly number[];
  readonly cpuShareMax: number;
  /** Among the hosts that are open at all. */
  readonly mayTake: (host: number) => boolean;
}

export function requestOf(simulation: CentreSimulation, wish: Wish): PlacementRequest {
  const { centre } = simulation;
  const wanted = centre.hosts.map(() => 0);
  simulation.vms.forEach(({ cpus, host, state }) => {
    if (state !== "lost") wanted[host] = (wanted[host] as number) + cpus;
  });
  const hosts = centre.hosts.map((host: HostSpec, h) => {
    const state = simulation.host(h);
    const rack = centre.racks[host.rack] as RackSpec;
    return {
      name: host.name,
      rack: rack.name,
      site: centre.sites[rack.site] as string,
      cpus: host.cpus,
      memoryBytes: host.memoryBytes,
      freeBytes: state.freeBytes,
      freeCpus: host.cpus * wish.cpuShareMax - (wanted[h] as number),
      nicBytesPerSec: centre.network.nicBytesPerSec(h),
      uplinkBytesPerSec: centre.network.uplinkBytesPerSec(h),
      isOpen: !state.isClosed && !state.isFailed && wish.mayTake(h),
    };
  });
  const vms = simulation.vms.map(({ cpus, host }, v) => {
    const spec = centre.vms[v] as VmSpec;
    const { affinity, antiAffinity, memoryBytes, name } = spec;
    return { name, host, memoryBytes, cpus, affinity, antiAffinity };
  });
  const { lines, ways } = centre.network.wide;
  return {
    hosts,
    vms,
    movers: wish.movers,
    lines: lines.map(({ bytesPerSec, name }) => ({ name, bytesPerSec })),
    ways: ways.map(({ from, to, lines: its }) => ({
      from: centre.sites[from] as string,
      to: centre.sites[to] as string,
      lines: its,
    })),
  };
}
