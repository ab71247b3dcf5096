/**
 * `wasmvisor image pull debian`: an unmodified Debian kernel for riscv64 with an initramfs, put
 * together on this machine from packages that its own apt fetched and verified.
 *
 *   pullDebian(options)        -> ImageManifest     here
 *   listImages(options)        -> ImageManifest[]   ts/image/store.ts
 *   resolveImage(name, options) -> ResolvedImage    ts/image/store.ts
 *   removeImage(name, options) -> full name         ts/image/store.ts
 *
 * Linux and busybox are GPL-2.0 programs of their authors. They never enter this package: whoever
 * pulls gets them from Debian, who offers their source.
 */
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { WasmvisorError } from "../base/errors.ts";
import { readApplets } from "./applets.ts";
import { type Apt, type DebianPackage, openApt } from "./apt.ts";
import { compareText } from "./cpio.ts";
import { readDeb, unxz } from "./deb.ts";
import { DEFAULT_MODULES, INIT_SCRIPT } from "./init-script.ts";
import { buildInitramfs, type KernelModule, type Program } from "./initramfs.ts";
import { insertionOrder, moduleName, readModuleInfo } from "./module-info.ts";
import {
  type ImageManifest,
  imagesDirectory,
  listImages,
  resolveImage,
  type StoreOptions,
  setAlias,
  sha256,
  storeImage,
  sweepLeftovers,
} from "./store.ts";
import { stripModule } from "./strip-module.ts";

/** Changes when equal packages would give another image. */
const BUILDER_VERSION = 1;
const MODULE_BYTES_MAX = 64 * 1024 * 1024;
const PROGRAM_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Start-up work that a machine of this kind does not need, counted up to the first instruction of
 * /init (measured: QEMU 7.2, -icount, 512 MiB; printk's clock).
 */
const SKIPPED_INITCALLS = [
  "jent_mod_init", // Self-test of an entropy source: the boot loader's seed is trusted.
  "btf_vmlinux_init", // Shows /sys/kernel/btf; nothing here reads it.
  "trace_eval_init", // Spells out enum names in trace event formats: 82 M instructions.
  "load_system_certificate_list", // Keys for signed modules; ours are unsigned: 26 M.
  "check_unaligned_access_all_cpus", // Times misaligned loads against the clock: 23 M.
  "bpf_tcp_ca_kfunc_init", // BPF congestion control; reads all type information first: 15 M.
  "slab_sysfs_init", // /sys/kernel/slab; /proc/slabinfo stays: 10 M.
  "blake2s_mod_init", // Nothing but a self-test: 7 M.
];

/**
 * Kernel command line of a pulled image; callers append to it, and the last word counts. Measured
 * up to /init: 139 M instructions instead of 848 M with "console=ttyS0" alone, half of which are
 * crypto self-tests. `init_on_alloc=0` keeps pages that nobody uses clean, 5 M.
 */
const DEFAULT_CMDLINE = [
  "console=ttyS0",
  "cryptomgr.notests",
  `initcall_blacklist=${SKIPPED_INITCALLS.join(",")}`,
  "random.trust_bootloader=on",
  "init_on_alloc=0",
].join(" ");

/** How far a pull is. `done` of `total` in the unit that fits the phase. */
export interface PullProgress {
  readonly phase: "index" | "download" | "unpack" | "build";
  readonly done: number;
  readonly total: number;
}

export interface PullOptions extends StoreOptions {
  /** An archive's URL; by default the Debian archive that this machine's apt uses. */
  readonly mirror?: string | undefined;
  /** Code name of the release; default "trixie", the first with riscv64. */
  readonly suite?: string | undefined;
  /** `cached` (default): an image of this recipe is up to date; `always`: ask the archive. */
  readonly refresh?: "cached" | "always" | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: PullProgress) => void) | undefined;
  readonly log?: ((line: string) => void) | undefined;
}

/**
 * Pulls the newest Debian kernel, or says that the image at hand is up to date. Safe to repeat, to
 * interrupt, and to run several times at once: an image is there whole or not at all. An abort
 * leaves the images as they were.
 *
 * Throws `WV_ABORTED` with the signal's reason as cause, `WV_MISSING` when this machine lacks apt or Debian's keyring, `WV_NETWORK` when the
 * archive cannot be reached or its signatures do not fit, `WV_BAD_IMAGE` for damaged packages.
 */
export async function pullDebian(options: PullOptions = {}): Promise<ImageManifest> {
  const { signal, log, mirror } = options;
  const suite = options.suite ?? "trixie";
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(suite)) {
    throw new WasmvisorError("WV_CONFIG", `image pull: suite expected a name, got "${suite}"`);
  }
  if (mirror !== undefined && !/^(https?|file):\/\/[^\s[\]"]+$/.test(mirror)) {
    throw new WasmvisorError("WV_CONFIG", `image pull: mirror expected a URL, got "${mirror}"`);
  }
  const programs = await ownPrograms();
  const recipe = recipeOf(suite, programs);
  const known = await findImage(options, (image) => image.recipe === recipe);
  if (known && options.refresh !== "always") return await upToDate(known, options);
  const images = imagesDirectory(options);
  await mkdir(images, { recursive: true });
  const scratch = await mkdtemp(join(images, ".new-"));
  try {
    await sweepLeftovers(scratch, options);
    options.onProgress?.({ phase: "index", done: 0, total: 1 });
    const apt = await openApt({ scratch, mirror, suite, signal, log });
    const { kernel, busybox } = await choosePackages(apt);
    const same = await findImage(
      options,
      (image) => image.recipe === recipe && isMadeOf(image, [kernel, busybox]),
    );
    if (same) return await upToDate(same, options);
    const debs = await download(apt, [kernel, busybox], options);
    return await build({ kernel, busybox, debs, programs, recipe, suite }, options);
  } catch (error) {
    if (!signal?.aborted) throw error;
    throw new WasmvisorError("WV_ABORTED", "image pull: aborted", { cause: signal.reason });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function findImage(
  options: PullOptions,
  fits: (image: ImageManifest) => boolean,
): Promise<ImageManifest | undefined> {
  for (const image of (await listImages(options)).filter(fits).reverse()) {
    const isSound = await resolveImage(image.name, options).then(
      () => true,
      () => false,
    );
    if (isSound) return image;
  }
  return undefined;
}

async function upToDate(image: ImageManifest, options: PullOptions): Promise<ImageManifest> {
  await setAlias(image.name, options);
  options.log?.(`up to date: ${image.name}`);
  return image;
}

function isMadeOf(image: ImageManifest, packages: readonly DebianPackage[]): boolean {
  return packages.every(({ sha256: hash }) => image.packages.some((one) => one.sha256 === hash));
}

/** The kernel that `linux-image-riscv64` stands for today, and busybox. */
async function choosePackages(
  apt: Apt,
): Promise<{ kernel: DebianPackage; busybox: DebianPackage }> {
  const meta = await apt.show("linux-image-riscv64");
  const name = /(?:^|[\s,])(linux-image-\d[^\s,(]*-riscv64)/.exec(meta.depends)?.[1];
  if (name === undefined) {
    throw new WasmvisorError(
      "WV_MISSING",
      `image pull: linux-image-riscv64 names no kernel, it depends on "${meta.depends}"`,
    );
  }
  return { kernel: await apt.show(name), busybox: await apt.show("busybox-static") };
}

/** Downloads and checks the packages; their bytes by package name. */
async function download(
  apt: Apt,
  packages: readonly DebianPackage[],
  options: PullOptions,
): Promise<Map<string, Buffer>> {
  const total = packages.reduce((sum, { bytes }) => sum + bytes, 0);
  options.log?.(`downloading ${packages.map(({ name }) => name).join(", ")}`);
  options.onProgress?.({ phase: "download", done: 0, total });
  const directory = await apt.download(packages, (percent) => {
    const done = Math.min(total, Math.round((total * percent) / 100));
    options.onProgress?.({ phase: "download", done, total });
  });
  const debs = new Map<string, Buffer>();
  for (const file of await readdir(directory)) {
    const one = packages.find(({ name }) => file.startsWith(`${name}_`));
    if (!one) continue;
    const bytes = await readFile(join(directory, file));
    if (bytes.length !== one.bytes || sha256(bytes) !== one.sha256) {
      throw new WasmvisorError("WV_NETWORK", `image pull: "${file}" is not what the index says`);
    }
    debs.set(one.name, bytes);
  }
  return debs;
}

interface Ingredients {
  readonly kernel: DebianPackage;
  readonly busybox: DebianPackage;
  readonly debs: Map<string, Buffer>;
  readonly programs: readonly Program[];
  readonly recipe: string;
  readonly suite: string;
}

async function build(from: Ingredients, options: PullOptions): Promise<ImageManifest> {
  const { signal, onProgress } = options;
  const kernelRelease = from.kernel.name.replace(/^linux-image-/, "");
  onProgress?.({ phase: "unpack", done: 0, total: 2 });
  const kernelFiles = await readDeb(debOf(from, from.kernel), {
    keep: (path) => path === `boot/vmlinux-${kernelRelease}` || /\.ko(\.xz)?$/.test(path),
    signal,
  });
  onProgress?.({ phase: "unpack", done: 1, total: 2 });
  const busyboxFiles = await readDeb(debOf(from, from.busybox), {
    keep: (path) => /^(usr\/)?bin\/busybox$/.test(path),
    signal,
  });
  onProgress?.({ phase: "build", done: 0, total: 1 });
  const [busybox] = busyboxFiles.values();
  const kernel = kernelFiles.get(`boot/vmlinux-${kernelRelease}`);
  if (!kernel || !busybox) throw bad("a package has no kernel or no busybox in it");
  if (kernel.toString("latin1", 0x30, 0x38) !== "RISCV\0\0\0") {
    throw bad("the kernel is not a RISC-V Linux Image");
  }
  const modules = await chooseModules(kernelFiles, signal);
  const { programs } = from;
  const applets = readApplets(busybox);
  const initrd = buildInitramfs({ busybox, applets, modules, programs, kernelRelease });
  const manifest = await storeImage(
    {
      distribution: "debian",
      suite: from.suite,
      kernelRelease,
      cmdline: DEFAULT_CMDLINE,
      recipe: from.recipe,
      packages: [from.kernel, from.busybox].map(({ depends: _, ...one }) => one),
      modules: modules.map(({ name }) => name),
      programs: programs.map(({ name }) => name),
    },
    { kernel, initrd },
    options,
  );
  onProgress?.({ phase: "build", done: 1, total: 1 });
  return manifest;
}

function debOf(from: Ingredients, one: DebianPackage): Buffer {
  const bytes = from.debs.get(one.name);
  if (!bytes) throw bad(`the package "${one.name}" was not downloaded`);
  from.debs.delete(one.name); // It is large; let it go once it is read.
  return bytes;
}

/** The default modules with what they depend on, stripped, in insertion order. */
async function chooseModules(
  files: ReadonlyMap<string, Buffer>,
  signal: AbortSignal | undefined,
): Promise<KernelModule[]> {
  const paths = new Map<string, string>();
  for (const path of files.keys()) {
    const file = /([^/]+)\.ko(?:\.xz)?$/.exec(path)?.[1];
    if (file !== undefined) paths.set(moduleName(file), path);
  }
  const chosen = new Map<string, KernelModule>();
  const load = async (name: string): Promise<readonly string[]> => {
    signal?.throwIfAborted();
    const path = paths.get(name);
    const packed = path === undefined ? undefined : files.get(path);
    if (!path || !packed) throw bad(`the kernel package has no module "${name}"`);
    const whole = path.endsWith(".xz") ? await unxz(packed, MODULE_BYTES_MAX) : packed;
    const { depends } = readModuleInfo(whole);
    chosen.set(name, { name, depends, bytes: stripModule(whole) });
    return depends;
  };
  const order = await insertionOrder(DEFAULT_MODULES, load);
  return order.flatMap((name) => chosen.get(name) ?? []);
}

/** Our own static programs for Linux guests, as far as this package carries them. */
async function ownPrograms(): Promise<Program[]> {
  for (const candidate of ["../../guests/bin/linux/", "../../../guests/bin/linux/"]) {
    const directory = fileURLToPath(new URL(candidate, import.meta.url));
    const names = await readdir(directory).catch(() => []);
    const programs: Program[] = [];
    for (const file of names.sort(compareText)) {
      const name = file.replace(/\.elf$/, "");
      if (!/^[a-z0-9][a-z0-9._-]{0,63}$/i.test(name)) continue;
      const bytes = await readFile(join(directory, file)).catch(() => undefined);
      const isElf =
        bytes !== undefined && bytes.length > 64 && bytes.readUInt32BE(0) === 0x7f454c46;
      if (isElf && bytes.length <= PROGRAM_BYTES_MAX) programs.push({ name, bytes });
    }
    if (programs.length > 0) return programs;
  }
  return [];
}

function recipeOf(suite: string, programs: readonly Program[]): string {
  const parts = [
    ...[String(BUILDER_VERSION), suite, DEFAULT_CMDLINE, INIT_SCRIPT, DEFAULT_MODULES.join(" ")],
    ...programs.map(({ name, bytes }) => `${name} ${sha256(bytes)}`),
  ];
  return sha256(Buffer.from(parts.join("\0"))).slice(0, 16);
}

function bad(why: string): WasmvisorError {
  return new WasmvisorError("WV_BAD_IMAGE", `image pull: ${why}`);
}
