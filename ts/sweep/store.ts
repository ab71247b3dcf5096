/**
 * The output folder of a sweep.
 *
 *   manifest.json           what this is: plan, seed, chunks, whether it is complete
 *   chunks/00000042.ndjson  rows of a finished chunk, until all are merged
 *   results.ndjson          all rows in order of scenarios (or .csv, or .parquet)
 *
 * Every file is written beside its place and renamed, so a killed sweep leaves whole chunks only.
 */
import { createHash } from "node:crypto";
import {
  closeSync,
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
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { WasmvisorError } from "../base/errors.ts";
import { type Chunk, chunksOf, scenarioCount } from "./expand.ts";
import type { Plan } from "./plan-schema.ts";
import { RESULT_FORMATS, type ResultFormat } from "./results/format.ts";
import { type Facts, type Joiner, makeJoiner } from "./results/join.ts";
import { holdsRows } from "./results/part.ts";
import { packageVersion } from "./version.ts";

/** Goes up when the rows of the same plan and seed change. */
export const RESULTS_VERSION = 9;

export interface Manifest {
  readonly format: "wasmvisor-sweep";
  readonly resultsVersion: number;
  /** Of the package that began it; others may resume it if the version of the results is theirs. */
  readonly version: string;
  readonly name: string;
  readonly planHash: string;
  readonly seed: number;
  readonly resultFormat: ResultFormat;
  readonly scenarios: number;
  readonly chunks: number;
  readonly state: "running" | "complete";
  readonly plan: Plan;
}

export function writeWhole(path: string, content: string | Uint8Array): void {
  try {
    writeFileSync(`${path}.tmp`, content);
    renameSync(`${path}.tmp`, path);
  } catch (error) {
    throw writeError(path, error);
  }
}

/** Writes all of `bytes`, or says why not: one call may write less than it was given. */
function writeAll(file: number, bytes: Uint8Array, path: string): void {
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
  } catch (error) {
    throw writeError(path, error);
  }
}

/** A file that is written beside its place. */
function openNew(path: string): number {
  try {
    return openSync(`${path}.tmp`, "w");
  } catch (error) {
    throw writeError(path, error);
  }
}

/** What is on the disk stays good: everything is written beside its place. */
function writeError(path: string, cause: unknown): WasmvisorError {
  const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
  rmSync(`${path}.tmp`, { force: true });
  const isFull = code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG";
  const what = isFull ? `no room to write "${path}"` : `cannot write "${path}"`;
  const remedy = isFull ? "make room there" : "see to it that it can be written";
  return new WasmvisorError(
    "WV_MISSING",
    `sweep: ${what} (${code}); ${remedy}, then go on with --resume: what was done is kept`,
    { cause },
  );
}

export function makeFolder(path: string): void {
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

/** A file of lines that grows beside its place. */
export class LineFile {
  readonly #path: string;
  readonly #file: number;
  #lines: string[] = [];
  #isFinished = false;

  constructor(path: string, header: string) {
    this.#path = path;
    this.#file = openNew(path);
    this.#lines.push(header);
  }

  add(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length >= 1000) this.#flush();
  }

  #flush(): void {
    writeAll(this.#file, Buffer.from(this.#lines.join("")), this.#path);
    this.#lines = [];
  }

  /** It is whole, and takes its place. */
  finish(): void {
    this.#flush();
    renameSync(`${this.#path}.tmp`, this.#path);
    this.#isFinished = true;
  }

  close(): void {
    closeSync(this.#file);
    if (!this.#isFinished) rmSync(`${this.#path}.tmp`, { force: true });
  }
}

/** What the bytes of the results are a function of. */
export interface SweepFacts {
  readonly plan: Plan;
  readonly seed: number;
  readonly format: ResultFormat;
}

export class SweepStore {
  readonly out: string;
  readonly chunks: readonly Chunk[];
  readonly #plan: Plan;
  readonly #seed: number;
  readonly format: ResultFormat;
  #merged = 0;
  #results: { readonly file: number; readonly joiner: Joiner } | undefined;

  constructor(out: string, { format, plan, seed }: SweepFacts) {
    this.out = out;
    this.#plan = plan;
    this.#seed = seed;
    this.format = format;
    this.chunks = chunksOf(plan);
  }

  get resultsFile(): string {
    return join(this.out, `results.${this.format}`);
  }

  /** The same for this sweep in this folder only, now and when it is resumed. */
  get identity(): string {
    const { planHash, resultFormat, resultsVersion, seed } = this.#manifest("running");
    return [hostname(), resolve(this.out), resultsVersion, planHash, seed, resultFormat].join("\n");
  }

  #path(chunk: Chunk): string {
    return join(this.out, "chunks", `${String(chunk.number).padStart(8, "0")}.${this.format}`);
  }

  #manifest(state: Manifest["state"]): Manifest {
    const plan = this.#plan;
    return {
      format: "wasmvisor-sweep",
      resultsVersion: RESULTS_VERSION,
      version: packageVersion(),
      name: plan.name,
      planHash: createHash("sha256").update(JSON.stringify(plan)).digest("hex"),
      seed: this.#seed,
      resultFormat: this.format,
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
      for (const key of ["resultsVersion", "planHash", "seed", "resultFormat"] as const)
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
        if (/^\d{8}\.(ndjson|csv|parquet)(\.tmp)?$/.test(name))
          rmSync(join(this.out, "chunks", name));
    }
    this.#writeManifest("running");
    this.#dropDamaged();
    for (const format of RESULT_FORMATS)
      rmSync(join(this.out, `results.${format}`), { force: true });
    this.#begin();
    const missing = this.chunks.filter((chunk) => !existsSync(this.#path(chunk)));
    this.#merge();
    return missing;
  }

  /** A machine that lost its power may have kept a file's name and lost what was in it. */
  #dropDamaged(): void {
    for (const chunk of this.chunks) {
      const path = this.#path(chunk);
      if (existsSync(path) && !holdsRows(readFileSync(path), this.format, chunk.count))
        rmSync(path);
    }
  }

  #begin(): void {
    const file = openNew(this.resultsFile);
    const joiner = makeJoiner(this.format, this.#facts());
    this.#results = { file, joiner };
    this.#write(joiner.head());
  }

  #write(bytes: Uint8Array): void {
    if (this.#results) writeAll(this.#results.file, bytes, this.resultsFile);
  }

  /** What a file of results says of itself. */
  #facts(): Facts {
    const { name, plan, planHash, resultsVersion, seed, version } = this.#manifest("complete");
    return { name, version, seed, resultsVersion, planHash, plan };
  }

  /** Keeps the rows of a chunk, and merges what has become mergeable. */
  add(chunk: Chunk, rows: Uint8Array): void {
    writeWhole(this.#path(chunk), rows);
    this.#merge(chunk.number, rows);
  }

  /** `inHand`: the rows of chunk `number`, which need not be read again. */
  #merge(number = -1, inHand?: Uint8Array): void {
    if (this.#results === undefined) return;
    const { joiner } = this.#results;
    for (; this.#merged < this.chunks.length; this.#merged++) {
      const isInHand = this.#merged === number;
      const path = this.#path(this.chunks[this.#merged] as Chunk);
      if (!isInHand && !existsSync(path)) return;
      this.#write(joiner.add(isInHand && inHand ? inHand : readFileSync(path)));
    }
  }

  /** All chunks are there: `results.ndjson` takes its place and the chunks go. */
  finish(): void {
    if (this.#merged !== this.chunks.length)
      throw new WasmvisorError("WV_STATE", `sweep: chunk ${this.#merged} is missing`);
    if (this.#results !== undefined) {
      const { file, joiner } = this.#results;
      this.#write(joiner.end());
      closeSync(file);
      this.#results = undefined;
      renameSync(`${this.resultsFile}.tmp`, this.resultsFile);
    }
    this.#writeManifest("complete");
    rmSync(join(this.out, "chunks"), { recursive: true, force: true });
  }

  /** Lets go of open files; what was computed stays for a resume. */
  close(): void {
    if (this.#results === undefined) return;
    closeSync(this.#results.file);
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
