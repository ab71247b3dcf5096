/** The byte stream of the harness, taken apart. */
import * as at from "./layout.ts";

export interface TrapEntry {
  readonly slot: bigint;
  readonly cause: bigint;
  readonly epc: bigint;
  readonly tval: bigint;
  readonly status: bigint;
  /** mtval2 or htval, mtinst or htinst, hstatus. */
  readonly tval2: bigint;
  readonly tinst: bigint;
  readonly hstatus: bigint;
}

export interface Dump {
  readonly index: number;
  /** x1..., f0..., CSRs and page hashes by name. */
  readonly values: ReadonlyMap<string, bigint>;
  readonly traps: readonly TrapEntry[];
}

const NAMES: readonly string[] = [
  ...Array.from({ length: 32 }, (_, n) => `x${n}`),
  ...Array.from({ length: 32 }, (_, n) => `f${n}`),
  ...at.DUMP_CSRS.map(([name]) => name),
  ...Array.from({ length: at.SCRATCH_PAGES }, (_, n) => `scratch page ${n}`),
  ...Array.from({ length: at.SAFE_PAGES }, (_, n) => `safe table ${n}`),
  ...Array.from({ length: at.EXPOSED_PAGES }, (_, n) => `exposed table ${n}`),
  ...Array.from({ length: at.GUEST_PAGES }, (_, n) => `guest table ${n}`),
];

/** All dumps in `bytes` (without memory). A stream that is cut gives what came before. */
export function parseDumps(bytes: Uint8Array): Dump[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const dumps: Dump[] = [];
  let offset = 0;
  while (offset + at.DUMP_WORDS * 8 <= bytes.length) {
    const word = (n: number) => view.getBigUint64(offset + 8 * n, true);
    if (word(0) >> 32n !== BigInt(at.DUMP_MAGIC)) {
      throw new RangeError(`no dump at byte ${offset} of the output`);
    }
    const index = Number(word(0) & 0xffffffffn);
    const count = Number(word(1));
    const values = new Map(NAMES.map((name, n) => [name, word(at.DUMP_X + n)]));
    const traps: TrapEntry[] = [];
    offset += at.DUMP_WORDS * 8;
    if (offset + count * at.LOG_ENTRY_BYTES > bytes.length) break;
    for (let n = 0; n < count; n += 1) {
      const [slot, cause, epc, tval] = [word(0), word(1), word(2), word(3)];
      const [status, tval2, tinst, hstatus] = [word(4), word(5), word(6), word(7)];
      traps.push({ slot, cause, epc, tval, status, tval2, tinst, hstatus });
      offset += at.LOG_ENTRY_BYTES;
    }
    dumps.push({ index, values, traps });
  }
  return dumps;
}
