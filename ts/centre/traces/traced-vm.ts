import type { DemandStep } from "../model.ts";

/** A vm as a trace shows it; its time begins with the trace. */
export interface TracedVm {
  readonly name: string;
  /** 0: the trace does not say. */
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly demand: readonly DemandStep[];
}
