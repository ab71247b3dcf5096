/** The command lines of our machine and of QEMU's for the same Linux guest. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type ResolvedImage, resolveImage } from "../ts/image/store.ts";
import type { Command, TimeSource } from "./machine-run.ts";

/** What every suite is told. */
export interface BenchOptions {
  /** The root of the package. */
  readonly root: string;
  /** How often; undefined means as often as the suite finds right. */
  readonly runs: number | undefined;
  /** Names of rows; empty means all. */
  readonly only: readonly string[];
  /** Further options of `wasmvisor run`, such as `--engine interpreter`. */
  readonly runOptions: readonly string[];
  /** Seconds after which one run counts as hung. */
  readonly timeoutSec: number;
  readonly time: TimeSource;
  /** `quick` does a small part of the work: to see that a suite runs, not how fast. */
  readonly size: "whole" | "quick";
  /** `leave`: only our half of each row. */
  readonly peers?: "run" | "leave" | undefined;
  readonly log: (line: string) => void;
}

export interface LinuxGuest {
  readonly kernel: string;
  readonly initrd: string;
  readonly cmdline: string;
  readonly memoryMiB: number;
}

export const QEMU = "qemu-system-riscv64";
/** QEMU's name in rows. */
export const QEMU_TCG = "qemu-tcg";

export const hasQemu = (options: BenchOptions): boolean => {
  if (options.peers === "leave") return false;
  const has = spawnSync(QEMU, ["--version"]).status === 0;
  if (!has) options.log(`${QEMU} is not installed: figures without that peer`);
  return has;
};

export function cliOf(root: string): string {
  const cli = join(root, "dist/ts/cli/main.js");
  if (!existsSync(cli)) throw new Error(`${cli} is missing: npm run build`);
  return cli;
}

/** Debian's kernel as the product pulls it: its own command knows what belongs into the image. */
export async function provideImage({ root, log }: BenchOptions): Promise<ResolvedImage> {
  const pull = [cliOf(root), "image", "pull", "debian"];
  log(`kernel: ${execFileSync(process.execPath, pull, { encoding: "utf8" }).trim()}`);
  return await resolveImage("debian");
}

export function ourLinux(guest: LinuxGuest, options: BenchOptions): Command {
  return {
    program: process.execPath,
    args: [
      [cliOf(options.root), "run", "--kernel", guest.kernel, "--initrd", guest.initrd],
      ["--append", guest.cmdline, "--memory", `${guest.memoryMiB}MiB`, "--clock", "wall"],
      options.runOptions,
    ].flat(),
  };
}

export function qemuLinux(guest: LinuxGuest): Command {
  return {
    program: QEMU,
    args: [
      ["-M", "virt", "-m", `${guest.memoryMiB}M`, "-bios", "default", "-nographic", "-no-reboot"],
      ["-kernel", guest.kernel, "-initrd", guest.initrd, "-append", guest.cmdline],
    ].flat(),
  };
}
