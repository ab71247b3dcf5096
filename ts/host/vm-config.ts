/** What a vm is asked to be, and what follows from it. */
import { decodeState, encodeState, type Plain } from "../base/codec.ts";
import { WasmvisorError } from "../base/errors.ts";
import { Random } from "../base/random.ts";
import { parseSize } from "../base/units.ts";
import type { BlockBackend } from "../machine/block.ts";
import { StateFields } from "../machine/state-fields.ts";
import { DISK_FORMATS, type DiskFormat } from "../storage/disk-format.ts";
import { MovableDisk } from "../storage/movable-disk.ts";
import { Overlay } from "../storage/overlay.ts";
import type { ConsoleKind } from "../vmm/board.ts";
import type { ClockMode } from "../vmm/vm-clock.ts";
import { giveBack, lease } from "./disk-leases.ts";
import type { FileSource } from "./files.ts";
import {
  decodeNics,
  type NetworkOptions,
  type NicConfig,
  resolveNics,
} from "./networks/nic-config.ts";

const CONFIG_VERSION = 1;
const PAGE_BYTES = 4096;
const MEMORY_BYTES_MIN = 1 << 20;
const MEMORY_BYTES_MAX = 3.75 * 2 ** 30;
const VCPUS_MAX = 8;
/** The machine has eight places for virtio devices; one is for entropy, one may be for the console. */
const DEVICES_MAX = 6;
const NAME_CHARS_MAX = 64;
const SEEN_MAX = 64;

/** A disk in a file, or one of your own. */
export type DiskSource =
  | BlockBackend
  | {
      /** A file, or `nbd://HOST:PORT/EXPORT`: an export that several hosts reach is one that guests can move with. */
      readonly path: string;
      /** Of a file: `raw` or `qcow2`. Default: raw, unless it looks like a qcow2 image, which is refused. */
      readonly format?: DiskFormat | undefined;
      readonly readOnly?: boolean | undefined;
      /** Writes stay in memory; the file is not touched. */
      readonly overlay?: boolean | undefined;
    };

/** A directory of the host that the guest may mount: `mount -t 9p -o trans=virtio,version=9p2000.L TAG DIR`. */
export interface ShareSource {
  readonly path: string;
  /** Its name in the guest: letters, digits, `.`, `_`, `-`. */
  readonly tag: string;
  readonly readOnly?: boolean | undefined;
}

/** Options of {@link Host.createVm}. */
export interface CreateVmOptions {
  /** Unique on its host: letters, digits, `.`, `_`, `-`. Default: `vm1`, `vm2`, ... */
  readonly name?: string | undefined;
  /** An image that `wasmvisor image pull` has fetched, for instance `debian`. */
  readonly image?: string | undefined;
  /** A Linux `Image`, or an ELF file that expects SBI firmware below it. */
  readonly kernel?: FileSource | undefined;
  readonly initrd?: FileSource | undefined;
  /**
   * An ELF file that owns M-mode: no firmware of ours, HTIF understood. With `kernel` or `image`, too, it is
   * firmware (or a raw one, for the start of RAM) that goes on to that kernel.
   */
  readonly bare?: FileSource | undefined;
  /** A device tree of your own, instead of the one that describes this machine. */
  readonly dtb?: FileSource | undefined;
  /** Kernel command line; with `image` it is added to the image's own. */
  readonly append?: string | undefined;
  /** RAM: bytes, or for instance `"256MiB"`, which is also the default. */
  readonly memory?: number | string | undefined;
  /** 1 (default) to 8. */
  readonly vcpus?: number | undefined;
  readonly disks?: readonly DiskSource[] | undefined;
  readonly shares?: readonly ShareSource[] | undefined;
  /** `wall` (default): the guest's clock is the host's. `virtual`: it counts what the guest did. */
  readonly clock?: ClockMode | undefined;
  /** Speed in virtual time, millions of instructions a second; a multiple of 10, default 500. */
  readonly mips?: number | undefined;
  /** Seed of all randomness that the guest is given. Default: the host's, split by name. */
  readonly seed?: number | undefined;
  /** `uart` (default) or `virtio`. */
  readonly console?: ConsoleKind | undefined;
  /** Network cards; none by default. */
  readonly networks?: readonly NetworkOptions[] | undefined;
}

/** A disk as its vm's twin on another host finds it again. */
export interface DiskConfig {
  /** Absent for disks that exist only in this process. */
  readonly path?: string | undefined;
  readonly format?: DiskFormat | undefined;
  readonly readOnly: boolean;
  readonly overlay: boolean;
}

/** A shared directory as its vm's twin finds it again: its content must be there, too. */
export interface ShareConfig {
  /** Where it is at the host that made the vm; other hosts may have it elsewhere. */
  readonly path: string;
  readonly tag: string;
  readonly readOnly: boolean;
  /** Some files in it that the guest holds when its config is sent, `a/b`. */
  readonly seen?: readonly string[] | undefined;
}

/** A vm in plain data: enough to build a twin that takes its state. */
export interface VmConfig {
  readonly name: string;
  readonly memoryBytes: number;
  readonly vcpus: number;
  readonly clock: ClockMode;
  readonly mips: number;
  readonly seed: number;
  readonly console: ConsoleKind;
  readonly isBare: boolean;
  readonly disks: readonly DiskConfig[];
  readonly shares: readonly ShareConfig[];
  readonly networks: readonly NicConfig[];
}

function check(isGood: boolean, what: string, got: unknown): void {
  if (!isGood) throw new WasmvisorError("WV_CONFIG", `${what}, got ${JSON.stringify(got)}`);
}

/** Options with their defaults, checked. Throws `WV_CONFIG` naming the option. */
export function resolveVmConfig(
  options: CreateVmOptions,
  defaults: { readonly name: string; readonly seed: number },
): VmConfig {
  const { clock = "wall", mips = 500, vcpus = 1, memory = "256MiB" } = options;
  const memoryBytes = typeof memory === "number" ? memory : parseSize(memory, "memory");
  const seed = options.seed ?? defaults.seed;
  const config: VmConfig = {
    name: options.name ?? defaults.name,
    memoryBytes,
    vcpus,
    clock,
    mips,
    seed,
    console: options.console ?? "uart",
    isBare: options.bare !== undefined,
    disks: (options.disks ?? []).map(diskConfig),
    shares: (options.shares ?? []).map(({ path, readOnly = false, tag }) => ({
      path,
      tag,
      readOnly,
    })),
    networks: resolveNics(options.networks, new Random(defaults.seed).split("networks")),
  };
  checkConfig(config);
  return config;
}

function diskConfig(disk: DiskSource): DiskConfig {
  if ("path" in disk)
    return {
      path: disk.path,
      ...(disk.format === undefined ? {} : { format: disk.format }),
      readOnly: disk.readOnly ?? false,
      overlay: disk.overlay ?? false,
    };
  return { readOnly: disk.readOnly, overlay: disk instanceof Overlay };
}

function checkConfig(config: VmConfig): void {
  checkSlots(config);
  const { clock, console, memoryBytes, mips, name, seed, vcpus } = config;
  check(
    /^[\w.-]+$/.test(name) && name.length <= NAME_CHARS_MAX,
    "name: expected 1 to 64 of A-Z a-z 0-9 . _ -",
    name,
  );
  check(
    Number.isSafeInteger(memoryBytes) && memoryBytes % PAGE_BYTES === 0,
    "memory: expected a multiple of 4 KiB",
    memoryBytes,
  );
  check(
    memoryBytes >= MEMORY_BYTES_MIN && memoryBytes <= MEMORY_BYTES_MAX,
    "memory: expected 1MiB to 3.75GiB",
    memoryBytes,
  );
  check(
    Number.isInteger(vcpus) && vcpus >= 1 && vcpus <= VCPUS_MAX,
    "vcpus: expected 1 to 8",
    vcpus,
  );
  check(clock === "wall" || clock === "virtual", "clock: expected wall or virtual", clock);
  check(
    Number.isInteger(mips) && mips >= 10 && mips % 10 === 0,
    "mips: expected a multiple of 10",
    mips,
  );
  check(Number.isSafeInteger(seed) && seed >= 0, "seed: expected an integer from 0 on", seed);
  check(console === "uart" || console === "virtio", "console: expected uart or virtio", console);
  checkShares(config.shares);
  for (const { format } of config.disks)
    check(
      format === undefined || DISK_FORMATS.includes(format),
      "disks: format: expected raw or qcow2",
      format,
    );
}

function checkShares(shares: readonly ShareConfig[]): void {
  for (const [i, { path, tag }] of shares.entries()) {
    check(path !== "" && !path.includes("\0"), `shares[${i}].path: expected a path`, path);
    check(
      /^[\w.-]{1,31}$/.test(tag),
      `shares[${i}].tag: expected 1 to 31 of A-Z a-z 0-9 . _ -`,
      tag,
    );
    const isUnique = shares.findIndex((one) => one.tag === tag) === i;
    check(isUnique, `shares[${i}].tag: expected one of its own`, tag);
  }
}

function checkSlots({ disks, networks, shares }: VmConfig): void {
  const count = disks.length + networks.length + shares.length;
  check(count <= DEVICES_MAX, "disks, networks and shares: expected at most 6 together", count);
}

/** A config as bytes for a snapshot or a migration. */
export function encodeConfig(config: VmConfig): Uint8Array {
  return encodeState(config as unknown as Plain, CONFIG_VERSION);
}

/** The inverse; everything is checked. Throws `WV_BAD_SNAPSHOT` or `WV_CONFIG`. */
export function decodeConfig(bytes: Uint8Array): VmConfig {
  const fields = new StateFields("config", decodeState(bytes, { version: CONFIG_VERSION }));
  const config: VmConfig = {
    name: fields.text("name"),
    memoryBytes: fields.integer("memoryBytes", MEMORY_BYTES_MAX),
    vcpus: fields.integer("vcpus", VCPUS_MAX),
    clock: fields.text("clock") as ClockMode,
    mips: fields.integer("mips"),
    seed: fields.integer("seed", Number.MAX_SAFE_INTEGER),
    console: fields.text("console") as ConsoleKind,
    isBare: fields.flag("isBare"),
    disks: fields.objectsUpTo("disks", DEVICES_MAX).map((disk) => ({
      ...(disk.raw("path") === undefined ? {} : { path: disk.text("path") }),
      ...(disk.raw("format") === undefined ? {} : { format: disk.text("format") as DiskFormat }),
      readOnly: disk.flag("readOnly"),
      overlay: disk.flag("overlay"),
    })),
    shares: decodeShares(fields),
    networks: decodeNics(fields),
  };
  checkConfig(config);
  return config;
}

/** Configs of before there were shares have none. */
function decodeShares(fields: StateFields): ShareConfig[] {
  if (fields.raw("shares") === undefined) return [];
  return fields.objectsUpTo("shares", DEVICES_MAX).map((share) => ({
    path: share.text("path"),
    tag: share.text("tag"),
    readOnly: share.flag("readOnly"),
    seen: decodeSeen(share.raw("seen")),
  }));
}

function decodeSeen(value: unknown = []): string[] {
  const isList = Array.isArray(value) && value.length <= SEEN_MAX;
  check(isList && value.every((path) => typeof path === "string"), "shares.seen: paths", value);
  return value as string[];
}

/** Opens the disks of a vm: backends of the caller's own as they are, files by their paths. */
export async function openDisks(
  config: VmConfig,
  own: readonly (DiskSource | undefined)[] = [],
): Promise<BlockBackend[]> {
  const disks: BlockBackend[] = [];
  try {
    for (const [i, disk] of config.disks.entries()) {
      const given = own[i];
      if (given && !("path" in given)) disks.push(movable(given));
      else disks.push(await openFile(config, disk));
    }
  } catch (error) {
    for (const disk of disks) giveBack(disk);
    throw error;
  }
  return disks;
}

/** Disks that keep their state in memory take it along themselves. */
function movable(disk: BlockBackend): BlockBackend {
  return disk instanceof MovableDisk || "save" in disk ? disk : new MovableDisk(disk);
}

async function openFile(vm: VmConfig, disk: DiskConfig): Promise<BlockBackend> {
  if (disk.path === undefined)
    throw new WasmvisorError(
      "WV_DISK",
      `${vm.name}: a disk exists only in the process that made it; give it a file that both hosts can open`,
    );
  const { besideGuest, openPath } = await import("./disks.ts");
  const { format, overlay, path, readOnly } = disk;
  const opened = await openPath({ path, format, readOnly: readOnly || overlay });
  const below = vm.clock === "wall" ? besideGuest(opened) : opened;
  const top = overlay ? new Overlay(below) : new MovableDisk(below);
  lease(top, below);
  return top;
}
