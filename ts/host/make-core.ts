/** The core of a host, as large as its options say. */
import { type CoreSource, compileCore } from "../../bindings/bytes.ts";
import { type Core, ENGINES, type Engine, loadCore } from "../../bindings/core.ts";
import { WasmvisorError } from "../base/errors.ts";
import { parseSize } from "../base/units.ts";

const DEFAULT_MEMORY = "1GiB";
const DEFAULT_CODE_CACHE = "64MiB";
const CODE_CACHE_BYTES_MIN = 1 << 20;
const CODE_CACHE_BYTES_MAX = 1 << 30;
const MEMORY_BYTES_MIN = 1 << 20;
const MEMORY_BYTES_MAX = 3.75 * 2 ** 30;

export interface CoreOptions {
  readonly memory?: number | string | undefined;
  readonly core?: CoreSource | undefined;
  readonly engine?: Engine | undefined;
  readonly codeCache?: number | string | undefined;
}

/** `wallTicks`: the time of whichever vm runs. Throws `WV_CONFIG`, `WV_CORE_LOAD`, `WV_NO_MEMORY`. */
export async function makeCore(options: CoreOptions, wallTicks: () => number): Promise<Core> {
  const { codeCache = DEFAULT_CODE_CACHE, engine = "auto", memory = DEFAULT_MEMORY } = options;
  if (!ENGINES.includes(engine))
    throw new WasmvisorError(
      "WV_CONFIG",
      `engine: expected ${ENGINES.join(", ")}, got "${engine}"`,
    );
  const memoryBytes = typeof memory === "number" ? memory : parseSize(memory, "memory");
  if (!(memoryBytes >= MEMORY_BYTES_MIN && memoryBytes <= MEMORY_BYTES_MAX))
    throw new WasmvisorError(
      "WV_CONFIG",
      `memory: expected 1MiB to 3.75GiB for a host, got ${memory}`,
    );
  const codeCacheBytes =
    typeof codeCache === "number" ? codeCache : parseSize(codeCache, "codeCache");
  if (!(codeCacheBytes >= CODE_CACHE_BYTES_MIN && codeCacheBytes <= CODE_CACHE_BYTES_MAX))
    throw new WasmvisorError("WV_CONFIG", `codeCache: expected 1MiB to 1GiB, got ${codeCache}`);
  return instantiate(options.core, { memoryBytes, engine, codeCacheBytes, wallTicks });
}

async function instantiate(
  source: CoreSource | undefined,
  options: {
    readonly memoryBytes: number;
    readonly engine: Engine;
    readonly codeCacheBytes: number;
    readonly wallTicks: () => number;
  },
): Promise<Core> {
  const { codeCacheBytes, engine, memoryBytes, wallTicks } = options;
  let module: WebAssembly.Module;
  try {
    module = await compileCore(source);
  } catch (cause) {
    throw new WasmvisorError("WV_CORE_LOAD", "cannot compile the core", { cause });
  }
  try {
    return await loadCore(module, { codeCacheBytes, wallTicks }, memoryBytes, engine);
  } catch (cause) {
    if (cause instanceof RangeError)
      throw new WasmvisorError("WV_NO_MEMORY", `no memory for a host of ${memoryBytes} bytes`, {
        cause,
      });
    throw new WasmvisorError("WV_CORE_LOAD", "cannot instantiate the core", { cause });
  }
}
