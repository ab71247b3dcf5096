/** What a vm has done and what it holds, as counted by the core and its memory. */
import {
  HART_CYCLES,
  HART_TRAPS,
  HART_UNRETIRED,
  HART_WALKS,
  SPACE_COPIES,
} from "../../bindings/abi.ts";
import type { Core } from "../../bindings/core.ts";
import type { LinkerMetrics } from "../../bindings/linker.ts";
import type { ExitCounts } from "./dispatcher.ts";
import type { GuestRam } from "./guest-ram.ts";
import type { Vcpu } from "./vcpu.ts";

export interface VmMetrics {
  readonly instructions: number;
  readonly cycles: number;
  readonly traps: number;
  readonly pageWalks: number;
  readonly populatedPages: number;
  /** Pages that have not arrived yet (a snapshot that is restored lazily). */
  readonly missingPages: number;
  readonly copiedPages: number;
  /** Machine frames that nobody else uses: what comes back when the vm goes. */
  readonly ownedFrames: number;
  /** What the host has translated to Wasm, for all its vms: modules, functions in them, their bytes. */
  readonly translated: Readonly<LinkerMetrics>;
  readonly exits: Readonly<ExitCounts>;
}

interface Measured {
  readonly core: Core;
  readonly vcpus: readonly Vcpu[];
  readonly ram: GuestRam;
  readonly exits: Readonly<ExitCounts>;
}

/** The counters as they are now; `exits` is copied. */
export function measure({ core, vcpus, ram, exits }: Measured): VmMetrics {
  const sum = (offset: number): number =>
    vcpus.reduce((total, vcpu) => total + vcpu.getNumber(offset), 0);
  const cycles = sum(HART_CYCLES);
  const { missingPages, ownedFrames, populatedPages } = ram.survey();
  return {
    instructions: cycles - sum(HART_UNRETIRED),
    cycles,
    traps: sum(HART_TRAPS),
    pageWalks: sum(HART_WALKS),
    populatedPages,
    missingPages,
    copiedPages: core.u32[(ram.space + SPACE_COPIES) >>> 2] as number,
    ownedFrames: ownedFrames + vcpus.length,
    translated: { ...core.translated },
    exits: { ...exits },
  };
}
