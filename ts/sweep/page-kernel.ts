/** The page-level kernels of `assembly/model`: types, and where their Wasm comes from. */
import { readFileSync } from "node:fs";
import { WasmvisorError } from "../base/errors.ts";

/** What `assembly/model/index.ts` exports. One instance holds one guest at a time. */
export interface PageKernel {
  readonly memory: WebAssembly.Memory;
  modelCreate(pages: number, seedLo: number, seedHi: number): number;
  modelWriter(kind: number, base: number, pages: number): number;
  modelHot(pages: number, share: number): void;
  modelZipf(exponent: number): number;
  modelTraceTag(): number;
  modelTrace(tag: number, pages: number): number;
  modelReplay(next: number): void;
  modelNext(): number;
  modelGoOn(next: number): void;
  modelCache(slots: number): number;
  modelLog(): number;
  modelWrite(count: number): void;
  modelBackground(pages: number, count: number): void;
  modelFill(): void;
  modelHarvest(): number;
  modelRemaining(): number;
  modelHas(gfn: number): number;
  modelSet(): number;
  modelMissing(): number;
  modelPlace(from: number, to: number): number;
  modelWriteHere(count: number): number;
  modelWriteLimited(count: number, fresh: number): number;
  modelFresh(): number;
  modelWaits(): number;
  modelUntil(until: number): void;
  modelSkip(on: number): void;
  modelTake(from: number, normalMax: number, zeroMax: number, zeroFrom: number): number;
  modelTakenNormal(): number;
  modelTakenZero(): number;
  modelTakenKnown(): number;
}

/** Instantiates the kernels from `build/model.wasm`, or from bytes of the caller's. */
export function loadPageKernel(bytes?: Uint8Array<ArrayBuffer>): PageKernel {
  const module = new WebAssembly.Module(bytes ?? readModel());
  return new WebAssembly.Instance(module, {}).exports as unknown as PageKernel;
}

function readModel(): Uint8Array<ArrayBuffer> {
  const url = new URL("../../build/model.wasm", import.meta.url);
  try {
    return new Uint8Array(readFileSync(url));
  } catch (cause) {
    throw new WasmvisorError(
      "WV_CORE_LOAD",
      `page model: ${url.pathname} is missing; build it with: npm run build`,
      { cause },
    );
  }
}
