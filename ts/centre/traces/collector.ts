/** Gathers what a trace says of each vm, as many of them as are wanted; the others pass by. */
import { WasmvisorError } from "../../base/errors.ts";
import type { DemandStep } from "../model.ts";
import type { TracedVm } from "./traced-vm.ts";

/** More would not fit into memory. */
const SAMPLES_MAX = 2e7;

interface Gathered {
  cpus: number;
  memoryBytes: number;
  lastNs: number;
  readonly steps: DemandStep[];
}

export class Collector {
  readonly #limit: number;
  readonly #vms = new Map<string, Gathered>();
  #startNs = Number.POSITIVE_INFINITY;
  #samples = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** A vm is named; false: enough of them are known. */
  vm(name: string, cpus = 0, memoryBytes = 0): boolean {
    const known = this.#vms.get(name);
    if (known) {
      known.cpus = Math.max(known.cpus, cpus);
      known.memoryBytes = Math.max(known.memoryBytes, memoryBytes);
      return true;
    }
    if (this.#vms.size >= this.#limit) return false;
    this.#vms.set(name, { cpus, memoryBytes, lastNs: Number.NEGATIVE_INFINITY, steps: [] });
    return true;
  }

  /** CPUs of a vm, or, below 0, nothing: is it wanted at all? */
  cpusOf(name: string): number | undefined {
    return this.#vms.get(name)?.cpus;
  }

  /** A vm used so many CPUs from a time on. Time goes backwards: `backwards` is called. */
  sample(name: string, atNs: number, cpus: number, backwards: () => never): void {
    const vm = this.#vms.get(name);
    if (!vm) return;
    if (atNs < vm.lastNs) backwards();
    this.#startNs = Math.min(this.#startNs, atNs);
    vm.lastNs = atNs;
    const last = vm.steps.at(-1);
    if (last?.cpus === cpus) return;
    if (last?.atNs === atNs) vm.steps.pop();
    vm.steps.push({ atNs, cpus });
    if (++this.#samples > SAMPLES_MAX)
      throw new WasmvisorError(
        "WV_LIMIT",
        `a trace of more than ${SAMPLES_MAX} readings; take fewer vms: limit`,
      );
  }

  /** What was gathered; time begins with the first reading of all, and a vm wants nothing before its own. */
  traced(): TracedVm[] {
    const start = this.#startNs;
    return [...this.#vms].map(([name, { cpus, memoryBytes, steps }]) => {
      const demand = steps.map((step) => ({ atNs: step.atNs - start, cpus: step.cpus }));
      if (demand[0]?.atNs !== 0) demand.unshift({ atNs: 0, cpus: 0 });
      return { name, cpus, memoryBytes, demand };
    });
  }
}
