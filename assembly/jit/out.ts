/** Writes WebAssembly (core specification, 5): bytes, LEB128 numbers, instructions. */
import * as wasm from "./opcodes";

export abstract class Out {
  static start: usize = 0;
  static at: usize = 0;
  static end: usize = 0;

  /** Is there no room for one more guest instruction, whatever it becomes? */
  @inline static isFull(): bool {
    return Out.at + 4096 > Out.end;
  }
}

export function byte(value: u32): void {
  store<u8>(Out.at++, <u8>value);
}

/** Unsigned LEB128. */
export function unsigned(value: u32): void {
  while (value > 0x7f) {
    byte(value | 0x80);
    value >>= 7;
  }
  byte(value);
}

/** Signed LEB128. */
export function signed(value: i64): void {
  while (value < -64 || value > 63) {
    byte(<u32>value | 0x80);
    value >>= 7;
  }
  byte(<u32>value & 0x7f);
}

/** Room for a size that is known later; five bytes, whatever it will be. */
export function openSize(): usize {
  Out.at += 5;
  return Out.at;
}

/** A number as LEB128 of five bytes in front of `end`. */
export function padded(end: usize, value: u32): void {
  for (let at = end - 5; at < end - 1; at++) {
    store<u8>(at, <u8>(value | 0x80));
    value >>= 7;
  }
  store<u8>(end - 1, <u8>value);
}

/** Fills in the size of what was written since `openSize` gave `start`. */
export function closeSize(start: usize): void {
  padded(start, <u32>(Out.at - start));
}

export function get(local: u32): void {
  byte(wasm.LOCAL_GET);
  unsigned(local);
}
export function set(local: u32): void {
  byte(wasm.LOCAL_SET);
  unsigned(local);
}
export function tee(local: u32): void {
  byte(wasm.LOCAL_TEE);
  unsigned(local);
}
export function const32(value: i32): void {
  byte(wasm.I32_CONST);
  signed(value);
}
export function const64(value: i64): void {
  byte(wasm.I64_CONST);
  signed(value);
}
export function constF32(value: f32): void {
  byte(wasm.F32_CONST);
  store<f32>(Out.at, value);
  Out.at += 4;
}
export function constF64(value: f64): void {
  byte(wasm.F64_CONST);
  store<f64>(Out.at, value);
  Out.at += 8;
}
/** A load or store with its natural alignment said as 1 << `align`. */
export function access(opcode: u32, align: u32, offset: usize): void {
  byte(opcode);
  unsigned(align);
  unsigned(<u32>offset);
}
/** Branches to the label that is `depth` labels out. */
export function br(depth: u32): void {
  byte(wasm.BR);
  unsigned(depth);
}
export function brIf(depth: u32): void {
  byte(wasm.BR_IF);
  unsigned(depth);
}
