/**
 * The guest programs in guests/bin: their shape, that the sources still make the same bytes
 * (where the cross compiler is installed) and that they print what they should (where QEMU is).
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { expectLines, guestBin, guestRuns } from "./guest-runs.ts";

const root = join(import.meta.dirname, "..");
const bin = guestBin;
const programs = readdirSync(bin, { recursive: true, encoding: "utf8", withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name !== "TOOLCHAIN")
  .map((entry) => join(entry.parentPath, entry.name).slice(bin.length + 1))
  .sort();

const versionOf = (tool: string): string | undefined => {
  const result = spawnSync(tool, ["--version"], { encoding: "utf8" });
  return result.status === 0 ? result.stdout.split("\n")[0] : undefined;
};

test("there is a prebuilt program for each guest", () => {
  expect(programs).toEqual([
    "dirtier.elf",
    "hello.elf",
    "kernels.elf",
    "kv.elf",
    "linux/dirty",
    "linux/kvcheck",
    "mmu.elf",
  ]);
});

test.each(programs)(
  "%s is a small static RV64 ELF without traces of where it was built",
  (name) => {
    const bytes = readFileSync(join(bin, name));
    expect(bytes.subarray(0, 6)).toEqual(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]));
    expect(bytes.readUInt16LE(16)).toBe(2); // ET_EXEC
    expect(bytes.readUInt16LE(18)).toBe(243); // EM_RISCV
    if (name.endsWith(".elf")) expect(bytes.readBigUInt64LE(24)).toBe(0x80200000n);
    expect(bytes.length).toBeLessThan(48 * 1024);
    for (const trace of ["GCC: (", "/guests/", "/tmp/"]) expect(bytes.includes(trace)).toBe(false);
  },
);

const madeBy = readFileSync(join(bin, "TOOLCHAIN"), "utf8").trim();
const installed = ["gcc", "ld"].map((tool) => versionOf(`riscv64-linux-gnu-${tool}`)).join("\n");

test.skipIf(installed !== madeBy)(
  `the sources make the same bytes with ${madeBy.replace("\n", ", ")}`,
  () => {
    const out = mkdtempSync(join(tmpdir(), "guests-"));
    try {
      execFileSync(process.execPath, [join(root, "scripts/build-guests.mjs"), "--out", out]);
      const different = programs.filter(
        (name) => !readFileSync(join(bin, name)).equals(readFileSync(join(out, name))),
      );
      expect(different).toEqual([]);
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  },
  60_000,
);

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
      ["-M", "virt", "-m", String(run.memoryMiB), "-bios", "default", "-nographic"],
      ["-kernel", join(bin, run.program), "-append", run.append],
      run.clock === "instructions" ? ["-icount", "shift=0"] : [],
    ].flat(),
    { encoding: "utf8", timeout: 60_000, stdio: ["ignore", "pipe", "pipe"] },
  );
  const lines = text.split("\n").map((line) => line.trimEnd());
  return lines.slice(lines.findIndex((line) => line.startsWith("Boot HART MEDELEG")) + 1);
};

const hasQemu = versionOf("qemu-system-riscv64") !== undefined;

describe.skipIf(!hasQemu)("in QEMU", () => {
  test.each(guestRuns)(
    "$program $append",
    (run) => {
      const printed = consoleOf({ ...run, clock: "instructions" });
      expectLines(printed, run.lines);
    },
    60_000,
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
  }, 60_000);
});
