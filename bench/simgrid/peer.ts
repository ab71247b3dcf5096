/** SimGrid's live migrations, compiled from `migrations.cpp` against Debian's `libsimgrid-dev`. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One migration, as both simulators are told. */
export interface Move {
  readonly source: number;
  readonly target: number;
  readonly memoryBytes: number;
  /** What the migration may use, and what the guest dirties of that, 0 to 1. */
  readonly bytesPerSec: number;
  readonly dirtyShare: number;
  readonly workingSetBytes: number;
}

export interface PeerRun {
  readonly cpuSec: number;
  readonly simulatedSec: number;
}

export class SimGrid {
  readonly #folder: string;
  readonly #program: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#program = join(folder, "migrations");
  }

  /** Undefined: this machine has no SimGrid, or no compiler; `log` hears of it. */
  static compile(root: string, log: (line: string) => void): SimGrid | undefined {
    const header = "/usr/include/simgrid/plugins/live_migration.h";
    const folder = mkdtempSync(join(tmpdir(), "wasmvisor-simgrid-"));
    try {
      if (!existsSync(header)) throw new Error("no SimGrid: apt-get install libsimgrid-dev g++");
      const peer = new SimGrid(folder);
      const source = join(root, "bench/simgrid/migrations.cpp");
      execFileSync("g++", ["-O2", "-std=c++17", source, "-o", peer.#program, "-lsimgrid"]);
      return peer;
    } catch (error) {
      log(`centre: without a peer: ${error instanceof Error ? error.message : String(error)}`);
      rmSync(folder, { recursive: true });
      return undefined;
    }
  }

  run(mode: "serial" | "at-once", hosts: number, moves: readonly Move[]): PeerRun {
    const file = join(this.#folder, "moves.txt");
    const lines = moves.map((m) =>
      [m.source, m.target, m.memoryBytes, m.bytesPerSec, m.dirtyShare, m.workingSetBytes].join(" "),
    );
    writeFileSync(file, `${lines.join("\n")}\n`);
    // Else a flow takes 5 % of what it moves of the links back, too, as if there were acknowledgements.
    const rules = ["--cfg=network/crosstraffic:0", "--log=root.thres:critical"];
    const args = [mode, String(hosts), file, ...rules];
    return JSON.parse(execFileSync(this.#program, args, { encoding: "utf8" })) as PeerRun;
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }
}
