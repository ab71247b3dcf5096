/** Our own machine: a bare vm on the core, its clock virtual, so that every run is the same. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Core, type Engine, loadCore } from "../../bindings/core.ts";
import { VirtualClock } from "../../ts/base/clock.ts";
import { Random } from "../../ts/base/random.ts";
import { planBoot } from "../../ts/vmm/boot-plan.ts";
import { Vm } from "../../ts/vmm/vm.ts";
import { RAM, RAM_END } from "./layout.ts";
import { type Machine, RunError } from "./machine.ts";

const RAM_BYTES = RAM_END - RAM;
const SLICE = 10_000_000;
const MIPS = 1000;

export interface CoreMachineOptions {
  /** The core's bytes; default: what `npm run build:core` made. */
  readonly wasm?: Uint8Array | undefined;
  /** Instructions after which a guest counts as lost. */
  readonly budget?: number | undefined;
  readonly engine?: Engine | undefined;
  /** Told of each core that is loaded, before it runs. */
  readonly onLoad?: ((core: Core) => void) | undefined;
}

export class CoreMachine implements Machine {
  readonly name: string;
  readonly #options: CoreMachineOptions;
  #core: Core | undefined;

  constructor(options: CoreMachineOptions = {}) {
    this.#options = options;
    this.name = options.engine ?? "core";
  }

  async #load(): Promise<Core> {
    const bytes = this.#options.wasm ?? readFileSync(join(process.cwd(), "build/core.wasm"));
    const module = await WebAssembly.compile(new Uint8Array(bytes));
    const { engine, onLoad } = this.#options;
    const core = await loadCore(module, { wallTicks: () => 0 }, RAM_BYTES, engine);
    onLoad?.(core);
    return core;
  }

  async run(elf: Uint8Array): Promise<Uint8Array> {
    this.#core ??= await this.#load();
    const chunks: number[] = [];
    const vm = new Vm({
      core: this.#core,
      memoryBytes: RAM_BYTES,
      vcpus: 1,
      clock: "virtual",
      mips: MIPS,
      wall: new VirtualClock(),
      random: new Random(0),
      disks: [],
      console: "uart",
      isBare: true,
      onConsole: (bytes) => {
        for (const byte of bytes) chunks.push(byte);
      },
    });
    try {
      vm.boot(planBoot({ ramBase: RAM, ramBytes: RAM_BYTES, kernel: elf }));
      return this.#finish(vm, chunks);
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) {
        this.#core = undefined; // It trapped; its state is worth nothing now.
        throw new RunError(`core: ${error.message}`, Uint8Array.from(chunks));
      }
      throw error;
    } finally {
      if (this.#core) vm.destroy();
    }
  }

  #finish(vm: Vm, chunks: readonly number[]): Uint8Array {
    let left = this.#options.budget ?? 2_000_000_000;
    while (left > 0) {
      const outcome = vm.run(SLICE);
      left -= Math.max(outcome.used, 1000);
      if (outcome.state === "ended" && outcome.end.type === "poweroff") {
        return Uint8Array.from(chunks);
      }
      if (outcome.state !== "runnable") {
        throw new RunError(`core: ${JSON.stringify(outcome)}`, Uint8Array.from(chunks));
      }
    }
    throw new RunError("core: not over within its budget", Uint8Array.from(chunks));
  }
}
