// Builds the guest programs into guests/bin, or elsewhere: node scripts/build-guests.mjs [--out DIR]
// [--machine riscv64|i386].
// Needs Debian's gcc-riscv64-linux-gnu, and on x86-64 gcc for what is also built for i386; the
// same version gives the same bytes.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const guests = join(dirname(fileURLToPath(import.meta.url)), "..", "guests");

const { values } = parseArgs({
  options: { out: { type: "string", default: join(guests, "bin") }, machine: { type: "string" } },
});
const out = resolve(values.out);

const flags = [
  ["-std=gnu11", "-O2"],
  ["-ffreestanding", "-fno-builtin", "-fno-pie", "-fno-stack-protector", "-fno-common"],
  ["-fno-tree-loop-distribute-patterns", "-fno-asynchronous-unwind-tables", "-fno-ident"],
  ["-ffunction-sections", "-fdata-sections", "-Wall", "-Wextra", "-Werror"],
  [`-ffile-prefix-map=${guests}=.`, "-I."],
  ["-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none", "-Wl,--gc-sections"],
  ["-Wl,-z,max-page-size=4096", "-Wl,--no-warn-rwx-segments"],
].flat();

/** Debian's baseline with SSE2 for doubles, as any i386 distribution that cares has it. */
const i386Flags = "-m32 -march=i686 -msse2 -mfpmath=sse -fno-tree-vectorize".split(" ");
const machines = {
  riscv64: {
    prefix: "riscv64-linux-gnu-",
    flags: ["-march=rv64gc", "-mabi=lp64d", "-mcmodel=medany"],
    toolchain: "TOOLCHAIN",
  },
  i386: { prefix: "", flags: i386Flags, toolchain: "TOOLCHAIN.i386" },
};

const bareRuntime = ["start.S", "bare.c", "fdt.c", "paging.c", "common.c"];
const linuxRuntime = ["linux-start.S", "linux.c", "common.c"];
const i386Runtime = ["i386-start.S", "i386.c", "linux.c", "common.c"];
const inLib = (name) => `lib/${name}`;
const sourcesIn = (directory) =>
  readdirSync(join(guests, directory))
    .filter((name) => name.endsWith(".c"))
    .sort()
    .map((name) => `${directory}/${name}`);

const bare = (...sources) => ({
  machine: machines.riscv64,
  sources: [...bareRuntime.map(inLib), ...sources],
  // The cross compiler is for Linux and says so; these programs have none below them.
  flags: ["-U__linux__", "-Wl,-T,lib/guest.lds", "-Wl,-n"],
});
const linux = (...sources) => ({
  machine: machines.riscv64,
  sources: [...linuxRuntime.map(inLib), ...sources],
  flags: [],
});

const linuxI386 = (...sources) => ({
  machine: machines.i386,
  sources: [...i386Runtime.map(inLib), ...sources],
  flags: ["-fno-math-errno"],
});

const programs = {
  "hello.elf": bare("hello.c"),
  "dirtier.elf": bare("dirtier.c"),
  "kv.elf": bare("kv.c"),
  "pulse.elf": bare("pulse.c"),
  "kernels.elf": bare(...sourcesIn("kernels")),
  "mmu.elf": bare("mmu.c", "mmu-access.S"),
  "hypervisor.elf": bare("hypervisor/main.c", "hypervisor/enter.S", "hypervisor/guest.S"),
  "linux/dirty": linux("dirtier.c"),
  "linux/kvcheck": linux("kv.c"),
  "linux/kvm": linux("kvm/main.c", "hypervisor/guest.S"),
  "init/programs.riscv64": linux("-fno-math-errno", ...sourcesIn("linux")),
  "init/timed.riscv64": linux("timed.c"),
  "init/programs.i386": linuxI386(...sourcesIn("linux")),
};

const run = ({ prefix }, tool, args) =>
  execFileSync(prefix + tool, args, { cwd: guests, stdio: "inherit" });

/** The host's own gcc makes i386 code only on its big brother. */
const isWanted = (machine) =>
  values.machine === undefined
    ? machine.prefix !== "" || process.arch === "x64"
    : machine === machines[values.machine];

for (const [name, { machine, sources, flags: own }] of Object.entries(programs)) {
  if (!isWanted(machine)) continue;
  const file = join(out, name);
  mkdirSync(dirname(file), { recursive: true });
  run(machine, "gcc", [...machine.flags, ...flags, ...own, "-o", file, ...sources]);
  run(machine, "strip", ["--strip-debug", "--discard-all", "-R", ".comment", file]);
}

/** Which tools made the bytes: others make other bytes, and that is no fault. */
const versionOf = (tool) => execFileSync(tool, ["--version"], { encoding: "utf8" }).split("\n")[0];
for (const { prefix, toolchain } of Object.values(machines).filter(isWanted)) {
  const versions = ["gcc", "ld"].map((tool) => `${versionOf(prefix + tool)}\n`);
  writeFileSync(join(out, toolchain), versions.join(""));
}
