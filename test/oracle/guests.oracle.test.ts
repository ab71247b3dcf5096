/** The guest programs in QEMU print what guests/expected says: the reference that ours is held to. */
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { expectLines, guestBin, guestRuns } from "../guest-runs.ts";

interface QemuRun {
  readonly program: string;
  readonly append: string;
  readonly memoryMiB: number;
  /** instructions: a nanosecond each, so that counts are exact. */
  readonly clock: "instructions" | "wall";
}

/** What the guest printed, after the firmware's banner. */
const consoleOf = (run: QemuRun): string[] => {
  const text = execFileSync(
    "qemu-system-riscv64",
    [
      [
        "-M",
        "virt",
        "-cpu",
        "rv64,h=true",
        "-m",
        String(run.memoryMiB),
        "-bios",
        "default",
        "-nographic",
      ],
      ["-kernel", join(guestBin, run.program), "-append", run.append],
      run.clock === "instructions" ? ["-icount", "shift=0"] : [],
    ].flat(),
    { encoding: "utf8", timeout: 300_000, stdio: ["ignore", "pipe", "pipe"] },
  );
  const lines = text.split("\n").map((line) => line.trimEnd());
  return lines.slice(lines.findIndex((line) => line.startsWith("Boot HART MEDELEG")) + 1);
};

const hasQemu = spawnSync("qemu-system-riscv64", ["--version"]).status === 0;

describe.skipIf(!hasQemu)(
  "in QEMU (skipped unless installed: apt install qemu-system-misc)",
  () => {
    test.each(guestRuns)(
      "$program $append",
      (run) => {
        const printed = consoleOf({ ...run, clock: "instructions" });
        expectLines(printed, run.lines);
      },
      300_000,
    );

    test("the dirtier writes at its rate and beats its heart", () => {
      const append = "fill=16MiB ws=4MiB rate=20000 pattern=hotcold duration=300 heartbeat=50";
      const printed = consoleOf({
        program: "dirtier.elf",
        append,
        memoryMiB: 64,
        clock: "wall",
      });
      expect(printed.filter((line) => /^hb \d+ \d+$/.test(line)).length).toBeGreaterThanOrEqual(2);
      const [, writes, us] = /^done (\d+) writes in (\d+) us$/m.exec(printed.join("\n")) ?? [];
      expect(Number(us)).toBeGreaterThanOrEqual(300_000);
      const rate = (Number(writes) / Number(us)) * 1e6;
      expect(rate).toBeLessThan(20_100);
      expect(rate).toBeGreaterThan(10_000); // What a stalled machine misses is dropped after 50 ms.
    }, 300_000);
  },
);
