/**
 * A trace as lines of text, for whatever else can watch a guest's writes:
 *
 *   time_ms,page,pages
 *   50,1200,16
 *
 * `pages` pages from `page` on were written in the interval that ended at `time_ms`. Columns may come in any order, others
 * are passed over; without `pages` it is one. Lines of one interval follow each other.
 */
import { WasmvisorError } from "../../base/errors.ts";
import type { DirtyTrace } from "../../migrate/trace/trace.ts";

const LINE_CHARS_MAX = 64 << 10;
const PAGES_MAX = 2 ** 32;
const WRITES_MAX = 5e7;
const PAGE_BYTES = 4096;

export class CsvTrace {
  readonly #file: string;
  readonly #memoryBytes: number | undefined;
  readonly #decoder = new TextDecoder();
  #rest = "";
  #line = 0;
  #columns: { readonly time: number; readonly page: number; readonly pages: number } | undefined;
  readonly #intervals: Uint32Array[] = [];
  readonly #endsNs: number[] = [];
  #now = new Set<number>();
  #nowNs = 0;
  #highest = 0;
  #writes = 0;

  constructor(file: string, memoryBytes: number | undefined) {
    this.#file = file;
    this.#memoryBytes = memoryBytes;
  }

  #bad(why: string): never {
    throw new WasmvisorError("WV_CONFIG", `${this.#file}:${Math.max(1, this.#line)}: ${why}`);
  }

  push(piece: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(piece, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#read(line);
    if (this.#rest.length > LINE_CHARS_MAX) {
      this.#line++;
      this.#bad(`a line of more than ${LINE_CHARS_MAX} characters; write one run of pages a line`);
    }
  }

  #read(text: string): void {
    this.#line++;
    const line = text.trim();
    if (line === "" || line.startsWith("#")) return;
    const cells = line.split(",").map((cell) => cell.trim());
    if (this.#columns) this.#row(cells, this.#columns);
    else this.#header(cells);
  }

  #header(names: readonly string[]): void {
    const at = (name: string): number => names.indexOf(name);
    const missing = ["time_ms", "page"].filter((name) => at(name) < 0);
    if (missing.length > 0)
      this.#bad(
        `expected a dirty trace, an answer of QEMU's, or the columns time_ms,page[,pages]; ` +
          `there is no column ${missing.join(" and no ")}`,
      );
    this.#columns = { time: at("time_ms"), page: at("page"), pages: at("pages") };
  }

  #number(cells: readonly string[], at: number, name: string): number {
    const cell = cells[at];
    if (cell === undefined || cell === "")
      this.#bad(`${name} is missing: the line is cut, or has too few columns`);
    const value = /^\d+(\.\d+)?$/.test(cell) ? Number(cell) : Number.NaN;
    if (!Number.isFinite(value))
      this.#bad(`${name}: expected a number, got "${cell.slice(0, 40)}"`);
    return value;
  }

  #row(
    cells: readonly string[],
    columns: { readonly time: number; readonly page: number; readonly pages: number },
  ): void {
    const timeNs = Math.round(this.#number(cells, columns.time, "time_ms") * 1e6);
    const page = this.#number(cells, columns.page, "page");
    const pages = columns.pages < 0 ? 1 : this.#number(cells, columns.pages, "pages");
    if (!Number.isSafeInteger(page) || !Number.isSafeInteger(pages) || page + pages > PAGES_MAX)
      this.#bad(`page ${page}, ${pages} pages: expected whole numbers below ${PAGES_MAX}`);
    if (timeNs < this.#nowNs)
      this.#bad(
        `time goes backwards, from ${this.#nowNs / 1e6} to ${timeNs / 1e6} ms; sort the lines by time_ms`,
      );
    if (timeNs > this.#nowNs) this.#endInterval();
    this.#nowNs = timeNs;
    this.#writes += pages;
    if (this.#writes > WRITES_MAX)
      this.#bad(`more than ${WRITES_MAX} pages; a shorter one, please`);
    for (let i = 0; i < pages; i++) this.#now.add(page + i);
    this.#highest = Math.max(this.#highest, page + pages);
  }

  #endInterval(): void {
    if (this.#nowNs === 0) return;
    this.#intervals.push(Uint32Array.from(this.#now).sort());
    this.#endsNs.push(this.#nowNs);
    this.#now = new Set();
  }

  finish(): DirtyTrace {
    if (this.#rest !== "") this.#read(this.#rest);
    this.#endInterval();
    const count = this.#intervals.length;
    if (count === 0) this.#bad("there are no lines behind the names of the columns");
    const given = this.#memoryBytes;
    const pageCount = given === undefined ? this.#highest : Math.ceil(given / PAGE_BYTES);
    if (this.#highest > pageCount)
      this.#bad(
        `page ${this.#highest - 1} does not lie in ${given} bytes of memory; say more with --memory`,
      );
    const intervalNs = Math.round((this.#endsNs.at(-1) as number) / count);
    const trace = { pageCount, usedPages: pageCount, intervalNs };
    return { ...trace, intervals: this.#intervals, endsNs: this.#endsNs };
  }
}
