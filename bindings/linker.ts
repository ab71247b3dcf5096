import { JIT_BASE, JIT_MODULE_HEAD, JIT_TABLE_FIRST } from "./abi.ts";

/** Counts of what a core has translated. */
export interface LinkerMetrics {
  /** Modules that were made, the functions in them and their bytes. */
  modules: number;
  functions: number;
  bytes: number;
  /** Modules that went again, for others or with the code they were made of. */
  evicted: number;
  /** Bytes of those that are there. */
  cachedBytes: number;
}

/** JIT_MODULE_HEAD to JIT_MODULE_IMPORT_COUNT. */
type Description = readonly [
  head: number,
  headBytes: number,
  code: number,
  codeBytes: number,
  slot: number,
  count: number,
  imports: number,
  importCount: number,
];

/** Two characters that name function `index` in a module, as `assembly/jit/module.ts` writes them. */
const NAMES = Array.from({ length: 256 }, (_, index) =>
  String.fromCharCode(97 + (index >> 4), 97 + (index & 15)),
);

/** What translated code calls of the core. */
interface Callable {
  readonly refill: (gva: bigint, access: number, size: number) => number;
  readonly enterAt: (left: number, pc: bigint, depth: number) => number;
  readonly perform: (uop: bigint) => number;
}

/** Makes modules of what the translator writes into the core's memory, and puts them in its table. */
export class Linker {
  readonly metrics: LinkerMetrics = {
    modules: 0,
    functions: 0,
    bytes: 0,
    evicted: 0,
    cachedBytes: 0,
  };
  /** Bytes of each module that is there, by the slot of its first function. */
  readonly #modules = new Map<number, number>();
  readonly #onModule: ((bytes: Uint8Array) => void) | undefined;
  #memory: WebAssembly.Memory | undefined;
  #table: WebAssembly.Table | undefined;
  #refill: Callable["refill"] = () => 0;
  #enterAt: Callable["enterAt"] = () => 0;
  #perform: Callable["perform"] = () => 0;

  constructor(onModule?: ((bytes: Uint8Array) => void) | undefined) {
    this.#onModule = onModule;
  }

  /** From now on modules are for the core with this memory and table. */
  attach(memory: WebAssembly.Memory, table: WebAssembly.Table, core: Callable): void {
    if (table.length > JIT_TABLE_FIRST)
      throw new TypeError(`core.wasm has ${table.length} functions in its table`);
    table.grow(JIT_TABLE_FIRST - table.length);
    this.#memory = memory;
    this.#refill = core.refill;
    this.#enterAt = core.enterAt;
    this.#perform = core.perform;
    this.#table = table;
  }

  /**
   * `install` of `assembly/host.ts`: 0 if the engine has no memory for the module. Throws
   * `WebAssembly.CompileError` on a fault of the translator.
   */
  readonly install = (): number => {
    const memory = this.#memory as WebAssembly.Memory;
    const table = this.#table as WebAssembly.Table;
    const [head, headBytes, code, codeBytes, slot, count, imports, importCount] = new Uint32Array(
      memory.buffer,
      JIT_BASE + JIT_MODULE_HEAD,
      8,
    ) as unknown as Description;
    const bytes = new Uint8Array(headBytes + codeBytes);
    bytes.set(new Uint8Array(memory.buffer, head, headBytes));
    bytes.set(new Uint8Array(memory.buffer, code, codeBytes), headBytes);
    this.#onModule?.(bytes);
    const first = JIT_TABLE_FIRST + slot;
    try {
      if (first + count > table.length) table.grow(Math.max(256, first + count - table.length));
      const exports = this.#instantiate(
        bytes,
        new Uint32Array(memory.buffer, imports, importCount),
      );
      for (let index = 0; index < count; index++)
        table.set(first + index, exports[NAMES[index] as string] as () => number);
    } catch (error) {
      if (error instanceof RangeError) return 0;
      throw error;
    }
    this.metrics.modules++;
    this.metrics.functions += count;
    this.metrics.bytes += bytes.length;
    this.metrics.cachedBytes += bytes.length;
    this.#modules.set(slot, bytes.length);
    return 1;
  };

  /** `uninstall` of `assembly/host.ts`: the engine may take the functions' memory back. */
  readonly uninstall = (slot: number, count: number): void => {
    for (let index = slot; index < slot + count; index++) {
      this.#table?.set(JIT_TABLE_FIRST + index, null);
      const bytes = this.#modules.get(index);
      if (bytes === undefined) continue;
      this.#modules.delete(index);
      this.metrics.evicted++;
      this.metrics.cachedBytes -= bytes;
    }
  };

  /** Makes a module that imports the functions in `slots`; what it exports. */
  #instantiate(bytes: Uint8Array<ArrayBuffer>, slots: Uint32Array): WebAssembly.Exports {
    const functions: Record<string, WebAssembly.ExportValue> = {};
    for (const [index, slot] of slots.entries())
      functions[NAMES[index] as string] = this.#table?.get(JIT_TABLE_FIRST + slot);
    const own = {
      m: this.#memory as WebAssembly.Memory,
      r: this.#refill,
      e: this.#enterAt,
      p: this.#perform,
    };
    const module = new WebAssembly.Module(bytes);
    return new WebAssembly.Instance(module, { m: own, f: functions }).exports;
  }
}
