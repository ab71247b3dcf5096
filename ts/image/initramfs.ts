/** The first file system of a pulled image: busybox, kernel modules, our own programs, /init. */
import { type CpioEntry, writeCpio } from "./cpio.ts";
import { INIT_SCRIPT } from "./init-script.ts";

/** A kernel module, ready to insert. */
export interface KernelModule {
  /** With `_`, as other modules name it. */
  readonly name: string;
  readonly depends: readonly string[];
  readonly bytes: Uint8Array;
}

/** A static program for /bin. */
export interface Program {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface InitramfsParts {
  readonly busybox: Uint8Array;
  readonly applets: readonly string[];
  /** In insertion order. */
  readonly modules: readonly KernelModule[];
  readonly programs: readonly Program[];
  /** "6.12.107+deb13-riscv64", what `uname -r` says. */
  readonly kernelRelease: string;
}

const EMPTY_DIRECTORIES = "dev etc mnt proc root run sbin sys tmp usr/bin usr/sbin".split(" ");

/**
 * The archive, uncompressed: the kernel then copies instead of inflating (measured in the image
 * oracle: a gzip of the same tree costs more guest instructions than it saves in bytes).
 *
 * /lib/modules/RELEASE, also called /lib/modules/wv, has each module, what `modprobe` reads, and
 * for each module a line with what it depends on, which /init can read without starting a process.
 */
export function buildInitramfs(parts: InitramfsParts): Uint8Array {
  const own = new Set(parts.programs.map(({ name }) => name));
  const entries: CpioEntry[] = [
    ...EMPTY_DIRECTORIES.map((path): CpioEntry => ({ type: "directory", path })),
    { type: "character-device", path: "dev/console", major: 5, minor: 1 },
    { type: "character-device", path: "dev/null", major: 1, minor: 3 },
    script("init", INIT_SCRIPT, true),
    script("etc/passwd", "root::0:0:root:/root:/bin/sh\n"),
    script("etc/group", "root:x:0:\n"),
    script("etc/hosts", "127.0.0.1 localhost\n"),
    { type: "file", path: "bin/busybox", data: parts.busybox, executable: true },
    { type: "symlink", path: "sbin/modprobe", target: "/bin/busybox" },
    ...parts.applets
      .filter((name) => name !== "busybox" && !own.has(name))
      .map((name): CpioEntry => ({ type: "symlink", path: `bin/${name}`, target: "busybox" })),
    ...parts.programs.map(
      ({ name, bytes }): CpioEntry => ({
        type: "file",
        path: `bin/${name}`,
        data: bytes,
        executable: true,
      }),
    ),
    ...moduleEntries(parts),
  ];
  return writeCpio(entries);
}

function moduleEntries(parts: InitramfsParts): CpioEntry[] {
  const home = `lib/modules/${parts.kernelRelease}`;
  const files = parts.modules.flatMap(({ name, depends, bytes }): CpioEntry[] => [
    { type: "file", path: `${home}/${name}.ko`, data: bytes },
    script(`${home}/${name}.dep`, `${depends.join(" ")}\n`),
  ]);
  return [
    ...files,
    { type: "symlink", path: "lib/modules/wv", target: parts.kernelRelease },
    script(`${home}/modules.dep`, modulesDep(parts.modules)),
    script(`${home}/modules.order`, parts.modules.map(({ name }) => `${name}.ko\n`).join("")),
  ];
}

/** As depmod writes it: each module with all it needs, the one to insert first last. */
function modulesDep(modules: readonly KernelModule[]): string {
  const closures = new Map<string, ReadonlySet<string>>();
  const lines = modules.map(({ name, depends }) => {
    const closure = new Set(depends.flatMap((other) => [...(closures.get(other) ?? []), other]));
    closures.set(name, closure);
    const needed = [...closure].reverse().map((other) => ` ${other}.ko`);
    return `${name}.ko:${needed.join("")}\n`;
  });
  return lines.join("");
}

function script(path: string, text: string, executable = false): CpioEntry {
  return { type: "file", path, data: Buffer.from(text), executable };
}
