/**
 * v86 as a peer: the emulator from npm, SeaBIOS and an i386 kernel from Debian, all fetched on
 * first use into the cache, none of it part of this package.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeCpio } from "../ts/image/cpio.ts";
import { benchCache, fetchPackages } from "./debian-packages.ts";
import type { Command } from "./machine-run.ts";
import type { BenchOptions } from "./machines.ts";

const V86_VERSION = "0.5.462";
/** The last release with kernels for i386. */
const SUITE = "bookworm";

export interface V86 {
  /** What the guest's first process is told on the kernel command line. */
  command(parameters: string): Command;
}

/** Throws when it cannot be had: no network, no npm, no apt. */
export async function provideV86(memoryMiB: number, options: BenchOptions): Promise<V86> {
  const { root, log } = options;
  const emulator = await provideEmulator(log);
  const system = await provideSystem(log);
  const initrd = join(benchCache(), `programs-${process.pid}.cpio`);
  await writeFile(initrd, await programsInitrd(root, "i386"));
  process.once("exit", () => void rm(initrd, { force: true }));
  const script = join(import.meta.dirname, "v86-main.js");
  return {
    command: (parameters) => ({
      program: process.execPath,
      args: [script, emulator, system, initrd, String(memoryMiB), parameters],
    }),
  };
}

/** An initramfs whose only program is the first process: our programs. */
export async function programsInitrd(
  root: string,
  machine: "riscv64" | "i386",
): Promise<Uint8Array> {
  const data = await readFile(join(root, `guests/bin/init/programs.${machine}`));
  return writeCpio([
    { type: "character-device", path: "dev/console", major: 5, minor: 1 },
    { type: "file", path: "init", data, executable: true },
  ]);
}

/** The folder of the npm package. */
async function provideEmulator(log: (line: string) => void): Promise<string> {
  const home = join(benchCache(), `v86-${V86_VERSION}`);
  const folder = join(home, "node_modules/v86");
  if (existsSync(join(folder, "build/v86.wasm"))) return folder;
  log(`fetching v86 ${V86_VERSION} from npm`);
  await mkdir(home, { recursive: true });
  const quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-save"];
  execFileSync("npm", ["install", "--prefix", home, ...quiet, `v86@${V86_VERSION}`], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return folder;
}

/** A folder with bios.bin, vgabios.bin and vmlinuz. */
async function provideSystem(log: (line: string) => void): Promise<string> {
  const folder = join(benchCache(), `debian-${SUITE}-i386`);
  if (existsSync(join(folder, "vmlinuz"))) return folder;
  const files = await fetchPackages(
    {
      names: ["linux-image-686", "seabios"],
      follow: (name) => /^linux-image-\d/.test(name),
      keep: (path) =>
        /^boot\/vmlinuz-|^usr\/share\/seabios\/(bios|vgabios-stdvga)\.bin$/.test(path),
    },
    { architecture: "i386", suite: SUITE, log },
  );
  const scratch = `${folder}.${process.pid}`;
  await mkdir(scratch, { recursive: true });
  for (const [name, pattern] of [
    ["bios.bin", /\/bios\.bin$/],
    ["vgabios.bin", /\/vgabios-stdvga\.bin$/],
    ["vmlinuz", /\/vmlinuz-/],
  ] as const) {
    const file = files.find(({ type, path }) => type === "file" && pattern.test(path));
    if (file?.type !== "file") throw new Error(`Debian ${SUITE}: no ${name} in its packages`);
    await writeFile(join(scratch, name), file.data);
  }
  await rm(folder, { recursive: true, force: true });
  await rename(scratch, folder);
  return folder;
}
