/**
 * Debian packages of any architecture for benches, by the machine's own apt, which verifies them.
 * What is made of them is kept in the cache; nothing of it ever enters the package.
 */
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { openApt } from "../ts/image/apt.ts";
import { readDeb } from "../ts/image/deb.ts";
import { imagesDirectory } from "../ts/image/store.ts";

/** Where benches keep what they fetched. */
export const benchCache = (): string => join(dirname(imagesDirectory()), "bench");

/** A file or link of a package's tree. */
export type PackageFile =
  | { readonly type: "file"; readonly path: string; readonly data: Uint8Array }
  | { readonly type: "symlink"; readonly path: string; readonly target: string };

export interface PackagesOptions {
  readonly architecture: "riscv64" | "i386";
  /** Code name of the release. */
  readonly suite: string;
  readonly log: (line: string) => void;
}

/** What an index says of a package: the names it depends on, first alternatives, no versions. */
const namesIn = (depends: string): string[] =>
  depends
    .split(",")
    .map((one) => /^\s*([a-z0-9][a-z0-9+.-]*)/.exec(one)?.[1] ?? "")
    .filter((name) => name !== "");

export interface WantedPackages {
  readonly names: readonly string[];
  /** Which of the packages that one depends on are wanted too. */
  readonly follow: (name: string) => boolean;
  readonly keep: (path: string) => boolean;
}

/** The files of the wanted packages, and of what they depend on. */
export async function fetchPackages(
  wanted: WantedPackages,
  { architecture, suite, log }: PackagesOptions,
): Promise<PackageFile[]> {
  await mkdir(benchCache(), { recursive: true });
  const scratch = await mkdtemp(join(benchCache(), ".new-"));
  try {
    log(`fetching packages of Debian ${suite} for ${architecture}: ${wanted.names.join(", ")}`);
    const apt = await openApt({ scratch, suite, architecture, log });
    const chosen = new Map<string, Awaited<ReturnType<typeof apt.show>>>();
    const queue = [...wanted.names];
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      if (chosen.has(name)) continue;
      const one = await apt.show(name);
      chosen.set(name, one);
      queue.push(...namesIn(one.depends).filter(wanted.follow));
    }
    const directory = await apt.download([...chosen.values()]);
    const files: PackageFile[] = [];
    for (const deb of (await readdir(directory)).sort()) {
      const links = new Map<string, string>();
      const content = await readDeb(await readFile(join(directory, deb)), {
        keep: wanted.keep,
        onLink: (path, target) => links.set(path, target),
      });
      for (const [path, data] of content) files.push({ type: "file", path, data });
      for (const [path, target] of links) files.push({ type: "symlink", path, target });
    }
    return files;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
