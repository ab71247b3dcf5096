/**
 * Where pulled images are kept:
 *
 *   $WASMVISOR_CACHE or $XDG_CACHE_HOME/wasmvisor or ~/.cache/wasmvisor
 *     images/
 *       debian.json                                   {"image": NAME}: what "debian" means now
 *       debian-<kernel release>-<12 hex digits>/      named by the hash of its manifest
 *         kernel  initrd  manifest.json
 *       .new-*                                        being built; never looked at
 *
 * A directory appears under its name by one rename and is never changed, so pulls that run at the
 * same time end with the same content and readers never see half an image.
 */
import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { WasmvisorError } from "../base/errors.ts";
import { compareText } from "./cpio.ts";

const MANIFEST_BYTES_MAX = 1024 * 1024;
const LEFTOVER_MS_MIN = 24 * 60 * 60 * 1000;

/** A file of an image, relative to its directory. */
interface ImageFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What an image is made of. Equal input gives an equal manifest, byte for byte. */
export interface ImageManifest {
  readonly format: 1;
  readonly name: string;
  readonly distribution: "debian";
  /** The release the packages are from, "trixie". */
  readonly suite: string;
  readonly kernelRelease: string;
  /** Kernel command line that goes with it; callers append to it. */
  readonly cmdline: string;
  /** Hash of what this version of wasmvisor puts beside the packages. */
  readonly recipe: string;
  readonly packages: readonly {
    readonly name: string;
    readonly version: string;
    readonly bytes: number;
    readonly sha256: string;
  }[];
  readonly modules: readonly string[];
  readonly programs: readonly string[];
  readonly kernel: ImageFile;
  readonly initrd: ImageFile;
}

/** An image as a machine needs it. */
export interface ResolvedImage {
  readonly directory: string;
  /** Absolute paths. */
  readonly kernel: string;
  readonly initrd: string;
  readonly cmdline: string;
  readonly manifest: ImageManifest;
}

export interface StoreOptions {
  /** Directory of the cache; default see above. */
  readonly cacheDir?: string | undefined;
}

export interface ResolveOptions extends StoreOptions {
  /** `hash` (default) reads the files and compares their SHA-256, `size` only their lengths. */
  readonly verify?: "hash" | "size" | undefined;
}

/** The directory that holds the images. It need not exist. */
export function imagesDirectory(options: StoreOptions = {}): string {
  const { WASMVISOR_CACHE: own, XDG_CACHE_HOME: shared } = process.env;
  const cache = options.cacheDir ?? own ?? join(shared || join(homedir(), ".cache"), "wasmvisor");
  return join(cache, "images");
}

/** All complete images, sorted by name. Damaged directories are left out. */
export async function listImages(options: StoreOptions = {}): Promise<ImageManifest[]> {
  const directory = imagesDirectory(options);
  const names = await readdir(directory).catch(() => []);
  const images: ImageManifest[] = [];
  for (const name of names.filter((one) => isImageName(one)).sort(compareText)) {
    const manifest = await readManifest(join(directory, name)).catch(() => undefined);
    if (manifest) images.push(manifest);
  }
  return images;
}

/**
 * The image called `name`: its full name, a beginning that fits one image only, or `debian` for
 * the one pulled last.
 *
 * Throws `WV_MISSING` when there is none, `WV_BAD_IMAGE` when its files are not what was pulled.
 */
export async function resolveImage(
  name: string,
  options: ResolveOptions = {},
): Promise<ResolvedImage> {
  const directory = join(imagesDirectory(options), await fullName(name, options));
  const manifest = await readManifest(directory);
  for (const file of [manifest.kernel, manifest.initrd]) {
    await verifyFile(directory, file, options.verify ?? "hash");
  }
  return {
    directory,
    kernel: join(directory, manifest.kernel.path),
    initrd: join(directory, manifest.initrd.path),
    cmdline: manifest.cmdline,
    manifest,
  };
}

/** Deletes an image, named as in `resolveImage`; returns its full name. Throws `WV_MISSING`. */
export async function removeImage(name: string, options: StoreOptions = {}): Promise<string> {
  const full = await fullName(name, options);
  const images = imagesDirectory(options);
  // Out of sight in one step; a reader sees all of it or nothing.
  const doomed = join(images, `.old-${randomBytes(6).toString("hex")}`);
  await rename(join(images, full), doomed);
  await rm(doomed, { recursive: true, force: true });
  if ((await readAlias(options)) === full) await rm(aliasPath(options), { force: true });
  return full;
}

/** Stores a new image and makes `debian` mean it; content that is there already is kept. */
export async function storeImage(
  manifest: Omit<ImageManifest, "name" | "format" | "kernel" | "initrd">,
  content: { readonly kernel: Uint8Array; readonly initrd: Uint8Array },
  options: StoreOptions = {},
): Promise<ImageManifest> {
  const images = imagesDirectory(options);
  const described = {
    ...manifest,
    kernel: describe("kernel", content.kernel),
    initrd: describe("initrd", content.initrd),
  };
  const digest = sha256(Buffer.from(JSON.stringify(described))).slice(0, 12);
  const name = `debian-${manifest.kernelRelease}-${digest}`;
  if (!isImageName(name)) throw bad(name, "cannot be a directory name");
  const full: ImageManifest = { format: 1, name, ...described };
  const scratch = join(images, `.new-${randomBytes(6).toString("hex")}`);
  await mkdir(scratch, { recursive: true });
  try {
    await writeFile(join(scratch, "kernel"), content.kernel);
    await writeFile(join(scratch, "initrd"), content.initrd);
    await writeFile(join(scratch, "manifest.json"), `${JSON.stringify(full, null, 2)}\n`);
    await publish(scratch, join(images, name));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  await setAlias(name, options);
  return full;
}

/** Makes `debian` mean the image called `name`. */
export async function setAlias(name: string, options: StoreOptions = {}): Promise<void> {
  const scratch = join(imagesDirectory(options), `.new-${randomBytes(6).toString("hex")}.json`);
  await writeFile(scratch, `${JSON.stringify({ image: name })}\n`);
  await rename(scratch, aliasPath(options));
}

/** Removes what pulls that were killed left behind, a day before `newest` was made. */
export async function sweepLeftovers(newest: string, options: StoreOptions = {}): Promise<void> {
  const images = imagesDirectory(options);
  const { mtimeMs } = await stat(newest);
  for (const name of await readdir(images)) {
    if (!/^\.(new|old)-/.test(name)) continue;
    const left = await stat(join(images, name)).catch(() => undefined);
    if (left === undefined || mtimeMs - left.mtimeMs < LEFTOVER_MS_MIN) continue;
    await rm(join(images, name), { recursive: true, force: true });
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Moves a finished directory to its name, over a damaged one, and yields to an equal sound one. */
async function publish(from: string, to: string): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      return await rename(from, to);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
    }
    if (await isSound(to)) return;
    const doomed = `${from}-old`;
    await rename(to, doomed).catch(() => undefined);
    await rm(doomed, { recursive: true, force: true });
  }
  throw bad(to, "could not be replaced");
}

async function isSound(directory: string): Promise<boolean> {
  try {
    const manifest = await readManifest(directory);
    await verifyFile(directory, manifest.kernel, "hash");
    await verifyFile(directory, manifest.initrd, "hash");
    return true;
  } catch {
    return false;
  }
}

async function fullName(name: string, options: StoreOptions): Promise<string> {
  const images = await listImages(options);
  const alias = name === "debian" ? await readAlias(options) : undefined;
  const exact = images.find((image) => image.name === (alias ?? name));
  if (exact) return exact.name;
  const matches = images.filter((image) => name !== "" && image.name.startsWith(name));
  const only = name === "debian" ? matches.at(-1) : matches[0];
  if (only && (matches.length === 1 || name === "debian")) return only.name;
  const known = images.map((image) => image.name).join(", ") || "none";
  const why = matches.length > 1 ? "fits more than one image" : "is not here";
  throw new WasmvisorError(
    "WV_MISSING",
    `image: "${name}" ${why}; there are: ${known}. Get one with: wasmvisor image pull debian`,
  );
}

function aliasPath(options: StoreOptions): string {
  return join(imagesDirectory(options), "debian.json");
}

async function readAlias(options: StoreOptions): Promise<string | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(aliasPath(options), "utf8"));
    const image = (value as { image?: unknown } | null)?.image;
    return typeof image === "string" && isImageName(image) ? image : undefined;
  } catch {
    return undefined;
  }
}

function isImageName(name: string): boolean {
  return /^debian-[A-Za-z0-9][A-Za-z0-9.+~_-]{0,120}-[0-9a-f]{12}$/.test(name);
}

/** Throws `WV_BAD_IMAGE` when the manifest is missing, damaged, or of another format. */
async function readManifest(directory: string): Promise<ImageManifest> {
  const path = join(directory, "manifest.json");
  let value: unknown;
  try {
    const { size } = await stat(path);
    if (size > MANIFEST_BYTES_MAX) throw new RangeError("the file is too large");
    value = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw bad(path, `cannot be read: ${String(error)}`, error);
  }
  const manifest = value as Partial<ImageManifest> | null;
  const isWhole =
    manifest?.format === 1 &&
    isText(manifest.name) &&
    isText(manifest.cmdline) &&
    isText(manifest.kernelRelease) &&
    isText(manifest.recipe) &&
    isText(manifest.suite) &&
    [manifest.packages, manifest.modules, manifest.programs].every(Array.isArray) &&
    isImageFile(manifest.kernel, "kernel") &&
    isImageFile(manifest.initrd, "initrd");
  if (!isWhole) throw bad(path, "is not a manifest of format 1");
  return manifest as ImageManifest;
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value.length < 4096;
}

function isImageFile(file: Partial<ImageFile> | undefined, path: string): boolean {
  const isHash = typeof file?.sha256 === "string" && /^[0-9a-f]{64}$/.test(file.sha256);
  return isHash && file.path === path && Number.isSafeInteger(file.bytes);
}

async function verifyFile(
  directory: string,
  file: ImageFile,
  verify: "hash" | "size",
): Promise<void> {
  const path = join(directory, file.path);
  const found = await stat(path).catch(() => undefined);
  const advice = "remove it with `wasmvisor image rm` and pull again";
  if (found?.size !== file.bytes) throw bad(path, `is not what was pulled; ${advice}`);
  if (verify === "size") return;
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash);
  if (hash.digest("hex") !== file.sha256) throw bad(path, `is not what was pulled; ${advice}`);
}

function describe(path: string, bytes: Uint8Array): ImageFile {
  return { path, bytes: bytes.length, sha256: sha256(bytes) };
}

function bad(what: string, why: string, cause?: unknown): WasmvisorError {
  return new WasmvisorError("WV_BAD_IMAGE", `image: "${what}" ${why}`, { cause });
}
