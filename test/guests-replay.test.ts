/**
 * The guest programs on a host of ours, in virtual time: what they print is what QEMU shows, to the
 * last digest and instruction count. `mmu` runs strictly, without what QEMU 7.2 must be forgiven.
 */
import { join } from "node:path";
import { expect, test } from "vitest";
import { Host } from "../ts/index.ts";
import { expectLines, guestBin, guestRuns } from "./guest-runs.ts";

test.each(guestRuns)(
  "$program $append",
  async (run) => {
    await using host = await Host.create({ memory: "256MiB" });
    const vm = await host.createVm({
      kernel: join(guestBin, run.program),
      append: run.append.replace(" tolerate=qemu", ""),
      memory: `${run.memoryMiB}MiB`,
      clock: "virtual",
    });
    await vm.start();
    const end = await vm.wait();
    expectLines(
      vm.console.text.split("\n").map((line) => line.trimEnd()),
      run.lines,
    );
    expect(end).toEqual(run.fails ? { type: "exit", status: 1 } : { type: "poweroff" });
  },
  300_000,
);
