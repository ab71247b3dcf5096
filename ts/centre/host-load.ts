/**
 * The processors of one host over time. When vms want more than there is, each gets the same share of what it wants, so
 * guests slow each other down. What follows from that is integrated as it changes: energy, and what was not given.
 */
import type { HostSpec, PowerModel } from "./model.ts";

/** Watts when `share` of the processors (0 to 1) are in use. */
export function wattsAt({ watts }: PowerModel, share: number): number {
  const last = watts.length - 1;
  const at = Math.min(1, Math.max(0, share)) * last;
  const step = Math.min(Math.floor(at), Math.max(0, last - 1));
  const low = watts[step] as number;
  return low + ((watts[step + 1] ?? low) - low) * (at - step);
}

export class HostLoad {
  readonly #spec: HostSpec;
  #sinceNs = 0;
  /** CPUs that its vms want, and that migrations take. */
  #wanted = 0;
  #overhead = 0;
  isOn = true;
  joules = 0;
  /** Time on, and time of that with all processors in use. */
  onNs = 0;
  fullNs = 0;
  /** Integral of the share that nobody gives a vm of what it wants: over a time, ns of its work. */
  lackNs = 0;
  cpuSec = 0;

  constructor(spec: HostSpec) {
    this.#spec = spec;
  }

  /** What a vm gets of what it wants, 0 to 1. Migrations are the hypervisor's own work: they go first. */
  get share(): number {
    const free = Math.max(0, this.#spec.cpus - this.#overhead);
    return this.#wanted <= free ? 1 : free / this.#wanted;
  }

  get wantedCpus(): number {
    return this.#wanted;
  }

  /** Brings the integrals up to `nowNs`; called before anything here changes. */
  advance(nowNs: number): void {
    const ns = nowNs - this.#sinceNs;
    if (ns <= 0) return;
    this.#sinceNs = nowNs;
    const { cpus, power } = this.#spec;
    if (!this.isOn) {
      this.joules += (power.offWatts * ns) / 1e9;
      return;
    }
    const used = Math.min(cpus, this.#wanted + this.#overhead);
    this.joules += (wattsAt(power, used / cpus) * ns) / 1e9;
    this.cpuSec += (used * ns) / 1e9;
    this.onNs += ns;
    if (this.#wanted + this.#overhead >= cpus) this.fullNs += ns;
    this.lackNs += (1 - this.share) * ns;
  }

  want(changeCpus: number): void {
    this.#wanted = Math.max(0, this.#wanted + changeCpus);
  }

  /** Processors taken by migrations. */
  burden(changeCpus: number): void {
    this.#overhead = Math.max(0, this.#overhead + changeCpus);
  }
}
