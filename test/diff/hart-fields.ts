/** A hart's state word by word, with names, as two engines must agree on it. */
import * as abi from "../../bindings/abi.ts";

/** Where the engines may differ: how often page tables were walked, and where the guest lives. */
const IGNORED = new Set([abi.HART_WALKS, abi.HART_WALKS + 4, abi.HART_SPACE]);

const STARTS: readonly (readonly [offset: number, name: string])[] = Object.entries(abi)
  .filter(([name]) => name.startsWith("HART_") && !/^HART_(BASE|BYTES)$/.test(name))
  .map(([name, offset]): [number, string] => [offset, name.slice(5).toLowerCase()])
  .sort(([a], [b]) => a - b);

/** The name of the field that the u32 at `offset` belongs to; registers by their number. */
function nameOf(offset: number): string {
  if (offset < abi.HART_F) return `x${offset >> 3}`;
  if (offset < abi.HART_PC) return `f${(offset - abi.HART_F) >> 3}`;
  const [start, name] = STARTS.findLast(([at]) => at <= offset) ?? [0, "?"];
  const index = (offset - start) >> 3;
  return index > 0 ? `${name}[${index}]` : name;
}

export interface FieldDifference {
  readonly name: string;
  readonly left: bigint;
  readonly right: bigint;
}

const wordAt = (bytes: Uint8Array, offset: number): bigint =>
  new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(offset & ~7, true);

const isSame = (left: Uint8Array, right: Uint8Array): boolean => Buffer.compare(left, right) === 0;

/** Fields in which two saved harts differ. */
export function compareHarts(left: Uint8Array, right: Uint8Array): FieldDifference[] {
  if (isSame(left, right)) return [];
  const found = new Map<string, FieldDifference>();
  for (let at = 0; at < abi.HART_BYTES; at += 4) {
    if (IGNORED.has(at) || isSame(left.subarray(at, at + 4), right.subarray(at, at + 4))) continue;
    const name = nameOf(at);
    found.set(name, { name, left: wordAt(left, at), right: wordAt(right, at) });
  }
  return [...found.values()];
}
