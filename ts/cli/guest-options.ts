/** Options that describe a guest, for `run` and `create`. */
import { resolve } from "node:path";
import type { CreateVmOptions } from "../host/vm-config.ts";
import * as parse from "./options.ts";

type Given = Readonly<Record<string, unknown>>;

/** Disks with absolute paths. */
export function disksOf(options: Given): parse.DiskOption[] {
  const given = (options["disk"] ?? []) as readonly string[];
  return given.map((one) => parse.disk(one)).map((one) => ({ ...one, path: resolve(one.path) }));
}

const path = (value: unknown): string | undefined =>
  value === undefined ? undefined : resolve(String(value));

/** What `Host.createVm` takes, from the options of a command line; paths are absolute. */
export function createOptions(
  options: Given,
  defaults: { readonly name: string; readonly memory?: string | undefined },
): CreateVmOptions & { readonly disks: parse.DiskOption[]; readonly bare?: string | undefined } {
  return {
    name: defaults.name,
    image: parse.text(options["image"]),
    kernel: path(options["kernel"]),
    bare: path(options["bare"]),
    initrd: path(options["initrd"]),
    append: parse.text(options["append"]),
    memory: parse.text(options["memory"]) ?? defaults.memory,
    vcpus: parse.integer(options["cpus"], "--cpus", 1),
    clock: parse.oneOf(options["clock"], ["wall", "virtual"], "--clock"),
    mips: parse.integer(options["mips"], "--mips", 1),
    seed: parse.integer(options["seed"], "--seed"),
    disks: disksOf(options),
  };
}
