/** A guest on a virtual clock whose dirty trace is taken: the same options, the same trace. */
import { compileCore } from "../../../bindings/bytes.ts";
import { loadCore } from "../../../bindings/core.ts";
import { WasmvisorError } from "../../base/errors.ts";
import { runTask } from "../../base/task.ts";
import { recordTrace } from "../../migrate/trace/record.ts";
import { type DirtyTrace, TraceReader } from "../../migrate/trace/trace.ts";
import { bootLone, loneGuest, loneVm } from "../../vmm/lone-vm.ts";

export interface TracedGuestOptions {
  readonly kernel: Uint8Array;
  readonly initrd?: Uint8Array | undefined;
  readonly bootArgs?: string | undefined;
  readonly memoryBytes: number;
  readonly mips: number;
  /** The trace begins when the console has shown this, if it is given, and so long after that. */
  readonly until?: RegExp | undefined;
  readonly settleNs: number;
  readonly intervalNs: number;
  readonly intervals: number;
  readonly onConsole?: ((bytes: Uint8Array) => void) | undefined;
}

const CORE_BYTES = 3 * 2 ** 30;
const STEP_NS = 10e6;
/** A guest that has not said it by then never will. */
const UNTIL_NS_MAX = 600e9;

/** Boots a guest, and takes its trace. Throws `WV_GUEST` if it ends before. */
export async function recordGuest(options: TracedGuestOptions): Promise<DirtyTrace> {
  const { intervalNs, intervals } = options;
  const core = await loadCore(await compileCore(), { wallTicks: () => 0 }, CORE_BYTES);
  let text = "";
  const decoder = new TextDecoder();
  const vm = loneVm(core, {
    memoryBytes: options.memoryBytes,
    mips: options.mips,
    onConsole: (bytes) => {
      options.onConsole?.(bytes);
      // What was looked for may be cut by a piece of output, but is not longer than this.
      text = (text + decoder.decode(bytes, { stream: true })).slice(-65_536);
    },
  });
  try {
    bootLone(vm, options);
    const run = (ns: number): number => {
      vm.runFor(ns);
      if (vm.end) throw new WasmvisorError("WV_GUEST", "the guest ended before its trace did");
      return ns;
    };
    for (let ns = 0; options.until && !options.until.test(text); ns += STEP_NS) {
      run(STEP_NS);
      if (ns > UNTIL_NS_MAX)
        throw new WasmvisorError("WV_GUEST", `the guest never printed ${options.until}`);
    }
    if (options.settleNs > 0) run(options.settleNs);
    const reader = new TraceReader("the trace");
    const onBytes = (bytes: Uint8Array): void => reader.push(bytes);
    await runTask(recordTrace(loneGuest(vm), { intervalNs, intervals, run, onBytes }));
    return reader.finish();
  } finally {
    vm.destroy();
  }
}
