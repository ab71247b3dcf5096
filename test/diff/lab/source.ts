/**
 * A core for the laboratory: the core's own source, with faults put into it that can be switched on one by
 * one. Those of QEMU 7.2 tell whether a difference from it is its fault; faults of no purpose tell
 * whether the tests would notice. Nothing of it is in the core that anybody else runs.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import asc from "assemblyscript/asc";

/** One place in the source. `from` is there once; in `to`, FAULT says whether the fault is switched on. */
export interface Edit {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface Fault {
  readonly name: string;
  /** What the manual says, and what comes of the fault instead. */
  readonly reason: string;
  readonly edits: readonly Edit[];
}

/** The first switch is no fault: nothing of a guest's memory is remembered, every access is a walk. */
export const UNCACHED = 1n;
const FIRST = 1;

/** The switch of fault `n` of those that the source was made with. */
export const switchOf = (n: number): bigint => 1n << BigInt(n + FIRST);

const SWITCHES = "assembly/lab.ts";
const LAB_SOURCE = "test/diff/lab/switches.as.txt";

const UNCACHED_EDITS: readonly Edit[] = [
  {
    file: "mmu/access.ts",
    from: "  if (!Walk.forced) remember(gva, frame, access);",
    to: "  if (!Walk.forced && !(isGuests && FAULT)) remember(gva, frame, access);",
  },
  {
    file: "mmu/access.ts",
    from: "  if (!frame) return false;\n  remember(gva, frame, access);",
    to: "  if (!frame || (dataIsGuests() && FAULT)) return false;\n  remember(gva, frame, access);",
  },
  {
    file: "mmu/guest-walk.ts",
    from: "  const failed = second(gpa, access, access, 0);",
    to: "  Lab.gpa = gpa;\n  const failed = second(gpa, access, access, 0);",
  },
  {
    file: "hart/guest-mode.ts",
    from: "  hart.virt = 1;",
    to: "  hart.virt = 1;\n  Lab.entered = hyp.vsstatus;",
  },
  {
    file: "index.ts",
    from: 'export { flushAll } from "./mmu/contexts";',
    to: 'export { flushAll } from "./mmu/contexts";\nexport { setFaults, usedFaults } from "./lab";',
  },
];

/** The source of the core, by path, with all of `faults` in it. */
class Source {
  readonly #edited = new Map<string, string>([[SWITCHES, plain(LAB_SOURCE)]]);

  constructor(faults: readonly Fault[]) {
    for (const edit of UNCACHED_EDITS) this.#edit(edit, 0);
    faults.forEach(({ edits }, n) => {
      for (const edit of edits) this.#edit(edit, n + FIRST);
    });
  }

  #edit({ file, from, to }: Edit, n: number): void {
    const path = `assembly/${file}`;
    const up = file.includes("/") ? ".." : ".";
    const text = this.#edited.get(path) ?? `import { Lab } from "${up}/lab";\n${plain(path)}`;
    if (text.split(from).length !== 2) throw new RangeError(`${path} does not have once: ${from}`);
    this.#edited.set(
      path,
      text.replace(from, () => to.replaceAll("FAULT", `Lab.on(${n})`)),
    );
  }

  read(path: string): string | null {
    const found = this.#edited.get(path);
    if (found !== undefined) return found;
    try {
      return plain(path);
    } catch {
      return null; // asc tries several names for an import.
    }
  }
}

const plain = (path: string): string => readFileSync(join(process.cwd(), path), "utf8");

/** Compiles the core with `faults` in it, all switched off. Wants `npm run build:core` before. */
export async function compileLab(faults: readonly Fault[]): Promise<Uint8Array> {
  const source = new Source(faults);
  let wasm: Uint8Array | undefined;
  const messages: string[] = [];
  const { error } = await asc.main(["--target", "release", "--optimizeLevel", "1"], {
    readFile: (name) => source.read(name),
    writeFile: (name, contents) => {
      if (name.endsWith(".wasm") && typeof contents !== "string") wasm = contents;
    },
    listFiles: () => [],
    stdout: { write: () => undefined },
    stderr: { write: (text) => void messages.push(String(text)) },
  });
  if (error || !wasm) throw new Error(`the laboratory's core: ${error} ${messages.join("")}`);
  return wasm;
}
