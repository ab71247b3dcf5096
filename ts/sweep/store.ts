/**
 * The output folder of a sweep.
 *
 *   manifest.json           what this is: plan, seed, chunks, whether it is complete
 *   chunks/00000042.ndjson  rows of a finished chunk, until all are merged
 *   results.ndjson          all rows in order of scenarios
 *
 * Every file is written beside its place and renamed, so a killed sweep leaves whole chunks only.
 */
import { createHash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { WasmvisorError } from "../base/errors.ts";
import { type Chunk, chunksOf, scenarioCount } from "./expand.ts";
import type { Plan } from "./plan-schema.ts";
import type { ResultRow } from "./scenario.ts";

/** Goes up when the rows of the same plan and seed change. */
export const RESULTS_VERSION = 1;

export interface Manifest {
  readonly format: "wasmvisor-sweep";
  readonly resultsVersion: number;
  readonly name: string;
  readonly planHash: string;
  readonly seed: number;
  readonly scenarios: number;
  readonly chunks: number;
  readonly state: "running" | "complete";
  readonly plan: Plan;
}

export function writeWhole(path: string, content: string | Uint8Array): void {
  writeFileSync(`${path}.tmp`, content);
  renameSync(`${path}.tmp`, path);
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code;
    throw new WasmvisorError(
      "WV_CONFIG",
      `sweep: cannot make the folder "${path}" (${why}); choose another with --out`,
      { cause },
    );
  }
}

export class SweepStore {
  readonly out: string;
  readonly chunks: readonly Chunk[];
  readonly #plan: Plan;
  readonly #seed: number;
  #merged = 0;
  #results: number | undefined;

  constructor(out: string, plan: Plan, seed: number) {
    this.out = out;
    this.#plan = plan;
    this.#seed = seed;
    this.chunks = chunksOf(plan);
  }

  get resultsFile(): string {
    return join(this.out, "results.ndjson");
  }

  #path(chunk: Chunk): string {
    return join(this.out, "chunks", `${String(chunk.number).padStart(8, "0")}.ndjson`);
  }

  #manifest(state: Manifest["state"]): Manifest {
    const plan = this.#plan;
    return {
      format: "wasmvisor-sweep",
      resultsVersion: RESULTS_VERSION,
      name: plan.name,
      planHash: createHash("sha256").update(JSON.stringify(plan)).digest("hex"),
      seed: this.#seed,
      scenarios: scenarioCount(plan),
      chunks: this.chunks.length,
      state,
      plan,
    };
  }

  #writeManifest(state: Manifest["state"]): void {
    const text = JSON.stringify(this.#manifest(state), null, 2);
    writeWhole(join(this.out, "manifest.json"), `${text}\n`);
  }

  /**
   * Opens the folder; returns the chunks that are still to be computed. A fresh sweep removes the
   * files of an earlier one. `resume` goes on with it, and throws `WV_STATE` if the plan, the seed
   * or the version of the results is another.
   */
  open(resume: boolean): Chunk[] {
    makeFolder(join(this.out, "chunks"));
    const manifestFile = join(this.out, "manifest.json");
    if (resume && existsSync(manifestFile)) {
      const before = readManifest(this.out);
      const now = this.#manifest("running");
      for (const key of ["resultsVersion", "planHash", "seed"] as const)
        if (before[key] !== now[key])
          throw new WasmvisorError(
            "WV_STATE",
            `sweep: ${this.out} holds another sweep (${key} differs); choose another folder, or start afresh`,
          );
      if (before.state === "complete" && existsSync(this.resultsFile)) {
        this.#merged = this.chunks.length;
        return [];
      }
    } else {
      for (const name of readdirSync(join(this.out, "chunks")))
        if (/^\d{8}\.ndjson(\.tmp)?$/.test(name)) rmSync(join(this.out, "chunks", name));
    }
    this.#writeManifest("running");
    rmSync(this.resultsFile, { force: true });
    this.#results = openSync(`${this.resultsFile}.tmp`, "w");
    const missing = this.chunks.filter((chunk) => !existsSync(this.#path(chunk)));
    this.#merge();
    return missing;
  }

  /** Keeps the rows of a chunk, and merges what has become mergeable. */
  add(chunk: Chunk, rows: string): void {
    writeWhole(this.#path(chunk), rows);
    this.#merge();
  }

  #merge(): void {
    if (this.#results === undefined) return;
    for (; this.#merged < this.chunks.length; this.#merged++) {
      const path = this.#path(this.chunks[this.#merged] as Chunk);
      if (!existsSync(path)) return;
      writeSync(this.#results, readFileSync(path));
    }
  }

  /** All chunks are there: `results.ndjson` takes its place and the chunks go. */
  finish(): void {
    if (this.#merged !== this.chunks.length)
      throw new WasmvisorError("WV_STATE", `sweep: chunk ${this.#merged} is missing`);
    if (this.#results !== undefined) {
      closeSync(this.#results);
      this.#results = undefined;
      renameSync(`${this.resultsFile}.tmp`, this.resultsFile);
    }
    this.#writeManifest("complete");
    rmSync(join(this.out, "chunks"), { recursive: true, force: true });
  }

  /** Lets go of open files; what was computed stays for a resume. */
  close(): void {
    if (this.#results === undefined) return;
    closeSync(this.#results);
    this.#results = undefined;
    rmSync(`${this.resultsFile}.tmp`, { force: true });
  }
}

/** Throws `WV_STATE` if `out` is not the folder of a sweep. */
export function readManifest(out: string): Manifest {
  let manifest: Partial<Manifest> | undefined;
  try {
    manifest = JSON.parse(readFileSync(join(out, "manifest.json"), "utf8"));
  } catch (cause) {
    throw new WasmvisorError("WV_STATE", `sweep: ${out} holds no sweep`, { cause });
  }
  if (manifest?.format !== "wasmvisor-sweep" || manifest.plan === undefined)
    throw new WasmvisorError("WV_STATE", `sweep: ${out} holds no sweep`);
  return manifest as Manifest;
}

/** The rows of a finished sweep, one at a time. */
export async function* readRows(resultsFile: string): AsyncGenerator<ResultRow> {
  const lines = createInterface({ input: createReadStream(resultsFile), crlfDelay: Infinity });
  for await (const line of lines) if (line) yield JSON.parse(line) as ResultRow;
}
