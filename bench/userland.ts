/**
 * Debian's own programs in our machine and in qemu-system-riscv64: a python3 loop, a recursive query
 * of sqlite3, gzip and sha256sum, from a root file system of Debian's riscv64 packages. Each is timed
 * from fork to exit by the guest's clock, held against the host's; what they print must agree.
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Random } from "../ts/base/random.ts";
import { type CpioEntry, writeCpio } from "../ts/image/cpio.ts";
import { sha256 } from "../ts/image/store.ts";
import { benchCache, fetchPackages, type PackageFile } from "./debian-packages.ts";
import type { BenchRow } from "./harness.ts";
import type { ConsoleLine } from "./machine-run.ts";
import {
  type BenchOptions,
  hasQemu,
  ourLinux,
  provideImage,
  QEMU_TCG,
  qemuLinux,
} from "./machines.ts";
import { bootInTurn, rowsAgainst, type TimedGuest, timedGuest } from "./timed-guest.ts";

const SUITE = "trixie";
const MEMORY_MIB = 768;
const RUNS = 3;

const PACKAGES = [
  ..."python3.13-minimal sqlite3 gzip coreutils libc6".split(" "),
  // What coreutils needs before it is unpacked, which the index lists apart.
  ..."libacl1 libattr1 libcap2 libgmp10 libselinux1 libssl3t64 libsystemd0".split(" "),
];
const KEPT =
  /^(usr\/)?(bin\/(python3\.13|sqlite3|gzip|sha256sum)$|lib\/ld-linux|lib\/riscv64-linux-gnu\/[^/]+\.so[.\d]*$|lib\/python3)/;

const PYTHON = `
def longest(limit):
    best, best_steps, seen = 0, 0, {}
    for start in range(1, limit):
        n, steps = start, 0
        while n != 1:
            if n in seen:
                steps += seen[n]
                break
            n = n * 3 + 1 if n & 1 else n >> 1
            steps += 1
        seen[start] = steps
        if steps > best_steps:
            best, best_steps = start, steps
    return best, best_steps
text = [str(i * 7919 % 10007) for i in range(LIMIT)]
text.sort()
print(longest(LIMIT), hash(tuple(map(int, text))), sum(len(word) for word in text))
`;

interface Workload {
  readonly commands: string;
  readonly files: readonly CpioEntry[];
}

const QUICK_RATIO = 20;

function workload(size: BenchOptions["size"]): Workload {
  const scaled = (count: number): number =>
    size === "quick" ? Math.ceil(count / QUICK_RATIO) : count;
  const query =
    "WITH RECURSIVE c(x, y) AS (SELECT 1, 1 UNION ALL SELECT x + 1, y * 31 % 65521 FROM c " +
    `WHERE x < ${scaled(200_000)}) SELECT y % 100 AS k, count(*), sum(x) FROM c GROUP BY k LIMIT 3;`;
  const commands = [
    ["python", "/usr/bin/python3.13", "-I", "-S", "/work/loop.py"],
    ["sqlite", "/usr/bin/sqlite3", ":memory:", query],
    ["gzip", "/usr/bin/gzip", "-k", "-f", "-n", "-v", "/work/text"],
    ["sha256sum", "/usr/bin/sha256sum", "/work/bytes"],
  ];
  const python = PYTHON.replaceAll("LIMIT", String(scaled(60_000)));
  return {
    commands: commands.map((words) => `${words.join("\t")}\n`).join(""),
    files: [
      { type: "file", path: "work/loop.py", data: Buffer.from(python) },
      { type: "file", path: "work/text", data: someText(scaled(6 * 2 ** 20)) },
      { type: "file", path: "work/bytes", data: someText(scaled(24 * 2 ** 20)) },
    ],
  };
}

/** Words of a small language, with the frequencies that words have: compressible as text is. */
function someText(bytes: number): Uint8Array {
  const random = new Random(1);
  const words = Array.from({ length: 4096 }, () =>
    Array.from({ length: 2 + random.below(9) }, () =>
      String.fromCharCode(97 + random.below(26)),
    ).join(""),
  );
  const pick = (): string => words[random.below(1 + random.below(words.length))] ?? "";
  const text: string[] = [];
  for (let length = 0; length < bytes; ) {
    const word = pick();
    text.push(word, random.below(12) === 0 ? "\n" : " ");
    length += word.length + 1;
  }
  return Buffer.from(text.join("")).subarray(0, bytes);
}

/** The initramfs, from the cache when the same one was made before. */
async function provideInitrd(options: BenchOptions): Promise<string> {
  const init = await readFile(join(options.root, "guests/bin/init/timed.riscv64"));
  const { commands, files } = workload(options.size);
  const recipe = [KEPT.source, PACKAGES.join(), SUITE, commands, PYTHON, sha256(init)].join("\0");
  const path = join(benchCache(), `userland-${sha256(Buffer.from(recipe)).slice(0, 12)}.cpio`);
  if (existsSync(path)) return path;
  const wanted = {
    names: PACKAGES,
    follow: (name: string) => /^(lib(?!python3\.\d+-stdlib)|zlib1g)/.test(name),
    keep: (file: string) => KEPT.test(file),
  };
  const { log } = options;
  const packages = await fetchPackages(wanted, { architecture: "riscv64", suite: SUITE, log });
  const initrd = writeCpio([
    { type: "character-device", path: "dev/console", major: 5, minor: 1 },
    { type: "character-device", path: "dev/null", major: 1, minor: 3 },
    { type: "directory", path: "tmp" },
    ...["bin", "lib"].map(
      (name): CpioEntry => ({ type: "symlink", path: name, target: `usr/${name}` }),
    ),
    { type: "file", path: "init", data: init, executable: true },
    { type: "file", path: "commands", data: Buffer.from(commands) },
    ...files,
    ...unmerged(packages),
  ]);
  await mkdir(benchCache(), { recursive: true });
  await writeFile(`${path}.${process.pid}`, initrd);
  await rename(`${path}.${process.pid}`, path);
  return path;
}

/** /lib is a link to /usr/lib, whatever a package thinks; of a file that is there twice, the first. */
function unmerged(files: readonly PackageFile[]): CpioEntry[] {
  const byPath = new Map<string, CpioEntry>();
  for (const file of files) {
    const path = file.path.replace(/^(?!usr\/)/, "usr/");
    if (byPath.has(path)) continue;
    byPath.set(
      path,
      file.type === "file" ? { ...file, path, executable: true } : { ...file, path },
    );
  }
  return [...byPath.values()];
}

/** What the programs printed, without times and the kernel's own lines. */
const printedIn = (lines: readonly ConsoleLine[]): string =>
  lines
    .slice(lines.findIndex(({ text }) => text.startsWith("begin ")))
    .map(({ text }) => text.replace(/ us \d+$/, ""))
    .filter((text) => !text.startsWith("["))
    .join("\n");

export async function benchUserland(options: BenchOptions): Promise<BenchRow[]> {
  if (options.only.length > 1) throw new RangeError("userland: one program, or all");
  const image = await provideImage(options);
  const cmdline = `${image.cmdline} quiet -- program=${options.only[0] ?? "all"}`;
  const initrd = await provideInitrd(options);
  const guest = { kernel: image.kernel, initrd, cmdline, memoryMiB: MEMORY_MIB };
  const ours = timedGuest("ours", ourLinux(guest, options));
  const peer = hasQemu(options) ? timedGuest(QEMU_TCG, qemuLinux(guest)) : undefined;
  const machines = peer ? [ours, peer] : [ours];
  const runs = options.runs ?? RUNS;
  await bootInTurn(machines, { suite: "userland", tag: "timed", runs }, options);
  checkPrinted(machines);
  return rowsAgainst(peer, ours, { suite: "userland", time: options.time });
}

function checkPrinted(machines: readonly TimedGuest[]): void {
  const runs = machines.flatMap((machine) => machine.runs);
  const texts = runs.map(({ lines }) => printedIn(lines));
  const failed = runs.flatMap(({ timed }) => timed).find(({ result }) => result !== "status 0");
  if (failed) throw new Error(`userland: ${failed.name} failed\n${texts[0]}`);
  const other = texts.find((text) => text !== texts[0]);
  if (other !== undefined) throw new Error(`userland: two results:\n${texts[0]}\n${other}`);
}
