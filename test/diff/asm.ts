/** A little assembler: labels, constants, and the instruction table. For harness and bodies. */
import { encode, instruction } from "../../ts/isa/instructions.ts";

export type Operand = number | string;
/** An instruction by name with its operands. */
export type Line = readonly [name: string, ...operands: Operand[]];

const signed = (v: bigint, bits: number): bigint => BigInt.asIntN(bits, v);

/** The instructions that put `value` into register `rd`. */
export function constant(rd: number, value: bigint): Line[] {
  const v = signed(value, 64);
  if (v >= -2048n && v <= 2047n) return [["addi", rd, 0, Number(v)]];
  const low = Number(signed(v, 12));
  if (v === signed(v, 32)) {
    const high = Number(((v - BigInt(low)) >> 12n) & 0xfffffn);
    return low === 0
      ? [["lui", rd, high]]
      : [
          ["lui", rd, high],
          ["addiw", rd, rd, low],
        ];
  }
  let rest = signed(v - BigInt(low), 64) >> 12n;
  let shift = 12;
  while ((rest & 1n) === 0n && shift < 63) {
    rest >>= 1n;
    shift += 1;
  }
  const tail: Line[] = low === 0 ? [] : [["addi", rd, rd, low]];
  return [...constant(rd, rest), ["slli", rd, rd, shift], ...tail];
}

/** Splits a distance into the immediates of auipc and the instruction after it. */
export function splitOffset(distance: number): [high: number, low: number] {
  const low = ((distance & 0xfff) << 20) >> 20;
  return [((distance - low) >> 12) & 0xfffff, low];
}

export class Assembler {
  readonly #origin: number;
  readonly #lines: { at: number; line: Line }[] = [];
  readonly #labels = new Map<string, number>();
  #pc: number;

  constructor(origin: number) {
    this.#origin = origin;
    this.#pc = origin;
  }

  get pc(): number {
    return this.#pc;
  }

  emit(...lines: Line[]): void {
    for (const line of lines) {
      this.#lines.push({ at: this.#pc, line });
      this.#pc += instruction(line[0]).bytes;
    }
  }

  label(name: string): void {
    if (this.#labels.has(name)) throw new RangeError(`label "${name}" twice`);
    this.#labels.set(name, this.#pc);
  }

  /** Loads a constant. */
  li(rd: number, value: number | bigint): void {
    this.emit(...constant(rd, BigInt(value)));
  }

  /** Loads an address relative to the pc, so that no register is needed. */
  la(rd: number, target: number): void {
    const [high, low] = splitOffset(target - this.#pc);
    this.emit(["auipc", rd, high], ["addi", rd, rd, low]);
  }

  /** Moves on to `address` (filled with zeros). */
  org(address: number): void {
    if (address < this.#pc) throw new RangeError(`org 0x${address.toString(16)} lies behind`);
    this.#pc = address;
  }

  addressOf(name: string): number {
    const found = this.#labels.get(name);
    if (found === undefined) throw new RangeError(`no label "${name}"`);
    return found;
  }

  finish(): Uint8Array {
    const bytes = new Uint8Array(this.#pc - this.#origin);
    const view = new DataView(bytes.buffer);
    for (const { at, line } of this.#lines) {
      const [name, ...operands] = line;
      const entry = instruction(name);
      const values = operands.map((o) => (typeof o === "string" ? this.addressOf(o) - at : o));
      const word = encode(entry, values);
      if (entry.bytes === 2) view.setUint16(at - this.#origin, word, true);
      else view.setUint32(at - this.#origin, word, true);
    }
    return bytes;
  }
}
