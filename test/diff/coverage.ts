/** What a set of programs touched: instructions drawn, causes seen by which handler from where. */
import { INSTRUCTIONS } from "./isa.ts";
import { SLOT_S } from "./layout.ts";
import type { Program } from "./program.ts";
import type { Dump, TrapEntry } from "./record.ts";

/** Causes that must appear. 0 cannot: with C every even address is aligned, and bit 0 is cleared. */
const EXPECTED_CAUSES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 20, 21, 22, 23];
const EXPECTED_INTERRUPTS = [1, 2, 5, 9];
const MODES = ["U", "S", "?", "M"];

/** "cause 13 S->M": what, the mode trapped from, the mode that handled it. */
function trapName({ slot, cause, status }: TrapEntry): string {
  const inS = (slot & BigInt(SLOT_S)) !== 0n;
  const from = MODES[Number(inS ? (status >> 8n) & 1n : (status >> 11n) & 3n)];
  const what = cause >> 63n ? `interrupt ${cause & 63n}` : `cause ${cause}`;
  return `${what} ${from}->${inS ? "S" : "M"}`;
}

export class Coverage {
  readonly #instructions = new Map<string, number>(INSTRUCTIONS.map(({ name }) => [name, 0]));
  readonly #traps = new Map<string, number>();
  readonly #flavours = new Map<string, number>();
  #programs = 0;

  add(programs: readonly Program[], dumps: readonly Dump[]): void {
    this.#programs += programs.length;
    for (const { laidOut, flavour, mode, space } of programs) {
      const kind = `${flavour} ${MODES[mode]}${space ? ` paging ${space.satp >> 60n}` : ""}`;
      this.#flavours.set(kind, (this.#flavours.get(kind) ?? 0) + 1);
      for (const name of laidOut.names) {
        this.#instructions.set(name, (this.#instructions.get(name) ?? 0) + 1);
      }
    }
    for (const trap of dumps.flatMap(({ traps }) => traps)) {
      const name = trapName(trap);
      this.#traps.set(name, (this.#traps.get(name) ?? 0) + 1);
    }
  }

  /** Instructions and causes that never appeared. */
  missing(): string[] {
    const seen = [...this.#traps.keys()];
    const causes = [
      ...EXPECTED_CAUSES.map((n) => `cause ${n}`),
      ...EXPECTED_INTERRUPTS.map((n) => `interrupt ${n}`),
    ].filter((cause) => !seen.some((name) => name.startsWith(`${cause} `)));
    const names = [...this.#instructions].filter(([, count]) => count === 0).map(([name]) => name);
    return [...names, ...causes];
  }

  toString(): string {
    const table = (map: ReadonlyMap<string, number>) =>
      [...map]
        .sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }))
        .map(([name, count]) => `${name.padEnd(22)}${String(count).padStart(7)}`);
    const columns = (cells: readonly string[]) => {
      const rows = Math.ceil(cells.length / 4);
      return Array.from({ length: rows }, (_, n) =>
        [0, 1, 2, 3].map((c) => cells[c * rows + n] ?? "").join("   "),
      ).join("\n");
    };
    return [
      `${this.#programs} programs`,
      columns(table(this.#flavours)),
      "instructions drawn",
      columns(table(this.#instructions)),
      "traps taken",
      columns(table(this.#traps)),
      `never seen: ${this.missing().join(", ") || "nothing"}`,
    ].join("\n\n");
  }
}
