/** The part of the instruction table (`bindings/isa.ts`) that programs are made of. */
import { allInstructions, type Instruction } from "../../ts/isa/instructions.ts";

const GROUPS = ["integer", "multiply", "bitmanip", "load", "store", "reserve", "amo", "branch"]
  .concat(["system", "guest-memory", "float", "compressed", "compressed-other"])
  .map((group) => [group, allInstructions().filter((entry) => entry.group === group)] as const);

export const INSTRUCTIONS: readonly Instruction[] = GROUPS.flatMap(([, entries]) => entries);

const byGroup = new Map(GROUPS);

/** All instructions of a group of the table. */
export const instructionsOf = (group: string): readonly Instruction[] => byGroup.get(group) ?? [];

/** One line of a listing. */
export function format(entry: Instruction, operands: readonly number[]): string {
  const shown = entry.fields.map(({ name, kind }, n) => {
    const value = operands[n] ?? 0;
    if (kind === "x" || kind === "f") return `${kind}${value}`;
    if (kind === "csr") return `csr:0x${value.toString(16)}`;
    if (kind === "label") return `.${value < 0 ? "" : "+"}${value}`;
    return kind === "rm" || name === "aqrl" ? `${name}=${value}` : `${value}`;
  });
  return `${entry.name} ${shown.join(", ")}`.trim();
}
