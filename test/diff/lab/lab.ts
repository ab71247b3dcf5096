/** Machines on the laboratory's core: compiled once, its faults chosen for each run. */
import type { Core } from "../../../bindings/core.ts";
import { runAll } from "../compare.ts";
import { CoreMachine } from "../core-machine.ts";
import type { Program } from "../program.ts";
import type { Dump } from "../record.ts";
import { compileLab, type Fault, switchOf, UNCACHED } from "./source.ts";

interface LabExports {
  readonly setFaults: (mask: bigint) => void;
  readonly usedFaults: () => bigint;
}

export interface LabRun {
  readonly dumps: readonly (Dump | undefined)[];
  /** Faults that had a say. */
  readonly used: readonly Fault[];
}

export interface LabOptions {
  /** Does it remember translations, as the real core does? */
  readonly isCached?: boolean | undefined;
}

export class Lab {
  readonly #faults: readonly Fault[];
  readonly #machine: CoreMachine;
  #exports: LabExports | undefined;
  #mask = 0n;

  private constructor(faults: readonly Fault[], wasm: Uint8Array) {
    this.#faults = faults;
    const onLoad = ({ exports }: Core): void => {
      this.#exports = exports as unknown as LabExports;
      this.#exports.setFaults(this.#mask);
    };
    this.#machine = new CoreMachine({ wasm, engine: "interpreter", onLoad });
  }

  /** A core whose source has these faults. Takes some seconds. */
  static async create(faults: readonly Fault[]): Promise<Lab> {
    return new Lab(faults, await compileLab(faults));
  }

  /** What the core makes of `programs` with these faults switched on. */
  async run(
    programs: readonly Program[],
    chosen: readonly Fault[],
    { isCached = false }: LabOptions = {},
  ): Promise<LabRun> {
    this.#mask = chosen.reduce((mask, one) => mask | this.#switch(one), isCached ? 0n : UNCACHED);
    this.#exports?.setFaults(this.#mask);
    const dumps = await runAll(this.#machine, programs);
    const used = this.#exports?.usedFaults() ?? 0n;
    return { dumps, used: chosen.filter((one) => (used & this.#switch(one)) !== 0n) };
  }

  #switch(one: Fault): bigint {
    const n = this.#faults.indexOf(one);
    if (n < 0) throw new RangeError(`the core was made without the fault ${one.name}`);
    return switchOf(n);
  }
}
