/** Options that describe a guest, for `run` and `create`. */
import { resolve } from "node:path";
import type { RemoteVmOptions } from "../host/daemon/client.ts";
import { absolutePoolPath, isPoolPath } from "../host/pools.ts";
import type { ShareSource } from "../host/vm-config.ts";
import { isNbdUrl } from "../storage/nbd/protocol.ts";
import type { Options } from "./context.ts";
import { networks } from "./network-option.ts";
import * as parse from "./options.ts";

/** A file, a volume of a pool in a file, or an export, which is the same wherever one is. */
function absoluteDisk(path: string): string {
  if (isNbdUrl(path)) return path;
  return isPoolPath(path) ? absolutePoolPath(path) : resolve(path);
}

/** Disks with absolute paths. */
export function disksOf(options: Options): parse.DiskOption[] {
  const given = (options.disk ?? []) as readonly string[];
  return given
    .map((one) => parse.disk(one))
    .map((one) => ({ ...one, path: absoluteDisk(one.path) }));
}

/** Shared directories with absolute paths. */
function sharesOf(options: Options): ShareSource[] {
  const given = (options.share ?? []) as readonly string[];
  return given.map((one) => parse.share(one)).map((one) => ({ ...one, path: resolve(one.path) }));
}

const path = (value: unknown): string | undefined =>
  value === undefined ? undefined : resolve(String(value));

/** What `Host.createVm` takes, from the options of a command line; paths are absolute. */
export function createOptions(
  options: Options,
  defaults: { readonly name: string; readonly memory?: string | undefined },
): RemoteVmOptions & { readonly disks: parse.DiskOption[] } {
  return {
    name: defaults.name,
    image: parse.text(options.image),
    kernel: path(options.kernel),
    bare: path(options.bare),
    initrd: path(options.initrd),
    dtb: path(options.dtb),
    append: parse.text(options.append),
    memory: parse.text(options.memory) ?? defaults.memory,
    vcpus: parse.integer(options.cpus, "--cpus", 1),
    clock: parse.oneOf(options.clock, ["wall", "virtual"], "--clock"),
    mips: parse.integer(options.mips, "--mips", 1),
    seed: parse.integer(options.seed, "--seed"),
    disks: disksOf(options),
    shares: sharesOf(options),
    networks: networks(options.net as readonly string[] | undefined),
  };
}
