/**
 * Debian's own measuring programs inside of a guest: the first file system of the pulled image, and behind it
 * one with fio, iperf3 or redis and the libraries that they need. The kernel unpacks both, one after the other.
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CpioEntry, writeCpio } from "../ts/image/cpio.ts";
import { type ResolvedImage, sha256 } from "../ts/image/store.ts";
import { benchCache, fetchPackages, type PackageFile } from "./debian-packages.ts";

const SUITE = "trixie";
const FOLLOWED = /^(lib|zlib1g$|redis-tools$)/;
const KEPT =
  /^(usr\/)?(bin\/(fio|iperf3|redis-[a-z-]+)$|lib\/ld-linux|lib\/riscv64-linux-gnu\/(ceph\/)?[^/]+\.so[.\dt]*$)/;

export interface GuestTools {
  readonly packages: readonly string[];
  /** What `sh /work` does: the kernel is told its arguments. */
  readonly script: string;
}

/** The image's initramfs with tools in it, from the cache if the same one was made before. */
export async function provideTools(
  image: ResolvedImage,
  { packages, script }: GuestTools,
  log: (line: string) => void,
): Promise<string> {
  const base = await readFile(image.initrd);
  const recipe = [SUITE, KEPT.source, FOLLOWED.source, packages.join(), script, sha256(base)];
  const name = `tools-${sha256(Buffer.from(recipe.join("\0"))).slice(0, 12)}.cpio`;
  const path = join(benchCache(), name);
  if (existsSync(path)) return path;
  const files = await fetchPackages(
    {
      names: [...packages, "libc6"],
      follow: (one) => FOLLOWED.test(one),
      keep: (file) => KEPT.test(file),
    },
    { architecture: "riscv64", suite: SUITE, log },
  );
  const tools = writeCpio([
    { type: "file", path: "work", data: Buffer.from(script) },
    ...files.map(inOneLib),
  ]);
  await mkdir(benchCache(), { recursive: true });
  await writeFile(`${path}.${process.pid}`, Buffer.concat([aligned(base), tools]));
  await rename(`${path}.${process.pid}`, path);
  return path;
}

/** The image has a directory /lib, where the loader looks, too, but not below it. */
function inOneLib(file: PackageFile): CpioEntry {
  const path = file.path.replace(/^usr\/lib\//, "lib/").replace("/ceph/", "/");
  return file.type === "file" ? { ...file, path, executable: true } : { ...file, path };
}

/** An archive begins at a multiple of four bytes. */
const aligned = (bytes: Uint8Array): Uint8Array =>
  Buffer.concat([bytes, new Uint8Array(-bytes.length & 3)]);

/** What the kernel is told so that the guest does `sh /work WORDS`. */
export const doWork = (...words: readonly string[]): string =>
  `wv.exec=${["sh", "/work", ...words].join("%20")}`;
