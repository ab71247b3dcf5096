/**
 * The guest programs in guests/bin: their shape, and that the sources still make the same bytes
 * (where the cross compiler is installed).
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { guestBin } from "./guest-runs.ts";

const root = join(import.meta.dirname, "..");
const bin = guestBin;
const programs = readdirSync(bin, { recursive: true, encoding: "utf8", withFileTypes: true })
  .filter((entry) => entry.isFile() && !entry.name.startsWith("TOOLCHAIN"))
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
    "hypervisor.elf",
    "init/programs.i386",
    "init/programs.riscv64",
    "init/timed.riscv64",
    "kernels.elf",
    "kv.elf",
    "linux/dirty",
    "linux/kvcheck",
    "linux/kvm",
    "mmu.elf",
    "pulse.elf",
  ]);
});

const isI386 = (name: string): boolean => name.endsWith(".i386");

test.each(programs)("%s is a small static ELF without traces of where it was built", (name) => {
  const bytes = readFileSync(join(bin, name));
  const bits = isI386(name) ? 1 : 2; // ELFCLASS32, ELFCLASS64
  expect(bytes.subarray(0, 6)).toEqual(Buffer.from([0x7f, 0x45, 0x4c, 0x46, bits, 1]));
  expect(bytes.readUInt16LE(16)).toBe(2); // ET_EXEC
  expect(bytes.readUInt16LE(18)).toBe(isI386(name) ? 3 : 243); // EM_386, EM_RISCV
  if (name.endsWith(".elf")) expect(bytes.readBigUInt64LE(24)).toBe(0x80200000n);
  expect(bytes.length).toBeLessThan(48 * 1024);
  for (const trace of ["GCC: (", "/guests/", "/tmp/"]) expect(bytes.includes(trace)).toBe(false);
});

const machines = [
  { machine: "riscv64", toolchain: "TOOLCHAIN", prefix: "riscv64-linux-gnu-" },
  { machine: "i386", toolchain: "TOOLCHAIN.i386", prefix: "" },
].map(({ machine, toolchain, prefix }) => ({
  machine,
  madeBy: readFileSync(join(bin, toolchain), "utf8").trim(),
  installed: ["gcc", "ld"].map((tool) => versionOf(prefix + tool)).join("\n"),
}));

for (const { machine, madeBy, installed } of machines) {
  test.skipIf(installed !== madeBy)(
    `the sources make the same bytes with ${madeBy.replace("\n", ", ")}`,
    () => {
      const out = mkdtempSync(join(tmpdir(), "guests-"));
      try {
        const script = join(root, "scripts/build-guests.mjs");
        execFileSync(process.execPath, [script, "--out", out, "--machine", machine]);
        const different = programs
          .filter((name) => isI386(name) === (machine === "i386"))
          .filter((name) => !readFileSync(join(bin, name)).equals(readFileSync(join(out, name))));
        expect(different).toEqual([]);
      } finally {
        rmSync(out, { recursive: true, force: true });
      }
    },
    300_000,
  );
}
