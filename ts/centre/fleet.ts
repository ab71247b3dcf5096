/** Hosts, and the vms on them, as they are now: who runs where, what each wants and gets. */
import { HostLoad } from "./host-load.ts";
import type { Centre, VmSpec } from "./model.ts";
import type { VmUsage } from "./records.ts";

/** A vm as it is now. */
export interface VmState {
  host: number;
  /** It wants so many CPUs. */
  cpus: number;
  state: "running" | "stopped" | "lost";
  isMigrating: boolean;
  sinceNs: number;
  /** The lack of its host at that time. */
  lackNs: number;
}

export interface HostState {
  readonly load: HostLoad;
  freeBytes: number;
  outgoing: number;
  incoming: number;
  /** Nobody may come here. */
  isClosed: boolean;
  isFailed: boolean;
}

export class Fleet {
  readonly centre: Centre;
  readonly vms: VmState[];
  readonly hosts: HostState[];
  readonly usage: VmUsage[];

  constructor(centre: Centre) {
    this.centre = centre;
    this.hosts = centre.hosts.map((host) => ({
      load: new HostLoad(host),
      freeBytes: host.memoryBytes,
      outgoing: 0,
      incoming: 0,
      isClosed: false,
      isFailed: false,
    }));
    this.usage = centre.vms.map(() => ({
      requestedCpuSec: 0,
      contendedCpuSec: 0,
      stoppedCpuSec: 0,
    }));
    this.vms = centre.vms.map(({ host, memoryBytes }) => {
      this.host(host).freeBytes -= memoryBytes;
      return { host, cpus: 0, state: "running", isMigrating: false, sinceNs: 0, lackNs: 0 };
    });
  }

  host(index: number): HostState {
    return this.hosts[index] as HostState;
  }

  vm(index: number): VmState {
    return this.vms[index] as VmState;
  }

  spec(vm: number): VmSpec {
    return this.centre.vms[vm] as VmSpec;
  }

  /** A vm wants so many CPUs from now on. */
  want(v: number, cpus: number, nowNs: number): void {
    this.settle(v, nowNs);
    const vm = this.vm(v);
    if (vm.state === "running") {
      const { load } = this.host(vm.host);
      load.advance(nowNs);
      load.want(cpus - vm.cpus);
    }
    vm.cpus = cpus;
  }

  /** Adds up what a vm got since the last time. */
  settle(v: number, nowNs: number): void {
    const vm = this.vm(v);
    const { load } = this.host(vm.host);
    load.advance(nowNs);
    const used = this.usage[v] as VmUsage;
    const wanted = (vm.cpus * (nowNs - vm.sinceNs)) / 1e9;
    used.requestedCpuSec += wanted;
    if (vm.state === "running") used.contendedCpuSec += (vm.cpus * (load.lackNs - vm.lackNs)) / 1e9;
    else used.stoppedCpuSec += wanted;
    vm.sinceNs = nowNs;
    vm.lackNs = load.lackNs;
  }

  stop(v: number, state: "stopped" | "lost", nowNs: number): void {
    this.settle(v, nowNs);
    const vm = this.vm(v);
    if (vm.state === "running") this.host(vm.host).load.want(-vm.cpus);
    vm.state = state;
  }

  start(v: number, host: number, nowNs: number): void {
    this.settle(v, nowNs);
    const vm = this.vm(v);
    const { load } = this.host(host);
    load.advance(nowNs);
    load.want(vm.cpus);
    vm.host = host;
    vm.state = "running";
    vm.lackNs = load.lackNs;
  }

  /** Switches a host on or off. */
  power(host: number, isOn: boolean, nowNs: number): void {
    const { load } = this.host(host);
    load.advance(nowNs);
    load.isOn = isOn;
  }

  /** All counts are as of now. */
  settleAll(nowNs: number): void {
    for (const { load } of this.hosts) load.advance(nowNs);
    for (let v = 0; v < this.vms.length; v++) this.settle(v, nowNs);
  }
}
