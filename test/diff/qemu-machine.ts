/**
 * QEMU's virt machine, one process a run. Two harts, of which one sleeps: with a single one QEMU
 * makes AMOs of a load and a store, and reports the faults of a load (causes 4, 5, 13).
 */
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Machine, RunError } from "./machine.ts";

const BINARY = "qemu-system-riscv64";
/** What our core implements. */
const CPU = "rv64,h=on,svinval=on,zbkb=on,zbkx=on,Zfh=on";

export interface QemuOptions {
  readonly cpu?: string | undefined;
  /** Exact instruction counts, on one hart: AMOs that fault are wrong then, see above. */
  readonly icount?: boolean | undefined;
  readonly timeoutMs?: number | undefined;
}

/** The version line, or undefined where QEMU is absent. */
export function qemuVersion(): string | undefined {
  try {
    return execFileSync(BINARY, ["--version"], { encoding: "utf8" }).split("\n")[0];
  } catch {
    return undefined;
  }
}

export class QemuMachine implements Machine {
  readonly name = "qemu";
  readonly #options: QemuOptions;

  constructor(options: QemuOptions = {}) {
    this.#options = options;
  }

  run(elf: Uint8Array): Promise<Uint8Array> {
    const folder = mkdtempSync(join(tmpdir(), "wasmvisor-diff-"));
    const [file, output] = [join(folder, "program.elf"), join(folder, "uart")];
    writeFileSync(file, elf);
    const { cpu = CPU, icount = false, timeoutMs = 300_000 } = this.#options;
    const args = ["-M", "virt", "-cpu", cpu, "-m", "64M", "-bios", "none", "-kernel", file];
    args.push("-display", "none", "-monitor", "none", "-serial", `file:${output}`, "-no-reboot");
    if (icount) args.push("-icount", "shift=0");
    else args.push("-smp", "2");
    return new Promise((resolve, reject) => {
      execFile(BINARY, args, { timeout: timeoutMs, killSignal: "SIGKILL" }, (error, _, stderr) => {
        const bytes = error && !error.killed ? new Uint8Array() : readFileSync(output);
        rmSync(folder, { recursive: true, force: true });
        if (!error) return resolve(bytes);
        const why = error.killed ? `not over after ${timeoutMs} ms` : stderr.trim();
        reject(new RunError(`qemu: ${why}`, bytes));
      });
    });
  }
}
