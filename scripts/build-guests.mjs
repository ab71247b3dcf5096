// Builds the guest programs into guests/bin, or elsewhere: node scripts/build-guests.mjs [--out DIR]
// Needs Debian's gcc-riscv64-linux-gnu; the same version gives the same bytes.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const cross = "riscv64-linux-gnu-";
const guests = join(dirname(fileURLToPath(import.meta.url)), "..", "guests");

const outAt = process.argv.indexOf("--out");
const out = resolve(outAt > 0 ? (process.argv[outAt + 1] ?? "") : join(guests, "bin"));

const flags = [
  ["-std=gnu11", "-O2", "-march=rv64gc", "-mabi=lp64d", "-mcmodel=medany"],
  ["-ffreestanding", "-fno-builtin", "-fno-pie", "-fno-stack-protector", "-fno-common"],
  ["-fno-tree-loop-distribute-patterns", "-fno-asynchronous-unwind-tables", "-fno-ident"],
  ["-ffunction-sections", "-fdata-sections", "-Wall", "-Wextra", "-Werror"],
  [`-ffile-prefix-map=${guests}=.`, "-I."],
  ["-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none", "-Wl,--gc-sections"],
  ["-Wl,-z,max-page-size=4096", "-Wl,--no-warn-rwx-segments"],
].flat();

const bareRuntime = ["start.S", "bare.c", "fdt.c", "paging.c", "common.c"];
const linuxRuntime = ["linux-start.S", "linux.c", "common.c"];
const inLib = (name) => `lib/${name}`;
const kernels = readdirSync(join(guests, "kernels"))
  .filter((name) => name.endsWith(".c"))
  .sort()
  .map((name) => `kernels/${name}`);

const bare = (...sources) => ({
  sources: [...bareRuntime.map(inLib), ...sources],
  // The cross compiler is for Linux and says so; these programs have none below them.
  flags: ["-U__linux__", "-Wl,-T,lib/guest.lds", "-Wl,-n"],
});
const linux = (...sources) => ({
  sources: [...linuxRuntime.map(inLib), ...sources],
  flags: [],
});

const programs = {
  "hello.elf": bare("hello.c"),
  "dirtier.elf": bare("dirtier.c"),
  "kv.elf": bare("kv.c"),
  "kernels.elf": bare(...kernels),
  "mmu.elf": bare("mmu.c", "mmu-access.S"),
  "hypervisor.elf": bare("hypervisor/main.c", "hypervisor/enter.S", "hypervisor/guest.S"),
  "linux/dirty": linux("dirtier.c"),
  "linux/kvcheck": linux("kv.c"),
  "linux/kvm": linux("kvm/main.c", "hypervisor/guest.S"),
};

const run = (tool, args) => execFileSync(cross + tool, args, { cwd: guests, stdio: "inherit" });

for (const [name, program] of Object.entries(programs)) {
  const file = join(out, name);
  mkdirSync(dirname(file), { recursive: true });
  run("gcc", [...flags, ...program.flags, "-o", file, ...program.sources]);
  run("strip", ["--strip-debug", "--discard-all", "-R", ".comment", file]);
}

/** Which tools made the bytes: others make other bytes, and that is no fault. */
const versionOf = (tool) =>
  execFileSync(cross + tool, ["--version"], { encoding: "utf8" }).split("\n")[0];
writeFileSync(join(out, "TOOLCHAIN"), `${versionOf("gcc")}\n${versionOf("ld")}\n`);
