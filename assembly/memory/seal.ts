/**
 * The seal of a batch: one number over what the checksums of its pages do not guard, so that whoever sends it
 * need not sum all of its bytes once more. Whole pages are in it by their checksums; everything else of the
 * records by its bytes. Steps are reversible, so no change of one record is lost on the way.
 */
import { BATCH_CHECKED, BATCH_ZERO } from "../../bindings/abi";
import { FACTOR, mix } from "./content";
import { isWhole, Rec } from "./records";

export abstract class Seal {
  static hash: u64 = 0;
  /** Pages without a checksum: nothing guards them. */
  static open: u32 = 0;

  @inline static add(value: u64): void {
    Seal.hash = (rotl(Seal.hash, 5) ^ value) * FACTOR;
  }
}

export function beginSeal(): void {
  Seal.hash = 1;
  Seal.open = 0;
}

/** Goes on with the record that begins at `at` and was read last. */
export function sealRecord(at: usize): void {
  const head: u64 = load<u32>(at);
  if (!(head & BATCH_CHECKED)) {
    if (!(head & BATCH_ZERO)) Seal.open++;
    Seal.add(head);
    return;
  }
  Seal.add(head | ((<u64>Rec.checksum) << 32));
  if (isWhole()) return;
  Seal.add(Rec.bytes);
  let from = Rec.body;
  for (; from + 8 <= Rec.end; from += 8) Seal.add(load<u64>(from));
  for (; from < Rec.end; from++) Seal.add(load<u8>(from));
}

/** What it came to. */
export function sealOf(): u32 {
  return <u32>mix(Seal.hash);
}
