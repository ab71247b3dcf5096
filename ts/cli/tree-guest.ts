/** Options of commands that make a guest: what it is made of, and what it is connected to. */
import type { Command } from "commander";

/** For options that may be given several times. */
export const several = (value: string, before: string[] = []): string[] => [...before, value];

/** What `createOptions` in guest-options.ts reads; `memory`: how much there is if nobody says. */
export function guestOptions(command: Command, memory: string): Command {
  return command
    .option("--image <name>", "an image that `wasmvisor image pull` has fetched, e.g. debian")
    .option("--kernel <file>", "a Linux Image, or an ELF file that expects SBI firmware below it")
    .option(
      "--bare <elf>",
      "an ELF file that owns M-mode (HTIF understood), or firmware of a kernel",
    )
    .option("--dtb <file>", "a device tree in place of the machine's own")
    .option("--initrd <file>", "initial RAM disk")
    .option("--append <string>", "kernel command line; added to an image's own")
    .option(
      "--disk <file[,format=F][,ro][,overlay]>",
      "a disk: a raw or qcow2 image, pool:FILE/VOLUME, or nbd://HOST:PORT/EXPORT (repeatable)",
      several,
    )
    .option("--share <dir:tag[,ro]>", "a directory to mount by virtio-9p (repeatable)", several)
    .option(
      "--net <network[,mac=..][,mtu=..][,vlan=..][,forward=..][,rate=..][,loss=..][,latency=..][,jitter=..]>",
      "a network card (repeatable): user, lan, switch=NAME or none; forward=tcp:2222:22, rate=10Mbit, loss=1%",
      several,
    )
    .option("--memory <size>", `RAM (default: ${memory})`)
    .option("--cpus <n>", "vCPUs, 1 to 8 (default: 1)")
    .option("--clock <wall|virtual>", "whose time the guest sees (default: wall)")
    .option("--mips <n>", "speed of a virtual clock, a multiple of 10 (default: 500)")
    .option("--seed <n>", "seed of all randomness that the guest is given");
}
